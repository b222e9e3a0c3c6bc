"""The Messages API's rules for everything beside the conversation."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cascade.simulated.anthropic_models import AnthropicModel
from cascade.simulated.anthropic_request import (
    Adaptive,
    CacheControl,
    Enabled,
    MessagesRequest,
    RuleError,
    ThinkingOff,
    ToolResult,
    ToolUse,
)
from cascade.simulated.anthropic_schemas import (
    check_strict_limits,
    check_strict_schema,
    check_tool_schema,
)

__all__ = [
    "BINDING_BETA",
    "VERSION",
    "VERSIONS",
    "betas",
    "check_headers",
    "check_options",
    "thinks",
]

VERSION = "2026-10-21"
"""The API version since which sampling parameters are refused for every model."""

VERSIONS = ("2023-06-01", VERSION)
"""All API versions there are."""

BINDING_BETA = "thinking-binding-controls-2026-08-01"
"""The beta that lets a request say what happens to thinking of another conversation."""

_BETAS = frozenset({BINDING_BETA, "interleaved-thinking-2025-05-14"})

_MOST_BREAKPOINTS = 4


def thinks(request: MessagesRequest, model: AnthropicModel) -> bool:
    """Whether the model thinks before it answers."""
    if request.thinking is None:
        return model.thinks_unasked
    return not isinstance(request.thinking, ThinkingOff)


def betas(headers: Mapping[str, str]) -> frozenset[str]:
    """The betas that a request asks for."""
    said = headers.get("anthropic-beta", "").split(",")
    return frozenset(beta.strip() for beta in said if beta.strip())


def check_headers(headers: Mapping[str, str]) -> None:
    """Checks the headers, the key aside.

    Raises:
        RuleError: One is missing or has no meaning.
    """
    if not headers.get("content-type", "").startswith("application/json"):
        raise RuleError("content-type: must be application/json")
    version = headers.get("anthropic-version")
    if version is None:
        raise RuleError("anthropic-version: header is required")
    if version not in VERSIONS:
        raise RuleError(f'anthropic-version: "{version}" is not a valid version')
    unknown = sorted(betas(headers) - _BETAS)
    if unknown:
        raise RuleError(
            f"Unexpected value(s) `{'`, `'.join(unknown)}` for the `anthropic-beta` header. Please "
            "consult our documentation at https://docs.anthropic.com/en/api/versioning or try "
            "again without the header."
        )


def check_options(
    request: MessagesRequest, model: AnthropicModel, headers: Mapping[str, str]
) -> None:
    """Checks limits, sampling, thinking, effort, tools and cache breakpoints.

    Raises:
        RuleError: A rule is broken.
    """
    if request.max_tokens > model.max_tokens:
        raise RuleError(
            f"max_tokens: {request.max_tokens} > {model.max_tokens}, which is the maximum allowed "
            f"number of output tokens for {model.id}"
        )
    _check_sampling(request, model, headers["anthropic-version"])
    _check_thinking(request, model, betas(headers))
    _check_output(request, model)
    _check_tools(request)
    _check_tool_choice(request, model)
    _check_breakpoints(request)


def _check_sampling(request: MessagesRequest, model: AnthropicModel, version: str) -> None:
    for name in ("temperature", "top_p", "top_k"):
        value = getattr(request, name)
        if value is None:
            continue
        if version == VERSION:
            raise RuleError(f"{name}: Extra inputs are not permitted")
        if not model.sampling:
            raise RuleError(f"`{name}` is deprecated for this model.")
        if thinks(request, model) and not (name == "temperature" and value == 1):
            raise RuleError(
                "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. "
                "Please consult our documentation at "
                "https://platform.claude.com/docs/en/build-with-claude/extended-thinking"
                if name == "temperature"
                else f"`{name}` must be unset when thinking is enabled or in adaptive mode."
            )


def _check_thinking(
    request: MessagesRequest, model: AnthropicModel, asked_for: frozenset[str]
) -> None:
    thinking = request.thinking
    if thinking is None:
        return
    if thinking.type not in model.thinking:
        advice = (
            ' Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
            if "adaptive" in model.thinking
            else ""
        )
        raise RuleError(f'"thinking.type.{thinking.type}" is not supported for this model.{advice}')
    if isinstance(thinking, Enabled) and thinking.budget_tokens >= request.max_tokens:
        raise RuleError(
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our "
            "documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
            "#max-tokens-and-context-window-size"
        )
    if (
        isinstance(thinking, Adaptive | Enabled)
        and thinking.block_binding is not None
        and BINDING_BETA not in asked_for
    ):
        raise RuleError(f"thinking.{thinking.type}.block_binding: Extra inputs are not permitted")


def _check_output(request: MessagesRequest, model: AnthropicModel) -> None:
    if request.output_config is None:
        return
    effort = request.output_config.effort
    if effort is not None and not model.efforts:
        raise RuleError("This model does not support the effort parameter.")
    if effort is not None and effort not in model.efforts:
        levels = ", ".join(model.efforts)
        raise RuleError(
            f"This model does not support effort level '{effort}'. Supported levels: {levels}."
        )
    if effort in {"xhigh", "max"} and not thinks(request, model) and model.thinks_unasked:
        raise RuleError(f"effort '{effort}' is not supported while thinking is off")
    if request.output_config.format is not None:
        check_strict_schema("output_config.format.schema", request.output_config.format.schema_)


def _check_tools(request: MessagesRequest) -> None:
    names = [tool.name for tool in request.tools]
    if len(set(names)) < len(names):
        raise RuleError("tools: Tool names must be unique.")
    for number, tool in enumerate(request.tools):
        place = f"tools.{number}.custom"
        check_tool_schema(f"{place}.input_schema", tool.input_schema)
        if tool.strict:
            check_strict_schema(place, tool.input_schema)
    strict = [tool.input_schema for tool in request.tools if tool.strict]
    form = None if request.output_config is None else request.output_config.format
    held_to = strict if form is None else [*strict, form.schema_]
    check_strict_limits(held_to, strict_tools=len(strict))
    used = any(
        isinstance(block, ToolUse | ToolResult)
        for turn in request.messages
        for block in turn.content
    )
    if used and not request.tools:
        raise RuleError(
            "Requests which include `tool_use` or `tool_result` blocks must define tools"
        )


def _check_tool_choice(request: MessagesRequest, model: AnthropicModel) -> None:
    choice = request.tool_choice
    if choice is None:
        return
    if not request.tools:
        raise RuleError("tool_choice may only be specified while providing tools")
    if choice.type == "tool" and choice.name not in {tool.name for tool in request.tools}:
        raise RuleError(f"Tool '{choice.name}' not found in provided tools")
    if choice.type in {"any", "tool"} and not model.forced_tools:
        raise RuleError(f'"tool_choice.type.{choice.type}" is not supported for this model.')
    if choice.type in {"any", "tool"} and thinks(request, model):
        raise RuleError("Thinking may not be enabled when tool_choice forces tool use.")


def _check_breakpoints(request: MessagesRequest) -> None:
    marks = list(_breakpoints(request))
    if len(marks) > _MOST_BREAKPOINTS:
        raise RuleError(
            f"A maximum of {_MOST_BREAKPOINTS} blocks with cache_control may be provided. Found "
            f"{len(marks)}."
        )
    short = False
    for place, mark in marks:
        if mark.ttl == "1h" and short:
            raise RuleError(
                f"{place}.cache_control.ttl: a ttl='1h' cache_control block must not come after a "
                "ttl='5m' cache_control block. Note that blocks are processed in the following "
                "order: `tools`, `system`, `messages`."
            )
        short = short or mark.ttl == "5m"


def _breakpoints(request: MessagesRequest) -> Iterator[tuple[str, CacheControl]]:
    """All marks with their places, in the order in which the prompt is put together."""
    yield from _marks("tools", request.tools)
    yield from _marks("system", request.system)
    for number, turn in enumerate(request.messages):
        for position, block in enumerate(turn.content):
            place = f"messages.{number}.content.{position}"
            if isinstance(block, ToolResult):
                yield from _marks(f"{place}.content", block.content)
            yield from _marks(place, [block], numbered=False)
    yield from _marks("cache_control", [request], numbered=False)


def _marks(
    place: str, blocks: Sequence[Any], *, numbered: bool = True
) -> Iterator[tuple[str, CacheControl]]:
    for number, block in enumerate(blocks):
        mark: CacheControl | None = getattr(block, "cache_control", None)
        if mark is not None:
            yield (f"{place}.{number}" if numbered else place), mark
