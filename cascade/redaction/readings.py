"""Other readings of a text: the same words with escapes and odd characters made plain.

A reading knows for each of its characters where in the original it came from, so that what is
found in it can be replaced in the original.
"""

import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Reading", "folded", "plain", "unescaped", "unwrapped"]

# The first character alone decides where to look closer.
_ESCAPE = re.compile(
    r"[\\%&=](?:"
    r"(?<=\\)(?:[nrtbf\"'/\\]|x[0-9A-Fa-f]{2}|u\{[0-9A-Fa-f]{1,6}\}|U[0-9A-Fa-f]{8}"
    r"|u[0-9A-Fa-f]{4}(?:\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})?)"
    r"|(?<=%)[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2}){0,63}"
    r"|(?<=&)(?:\#[0-9]{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
    r"|(?<==)(?:\r?\n|[0-9A-F]{2}(?:=[0-9A-F]{2}){0,63}))"
)
_WRAP = re.compile(r"\n[ \t>|]{0,16}(?=\S)")
_SHORTEST_WRAPPED_LINE = 40
_BY_HAND = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\u30fc", "-")
    | dict.fromkeys("\u2028\u2029\x85", "\n")
    | dict.fromkeys("\u3002\u2024", ".")
)
# Signs of one escape in a run: `%41` and `=41`, the halves of a pair of `\\ud83d\\ude00`.
_WIDTHS = {3.0: 3, 6.0: 6}
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Reading:
    """A text and where each of its characters stands in the original.

    Attributes:
        text: What is read.
        starts: Where each character begins in the original; `None` where nothing was changed.
        ends: Where it ends.
    """

    text: str
    starts: list[int] | None = None
    ends: list[int] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of this reading, which is not empty, stands in the original."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


class _Change(NamedTuple):
    """A stretch of a text and what is read instead."""

    start: int
    end: int
    text: str


def plain(text: str) -> Reading:
    """The text as it stands."""
    return Reading(text)


def folded(reading: Reading) -> Reading:
    """Without invisible characters; digits, letters, dashes and spaces in their usual form."""
    text = reading.text
    if text.isascii():
        return reading
    changed = {
        character: usual for character in set(text) if (usual := _usual(character)) != character
    }
    if not changed:
        return reading
    if all(len(usual) == 1 for usual in changed.values()):
        return Reading(text.translate(str.maketrans(changed)), reading.starts, reading.ends)
    odd = re.compile("[" + "".join(map(re.escape, changed)) + "]")
    return _changed(
        reading,
        [_Change(*match.span(), changed[match.group()]) for match in odd.finditer(text)],
    )


def unescaped(reading: Reading) -> Reading:
    """With backslash, percent, entity and quoted-printable escapes resolved once.

    Lines without any are left out, since they read as before. The same object where no line is
    left.
    """
    text = reading.text
    if not any(mark in text for mark in "\\%&="):
        return reading
    changes: list[_Change] = []
    seen = 0
    for match in _ESCAPE.finditer(text):
        line = text.rfind("\n", 0, match.start()) + 1
        if line > seen:
            changes.append(_Change(seen, line, "\n\n"))
        changes.append(_Change(match.start(), match.end(), _resolved(match)))
        # Up to the end of the line everything is read, so the next gap cannot begin before it.
        line_end = text.find("\n", match.end())
        seen = len(text) if line_end < 0 else line_end
    if not changes:
        return reading
    if seen < len(text):
        changes.append(_Change(seen, len(text), "\n\n"))
    return _changed(reading, changes)


def unwrapped(reading: Reading) -> tuple[Reading, list[int]]:
    """Long lines joined where they were broken, and the indexes at which that was done."""
    text = reading.text
    changes: list[_Change] = []
    joints: list[int] = []
    removed = line = 0
    for match in _WRAP.finditer(text):
        end_of_line = match.start()
        while end_of_line > line and text[end_of_line - 1] in " \t\r":
            end_of_line -= 1
        if end_of_line - line >= _SHORTEST_WRAPPED_LINE:
            joints.append(end_of_line - removed)
            removed += match.end() - end_of_line
            changes.append(_Change(end_of_line, match.end(), ""))
        line = match.start() + 1
    return (_changed(reading, changes), joints) if changes else (reading, [])


@lru_cache(maxsize=8192)
def _usual(character: str) -> str:
    if character.isascii():
        return character
    if unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f":
        return ""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    return unicodedata.normalize("NFKC", character).translate(_BY_HAND)


def _resolved(match: re.Match[str]) -> str:
    escape = match.group()
    if escape[0] == "&":
        return html.unescape(escape)
    if escape[0] == "=":
        digits = escape[1:].replace("=", "")
        return "" if escape.endswith("\n") else _decoded(digits, escape)
    if escape[0] == "%":
        return _decoded(escape[1:].replace("%", ""), escape)
    if escape[1] not in "uUx":
        return _SIMPLE.get(escape[1], escape[1])
    codes = [int(code, 16) for code in re.findall("[0-9A-Fa-f]+", escape.replace("\\", " "))]
    if len(codes) == 2 and 0xD800 <= codes[0] <= 0xDBFF:
        return chr(0x10000 + ((codes[0] - 0xD800) << 10) + codes[1] - 0xDC00)
    return "".join([chr(code) if code <= 0x10FFFF else "\ufffd" for code in codes])


def _decoded(digits: str, escape: str) -> str:
    """The characters of hexadecimal UTF-8; the escape itself where they are not such."""
    try:
        return bytes.fromhex(digits).decode()
    except UnicodeDecodeError:
        return escape


def _changed(reading: Reading, changes: Iterable[_Change]) -> Reading:
    """The reading with stretches of it replaced, and positions kept.

    What a run of escapes resolves to: each character stands for its own escape where that is plain
    (three signs for each in `%41%42`), else for the whole run.
    """
    text = reading.text
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    last = 0
    for change in changes:
        begin, end, usual = change.start, change.end, change.text
        pieces += (text[last:begin], usual)
        starts.extend(range(last, begin))
        ends.extend(range(last + 1, begin + 1))
        if usual:
            share = _WIDTHS.get((end - begin) / len(usual), 0)
            for index in range(len(usual)):
                starts.append(begin + index * share)
                ends.append(begin + (index + 1) * share if share else end)
        last = end
    pieces.append(text[last:])
    starts.extend(range(last, len(text)))
    ends.extend(range(last + 1, len(text) + 1))
    if reading.starts is not None and reading.ends is not None:
        earlier_starts, earlier_ends = reading.starts, reading.ends
        starts = [earlier_starts[index] for index in starts]
        ends = [earlier_ends[index - 1] for index in ends]
    return Reading("".join(pieces), starts, ends)
