"""The rules of Chat Completions for messages: each by itself, and their order."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json

from cascade.simulated.openai_checks import (
    an_array,
    an_object,
    is_array,
    is_object,
    kind_of,
    known_fields,
    name,
    one_of,
    required,
    text,
)
from cascade.simulated.openai_errors import OpenAIRefusal, empty_array, invalid_type
from cascade.simulated.openai_flavours import Flavour

__all__ = ["CHAT_CALL_ID_LENGTH", "checked_messages"]

CHAT_CALL_ID_LENGTH = 40

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_FIELDS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "tool": {"role", "content", "name", "tool_call_id"},
    "assistant": {
        "role",
        "content",
        "name",
        "tool_calls",
        "refusal",
        "audio",
        "annotations",
        "function_call",
    },
}
_PARTS = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url", "input_audio", "file"),
    "tool": ("text",),
    "assistant": ("text", "refusal"),
}
_MAY_BE_EMPTY = ("tool", "assistant")


def checked_messages(
    value: object, flavour: Flavour, *, thinks: bool
) -> tuple[dict[str, Any], ...]:
    """The messages, if they break no rule.

    Args:
        value: The request's `messages`.
        flavour: Of the server.
        thinks: Whether thinking is on.

    Raises:
        OpenAIRefusal: They break one.
    """
    messages = an_array(value, "messages", of=" of objects")
    if not messages:
        raise empty_array("messages")
    found = tuple(
        _message(message, f"messages[{index}]", index, flavour)
        for index, message in enumerate(messages)
    )
    _in_order(found, flavour)
    if flavour.alternates:
        _alternating(found, flavour)
    if flavour.echoes_reasoning and thinks:
        _echoed(found, flavour)
    return found


def _message(value: object, path: str, index: int, flavour: Flavour) -> dict[str, Any]:
    message = an_object(value, path)
    role = one_of(required(message, "role", path), _ROLES, f"{path}.role")
    if role == "function" or (role == "developer" and not flavour.is_openai):
        raise OpenAIRefusal("Unexpected message role.", param=f"messages.[{index}].role")
    if flavour.is_openai:
        known_fields(message, _FIELDS[role], path)
    if message.get("name") is not None:
        text(message["name"], f"{path}.name", maximum=64, may_be_empty=False)
    if role == "assistant" and "tool_calls" in message:
        _tool_calls(message["tool_calls"], f"{path}.tool_calls", flavour)
    if role == "tool" and message.get("tool_call_id") is None:
        raise OpenAIRefusal(
            "Missing parameter 'tool_call_id': messages with role 'tool' must have a "
            "'tool_call_id'.",
            param=f"messages.[{index}].tool_call_id",
        )
    _content(message, role, path, index)
    return message


def _content(message: dict[str, Any], role: str, path: str, index: int) -> None:
    content = message.get("content")
    where = f"{path}.content"
    if content is None:
        said_otherwise = message.get("tool_calls") or message.get("refusal")
        if role == "assistant" and said_otherwise:
            return
        if role != "assistant" and "content" not in message:
            required(message, "content", path)
        raise OpenAIRefusal(
            "Invalid value for 'content': expected a string, got null.",
            param=f"messages.[{index}].content",
        )
    if isinstance(content, str):
        text(content, where, may_be_empty=role in _MAY_BE_EMPTY)
        return
    if not is_array(content):
        expected = "one of a string or array of objects"
        raise invalid_type(where, expected=expected, got=kind_of(content))
    if not content:
        raise empty_array(where)
    for place, part in enumerate(content):
        _part(part, f"{where}[{place}]", _PARTS[role])


def _part(value: object, path: str, allowed: Sequence[str]) -> None:
    part = an_object(value, path)
    kind = one_of(required(part, "type", path), allowed, f"{path}.type")
    if kind == "text":
        known_fields(part, {"type", "text", "prompt_cache_breakpoint"}, path)
        text(required(part, "text", path), f"{path}.text", may_be_empty=False)
    elif kind == "image_url":
        image = an_object(required(part, "image_url", path), f"{path}.image_url")
        known_fields(image, {"url", "detail"}, f"{path}.image_url")
        address = text(required(image, "url", f"{path}.image_url"), f"{path}.image_url.url")
        if not address.startswith(("data:image/", "https://", "http://")):
            raise OpenAIRefusal(
                "Invalid image URL: the URL has to start with 'https://' or 'data:image/'.",
                param=f"{path}.image_url.url",
                code="invalid_image_url",
            )


def _tool_calls(value: object, path: str, flavour: Flavour) -> None:
    calls = an_array(value, path, of=" of objects")
    if not calls:
        raise empty_array(path)
    seen: set[str] = set()
    for place, each in enumerate(calls):
        where = f"{path}[{place}]"
        call = an_object(each, where)
        limit = CHAT_CALL_ID_LENGTH if flavour.is_openai else None
        identifier = text(
            required(call, "id", where), f"{where}.id", maximum=limit, may_be_empty=False
        )
        if identifier in seen:
            raise OpenAIRefusal(
                f"Invalid '{where}.id': the id '{identifier}' is already taken by another tool "
                "call of the message.",
                param=f"{where}.id",
                code="invalid_value",
            )
        seen.add(identifier)
        one_of(required(call, "type", where), ("function",), f"{where}.type")
        if flavour.is_openai:
            known_fields(call, {"id", "type", "function"}, where)
        _called(required(call, "function", where), f"{where}.function", flavour)


def _called(value: object, path: str, flavour: Flavour) -> None:
    function = an_object(value, path)
    name(required(function, "name", path), f"{path}.name")
    arguments = required(function, "arguments", path)
    if flavour.name == "llama_server" and is_object(arguments):
        return
    text(arguments, f"{path}.arguments")
    if flavour.is_openai:
        known_fields(function, {"name", "arguments"}, path)
        return
    try:
        from_json(arguments)
    except ValueError as error:
        status = 500 if flavour.name == "llama_server" else 400
        raise OpenAIRefusal(
            f"Failed to parse tool call arguments as JSON: {error}", status=status
        ) from error


def _in_order(messages: tuple[dict[str, Any], ...], flavour: Flavour) -> None:
    """Each tool message answers a call of the assistant message before it, and all are answered."""
    waiting: list[str] = []
    is_answering = False
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if not is_answering:
                raise _orphan(index, flavour)
            identifier = message["tool_call_id"]
            if identifier not in waiting:
                raise OpenAIRefusal(
                    f"Invalid parameter: 'tool_call_id' of '{identifier}' not found in "
                    "'tool_calls' of previous message.",
                    param=f"messages.[{index}].tool_call_id",
                )
            waiting.remove(identifier)
            continue
        if waiting:
            raise _unanswered(waiting, index, flavour)
        waiting = [call["id"] for call in message.get("tool_calls") or ()]
        is_answering = bool(waiting)
    if waiting:
        raise _unanswered(waiting, len(messages) - 1, flavour)


def _orphan(index: int, flavour: Flavour) -> OpenAIRefusal:
    if flavour.name == "deepseek":
        return OpenAIRefusal(
            "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
        )
    return OpenAIRefusal(
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message "
        "with 'tool_calls'.",
        param=f"messages.[{index}].role",
    )


def _unanswered(waiting: list[str], index: int, flavour: Flavour) -> OpenAIRefusal:
    rule = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        "each 'tool_call_id'."
    )
    if flavour.name == "deepseek":
        return OpenAIRefusal(f"{rule} (insufficient tool messages following tool_calls message)")
    return OpenAIRefusal(
        f"{rule} The following tool_call_ids did not have response messages: {', '.join(waiting)}",
        param=f"messages.[{index}].role",
    )


def _alternating(messages: tuple[dict[str, Any], ...], flavour: Flavour) -> None:
    """As many templates want it: system first, then user and assistant, calls not counted."""
    expected = "user"
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "system" and index > 0:
            raise OpenAIRefusal("System message must be at the beginning.")
        if role in {"system", "tool"} or message.get("tool_calls"):
            continue
        if role != expected:
            is_llama = flavour.name == "llama_server"
            raise OpenAIRefusal(
                "After the optional system message, conversation roles must alternate user and "
                "assistant roles except for tool calls and results.",
                status=500 if is_llama else 400,
                kind="server_error" if is_llama else "invalid_request_error",
            )
        expected = "assistant" if role == "user" else "user"


def _echoed(messages: tuple[dict[str, Any], ...], flavour: Flavour) -> None:
    for message in messages:
        field = flavour.reasoning_field
        if message.get("tool_calls") and not isinstance(message.get(field), str):
            raise OpenAIRefusal(
                f"The `{field}` in the thinking mode must be passed back to the API."
            )
