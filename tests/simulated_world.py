"""For tests of the simulated providers: a small wire format, and calls without a server."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.faults import Failing
from cascade.simulated.received import Account, Conversation, Received, ToolChoice
from cascade.simulated.script import Turn
from cascade.simulated.wire import Event, Page, Refusal

__all__ = [
    "ACME",
    "CLOSED",
    "HEADERS",
    "LOOK",
    "MARK",
    "NO_PREFILL",
    "OTHER",
    "USER",
    "PlainWire",
    "answered",
    "asked",
    "call",
    "form",
    "image",
    "message_of",
    "received",
    "refused",
    "said",
    "text",
    "tool_result",
]

ACME = Account(name="acme", keys=("key-of-acme", "second-key-of-acme"))
OTHER = Account(name="other", keys=("key-of-other",))

HEADERS = {
    "content-type": "application/json",
    "anthropic-version": "2026-10-21",
    "x-api-key": "key-of-acme",
}

USER: dict[str, Any] = {"role": "user", "content": "What is the weather?"}

MARK = {"type": "ephemeral"}

CLOSED = {"additionalProperties": False}

NO_PREFILL = (
    "This model does not support assistant message prefill. The conversation must end with a user "
    "message."
)

LOOK: dict[str, Any] = {
    "name": "look",
    "description": "Looks something up.",
    "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}},
}


class PlainWire:
    """The least that a wire format can be: it takes any JSON object."""

    path = "/say"
    request_id_header = "x-request"
    pages: tuple[Page, ...] = ()

    def key(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("key")

    def refuse(self, received: Received) -> Refusal | None:
        if received.json is None:
            return Refusal(status=400, type="form", message="this is no JSON object")
        return None

    def conversation(self, received: Received) -> Conversation:
        return Conversation(
            model="plain",
            system="",
            turns=(),
            tools=(),
            tool_choice=ToolChoice(),
            schema=None,
            thinks=False,
            max_output_tokens=None,
            request=received,
        )

    def answer(self, received: Received, turn: Turn) -> Mapping[str, Any]:
        return {"text": turn.text, "number": received.number}

    def events(self, received: Received, answer: Mapping[str, Any]) -> Sequence[Event]:
        del received
        words = [Event(name="word", data={"text": word}) for word in answer["text"].split()]
        return [*words, Event(data="[END]")]

    def failing(self, failure: Failing) -> Refusal:
        status = {"authentication": 401, "rate_limit": 429, "overloaded": 529}.get(failure, 500)
        return Refusal(status=status, type=failure, message=f"there is {failure}")

    def error_body(self, refusal: Refusal, request_id: str) -> Mapping[str, Any]:
        return {"type": refusal.type, "message": refusal.message, "request": request_id}

    def error_event(self, refusal: Refusal, request_id: str) -> Event:
        return Event(name="error", data=self.error_body(refusal, request_id))


def received(
    body: Any, *, headers: Mapping[str, str] = HEADERS, account: Account = ACME, number: int = 0
) -> Received:
    """A request as a server hands it to its wire format."""
    return Received(
        number=number,
        method="POST",
        path="/v1/messages",
        headers=headers,
        body=to_json(body),
        json=body if isinstance(body, dict) else None,  # pyright: ignore[reportUnknownArgumentType] - any JSON
        account=account,
    )


def asked(*turns: Any, **fields: Any) -> dict[str, Any]:
    """A sound request to the Messages API, with other *fields*; those that are `...` left out."""
    body: dict[str, Any] = {
        "model": "claude-opus-5-5",
        "max_tokens": 2000,
        "messages": list(turns) or [said("user", "What is the weather?")],
        "tools": [LOOK],
        **fields,
    }
    return {name: value for name, value in body.items() if value is not ...}


def said(role: str, *blocks: Any) -> dict[str, Any]:
    """A turn: of one text, or of blocks."""
    content = blocks[0] if len(blocks) == 1 and isinstance(blocks[0], str) else list(blocks)
    return {"role": role, "content": content}


def tool_result(call_id: str, content: Any = "rain", **fields: Any) -> dict[str, Any]:
    """What a call gave back."""
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **fields}


def message_of(
    wire: AnthropicMessages, body: dict[str, Any], turn: Turn, **how: Any
) -> dict[str, Any]:
    """The answer to a request that has to be accepted."""
    request = received(body, **how)
    refusal = wire.refuse(request)
    assert refusal is None, refusal
    return dict(wire.answer(request, turn))


def answered(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The assistant turn that an answer is, to be sent back."""
    return {"role": "assistant", "content": list(answer["content"])}


def call(call_id: str = "call_1", **fields: Any) -> dict[str, Any]:
    """A tool call, as the Messages API has it."""
    return {"type": "tool_use", "id": call_id, "name": "look", "input": {}, **fields}


def text(said_text: str = "hello", **fields: Any) -> dict[str, Any]:
    """A text block."""
    return {"type": "text", "text": said_text, **fields}


def image(**source: str) -> dict[str, Any]:
    """A picture."""
    inline = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    return {"type": "image", "source": inline | source}


def form(schema: dict[str, Any]) -> dict[str, Any]:
    """An output format of that schema."""
    return {"format": {"type": "json_schema", "schema": schema}}


def refused(body: Any, **headers: str) -> tuple[int, str, str] | None:
    """Status, type and words of the refusal; `None` for a request that is taken."""
    sent = {name: value for name, value in (HEADERS | headers).items() if value}
    found = AnthropicMessages().refuse(received(body, headers=sent))
    return None if found is None else (found.status, found.type, found.message)
