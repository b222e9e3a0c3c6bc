"""Pieces of a text that may be the encoded form of another text: Base64 and hexadecimal."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Encoded", "encoded_pieces"]

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_MIXED = re.compile(r"[A-Z0-9]")
_HEX = re.compile(r"[0-9A-Fa-f]{2}(?:[ :-]?[0-9A-Fa-f]{2}){5,}")
_BINARY = bytes([*range(9), 11, 12, *range(14, 32), 127])
_STANDARD = bytes.maketrans(b"-_", b"+/")
_READABLE_SHARE = 0.85


@dataclass(frozen=True, slots=True)
class Encoded:
    """A piece of a text that can be decoded.

    Attributes:
        start: Index of its first character.
        end: Index behind its last character.
        text: What it says.
    """

    start: int
    end: int
    text: str


def encoded_pieces(text: str) -> Iterator[Encoded]:
    """The pieces of *text* that decode to something readable, whether that was meant or not."""
    for match in _BASE64.finditer(text):
        # Text in Base64 mixes capitals and digits in; names with `_` and `-` mostly do not.
        if not _MIXED.search(match.group()):
            continue
        for decoded in _from_base64(match.group().rstrip("=")):
            yield Encoded(match.start(), match.end(), decoded)
    for match in _HEX.finditer(text):
        decoded = _readable(bytes.fromhex(re.sub("[ :-]", "", match.group())))
        if decoded is not None:
            yield Encoded(match.start(), match.end(), decoded)


def _from_base64(run: str) -> Iterator[str]:
    """What the run says, read from each of the four characters at which a group may begin.

    A word or a path may stand right before the encoded text without any sign between them.
    """
    octets = run.encode().translate(_STANDARD)
    for skipped in range(4):
        group = octets[skipped:]
        rest = len(group) % 4
        group = group[:-1] if rest == 1 else group + b"=" * (-rest % 4)
        try:
            decoded = _readable(base64.b64decode(group, validate=True))
        except binascii.Error:
            continue
        if decoded is not None:
            yield decoded


def _readable(octets: bytes) -> str | None:
    """The text that the octets are, if they are mostly one."""
    if not octets:
        return None
    zeros = octets.count(0)
    if 3 * zeros > len(octets):
        wide = "utf-16-be" if octets[0] == 0 else "utf-16-le"
        return octets.decode(wide, "replace")
    text = octets.decode("utf-8", "replace")
    unreadable = text.count("\ufffd") + len(octets) - len(octets.translate(None, _BINARY))
    return text if unreadable <= (1 - _READABLE_SHARE) * len(text) else None
