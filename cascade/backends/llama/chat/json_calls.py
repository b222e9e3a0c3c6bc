"""Engine A: calls that are JSON objects holding both name and arguments."""

import json
from collections.abc import Collection
from dataclasses import replace
from typing import cast

from cascade.backends.llama.chat.results import JSON, ParsedCall
from cascade.backends.llama.chat.scanner import Cursor, Member, Unreadable, call_from, loose
from cascade.backends.llama.chat.syntax import JsonCalls

__all__ = ["ARGUMENT_FIELDS", "NAME_FIELDS", "json_openers", "read_json_calls"]

ARGUMENT_FIELDS = ("arguments", "parameters", "args")
NAME_FIELDS = ("name", "tool_name", "function")
_ID_FIELDS = ("id", "tool_call_id", "call_id")


def json_openers(syntax: JsonCalls, text: str, start: int) -> list[int]:
    """Positions where calls may begin."""
    if syntax.bare:
        return [at for at in range(start, len(text)) if text[at] == "{"]
    marker = syntax.section_start.strip() or syntax.call_start.strip()
    return [match.start() for match in loose(marker).finditer(text, start)]


def read_json_calls(syntax: JsonCalls, cursor: Cursor, known: Collection[str]) -> list[ParsedCall]:
    """Reads all calls of one section; the cursor ends behind it.

    Args:
        syntax: The dialect.
        cursor: Stands on the section's first marker.
        known: Names of the offered tools; a bare object must name one of them.

    Raises:
        Unreadable: Something that is no call stands where one must be.
    """
    calls: list[ParsedCall] = []
    cursor.expect(syntax.section_start)
    if syntax.fenced:
        cursor.accept("```json")
    while True:
        cursor.expect(syntax.call_start)
        calls += _read_objects(syntax, cursor)
        cursor.expect_or_end(syntax.call_end)
        before = cursor.at
        if syntax.bare or not _continues(syntax, cursor):
            break
        cursor.at = before
    if syntax.fenced:
        cursor.accept("```")
    cursor.expect_or_end(syntax.section_end)
    if syntax.bare and any(call.name not in known for call in calls):
        raise Unreadable(f"no offered tool is called {calls[0].name!r}")
    return calls


def _continues(syntax: JsonCalls, cursor: Cursor) -> bool:
    return cursor.accept(syntax.call_start or "{")


def _read_objects(syntax: JsonCalls, cursor: Cursor) -> list[ParsedCall]:
    if not cursor.accept("["):
        return [_read_object(syntax, cursor)]
    calls: list[ParsedCall] = []
    while not cursor.accept("]"):
        if calls:
            cursor.expect(",")
        calls.append(_read_object(syntax, cursor))
    return calls


def _read_object(syntax: JsonCalls, cursor: Cursor) -> ParsedCall:
    before = cursor.at
    members = cursor.members()
    if syntax.name_is_key and len(members) == 1:
        arguments = _arguments(cursor.text, members[0])
        return call_from(members[0].key, members[0].key_start, arguments)
    by_key = {member.key: member for member in members}
    inner = by_key.get(syntax.wrapper or "function")
    if inner is not None and isinstance(inner.value, dict):
        call = _read_object(replace(syntax, wrapper="-"), Cursor(cursor.text, inner.start))
        return replace(call, id=call.id or _id(by_key, syntax))
    name = _first(by_key, (syntax.name_field, *NAME_FIELDS))
    if name is None or not isinstance(name.value, str):
        raise Unreadable(f"a tool call without a name: {cursor.text[before : cursor.at]!r:.120}")
    held = _first(by_key, (syntax.arguments_field, *ARGUMENT_FIELDS))
    arguments = [] if held is None else _arguments(cursor.text, held)
    return call_from(name.value, name.start, arguments, id_=_id(by_key, syntax))


def _first(by_key: dict[str, Member], keys: tuple[str, ...]) -> Member | None:
    return next((by_key[key] for key in keys if key in by_key), None)


def _id(by_key: dict[str, Member], syntax: JsonCalls) -> str | None:
    member = _first(by_key, tuple(filter(None, (syntax.id_field, *_ID_FIELDS))))
    return None if member is None or member.value is None else str(member.value)


def _arguments(text: str, member: Member) -> list[Member]:
    """The members of an arguments object, also of one that was written as a JSON string."""
    if isinstance(member.value, dict):
        return Cursor(text, member.start).members()
    if member.value is None:
        return []
    try:
        value: object = json.loads(str(member.value))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Unreadable(f"the arguments are no object: {member.value!r:.120}")
    # One string holds them all, so each argument is at least as uncertain as the whole.
    fields = cast("dict[str, JSON]", value)  # JSON keys are strings
    return [replace(member, key=key, value=held) for key, held in fields.items()]
