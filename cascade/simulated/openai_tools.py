"""The rules for tools, tool choice and output formats in both OpenAI wire formats.

Chat Completions nests what Responses keeps flat: a tool's fields under `function`, a format's under
`json_schema`. The rules are the same.
"""

from typing import Any

from cascade.simulated.openai_checks import (
    an_array,
    an_object,
    known_fields,
    name,
    one_of,
    required,
    text,
    truth,
)
from cascade.simulated.openai_errors import OpenAIRefusal, unknown_parameter, wrong_value
from cascade.simulated.openai_schemas import plain_schema, strict_schema
from cascade.simulated.received import Offered, ToolChoice

__all__ = ["checked_format", "checked_tool_choice", "checked_tools", "offered", "read_tool_choice"]

_MODES = ("none", "auto", "required")
_MOST_TOOLS = 128
_FUNCTION = {"name", "description", "parameters", "strict"}
_FLAT = _FUNCTION | {"type", "defer_loading", "async", "allowed_callers", "output_schema"}
_HOSTED = ("custom", "web_search", "file_search", "code_interpreter", "image_generation", "mcp")


def checked_tools(value: object, *, nested: bool) -> tuple[dict[str, Any], ...]:
    """The functions that a request offers, flat.

    Args:
        value: The request's `tools`.
        nested: Whether a tool's fields stand under `function`.

    Raises:
        OpenAIRefusal: They break a rule.
    """
    tools = an_array(value, "tools", of=" of objects")
    if len(tools) > _MOST_TOOLS:
        raise OpenAIRefusal(
            f"Invalid 'tools': array too long. Expected an array with maximum length "
            f"{_MOST_TOOLS}, but got an array with length {len(tools)} instead.",
            param="tools",
            code="array_above_max_length",
        )
    found = tuple(_function(tool, f"tools[{index}]", nested) for index, tool in enumerate(tools))
    names = [tool["name"] for tool in found]
    for index, twice in enumerate(names):
        if twice in names[:index]:
            raise OpenAIRefusal(
                f"Invalid 'tools[{index}]': the name '{twice}' is already taken by another tool.",
                param=f"tools[{index}]",
                code="invalid_value",
            )
    return found


def _function(value: object, path: str, nested: bool) -> dict[str, Any]:  # noqa: FBT001 - private
    tool = an_object(value, path)
    kind = text(required(tool, "type", path), f"{path}.type")
    if kind != "function":
        raise wrong_value(kind, ("function", *_HOSTED), param=f"{path}.type")
    fields, allowed = tool, _FLAT
    if nested:
        known_fields(tool, {"type", "function"}, path)
        path = f"{path}.function"
        fields, allowed = an_object(required(tool, "function", path[:-9]), path), _FUNCTION
    called = name(required(fields, "name", path), f"{path}.name")
    known_fields(fields, allowed, path)
    if fields.get("description") is not None:
        text(fields["description"], f"{path}.description")
    is_strict = fields.get("strict") is not None and truth(fields["strict"], f"{path}.strict")
    schema = fields.get("parameters")
    check = strict_schema if is_strict else plain_schema
    if schema is not None or is_strict:
        check(
            schema,
            subject=f"function '{called}'",
            param=f"{path}.parameters",
            code="invalid_function_parameters",
        )
    return fields


def checked_tool_choice(value: object, tools: tuple[dict[str, Any], ...], *, nested: bool) -> None:
    """Checks the request's `tool_choice` against its tools.

    Raises:
        OpenAIRefusal: It is of no known form, or asks for a tool that is not offered.
    """
    if isinstance(value, str):
        mode = one_of(value, _MODES, "tool_choice")
        if mode == "required" and not tools:
            raise _not_offered("required", "must be specified with 'tools' parameter")
        return
    choice = an_object(value, "tool_choice")
    kind = text(required(choice, "type", "tool_choice"), "tool_choice.type")
    match kind:
        case "function":
            _checked_function_choice(choice, tools, nested=nested)
        case "allowed_tools":
            _checked_allowed_tools(choice, tools, nested=nested)
        case _:
            raise wrong_value(kind, ("function", "allowed_tools"), param="tool_choice.type")


def _checked_function_choice(
    choice: dict[str, Any], tools: tuple[dict[str, Any], ...], *, nested: bool
) -> None:
    if nested:
        known_fields(choice, {"type", "function"}, "tool_choice")
        inner = an_object(required(choice, "function", "tool_choice"), "tool_choice.function")
        called = name(required(inner, "name", "tool_choice.function"), "tool_choice.function.name")
    else:
        if "function" in choice:
            raise unknown_parameter("tool_choice.function")
        known_fields(choice, {"type", "name"}, "tool_choice")
        called = name(required(choice, "name", "tool_choice"), "tool_choice.name")
    if all(tool["name"] != called for tool in tools):
        raise _not_offered(called, "not found in 'tools' parameter")


def _checked_allowed_tools(
    choice: dict[str, Any], tools: tuple[dict[str, Any], ...], *, nested: bool
) -> None:
    path = "tool_choice"
    if nested:
        known_fields(choice, {"type", "allowed_tools"}, path)
        path = "tool_choice.allowed_tools"
        choice = an_object(required(choice, "allowed_tools", "tool_choice"), path)
    one_of(required(choice, "mode", path), ("auto", "required"), f"{path}.mode")
    for index, value in enumerate(an_array(required(choice, "tools", path), f"{path}.tools")):
        where = f"{path}.tools[{index}]"
        tool = an_object(value, where)
        inner = an_object(required(tool, "function", where), where) if nested else tool
        called = name(required(inner, "name", where), f"{where}.name")
        if all(known["name"] != called for known in tools):
            raise _not_offered(called, "not found in 'tools' parameter")


def _not_offered(called: str, why: str) -> OpenAIRefusal:
    return OpenAIRefusal(f"Tool choice '{called}' {why}.", param="tool_choice")


def read_tool_choice(value: Any, *, parallel: bool) -> ToolChoice:
    """A checked `tool_choice` of either form as the model sees it."""
    match value:
        case "none":
            return ToolChoice(mode="none", parallel=parallel)
        case "required":
            return ToolChoice(mode="any", parallel=parallel)
        case {"type": "function", "function": {"name": str(called)}}:
            return ToolChoice(mode="tool", name=called, parallel=parallel)
        case {"type": "function", "name": str(called)}:
            return ToolChoice(mode="tool", name=called, parallel=parallel)
        case {"mode": "required"} | {"allowed_tools": {"mode": "required"}}:
            return ToolChoice(mode="any", parallel=parallel)
        case _:
            return ToolChoice(mode="auto", parallel=parallel)


def offered(tools: tuple[dict[str, Any], ...]) -> tuple[Offered, ...]:
    """Checked tools as the model sees them."""
    return tuple(
        Offered(
            name=tool["name"],
            description=tool.get("description") or "",
            schema=tool.get("parameters") or {},
        )
        for tool in tools
    )


def checked_format(value: object, path: str, *, nested: bool) -> dict[str, Any] | None:
    """The JSON schema that a request's output is held to, or `None` for free output.

    Args:
        value: The request's `text.format` or `response_format`.
        path: Of it.
        nested: Whether the schema's fields stand under `json_schema`.

    Raises:
        OpenAIRefusal: It is of no known form.
    """
    fields = an_object(value, path)
    kinds = ("text", "json_object", "json_schema")
    if one_of(required(fields, "type", path), kinds, f"{path}.type") != "json_schema":
        known_fields(fields, {"type"}, path)
        return None
    allowed = {"name", "schema", "strict", "description"}
    if nested:
        known_fields(fields, {"type", "json_schema"}, path)
        inner = f"{path}.json_schema"
        fields, path = an_object(required(fields, "json_schema", path), inner), inner
    else:
        allowed.add("type")
    called = name(required(fields, "name", path), f"{path}.name")
    known_fields(fields, allowed, path)
    schema = an_object(required(fields, "schema", path), f"{path}.schema")
    if fields.get("strict") is not None and truth(fields["strict"], f"{path}.strict"):
        strict_schema(
            schema,
            subject=f"response_format '{called}'",
            param=path.partition(".")[0] if nested else f"{path}.schema",
            code="invalid_json_schema" if not nested else None,
        )
    return schema
