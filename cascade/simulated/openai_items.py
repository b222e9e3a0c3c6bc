"""The rules of the Responses API for each kind of input item, one item at a time."""

from collections.abc import Callable
from typing import Any

from cascade.simulated.openai_checks import (
    an_array,
    an_object,
    is_array,
    known_fields,
    name,
    one_of,
    required,
    text,
)
from cascade.simulated.openai_errors import (
    OpenAIRefusal,
    empty_array,
    invalid_type,
    too_long,
    wrong_value,
)

__all__ = ["CALL_ID_LENGTH", "check_item", "item_kind", "not_persisted"]

CALL_ID_LENGTH = 64

_ROLES = ("assistant", "system", "developer", "user")
_STATUSES = ("in_progress", "completed", "incomplete")
_PHASES = ("commentary", "final_answer")
_SPOKEN = ("input_text", "input_image", "input_file")
_WRITTEN = ("output_text", "refusal")
_DETAILS = ("low", "high", "auto", "original")

_SERVED = ("message", "function_call", "function_call_output", "reasoning", "item_reference")
_ELSEWHERE = (
    "additional_tools",
    "apply_patch_call",
    "apply_patch_call_output",
    "code_interpreter_call",
    "compaction",
    "compaction_trigger",
    "computer_call",
    "computer_call_output",
    "configuration_update",
    "custom_tool_call",
    "custom_tool_call_output",
    "file_search_call",
    "image_generation_call",
    "local_shell_call",
    "local_shell_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "mcp_list_tools",
    "program",
    "program_output",
    "shell_call",
    "shell_call_output",
    "tool_search_call",
    "tool_search_output",
    "web_search_call",
)


def item_kind(item: dict[str, Any]) -> str:
    """The type of an item; a message needs none."""
    return item.get("type", "message")


def not_persisted(identifier: str) -> OpenAIRefusal:
    """An identifier that the server does not know, as nothing is kept there."""
    return OpenAIRefusal(
        f"Item with id '{identifier}' not found. Items are not persisted when `store` is set to "
        "false. Try again with `store` set to true, or remove this item from your input.",
        status=404,
        param="input",
    )


def check_item(value: object, path: str) -> dict[str, Any]:
    """One input item, if it is of a documented form.

    Raises:
        OpenAIRefusal: It is not.
    """
    item = an_object(value, path)
    kind = text(item_kind(item), f"{path}.type")
    if kind in _ELSEWHERE:
        raise not_persisted(str(item.get("id") or item.get("call_id") or kind))
    if kind not in _SERVED:
        raise wrong_value(kind, (*_SERVED, *_ELSEWHERE), param=f"{path}.type")
    if kind == "message" and "role" not in item and "type" not in item:
        raise wrong_value("", (*_SERVED, *_ELSEWHERE), param=f"{path}.type")
    _CHECKS[kind](item, path)
    return item


def _identifier(item: dict[str, Any], path: str, prefix: str) -> None:
    if item.get("id") is None:
        return
    found = text(item["id"], f"{path}.id", maximum=64, may_be_empty=False)
    if not found.startswith(prefix):
        raise OpenAIRefusal(
            f"Invalid '{path}.id': '{found}'. Expected an ID that begins with '{prefix}'.",
            param=f"{path}.id",
            code="invalid_value",
        )


def _status(item: dict[str, Any], path: str) -> None:
    if item.get("status") is not None:
        one_of(item["status"], _STATUSES, f"{path}.status")


def _message(item: dict[str, Any], path: str) -> None:
    role = one_of(required(item, "role", path), _ROLES, f"{path}.role")
    fields = {"type", "role", "content", "status", "id"}
    known_fields(item, fields | ({"phase"} if role == "assistant" else set()), path)
    _identifier(item, path, "msg")
    _status(item, path)
    if item.get("phase") is not None:
        one_of(item["phase"], _PHASES, f"{path}.phase")
    content = required(item, "content", path)
    where = f"{path}.content"
    if isinstance(content, str):
        text(content, where, may_be_empty=role == "assistant")
        return
    if not is_array(content):
        raise invalid_type(where, expected="one of an array of objects or string", got="an object")
    if not content:
        raise empty_array(where)
    for index, part in enumerate(content):
        _part(part, f"{where}[{index}]", _WRITTEN if role == "assistant" else _SPOKEN)


def _part(value: object, path: str, allowed: tuple[str, ...]) -> None:
    part = an_object(value, path)
    match one_of(required(part, "type", path), allowed, path):
        case "input_text":
            known_fields(part, {"type", "text", "prompt_cache_breakpoint"}, path)
            text(required(part, "text", path), f"{path}.text", may_be_empty=False)
        case "output_text":
            known_fields(part, {"type", "text", "annotations", "logprobs"}, path)
            text(required(part, "text", path), f"{path}.text")
        case "refusal":
            known_fields(part, {"type", "refusal"}, path)
            text(required(part, "refusal", path), f"{path}.refusal")
        case "input_image":
            _image(part, path)
        case _:
            known_fields(
                part, {"type", "file_id", "file_data", "file_url", "filename", "detail"}, path
            )


def _image(part: dict[str, Any], path: str) -> None:
    known_fields(part, {"type", "image_url", "file_id", "detail", "prompt_cache_breakpoint"}, path)
    if part.get("detail") is not None:
        one_of(part["detail"], _DETAILS, f"{path}.detail")
    if part.get("file_id") is not None:
        return
    address = text(required(part, "image_url", path), f"{path}.image_url", may_be_empty=False)
    if not address.startswith(("data:image/", "https://", "http://")):
        raise OpenAIRefusal(
            f"Invalid '{path}.image_url'. Expected a valid URL, but got a value with an invalid "
            "format.",
            param=f"{path}.image_url",
            code="invalid_value",
        )


def _call_id(item: dict[str, Any], path: str) -> str:
    found = text(required(item, "call_id", path), f"{path}.call_id", may_be_empty=False)
    if len(found) > CALL_ID_LENGTH:
        raise too_long(f"{path}.call_id", maximum=CALL_ID_LENGTH, length=len(found))
    return found


def _function_call(item: dict[str, Any], path: str) -> None:
    known_fields(
        item,
        {"type", "id", "call_id", "name", "arguments", "status", "namespace", "caller", "async"},
        path,
    )
    _identifier(item, path, "fc")
    _call_id(item, path)
    name(required(item, "name", path), f"{path}.name", maximum=128)
    text(required(item, "arguments", path), f"{path}.arguments")
    _status(item, path)


def _function_call_output(item: dict[str, Any], path: str) -> None:
    known_fields(item, {"type", "id", "call_id", "output", "status", "caller", "name"}, path)
    _identifier(item, path, "fc")
    _call_id(item, path)
    output = required(item, "output", path)
    where = f"{path}.output"
    if not isinstance(output, str):
        parts = an_array(output, where)
        for index, part in enumerate(parts):
            _part(part, f"{where}[{index}]", _SPOKEN)
    _status(item, path)


def _reasoning(item: dict[str, Any], path: str) -> None:
    known_fields(item, {"type", "id", "summary", "content", "encrypted_content", "status"}, path)
    text(required(item, "id", path), f"{path}.id", maximum=64, may_be_empty=False)
    summary = an_array(required(item, "summary", path), f"{path}.summary")
    for index, value in enumerate(summary):
        where = f"{path}.summary[{index}]"
        part = an_object(value, where)
        one_of(required(part, "type", where), ("summary_text",), where)
        text(required(part, "text", where), f"{where}.text")
    _identifier(item, path, "rs")
    _status(item, path)
    if not item.get("encrypted_content"):
        raise not_persisted(item["id"])
    text(item["encrypted_content"], f"{path}.encrypted_content")


def _item_reference(item: dict[str, Any], path: str) -> None:
    raise not_persisted(text(required(item, "id", path), f"{path}.id"))


_CHECKS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_call_output,
    "reasoning": _reasoning,
    "item_reference": _item_reference,
}
