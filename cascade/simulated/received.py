"""What a simulated provider received: the request itself, and the conversation in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Account", "Call", "Conversation", "Offered", "Received", "Result", "Said", "ToolChoice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A customer of the simulated provider.

    Attributes:
        name: Tells accounts apart; opaque blocks are bound to it.
        keys: The keys that it may use.
        enforces_prefix: Whether opaque blocks are refused behind another prefix than the one that
            they were written behind, as is the default for accounts made since 2026-08-31.
    """

    name: str
    keys: tuple[str, ...]
    enforces_prefix: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request.

    Attributes:
        number: Counts the requests of a simulation, from 0.
        method: `POST` or `GET`.
        path: Without the query.
        headers: By lower-case name.
        body: As it arrived.
        json: The body, where it is a JSON object.
        account: Whose key came with it; `None` until that is known.
        values: What the path's placeholders stand for.
    """

    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    json: dict[str, Any] | None
    account: Account | None = None
    values: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def asked(self) -> dict[str, Any]:
        """The body as an object; empty where it is none."""
        return {} if self.json is None else self.json


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call in the conversation."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a tool call gave back."""

    call_id: str
    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One turn of the conversation.

    Attributes:
        role: A tool's results are the user's, a system text in mid-conversation is the system's.
        text: The text parts joined.
        calls: Of an assistant turn.
        results: Of a user turn.
        images: How many pictures it holds, those in results included.
    """

    role: Literal["user", "assistant", "system"]
    text: str = ""
    calls: tuple[Call, ...] = ()
    results: tuple[Result, ...] = ()
    images: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A tool that the model may call."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """Whether the model has to call a tool.

    Attributes:
        mode: As it pleases; no tool; some tool; the tool of that name.
        name: For mode `tool`.
        parallel: Whether one turn may hold several calls.
    """

    mode: Literal["auto", "none", "any", "tool"] = "auto"
    name: str = ""
    parallel: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A request as the model sees it, the same for all wire formats.

    Attributes:
        model: That was asked for.
        system: The system texts before the first turn, joined.
        turns: Consecutive turns of one role stand as one.
        tools: That are offered.
        tool_choice: Whether one has to be called.
        schema: What the final answer has to conform to.
        thinks: Whether thinking is on.
        max_output_tokens: The most that the answer may be.
        request: Where the conversation came from, headers included.
    """

    model: str
    system: str
    turns: tuple[Said, ...]
    tools: tuple[Offered, ...]
    tool_choice: ToolChoice
    schema: Mapping[str, Any] | None
    thinks: bool
    max_output_tokens: int | None
    request: Received

    @property
    def results(self) -> tuple[Result, ...]:
        """All tool results, in order."""
        return tuple(result for said in self.turns for result in said.results)

    @property
    def calls(self) -> tuple[Call, ...]:
        """All tool calls, in order."""
        return tuple(call for said in self.turns for call in said.calls)
