"""Provider-neutral messages: what was said, in parts that every provider can be shown.

The system text stands apart; then user, assistant and tool messages follow. What a provider sent
that only it can read (signed reasoning, encrypted blocks, the exact text a local model wrote) is
kept verbatim beside the neutral parts with the `Origin` that it may go back to.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, StringConstraints
from pydantic_core import PydanticSerializationError

from cascade.frozen import Frozen, Kept

__all__ = [
    "Artefact",
    "AssistantMessage",
    "AssistantPart",
    "CallId",
    "Content",
    "Image",
    "Message",
    "Origin",
    "Reasoning",
    "Text",
    "ToolCall",
    "ToolMessage",
    "ToolResult",
    "UserMessage",
    "well_formed",
]

CallId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
"""A tool call's identity: ours, short and plain enough for every provider's rules."""


class Origin(Frozen):
    """Where an opaque artefact came from, and so the only place it may go back to."""

    provider: str
    """`llama_cpp`, `openai`, `anthropic`, `scripted` or a provider's own name."""
    model: str
    """The model that was asked for."""
    endpoint: str = ""
    """Base address of the server; empty in process."""
    account: str = ""
    """Whatever tells accounts apart without revealing a key; empty where there are none."""


class Artefact(Kept):
    """A provider's own form of a message or block, kept byte for byte."""

    origin: Origin
    raw: JsonValue
    """The block as it arrived, or `{"text": ...}` for the exact text of a local model."""


class Text(Kept):
    """Plain text."""

    kind: Literal["text"] = "text"
    text: str


class Image(Kept):
    """A picture, for models that can see."""

    kind: Literal["image"] = "image"
    media_type: Literal["image/png", "image/jpeg", "image/gif", "image/webp"]
    data: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$")]
    """The file in Base64."""


Content = Annotated[Text | Image, Field(discriminator="kind")]
"""What a person or a tool can say."""


class Reasoning(Kept):
    """What a model thought before it spoke; signed or encrypted by some providers."""

    kind: Literal["reasoning"] = "reasoning"
    text: str
    """The readable part; may be empty where only an opaque block came."""
    artefact: Artefact | None = None


class ToolCall(Kept):
    """A model's request to run a tool."""

    kind: Literal["tool_call"] = "tool_call"
    id: CallId
    name: str
    arguments: dict[str, JsonValue]


class ToolResult(Kept):
    """What one tool call gave back, as the model reads it."""

    kind: Literal["tool_result"] = "tool_result"
    call_id: CallId
    name: str
    parts: tuple[Content, ...]
    is_error: bool = False

    @property
    def text(self) -> str:
        """The text parts joined."""
        return "".join([part.text for part in self.parts if isinstance(part, Text)])


class UserMessage(Kept):
    """What a person, or the runtime in a person's place, said."""

    role: Literal["user"] = "user"
    parts: tuple[Content, ...]

    @classmethod
    def of(cls, text: str) -> "UserMessage":
        """A message of one text part."""
        return cls(parts=(Text(text=text),))

    @property
    def text(self) -> str:
        """The text parts joined."""
        return "".join([part.text for part in self.parts if isinstance(part, Text)])


AssistantPart = Annotated[Text | Reasoning | ToolCall, Field(discriminator="kind")]


class AssistantMessage(Kept):
    """What a model said: text, reasoning and calls in the order in which it said them."""

    role: Literal["assistant"] = "assistant"
    parts: tuple[AssistantPart, ...]
    artefact: Artefact | None = None
    """The whole message in its provider's own form, where that is worth more than its parts."""

    @property
    def text(self) -> str:
        """The text parts joined; reasoning and calls left out."""
        return "".join([part.text for part in self.parts if isinstance(part, Text)])

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in order."""
        return tuple([part for part in self.parts if isinstance(part, ToolCall)])


class ToolMessage(Kept):
    """The results of one step's calls, in the order of the calls."""

    role: Literal["tool"] = "tool"
    parts: tuple[ToolResult, ...]


def well_formed(message: AssistantMessage) -> AssistantMessage:
    """The message with each lone surrogate replaced by `?`.

    A model may write half of an escaped pair into a call's arguments; that is a Python string, but
    it can neither be recorded nor sent.
    """
    try:
        message.__pydantic_serializer__.to_json(message)
    except PydanticSerializationError:
        return AssistantMessage.model_validate(_replaced(message.model_dump()))
    return message


def _replaced(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode("utf-8")
        case dict():
            return {_replaced(key): _replaced(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType] - any JSON
        case list() | tuple():
            return [_replaced(item) for item in value]  # pyright: ignore[reportUnknownVariableType] - any JSON
        case _:
            return value


Message = Annotated[UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]
