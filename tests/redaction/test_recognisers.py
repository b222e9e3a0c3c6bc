"""What the built-in recognisers find, and what they leave alone."""

from collections.abc import Callable

import pytest
from redaction_values import INVALID, VALUES, all_groups

from cascade.redaction.checksums import luhn, valid_aadhaar, valid_bsn, valid_iban, valid_pesel
from cascade.redaction.contacts import Contacts
from cascade.redaction.network import Network
from cascade.redaction.numbers import Numbers
from cascade.redaction.secrets import Secrets
from cascade.redaction.spans import FieldRecogniser, Recogniser
from cascade.redaction.vault import Vault


def hidden_in(text: str) -> list[tuple[str, str]]:
    """Label and value of all that is hidden in a text."""
    _, vault = all_groups().text(text, Vault())
    return [(hidden.label, hidden.value) for hidden in vault.hidden]


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_is_found_to_its_last_character(kind: str):
    label, value = VALUES[kind]
    for text in (value, f"It is {value}, I think.", f'{{"x": "{value}"}}', f"({value})\n"):
        assert hidden_in(text) == [(label, value)], text


@pytest.mark.parametrize("kind", INVALID)
def test_what_only_resembles_a_value_stays(kind: str):
    text = f"It is {INVALID[kind]}, I think."
    assert all_groups().text(text, Vault())[0] == text


@pytest.mark.parametrize(
    ("word", "number", "label"),
    [
        ("BSN", "111222333", "NATIONAL_ID"),
        ("PESEL:", "44051401359", "NATIONAL_ID"),
        ("CPF", "52998224725", "TAX_ID"),
        ("SSN", "078051120", "SSN"),
        ("my SIN is", "130 692 544", "SSN"),
        ("personnummer", "8112289874", "NATIONAL_ID"),
        ("Aadhaar", "234123412346", "NATIONAL_ID"),
        ("Phone:", "555 01234", "PHONE"),
        ("mobile", "0049 170 1234567", "PHONE"),
    ],
)
def test_a_shape_that_says_too_little_needs_a_word_before_it(word: str, number: str, label: str):
    assert hidden_in(f"{word} {number}") == [(label, number)]
    assert hidden_in(f"order {number}") == []
    assert hidden_in(f"{word}\norder {number}") == []


def german(digits: str) -> bool:
    """Whether they are those of a German account."""
    return valid_iban("DE" + digits)


@pytest.mark.parametrize(
    ("valid", "good"),
    [
        (luhn, "79927398713"),
        (valid_bsn, "111222333"),
        (valid_pesel, "44051401359"),
        (valid_aadhaar, "234123412346"),
        (german, "89370400440532013000"),
    ],
)
def test_a_check_digit_notices_every_single_wrong_digit(valid: Callable[[str], bool], good: str):
    assert valid(good)
    for place, digit in enumerate(good):
        for other in set("0123456789") - {digit}:
            assert not valid(good[:place] + other + good[place + 1 :])


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("password = hunter2", [("PASSWORD", "hunter2")]),
        ("PGPASSWORD=tr0ub4dor&3 psql", [("PASSWORD", "tr0ub4dor")]),
        ('{"password": "correct horse"}', [("PASSWORD", "correct horse")]),
        ('{"a": "{\\"password\\": \\"hunter2\\"}"}', [("PASSWORD", "hunter2")]),
        ("api_key: 9f8e7d6c5b4a3210", [("SECRET", "9f8e7d6c5b4a3210")]),
        (
            "Authorization: Bearer 9f8e7d6c5b4a3210ffee",
            [("SECRET", "9f8e7d6c5b4a3210ffee")],
        ),
        ("postgres://desk:s3cr3t@db/desk", [("LOGIN", "desk:s3cr3t")]),
        ("https://9f8e7d6c5b4a3210ffee@host/x", [("LOGIN", "9f8e7d6c5b4a3210ffee")]),
    ],
)
def test_a_secret_is_known_by_the_name_before_it(text: str, hidden: list[tuple[str, str]]):
    assert hidden_in(text) == hidden


def test_a_private_key_is_hidden_from_its_first_to_its_last_line():
    kind = "RSA PRIVATE KEY"
    block = f"-----BEGIN {kind}-----\nMIIEpAIBAAKCAQEA7\nabc\n-----END {kind}-----"
    assert hidden_in(f"x\n{block}\ny") == [("PRIVATE_KEY", block)]
    broken = block.rpartition("\n")[0]
    assert hidden_in(f"x\n{broken}") == [("PRIVATE_KEY", broken)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.20.30.40", ["10.20.30.40"]),
        ("fe80::1ff:fe23:4567:890a", ["fe80::1ff:fe23:4567:890a"]),
        ("2001:db8::192.0.2.33", ["2001:db8::192.0.2.33"]),
        ("00:1a:2b:3c:4d:5e", ["00:1a:2b:3c:4d:5e"]),
        ("127.0.0.1 ::1 0.0.0.0", []),
        ("256.1.1.1 1.2.3.4.5 version 1.2.3.4", []),
        ("at 10:11:12, std::vector, a::b", []),
    ],
)
def test_addresses_of_machines_are_found(text: str, found: list[str]):
    assert [value for _, value in hidden_in(text)] == found


@pytest.mark.parametrize(
    ("recogniser", "field", "value", "label"),
    [
        (Contacts(), "contactPhone", "5550123", "PHONE"),
        (Numbers(), "card-number", "4111111111111112", "CARD"),
        (Numbers(), "passport_no", "C01X00T47", "NATIONAL_ID"),
        (Secrets(), "dbPassword", "swordfish", "PASSWORD"),
        (Secrets(), "x-api-key", "9f8e7d6c5b4a3210", "SECRET"),
    ],
)
def test_a_field_says_what_its_value_is(
    recogniser: FieldRecogniser, field: str, value: str, label: str
):
    [span] = recogniser.find_in_field(field, value)
    assert (span.start, span.end, span.label) == (0, len(value), label)
    assert list(recogniser.find_in_field("order", value)) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("password", "${SECRET}"), ("token", "none"), ("phone", "yes"), ("ssn", "")],
)
def test_what_stands_in_for_a_value_is_not_hidden(field: str, value: str):
    for recogniser in (Contacts(), Numbers(), Secrets()):
        assert list(recogniser.find_in_field(field, value)) == []


@pytest.mark.parametrize("recogniser", [Contacts(), Network(), Numbers(), Secrets()])
def test_every_recogniser_declares_its_labels(recogniser: Recogniser):
    samples = " ; ".join(value for _, value in VALUES.values())
    assert {span.label for span in recogniser.find(samples)} <= set(recogniser.labels)
