"""Mail addresses and telephone numbers.

Postal addresses and names have no shape that tells them from other text: they need a recogniser
that knows language (`presidio`) or a list of one's own.
"""

import re
from collections.abc import Iterable, Iterator

from cascade.redaction.shapes import ALONE, END, Shape, compact, field_words
from cascade.redaction.spans import Span

__all__ = ["Contacts"]

_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}([^\W\d_]{2,24})(?![\w])")
_LOCAL_SIGNS = frozenset("!#$%&'*+-/=?^_`{|}~.")
_LONGEST_LOCAL = 64
# What follows the last dot of `icon@2x.png` is no domain.
_FILE_ENDINGS = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "ts", "py", "json", "html"}
)
_SPELT_OUT = re.compile(
    r"[\[({][ ]?(?:at|AT|@)[ ]?[\])}][ ]?"
    r"\w[\w-]{0,62}(?:[ ]?[\[({][ ]?(?:dot|DOT|\.)[ ]?[\])}][ ]?\w[\w-]{0,62}|\.\w[\w-]{0,62}){1,4}"
)
# No telephone number has fewer digits so close to each other.
_DIGITS = re.compile(r"[0-9](?:[^0-9]{0,4}[0-9]){4}")
_PHONE_WORDS = re.compile(
    r"(?i:\b(?:tel(?:e(?:phone|fon))?|phone|mobile|mobil|cell(?:phone)?|handy|fax|whatsapp|sms"
    r"|t[e\xe9]l(?:[e\xe9]phone)?|tel\xe9fono|telefone|call)\b)"
)
_PHONE_MARKS = (
    "tel",
    "t\xe9l",
    "phone",
    "mobil",
    "cell",
    "handy",
    "fax",
    "whatsapp",
    "sms",
    "call",
)
_PHONE_FIELD = re.compile(
    r"(?:^|_)(?:phone|telephone|mobile|cell|cellphone|fax|telefon|tel)(?:_(?:no|nr|number))?$"
)
_CALLING_CODES = re.compile(
    r"1[2-9]|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|21[1-368]|2[2-6]\d|29[0-17-9]|35\d|37\d|38[0-35-79]|42[013]|50\d|59\d|6[78]\d|69[0-2]"
    r"|80[08]|85[02356]|87[08]|88[0268]|96\d|97[0-79]|99[2-68]"
)


def _is_international(digits: str) -> bool:
    number = digits.removeprefix("00")
    if number[0] == "1":
        return len(number) == 11
    return 9 <= len(number) <= 15 and _CALLING_CODES.match(number) is not None


def _is_national(digits: str) -> bool:
    return 9 <= len(digits) <= 12


_LOCAL = r"[0-9]{3,8}(?:[ \-][0-9]{2,5}){0,3}(?![0-9A-Za-z_]|[.\-/][0-9])"
_PHONES = (
    Shape(
        label="PHONE",
        pattern=re.compile(r"\(0[1-9][0-9]{1,4}\)[ ]?" + _LOCAL),
        valid=_is_national,
    ),
    Shape(
        label="PHONE",
        pattern=re.compile(
            r"\+(?<![0-9A-Za-z_+]\+)(?:1(?:[ .\-()]{0,3}[0-9]){10}"
            r"|[2-9](?:[ .\-/()]{0,3}[0-9]){7,13})" + END
        ),
        valid=_is_international,
    ),
    Shape(
        label="PHONE",
        pattern=re.compile(r"0" + ALONE + r"0[1-9](?:[ .\-/()]{0,3}[0-9]){7,13}" + END),
        valid=_is_international,
        context=_PHONE_WORDS,
        marks=_PHONE_MARKS,
    ),
    Shape(
        label="PHONE",
        pattern=re.compile(
            r"[2-9](?<![0-9A-Za-z_].)(?<![0-9][.,].)(?<![0-9][ \-].)[0-9]{2}"
            r"([ .\-])[2-9][0-9]{2}\1[0-9]{4}(?![0-9A-Za-z_]|[ .\-][0-9])"
        ),
        valid=lambda digits: digits[1:3] != "11",
    ),
    Shape(
        label="PHONE",
        pattern=re.compile(r"\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[ .\-][0-9]{4}" + END),
        valid=lambda digits: digits[1:3] != "11",
    ),
    Shape(
        label="PHONE",
        pattern=re.compile(r"0" + ALONE + r"[1-9](?:([ .\-])[0-9]{2})(?:\1[0-9]{2}){3}" + END),
        valid=_is_national,
    ),
    Shape(
        label="PHONE",
        pattern=re.compile(
            r"0(?<![0-9A-Za-z_.,\-/].)(?<![0-9] .)[1-9][0-9]{1,4}(?:[ ]?/[ ]?|[ \-])" + _LOCAL
        ),
        valid=_is_national,
    ),
    Shape(
        label="PHONE",
        pattern=re.compile(r"[0-9(]" + ALONE + r"(?:[ .\-/()]{0,2}[0-9]){6,14}" + END),
        valid=lambda digits: 7 <= len(digits) <= 15,
        context=_PHONE_WORDS,
        marks=_PHONE_MARKS,
    ),
)


class Contacts:
    """Mail addresses (`EMAIL`) and telephone numbers (`PHONE`).

    Numbers are taken with their international prefix, in the usual forms of North America, France,
    Germany and the United Kingdom, and in any form behind a word such as "phone".
    """

    name = "contacts"
    labels = ("EMAIL", "PHONE")

    def find(self, text: str) -> Iterable[Span]:
        """The addresses and numbers in *text*."""
        if "@" in text:
            yield from _addresses(text)
        if "at" in text.lower():
            for match in _SPELT_OUT.finditer(text):
                sign = match.start() - (text[match.start() - 1 : match.start()] == " ")
                if (start := _local_start(text, sign)) < sign:
                    yield Span(start, match.end(), "EMAIL")
        if _DIGITS.search(text) is None:
            return
        for shape in _PHONES:
            yield from shape.find(text)

    def find_in_field(self, field: str, value: str) -> Iterable[Span]:
        """A number in a field that is named after a telephone."""
        digits = compact(value)
        if digits.isdigit() and 6 <= len(digits) <= 15 and _PHONE_FIELD.search(field_words(field)):
            yield Span(0, len(value), "PHONE")


def _addresses(text: str) -> Iterator[Span]:
    """Around each `@`: what may stand before it, at most 64 characters, and a domain behind."""
    sign = text.find("@")
    while sign >= 0:
        domain = _DOMAIN.match(text, sign + 1)
        start = _local_start(text, sign)
        is_address = domain is not None and domain[1].lower() not in _FILE_ENDINGS
        # The user name of every clone address is nobody's.
        if domain is not None and is_address and start < sign and text[start:sign] != "git":
            yield Span(start, domain.end(), "EMAIL")
        sign = text.find("@", sign + 1)


def _local_start(text: str, sign: int) -> int:
    """Where the part before the `@` begins; signs that only lead up to it are left outside."""
    start = sign
    while start > 0 and sign - start < _LONGEST_LOCAL:
        character = text[start - 1]
        if not (character.isalnum() or character in _LOCAL_SIGNS):
            break
        start -= 1
    while start < sign and not (text[start].isalnum() or text[start] in "_+"):
        start += 1
    return start
