# ruff: noqa: RUF001 - DeepSeek writes its markers with a full-width bar
"""Engines B and C: the name stands in the text; arguments are one JSON object, or tagged text."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from cascade.backends.llama.chat.results import ParsedCall
from cascade.backends.llama.chat.scanner import Cursor, Member, Unreadable, call_from, loose
from cascade.backends.llama.chat.syntax import Layout, NamedCalls, Slot, TaggedCalls
from cascade.backends.llama.chat.values import typed_value

__all__ = ["layout_openers", "read_layout_calls"]

_SLOTS = {
    Slot.ID: r"(?P<id>[A-Za-z0-9_.:-]+)",
    Slot.KEY: r"(?P<key>[^\n]+?)",
    Slot.VALUE: r"(?P<value>[\s\S]*?)",
    Slot.STRINGNESS: r"(?P<stringness>true|false)",
}
_CDATA = re.compile(r"\s*<!\[CDATA\[([\s\S]*?)\]\]>\s*")


def layout_openers(
    syntax: NamedCalls | TaggedCalls, text: str, start: int, known: Collection[str]
) -> list[int]:
    """Positions where calls may begin."""
    markers = filter(str.strip, (syntax.section_start, str(syntax.head[0])))
    found = [match.start() for marker in markers for match in loose(marker).finditer(text, start)]
    if isinstance(syntax, TaggedCalls) and syntax.bare_head:
        bare = _pattern(syntax.bare_head, _names(known), only_offered=True)
        found += [match.start() for match in bare.finditer(text, start)]
    return sorted(found)


def read_layout_calls(
    syntax: NamedCalls | TaggedCalls, cursor: Cursor, schemas: Mapping[str, Mapping[str, Any]]
) -> list[ParsedCall]:
    """Reads all calls of one section; the cursor ends behind it.

    Args:
        syntax: The dialect.
        cursor: Stands on the section's first marker.
        schemas: Parameters of the offered tools by name.

    Raises:
        Unreadable: Something that is no call stands where one must be.
    """
    in_section = cursor.accept(syntax.section_start)
    calls = [_read_call(syntax, cursor, schemas, is_first=True)]
    while True:
        before = cursor.at
        cursor.accept(syntax.separator)
        cursor.skip_space()
        if cursor.is_done() or not loose(str(syntax.head[0])).match(cursor.text, cursor.at):
            cursor.at = before
            break
        calls.append(_read_call(syntax, cursor, schemas, is_first=False))
    if in_section:
        cursor.expect_or_end(syntax.section_end)
    return calls


def _read_call(
    syntax: NamedCalls | TaggedCalls,
    cursor: Cursor,
    schemas: Mapping[str, Mapping[str, Any]],
    *,
    is_first: bool,
) -> ParsedCall:
    cursor.skip_space()
    start = cursor.at
    head = cursor.match(_pattern(syntax.head, _names(schemas)))
    if head is None and isinstance(syntax, TaggedCalls) and syntax.bare_head and is_first:
        head = cursor.match(_pattern(syntax.bare_head, _names(schemas), only_offered=True))
    if head is None:
        raise Unreadable(f"no tool name at {cursor.text[start:][:60]!r}")
    id_ = head.groupdict().get("id")
    if isinstance(syntax, NamedCalls):
        members = cursor.members()
        if syntax.id_from_head:
            id_ = _between(syntax.head, head.group())
    else:
        members = _arguments(syntax, cursor, schemas.get(head["name"], {}))
    cursor.expect_or_end(syntax.tail)
    return call_from(head["name"], head.start("name"), members, id_=id_)


def _arguments(syntax: TaggedCalls, cursor: Cursor, schema: Mapping[str, Any]) -> list[Member]:
    members: list[Member] = []
    patterns = _argument_patterns(syntax.argument, syntax.tail)
    opener = loose(str(syntax.argument[0]))
    while True:
        cursor.skip_space()
        start = cursor.at
        if not opener.match(cursor.text, start):
            return members
        match = cursor.match(patterns[0]) or cursor.match(patterns[1])
        if match is None:
            raise Unreadable(f"broken argument at {cursor.text[start:][:80]!r}")
        members.append(_argument(syntax, match, schema))


def _argument(syntax: TaggedCalls, match: re.Match[str], schema: Mapping[str, Any]) -> Member:
    start, end = match.span("value")
    text = match["value"]
    properties: Mapping[str, Any] = schema.get("properties") or {}
    stringness = match.groupdict().get("stringness")
    if syntax.cdata and (inner := _CDATA.fullmatch(text)):
        start, end = start + inner.start(1), start + inner.end(1)
        text, stringness = inner[1], "true"
    else:
        # One line break on each side belongs to the markup where the dialect writes one.
        before, _, behind = syntax.argument[-3:]
        head = str(before).endswith("\n") and text.startswith("\n")
        tail = str(behind).startswith("\n") and text.endswith("\n") and len(text) > head
        start, end = start + head, end - tail
        text = text[int(head) : len(text) - int(tail)]
    value = typed_value(
        text,
        properties.get(match["key"].strip()),
        definitions=schema,
        union=syntax.union,
        is_string=None if stringness is None else stringness == "true",
    )
    return Member(
        key=match["key"].strip(),
        key_start=match.start("key"),
        key_end=match.end("key"),
        value=value,
        start=start,
        end=end,
    )


def _between(head: Layout, text: str) -> str:
    text = text.removeprefix(str(head[0]).strip())
    return text.removesuffix(str(head[-1]).strip())


def _names(known: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(known, key=len, reverse=True))


@lru_cache(maxsize=256)
def _pattern(
    layout: Layout, names: tuple[str, ...], *, only_offered: bool = False
) -> re.Pattern[str]:
    """A head's pattern: an offered tool's name if one stands there, else any word if allowed."""
    offered = "|".join(map(re.escape, names)) or r"(?!)"
    # What follows decides whether a short name is whole, so the longest one is tried first.
    anything = r"(?!)" if only_offered else r"[^\s<>(){}\[\]\"'`|｜]+?"
    name = rf"(?P<name>{offered}|{anything})"
    rest = layout[layout.index(Slot.NAME) + 1 :]
    is_last = not any(isinstance(part, Slot) or part.strip() for part in rest)
    ends = r"(?=[\s<\[]|$)" if is_last else ""
    return re.compile("".join(_piece(part, name) for part in layout) + ends)


@lru_cache(maxsize=256)
def _argument_patterns(layout: Layout, tail: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """One argument: first as what another argument or the call's end follows, then on its own.

    The first keeps an end tag that a value quotes inside of the value.
    """
    alone = "".join(
        _SLOTS[part] if isinstance(part, Slot) else loose(part).pattern for part in layout
    )
    ahead = rf"{loose(str(layout[0])).pattern}|{loose(tail).pattern}|$"
    return re.compile(rf"{alone}(?=\s*(?:{ahead}))"), re.compile(alone)


def _piece(part: str | Slot, name: str) -> str:
    if part is Slot.NAME:
        return name
    if isinstance(part, Slot):
        return _SLOTS[part]
    before, behind = (r"\s*" if char.isspace() else "" for char in (part[:1], part[-1:]))
    return before + loose(part).pattern + behind
