"""The form of a request to the Messages API: fields, types, patterns.

Anthropic's own errors name the place at fault and what is wrong there in the words of pydantic, so
a model of pydantic says the same.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue, StringConstraints, ValidationError

from cascade.frozen import Frozen

__all__ = [
    "Adaptive",
    "AssistantBlock",
    "AssistantTurn",
    "BlockBinding",
    "CacheControl",
    "Enabled",
    "Format",
    "Image",
    "MessagesRequest",
    "OutputConfig",
    "Redacted",
    "RequestTurn",
    "RuleError",
    "SystemTurn",
    "Text",
    "Thinking",
    "ThinkingConfig",
    "ThinkingOff",
    "Tool",
    "ToolChoiceConfig",
    "ToolResult",
    "ToolUse",
    "UserBlock",
    "UserTurn",
    "as_blocks",
    "parsed",
]

_Id = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$")]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]


class RuleError(Exception):
    """A rule of the API that a request breaks; its text is the API's."""


class CacheControl(Frozen):
    """A breakpoint of the prompt cache."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] = "5m"


class _Cacheable(Frozen):
    cache_control: CacheControl | None = None


class Text(_Cacheable):
    """A text block."""

    type: Literal["text"]
    text: str
    citations: None = None


class _Base64Source(Frozen):
    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$")]


class _UrlSource(Frozen):
    type: Literal["url"]
    url: Annotated[str, StringConstraints(pattern=r"^https://")]


class Image(_Cacheable):
    """A picture."""

    type: Literal["image"]
    source: Annotated[_Base64Source | _UrlSource, Field(discriminator="type")]


class Thinking(Frozen):
    """A thinking block, as an answer brought it."""

    type: Literal["thinking"]
    thinking: str
    signature: str


class Redacted(Frozen):
    """A thinking block that only the provider can read."""

    type: Literal["redacted_thinking"]
    data: str


class _Caller(Frozen):
    type: Literal["direct"]


class ToolUse(_Cacheable):
    """A tool call."""

    type: Literal["tool_use"]
    id: _Id
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    input: dict[str, JsonValue]
    caller: _Caller | None = None


def as_blocks(content: Any) -> Any:
    """The content as a list of blocks; a text stands for one text block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _as_result_blocks(content: Any) -> Any:
    return () if content == "" else as_blocks(content)


_Shown = Annotated[Text | Image, Field(discriminator="type")]


class ToolResult(_Cacheable):
    """What a tool call gave back."""

    type: Literal["tool_result"]
    tool_use_id: _Id
    content: Annotated[tuple[_Shown, ...], BeforeValidator(_as_result_blocks)] = ()
    is_error: bool = False


AssistantBlock = Annotated[Text | Thinking | Redacted | ToolUse, Field(discriminator="type")]
UserBlock = Annotated[Text | Image | ToolResult, Field(discriminator="type")]


class UserTurn(Frozen):
    """What a user, or a tool, said."""

    role: Literal["user"]
    content: Annotated[tuple[UserBlock, ...], BeforeValidator(as_blocks)]


class AssistantTurn(Frozen):
    """What the model said."""

    role: Literal["assistant"]
    content: Annotated[tuple[AssistantBlock, ...], BeforeValidator(as_blocks)]


class SystemTurn(Frozen):
    """Instructions in mid-conversation."""

    role: Literal["system"]
    content: Annotated[tuple[Text, ...], BeforeValidator(as_blocks)]


RequestTurn = Annotated[UserTurn | AssistantTurn | SystemTurn, Field(discriminator="role")]


class Tool(_Cacheable):
    """A tool that the client runs."""

    type: Literal["custom"] = "custom"
    name: _Name
    description: str = ""
    input_schema: dict[str, JsonValue]
    strict: bool = False
    input_examples: tuple[dict[str, JsonValue], ...] = ()


class _ChosenFreely(Frozen):
    type: Literal["none"]


class _Chosen(Frozen):
    type: Literal["auto", "any"]
    disable_parallel_tool_use: bool = False


class _ChosenByName(Frozen):
    type: Literal["tool"]
    name: str
    disable_parallel_tool_use: bool = False


ToolChoiceConfig = Annotated[_ChosenFreely | _Chosen | _ChosenByName, Field(discriminator="type")]
"""Whether a tool has to be called."""


class BlockBinding(Frozen):
    """What is done with thinking that was written in another conversation."""

    prefix_mismatch_behavior: Literal["error", "drop_block"] | None = None


class _Thinks(Frozen):
    display: Literal["summarized", "omitted", "updates"] | None = None
    block_binding: BlockBinding | None = None


class Adaptive(_Thinks):
    """The model thinks as much as it finds right."""

    type: Literal["adaptive"]


class Enabled(_Thinks):
    """The model thinks, up to a budget."""

    type: Literal["enabled"]
    budget_tokens: Annotated[int, Field(ge=1024, strict=True)]


class ThinkingOff(Frozen):
    """The model does not think."""

    type: Literal["disabled", "between_tools"]


ThinkingConfig = Annotated[Adaptive | Enabled | ThinkingOff, Field(discriminator="type")]
"""Whether and how the model thinks."""


class Format(Frozen):
    """What the answer has to conform to."""

    type: Literal["json_schema"]
    schema_: dict[str, JsonValue] = Field(alias="schema")


class OutputConfig(Frozen):
    """How the answer is to be."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: Format | None = None


class _Metadata(Frozen):
    user_id: Annotated[str, StringConstraints(max_length=512)] | None = None


class MessagesRequest(Frozen):
    """The body of `POST /v1/messages`."""

    model: Annotated[str, StringConstraints(min_length=1)]
    max_tokens: Annotated[int, Field(ge=0, strict=True)]
    messages: tuple[RequestTurn, ...]
    system: Annotated[tuple[Text, ...], BeforeValidator(as_blocks)] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoiceConfig | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    cache_control: CacheControl | None = None
    metadata: _Metadata | None = None
    stop_sequences: tuple[Annotated[str, StringConstraints(pattern=r"\S")], ...] = ()
    stream: Annotated[bool, Field(strict=True)] = False
    service_tier: Literal["auto", "standard_only"] | None = None
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None


def parsed(asked: Mapping[str, Any]) -> MessagesRequest:
    """The request in its form.

    Raises:
        RuleError: It has another form; the text names the first place where.
    """
    try:
        return MessagesRequest.model_validate(asked)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    raise RuleError(f"{_place(first['loc'])}: {first['msg']}")


def _place(steps: tuple[str | int, ...]) -> str:
    """As the API names it: without the role of a turn, with the kind of a tool."""
    named = [str(step) for step in steps]
    if named[0] == "messages" and named[2:3] and named[2] in {"user", "assistant", "system"}:
        del named[2]
    if named[0] == "tools" and len(named) > 2:
        named.insert(2, "custom")
    return ".".join(named)
