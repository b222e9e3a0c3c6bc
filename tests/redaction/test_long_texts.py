"""Long texts that repeat what patterns begin with: a search that backtracks would never end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redaction_values import all_groups

from cascade.redaction import StreamRehydrator, Vault
from cascade.redaction.rehydration import rehydrated_text

LENGTH = 20_000
BEGINNINGS = (
    *("a", "1", "a@", "@a.", "a.", "1 ", "1-", "(0", "+1", "00", "0 1", "DE12", "DE12 ", "A1"),
    *("\\", "\\u00", "\\n", "%4", "%41", "&#1", "&#x41;", "&lt;", "=4", "=41", "=\n", "a\n", "\n"),
    *("eyJ", "eyJhbGciOiJIUzI1NiJ9.", "sk-", "xoxb-", "AKIA", "SG.", "1:AA", "ghp_", "://a:"),
    *("password=", "password: '", 'secret="', "api_key", "token: ", "key", "Bearer a", "a[at]"),
    *("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nMIIE\n", "<EMAIL_1", "[card_"),
    *("<", "EMAIL_", "fe80::", "1.2.3.", ":", "0a:", "x" * 50 + "\n", "YWFh", "\u200b", "\uff11"),
)


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_what_a_pattern_begins_with_may_be_repeated_for_long(beginning: str):
    _searched(beginning * (LENGTH // len(beginning)))


@given(st.lists(st.sampled_from(BEGINNINGS), min_size=1, max_size=5))
@settings(max_examples=15)
def test_several_beginnings_may_take_turns_for_long(beginnings: list[str]):
    unit = "".join(beginnings)
    _searched(unit * (LENGTH // len(unit)))


def _searched(text: str) -> None:
    redacted, vault = all_groups().text(text, Vault())
    assert rehydrated_text(redacted, vault) == text
    stream = StreamRehydrator(vault)
    pieces = [stream.feed(redacted[start : start + 97]) for start in range(0, len(redacted), 97)]
    assert "".join([*pieces, stream.end()]) == text
