"""A cursor over a model's output that reads loose markers and JSON with positions."""

import json
import json.decoder
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

from cascade.backends.llama.chat.results import JSON, ParsedCall, Span

__all__ = ["Cursor", "Member", "Unreadable", "call_from", "loose", "value_spans"]

_DECODER = json.JSONDecoder(strict=False)
# The C function, which takes its arguments by position: text, index and whether to be strict.
_scan_string = cast("Callable[[str, int, bool], tuple[str, int]]", vars(json.decoder)["scanstring"])
_SPACE = re.compile(r"\s*")


class Unreadable(ValueError):  # noqa: N818 - names the fact
    """The text at a position is not what the dialect wants there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One argument, with the positions of its name and value without quotes."""

    key: str
    key_start: int
    key_end: int
    value: JSON
    start: int
    end: int


@lru_cache(maxsize=512)
def loose(marker: str) -> re.Pattern[str]:
    """The pattern of a marker: free white space at its ends and at inner line breaks."""
    pieces = (re.escape(piece) for piece in re.split(r"\s*\n\s*", marker.strip()))
    return re.compile(r"\s*".join(pieces))


class Cursor:
    """A position in a text.

    Attributes:
        text: The whole text.
        at: Index of the next character.
    """

    __slots__ = ("at", "text")

    def __init__(self, text: str, at: int = 0) -> None:
        self.text = text
        self.at: int = at

    def skip_space(self) -> None:
        """Moves over white space."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def is_done(self) -> bool:
        """Whether only white space is left."""
        return not self.text[self.at :].strip()

    def accept(self, marker: str) -> bool:
        """Moves over white space and a marker if it stands here. An empty marker always does."""
        if not marker.strip():
            return True
        before = self.at
        self.skip_space()
        if match := loose(marker).match(self.text, self.at):
            self.at = match.end()
            return True
        self.at = before
        return False

    def expect(self, marker: str) -> None:
        """Moves over a marker.

        Raises:
            Unreadable: It does not stand here.
        """
        if not self.accept(marker):
            raise Unreadable(f"{marker.strip()!r} is missing at {self.text[self.at :][:40]!r}")

    def expect_or_end(self, marker: str) -> None:
        """Moves over a marker that may be missing at the end of the output only.

        Raises:
            Unreadable: Something else stands here.
        """
        rest = self.text[self.at :].strip()
        if not marker.strip().startswith(rest) or rest == marker.strip():
            self.expect(marker)
        else:
            self.at = len(self.text)

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Moves over a pattern if it matches here."""
        if match := pattern.match(self.text, self.at):
            self.at = match.end()
        return match

    def value(self) -> JSON:
        """Reads one JSON value.

        Raises:
            Unreadable: No complete value stands here.
        """
        self.skip_space()
        try:
            value, self.at = _DECODER.raw_decode(self.text, self.at)
        except ValueError as error:
            raise Unreadable(f"broken JSON at {self.text[self.at :][:60]!r} ({error})") from error
        return value

    def members(self) -> list[Member]:
        """Reads a JSON object member by member.

        Raises:
            Unreadable: No complete object stands here.
        """
        self.expect("{")
        found: list[Member] = []
        while not self.accept("}"):
            if found:
                self.expect(",")
                if self.accept("}"):
                    break
            found.append(self._member())
        return found

    def _member(self) -> Member:
        self.expect('"')
        key_start = self.at
        try:
            key, self.at = _scan_string(self.text, self.at, False)
        except ValueError as error:
            raise Unreadable(f"broken JSON string at {self.text[key_start:][:40]!r}") from error
        key_end = self.at - 1
        self.expect(":")
        self.skip_space()
        start = self.at
        value = self.value()
        quote = int(isinstance(value, str))
        return Member(
            key=key,
            key_start=key_start,
            key_end=key_end,
            value=value,
            start=start + quote,
            end=self.at - quote,
        )


def call_from(
    name: str, name_start: int, members: list[Member], *, id_: str | None = None
) -> ParsedCall:
    """A call with the spans of its name, argument names and values."""
    spans = [_span("name", name_start, name_start + len(name))]
    for member in members:
        spans.append(_span("key", member.key_start, member.key_end))
        spans.append(_span("value", member.start, member.end))
    arguments = {member.key: member.value for member in members}
    return ParsedCall(name=name, arguments=arguments, id=id_ or None, spans=tuple(spans))


def value_spans(text: str) -> tuple[Span, ...]:
    """Where the values of a JSON object stand in a text that begins with it, one for each member.

    Quotes round a value are left out. There are none where the object is not complete.
    """
    try:
        members = Cursor(text).members()
    except Unreadable:
        return ()
    return tuple(_span("value", member.start, member.end) for member in members)


def _span(kind: Literal["name", "key", "value"], start: int, end: int) -> Span:
    return Span(kind=kind, start=start, end=end)
