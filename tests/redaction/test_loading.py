"""From settings to recognisers: built-in ones, a user's own, lists of values."""

import re
from collections.abc import Iterable
from typing import Any

import pytest

from cascade.errors import ConfigError
from cascade.policy import Redacting
from cascade.redaction import FieldRecogniser, Recogniser, Span, Vault, redactor_of
from cascade.redaction.literals import Literals
from cascade.redaction.loading import recogniser_of

HERE = __name__


class Badges:
    """Numbers of badges: B and four digits."""

    name = "badges"
    labels: tuple[str, ...] = ("BADGE",)

    def find(self, text: str) -> Iterable[Span]:
        for match in re.finditer(r"\bB\d{4}\b", text):
            yield Span(match.start(), match.end(), "BADGE")


class Shouting(Badges):
    labels = ("badge-1",)


badges = Badges()
names = ["Jane Doe", "Ren\xe9e"]
mixed = ["Jane", 4817]
short = ["ab"]
number = 4817


@pytest.mark.parametrize("attribute", ["badges", "Badges"])
def test_a_recogniser_of_ones_own_is_found_by_its_place(attribute: str):
    redactor = redactor_of(Redacting(recognisers=(f"{HERE}:{attribute}", "contacts")))
    text, _ = redactor.text("B1234 of order 4817, a@b.com", Vault())
    assert text == "<BADGE_1> of order 4817, <EMAIL_1>"


def test_a_list_of_values_is_hidden_wherever_they_occur():
    redactor = redactor_of(Redacting(recognisers=(f"{HERE}:names",)))
    text, vault = redactor.text("JANE DOE met Ren\xe9e and jane\xa0doe.", Vault())
    assert text == "<PRIVATE_1> met <PRIVATE_2> and <PRIVATE_3>."
    assert [hidden.value for hidden in vault.hidden] == ["JANE DOE", "Ren\xe9e", "jane\xa0doe"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "there is no recogniser 'nothing'"),
        (f"{HERE}:nobody", "cannot be imported"),
        ("no.such.module:x", "cannot be imported"),
        (f"{HERE}:number", "it is a int"),
        (f"{HERE}:mixed", "holds a int"),
        (f"{HERE}:short", "1 of the values"),
        (f"{HERE}:Shouting", "the label 'badge-1'"),
    ],
)
def test_what_is_no_recogniser_is_named(name: str, words: str):
    with pytest.raises(ConfigError, match=re.escape(words)):
        recogniser_of(name)


@pytest.mark.parametrize("name", ["contacts", "numbers", "network", "secrets"])
def test_the_built_in_groups_are_recognisers(name: str):
    recogniser: Any = recogniser_of(name)
    assert recogniser.name == name
    assert isinstance(recogniser, Recogniser)
    assert isinstance(recogniser, FieldRecogniser) == (name != "network")


def test_a_vault_can_be_told_of_values_beforehand():
    vault = Vault().knowing(["Jane Doe", "x", "swordfish"])
    redactor = redactor_of(Redacting(recognisers=()))
    text, after = redactor.text("Jane Doe said SWORDFISH, and swordfishes x.", vault)
    assert text == "<PRIVATE_1> said <PRIVATE_3>, and <PRIVATE_2>es x."
    assert "Jane" not in repr(after)
    assert "swordfish" not in repr(after)


def test_overlapping_occurrences_are_all_found():
    assert [(span.start, span.end) for span in Literals(["aba"]).find("xABAba")] == [(1, 4), (3, 6)]
