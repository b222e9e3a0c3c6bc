"""What of a request stays the same over a trajectory: system text, tools, form of the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from pydantic import JsonValue

from cascade.backends.anthropic.schemas import (
    MOST_OPTIONAL,
    MOST_STRICT_TOOLS,
    MOST_UNIONS,
    Compilable,
    compilable,
)
from cascade.backends.anthropic.settings import AnthropicSettings, ThinkingType
from cascade.backends.remote.answers import (
    ANSWER_TOOL_DESCRIPTION,
    answer_tool_name,
    system_asking_for,
)
from cascade.backends.remote.names import names_back, wire_name
from cascade.backends.remote.wire_json import json_bytes
from cascade.exchange import OutputSchema, ToolSpec, View
from cascade.lanes import Capabilities

__all__ = ["AnswerForm", "Frame", "cache_control", "frame_of"]

AnswerForm = Literal["free", "native", "tool", "prompt"]
"""How the final answer gets its form: not at all; the provider sees to it; a tool that the model
has to call takes it; the system text asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The constant part of a trajectory's requests.

    Attributes:
        head: JSON members `system` and `tools`, each followed by a comma.
        digest: Of both, without the marks of the cache, which no signature is bound to.
        answer_form: How the final answer gets its form.
        output_format: For `output_config.format`.
        answer_tool: Name of the tool that takes the final answer.
        has_tools: Whether there are any besides that one.
        tool_names: From names as sent to the tools' own, where they differ.
    """

    head: bytes
    digest: bytes
    answer_form: AnswerForm
    output_format: dict[str, JsonValue] | None
    answer_tool: str | None
    has_tools: bool
    tool_names: Mapping[str, str]


def cache_control(settings: AnthropicSettings) -> dict[str, str] | None:
    """The mark of a cache breakpoint; `None` where the lane wants none."""
    if settings.cache_ttl == "off":
        return None
    if settings.cache_ttl == "5m":
        return {"type": "ephemeral"}
    return {"type": "ephemeral", "ttl": settings.cache_ttl}


def frame_of(
    view: View,
    *,
    capabilities: Capabilities,
    settings: AnthropicSettings,
    thinking_types: tuple[ThinkingType, ...],
) -> Frame:
    """The frame of a view, for a lane of these capabilities and settings."""
    schema = None if view.output is None else compilable(view.output.definition)
    form = _answer_form(view.output, schema, capabilities, thinking_types)
    answer_tool = answer_tool_name(view) if form == "tool" else None
    strict = settings.strict_tools and capabilities.structured_output == "native"
    tools = _tools(view.tools, strict=strict)
    if view.output is not None and answer_tool is not None:
        tools.append(_answer_tool(answer_tool, view.output))
    system = view.system or ""
    if view.output is not None and form == "prompt":
        system = system_asking_for(view.output, system)
    native = schema if form == "native" else None
    mark = cache_control(settings)
    bare = _head(system, tools, None)
    return Frame(
        head=bare if mark is None else _head(system, tools, mark),
        digest=sha256(bare).digest(),
        answer_form=form,
        output_format=None
        if native is None
        else {"type": "json_schema", "schema": native.definition},
        answer_tool=answer_tool,
        has_tools=bool(view.tools),
        tool_names=names_back(tool.name for tool in view.tools),
    )


def _answer_form(
    output: OutputSchema | None,
    schema: Compilable | None,
    capabilities: Capabilities,
    thinking_types: tuple[ThinkingType, ...],
) -> AnswerForm:
    if output is None:
        return "free"
    if capabilities.structured_output == "native" and schema is not None:
        return "native"
    # A demanded call and thinking exclude each other.
    quiet = not thinking_types or "disabled" in thinking_types
    wanted = capabilities.structured_output == "forced_tool"
    if wanted and capabilities.forced_tool_choice and quiet:
        return "tool"
    return "prompt"


def _head(system: str, tools: list[dict[str, Any]], mark: dict[str, str] | None) -> bytes:
    marked = {} if mark is None else {"cache_control": mark}
    head = b""
    if system.strip():
        block = {"type": "text", "text": system, **marked}
        head += b'"system":' + json_bytes([block]) + b","
    if tools:
        tools[-1] |= marked
        head += b'"tools":' + json_bytes(tools) + b","
    return head


def _tools(specs: tuple[ToolSpec, ...], *, strict: bool) -> list[dict[str, Any]]:
    """The tools, as many of them strict as the provider allows in one request."""
    tools: list[dict[str, Any]] = []
    optional = unions = count = 0
    for spec in specs:
        tool: dict[str, Any] = {"name": wire_name(spec.name)}
        if spec.description.strip():
            tool["description"] = spec.description
        schema = compilable(spec.parameters) if strict else None
        if (
            schema is not None
            and schema.is_exact
            and count < MOST_STRICT_TOOLS
            and optional + schema.optional <= MOST_OPTIONAL
            and unions + schema.unions <= MOST_UNIONS
        ):
            tool |= {"input_schema": schema.definition, "strict": True}
            optional, unions = optional + schema.optional, unions + schema.unions
            count += 1
        else:
            tool["input_schema"] = spec.parameters
        tools.append(tool)
    return tools


def _answer_tool(name: str, output: OutputSchema) -> dict[str, Any]:
    return {
        "name": name,
        "description": ANSWER_TOOL_DESCRIPTION,
        "input_schema": output.definition,
    }
