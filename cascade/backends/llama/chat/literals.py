"""Engine D: calls written as literals, Python-like keyword calls and Gemma's braces."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from cascade.backends.llama.chat.results import JSON, ParsedCall
from cascade.backends.llama.chat.scanner import Cursor, Member, Unreadable, call_from
from cascade.backends.llama.chat.syntax import GemmaCalls, PythonicCalls

__all__ = ["read_gemma_calls", "read_pythonic_calls"]

_NAME = re.compile(r"[^\W\d][\w.-]*")
_KEYWORD = re.compile(r"([^\W\d]\w*)\s*=")
_BARE_KEY = re.compile(r"([^\s:{},\"']+)\s*:")
_WORD = re.compile(r"true|false|null|True|False|None")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\s\S]))")
_SHORT_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": ""}
_QUOTED = {
    quote: re.compile(rf"{quote}((?:[^{quote[0]}\\]|\\[\s\S])*?){quote}") for quote in ('"', "'")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A value and where it stands, without quotes."""

    value: JSON
    start: int
    end: int


def read_pythonic_calls(syntax: PythonicCalls, cursor: Cursor) -> list[ParsedCall]:
    """Reads `[name(key=value), ...]`; the cursor ends behind the section.

    Raises:
        Unreadable: Something that is no call stands where one must be.
    """
    cursor.expect(syntax.section_start)
    is_list = cursor.accept("[")
    calls: list[ParsedCall] = []
    while not (is_list and cursor.accept("]")):
        if calls and not cursor.accept(","):
            if is_list:
                raise Unreadable(f"',' or ']' is missing at {cursor.text[cursor.at :][:40]!r}")
            break
        calls.append(_pythonic_call(cursor))
    cursor.expect_or_end(syntax.section_end)
    return calls


def _pythonic_call(cursor: Cursor) -> ParsedCall:
    cursor.skip_space()
    name = cursor.match(_NAME)
    if name is None or not cursor.accept("("):
        raise Unreadable(f"no call at {cursor.text[cursor.at :][:40]!r}")
    members: list[Member] = []
    while not cursor.accept(")"):
        if members:
            cursor.expect(",")
            if cursor.accept(")"):
                break
        members.append(_member(cursor, _KEYWORD, _python_value))
    return call_from(name.group(), name.start(), members)


def read_gemma_calls(syntax: GemmaCalls, cursor: Cursor) -> list[ParsedCall]:
    """Reads one `call:name{key:value}` block; the cursor ends behind it.

    Raises:
        Unreadable: Something that is no call stands where one must be.
    """
    cursor.expect(syntax.call_start)
    name = cursor.match(_NAME)
    if name is None:
        raise Unreadable(f"no tool name at {cursor.text[cursor.at :][:40]!r}")
    members = _gemma_members(cursor, syntax.quote)
    cursor.expect_or_end(syntax.call_end)
    return [call_from(name.group(), name.start(), members)]


def _member(
    cursor: Cursor, key_pattern: re.Pattern[str], read: Callable[[Cursor], _Read]
) -> Member:
    cursor.skip_space()
    key = cursor.match(key_pattern)
    if key is None:
        raise Unreadable(f"no argument name at {cursor.text[cursor.at :][:40]!r}")
    cursor.skip_space()
    found = read(cursor)
    return Member(
        key=key[1],
        key_start=key.start(1),
        key_end=key.end(1),
        value=found.value,
        start=found.start,
        end=found.end,
    )


def _gemma_members(cursor: Cursor, quote: str) -> list[Member]:
    cursor.expect("{")
    members: list[Member] = []
    while not cursor.accept("}"):
        if members:
            cursor.expect(",")
        members.append(_gemma_member(cursor, quote))
    return members


def _gemma_member(cursor: Cursor, quote: str) -> Member:
    cursor.skip_space()
    if not cursor.text.startswith((quote, '"'), cursor.at):
        return _member(cursor, _BARE_KEY, lambda inner: _gemma_value(inner, quote))
    key = _gemma_value(cursor, quote)
    cursor.expect(":")
    cursor.skip_space()
    found = _gemma_value(cursor, quote)
    return Member(
        key=str(key.value),
        key_start=key.start,
        key_end=key.end,
        value=found.value,
        start=found.start,
        end=found.end,
    )


def _gemma_value(cursor: Cursor, quote: str) -> _Read:
    cursor.skip_space()
    start = cursor.at
    if cursor.accept(quote):
        start = cursor.at
        end = cursor.text.find(quote, start)
        if end < 0:
            raise Unreadable(f"a string has no end: {cursor.text[start:][:60]!r}")
        cursor.at = end + len(quote)
        return _Read(value=cursor.text[start:end], start=start, end=end)
    if cursor.text.startswith("{", start):
        held = {member.key: member.value for member in _gemma_members(cursor, quote)}
        return _Read(value=held, start=start, end=cursor.at)
    return _plain_value(cursor, lambda inner: _gemma_value(inner, quote))


def _python_value(cursor: Cursor) -> _Read:
    cursor.skip_space()
    start = cursor.at
    if not cursor.accept("{"):
        return _plain_value(cursor, _python_value)
    held: dict[str, JSON] = {}
    is_first = True
    while not cursor.accept("}"):
        if not is_first:
            cursor.expect(",")
        is_first = False
        key = _python_value(cursor)
        cursor.expect(":")
        held[str(key.value)] = _python_value(cursor).value
    return _Read(value=held, start=start, end=cursor.at)


def _plain_value(cursor: Cursor, read: Callable[[Cursor], _Read]) -> _Read:
    """Reads a list, quoted string, number or word; `read` reads a list's items."""
    start = cursor.at
    if cursor.accept("["):
        items: list[JSON] = []
        while not cursor.accept("]"):
            if items:
                cursor.expect(",")
            items.append(read(cursor).value)
        return _Read(value=items, start=start, end=cursor.at)
    for pattern in _QUOTED.values():
        if match := cursor.match(pattern):
            return _Read(value=_unescape(match[1]), start=match.start(1), end=match.end(1))
    if match := cursor.match(_WORD):
        value: JSON = {"t": True, "f": False, "n": None}[match.group()[0].lower()]
        return _Read(value=value, start=start, end=cursor.at)
    if match := cursor.match(_NUMBER):
        return _Read(value=_number(match.group()), start=start, end=cursor.at)
    raise Unreadable(f"no value at {cursor.text[start:][:60]!r}")


def _number(text: str) -> JSON:
    try:
        value: JSON = json.loads(text)
    except ValueError:
        return float(text)
    return value


def _unescape(text: str) -> str:
    text = _ESCAPE.sub(_unescaped, text)
    # Escapes above the basic plane come as surrogate pairs.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescaped(match: re.Match[str]) -> str:
    if code := match[1] or match[2]:
        return chr(int(code, 16))
    if match[3] in "\\'\"/":
        return match[3]
    return _SHORT_ESCAPES.get(match[3], match.group())
