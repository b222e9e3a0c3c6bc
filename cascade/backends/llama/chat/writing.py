"""Writes tool calls as text, for templates that show the tools but not the calls of the past."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from cascade.backends.llama.chat.results import JSON
from cascade.backends.llama.chat.syntax import (
    CallSyntax,
    GemmaCalls,
    HarmonyCalls,
    JsonCalls,
    Layout,
    NamedCalls,
    PythonicCalls,
    RecipientCalls,
    Slot,
    TaggedCalls,
)

__all__ = ["WrittenCall", "write_calls"]

WrittenCall = tuple[str, Mapping[str, Any], str]
"""Name, arguments and id of a call."""


def write_calls(syntax: CallSyntax, calls: Sequence[WrittenCall]) -> str:
    """The text of some calls, which the readers of the same syntax read back.

    Args:
        syntax: The dialect.
        calls: Name, arguments and id of each call.
    """
    match syntax:
        case JsonCalls():
            body = _json_calls(syntax, calls)
        case NamedCalls():
            body = syntax.separator.join(
                _filled(syntax.head, call) + _dump(call[1]) + syntax.tail for call in calls
            )
        case TaggedCalls():
            body = syntax.separator.join(_tagged_call(syntax, call) for call in calls)
        case PythonicCalls():
            body = "[" + ", ".join(_pythonic_call(call) for call in calls) + "]"
        case GemmaCalls():
            body = "".join(
                f"{syntax.call_start}{name}{_gemma_value(dict(arguments), syntax.quote)}"
                f"{syntax.call_end}"
                for name, arguments, _ in calls
            )
        case HarmonyCalls():
            body = "<|call|><|start|>assistant".join(
                f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>"
                f"{_dump(arguments)}"
                for name, arguments, _ in calls
            )
        case RecipientCalls():
            body = syntax.opener.join(f"{name}\n{_dump(arguments)}" for name, arguments, _ in calls)
        case _:
            assert_never(syntax)
    return syntax.section_start + body + syntax.section_end


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _json_calls(syntax: JsonCalls, calls: Sequence[WrittenCall]) -> str:
    objects = [_dump(_json_object(syntax, call)) for call in calls]
    if not syntax.array:
        separator = "" if syntax.call_start else "\n"
        return separator.join(syntax.call_start + one + syntax.call_end for one in objects)
    body = "[" + ", ".join(objects) + "]"
    return f" ```json\n{body}\n```" if syntax.fenced else body


def _json_object(syntax: JsonCalls, call: WrittenCall) -> dict[str, Any]:
    name, arguments, id_ = call
    if syntax.name_is_key:
        return {name: dict(arguments)}
    held: dict[str, Any] = {syntax.name_field: name, syntax.arguments_field: dict(arguments)}
    if syntax.arguments_first:
        held = dict(reversed(held.items()))
    if syntax.wrapper:
        constant = dict([syntax.constant]) if syntax.constant else {}
        return {**constant, syntax.wrapper: held}
    if not syntax.id_field or not id_:
        return held
    return {syntax.id_field: id_, **held} if syntax.id_first else {**held, syntax.id_field: id_}


def _filled(layout: Layout, call: WrittenCall) -> str:
    name, _, id_ = call
    slots = {Slot.NAME: name, Slot.ID: id_ or "0"}
    return "".join(slots[part] if isinstance(part, Slot) else part for part in layout)


def _tagged_call(syntax: TaggedCalls, call: WrittenCall) -> str:
    arguments = "".join(
        _tagged_argument(syntax.argument, key, value) for key, value in call[1].items()
    )
    return _filled(syntax.head, call) + arguments + syntax.tail


def _tagged_argument(layout: Layout, key: str, value: JSON) -> str:
    is_text = isinstance(value, str)
    slots = {
        Slot.KEY: key,
        Slot.VALUE: value if isinstance(value, str) else _dump(value),
        Slot.STRINGNESS: "true" if is_text else "false",
    }
    return "".join(slots[part] if isinstance(part, Slot) else part for part in layout)


def _pythonic_call(call: WrittenCall) -> str:
    name, arguments, _ = call
    inner = ", ".join(f"{key}={_python_value(value)}" for key, value in arguments.items())
    return f"{name}({inner})"


def _python_value(value: JSON) -> str:
    match value:
        case str():
            return _dump(value)
        case list():
            return "[" + ", ".join(map(_python_value, value)) + "]"
        case dict():
            items = (f"{_dump(key)}: {_python_value(item)}" for key, item in value.items())
            return "{" + ", ".join(items) + "}"
        case _:
            return repr(value)


def _gemma_value(value: JSON, quote: str) -> str:
    match value:
        case str():
            return f"{quote}{value}{quote}"
        case list():
            return "[" + ",".join(_gemma_value(item, quote) for item in value) + "]"
        case dict():
            items = (f"{key}:{_gemma_value(item, quote)}" for key, item in value.items())
            return "{" + ",".join(items) + "}"
        case _:
            return _dump(value)
