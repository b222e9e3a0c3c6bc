"""Numbers that stand for money or for a person: cards, accounts, national identities."""

import re
from collections.abc import Iterable, Iterator

from cascade.redaction.checksums import luhn, valid_iban
from cascade.redaction.national import NATIONAL
from cascade.redaction.shapes import GAP, NO_NUMBER_BEFORE, Shape, compact, field_words
from cascade.redaction.spans import Span

__all__ = ["Numbers"]

# Issuers by their first digits, with the lengths that they use.
_ISSUERS = (
    (re.compile(r"4"), {16, 19}),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),
    (re.compile(r"3[47]"), {15}),
    (re.compile(r"6011|65|64[4-9]"), {16, 17, 18, 19}),
    (re.compile(r"30[0-5]|36|38|39"), {14, 16}),
    (re.compile(r"35(?:2[89]|[3-8])"), {16, 17, 18, 19}),
    (re.compile(r"62|81[0-7]"), {16, 17, 18, 19}),
    (re.compile(r"50|5[6-8]|6[37]"), {16, 17, 18, 19}),
)


def _is_card(digits: str) -> bool:
    issued = any(len(digits) in lengths and prefix.match(digits) for prefix, lengths in _ISSUERS)
    return issued and len(set(digits)) > 1 and luhn(digits)


def _card(rest: str) -> Shape:
    return Shape(
        label="CARD",
        pattern=re.compile(r"[2-68]" + NO_NUMBER_BEFORE + rest + r"(?![0-9])"),
        valid=_is_card,
    )


_CARDS = (
    _card(r"[0-9]{13,18}"),
    _card(rf"[0-9]{{3}}(?:{GAP}[0-9]{{4}}){{3}}"),
    _card(rf"[0-9]{{3}}(?:{GAP}[0-9]{{4}}){{3}}{GAP}[0-9]{{1,3}}"),
    _card(rf"[0-9]{{3}}{GAP}[0-9]{{6}}{GAP}[0-9]{{4,5}}"),
)
# No number of any kind has fewer digits so close to each other.
_DIGITS = re.compile(r"[0-9](?:[^0-9]{0,4}[0-9]){4}")
_IBAN_HEAD = re.compile(r"[0-9](?<=[A-Za-z]{2}[0-9])(?<![0-9A-Za-z][A-Za-z]{2}[0-9])[0-9]")
_LONGEST_IBAN = 34
_CARD_FIELD = re.compile(r"(?:^|_)(?:card|cc|credit_card|pan)_?(?:no|nr|num|number)?$")
_ID_FIELD = re.compile(
    r"(?:^|_)(?:ssn|sin|nino|bsn|dni|nie|nif|nir|cpf|pesel|aadhaar|passport|tax_id|steuer_id"
    r"|national_id|social_security|personnummer|codice_fiscale)(?:_?(?:no|nr|num|number))?$"
)


class Numbers:
    """Payment cards (`CARD`), bank accounts (`IBAN`) and numbers of persons.

    All are told by their check digits where they have such; shapes that other numbers share (nine
    or eleven bare digits) are taken only behind a word that says what they are, or in a field of
    such a name.
    """

    name = "numbers"
    labels = ("CARD", "IBAN", *dict.fromkeys(shape.label for shape in NATIONAL))

    def find(self, text: str) -> Iterable[Span]:
        """The numbers in *text*."""
        if _DIGITS.search(text) is None:
            return
        for shape in (*_CARDS, *NATIONAL):
            yield from shape.find(text)
        yield from _accounts(text)

    def find_in_field(self, field: str, value: str) -> Iterable[Span]:
        """A number in a field that says what it is, whatever its check digit."""
        code = compact(value)
        if not 6 <= len(code) <= 24 or not any(character.isdigit() for character in code):
            return
        words = field_words(field)
        if _CARD_FIELD.search(words) and code.isdigit() and len(code) >= 12:
            yield Span(0, len(value), "CARD")
        elif _ID_FIELD.search(words):
            yield Span(0, len(value), "NATIONAL_ID")


def _accounts(text: str) -> Iterator[Span]:
    for match in _IBAN_HEAD.finditer(text):
        start = match.start() - 2
        end = _iban_end(text, start)
        if end is not None:
            yield Span(start, end, "IBAN")


def _iban_end(text: str, start: int) -> int | None:
    """Where the account number that begins at *start* ends, whatever follows it."""
    code = ""
    index = start
    while index < len(text) and len(code) < _LONGEST_IBAN:
        character = text[index]
        if character.isascii() and character.isalnum():
            code += character.upper()
            ends = index + 1 == len(text) or not text[index + 1].isalnum()
            if ends and len(code) >= 15 and valid_iban(code):
                return index + 1
        elif character not in " -\n" or not text[index - 1].isalnum():
            return None
        index += 1
    return None
