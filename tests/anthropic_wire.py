"""Answers of the Messages API, whole and as streams, and what is needed to read them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cascade.backends.anthropic import MessagesCodec
from cascade.backends.anthropic.bound import AFTER
from cascade.exchange import Draft, OutputSchema, Request, Timing, ToolSpec, View
from cascade.lanes import Capabilities, Lane
from cascade.messages import (
    Artefact,
    AssistantMessage,
    Message,
    Origin,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)

__all__ = [
    "ORIGIN",
    "TOOL",
    "answer",
    "block_lists",
    "codec_for",
    "events_of",
    "foreign_turns",
    "read",
    "request_of",
    "results_for",
    "tool_use",
    "unmarked",
    "view_of",
]

ORIGIN = Origin(
    provider="anthropic",
    model="claude-opus-5-5",
    endpoint="https://api.anthropic.com",
    account="c0ffee00",
)

TOOL = ToolSpec(
    name="look_up",
    description="Looks a record up.",
    parameters={
        "type": "object",
        "properties": {"key": {"type": "string"}},
        "required": ["key"],
        "additionalProperties": False,
    },
    side_effect="read",
)


def codec_for(
    model: str = ORIGIN.model,
    *,
    origin: Origin | None = None,
    capabilities: Capabilities | None = None,
    **settings: Any,
) -> MessagesCodec:
    """A codec for a lane of *model* with these settings."""
    lane = Lane(
        name="far",
        backend="anthropic",
        model=model,
        locality="remote",
        capabilities=capabilities or Capabilities(),
        max_output_tokens=4096,
        settings=settings,
    )
    return MessagesCodec(lane, origin or ORIGIN.model_copy(update={"model": model}))


def view_of(
    *messages: Message,
    system: str | None = "You look things up.",
    tools: Sequence[ToolSpec] = (TOOL,),
    output: OutputSchema | None = None,
    plain_until: int = 0,
) -> View:
    """A view that shows these messages, or a first question."""
    return View(
        trajectory_id="t-1",
        system=system,
        messages=messages or (UserMessage.of("What is known of A?"),),
        tools=tuple(tools),
        output=output,
        plain_until=plain_until,
    )


def request_of(**changes: Any) -> Request:
    """A request that somebody listens to."""
    fields: dict[str, Any] = {"hop": 1, "max_output_tokens": 2048, "seed": 0, "stream": True}
    return Request(**(fields | changes))


def tool_use(number: int = 1, name: str = "look_up", **arguments: Any) -> dict[str, Any]:
    """A call as the provider writes it."""
    identity = f"toolu_01{number:022d}"
    return {"type": "tool_use", "id": identity, "name": name, "input": arguments or {"key": "A"}}


def answer(
    *blocks: Mapping[str, Any],
    stop_reason: str | None = None,
    usage: Mapping[str, Any] | None = None,
    **members: Any,
) -> dict[str, Any]:
    """A whole answer of these blocks."""
    calls = any(block["type"] == "tool_use" for block in blocks)
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": ORIGIN.model,
        "content": [dict(block) for block in blocks],
        "stop_reason": stop_reason or ("tool_use" if calls else "end_turn"),
        "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": 34} if usage is None else dict(usage),
    } | members


def events_of(message: Mapping[str, Any], piece: int = 3) -> list[tuple[str, bytes]]:
    """The same answer as a stream, its texts in pieces of so many characters."""
    start: dict[str, Any] = {**message, "content": [], "stop_reason": None}
    start["usage"] = {**message["usage"], "output_tokens": 1}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(message["content"]):
        events += _block_events(index, dict(block), piece)
    end = {name: message.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")}
    output = {"output_tokens": message["usage"]["output_tokens"]}
    events.append({"type": "message_delta", "delta": end, "usage": output})
    events.append({"type": "message_stop"})
    return [(event["type"], json.dumps(event).encode()) for event in events]


def _block_events(index: int, block: dict[str, Any], piece: int) -> Iterator[dict[str, Any]]:
    deltas: list[dict[str, Any]] = []
    if block["type"] == "text":
        deltas = [{"type": "text_delta", "text": each} for each in _cut(block["text"], piece)]
        block["text"] = ""
    elif block["type"] == "thinking":
        texts = _cut(block["thinking"], piece)
        deltas = [{"type": "thinking_delta", "thinking": each} for each in texts]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
        block |= {"thinking": "", "signature": ""}
    elif block["type"] == "tool_use":
        texts = _cut(json.dumps(block["input"]), piece)
        deltas = [{"type": "input_json_delta", "partial_json": each} for each in texts]
        block["input"] = {}
    yield {"type": "content_block_start", "index": index, "content_block": block}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _cut(text: str, piece: int) -> list[str]:
    return [text[at : at + piece] for at in range(0, len(text), piece)]


def read(
    message: Mapping[str, Any] | Iterable[tuple[str, bytes]],
    *,
    codec: MessagesCodec | None = None,
    view: View | None = None,
    request: Request | None = None,
) -> Draft:
    """The draft that an answer, whole or as events, amounts to."""
    codec = codec or codec_for()
    reader = codec.reader(view or view_of(), request or request_of())
    if isinstance(message, Mapping):
        reader.whole(json.dumps(message).encode())
    else:
        for name, data in message:
            list(reader.event(name, data))
    return reader.draft(Timing())


def results_for(message: AssistantMessage, text: str = "found") -> ToolMessage:
    """A result for each call."""
    return ToolMessage(
        parts=tuple(
            ToolResult(call_id=call.id, name=call.name, parts=(Text(text=text),))
            for call in message.calls
        )
    )


def unmarked(message: AssistantMessage) -> AssistantMessage:
    """The same without the mark of what it was signed over: trusted wherever it stands."""
    artefact = message.artefact
    assert artefact is not None
    assert isinstance(artefact.raw, dict)
    raw = {name: value for name, value in artefact.raw.items() if name != AFTER}
    return message.model_copy(update={"artefact": Artefact(origin=artefact.origin, raw=raw)})


_words = st.text(st.characters(codec="utf-8"), max_size=12)
_said = _words.filter(lambda text: bool(text.strip()))
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e9, 1e9) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=5,
)
_opaque = st.text("abcXYZ019+/=", min_size=1, max_size=20)


def _blocks(kind: str, **members: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(kind), **members})


_thoughts = _blocks("thinking", thinking=_words, signature=_opaque)
_redacted = _blocks("redacted_thinking", data=_opaque)
_texts = _blocks("text", text=_said)
_strange = _blocks("crystal_ball", seen=_values)
_calls = _blocks(
    "tool_use",
    id=st.just(""),
    name=st.just("look_up"),
    input=st.dictionaries(_words, _values, max_size=3),
)


@st.composite
def block_lists(draw: st.DrawFn, *, turn: int = 0) -> list[dict[str, Any]]:
    """Blocks as a model writes them: thoughts anywhere but at the end, calls with ids of their own.

    *turn* keeps the ids of several answers apart.
    """
    blocks = draw(st.lists(_thoughts | _redacted | _texts | _strange | _calls, max_size=5))
    blocks.append(draw(_texts | _calls))
    for number, block in enumerate(blocks):
        if block["type"] == "tool_use":
            block["id"] = f"toolu_{turn:011d}{number:011d}"
    return blocks


_foreign_origins = st.sampled_from(
    [
        Origin(provider="openai", model="gpt-6.1-sol", endpoint="https://api.openai.com/v1"),
        Origin(provider="llama_cpp", model="desk"),
        ORIGIN.model_copy(update={"model": "claude-haiku-5-5"}),
        ORIGIN.model_copy(update={"endpoint": "https://elsewhere.example"}),
        ORIGIN.model_copy(update={"account": "0ddba115"}),
    ]
)


@st.composite
def foreign_turns(draw: st.DrawFn, *, turn: int = 0) -> AssistantMessage:
    """A turn of another lane, its opaque blocks marked with the word SECRET."""
    origin = draw(_foreign_origins)
    raw: Any = draw(
        st.sampled_from(
            [
                {"content": '[{"type":"thinking","thinking":"SECRET","signature":"SECRET"}]'},
                {"text": "SECRET"},
                [{"type": "reasoning", "encrypted_content": "SECRET"}],
            ]
        )
    )
    thought = Reasoning(text="SECRET", artefact=Artefact(origin=origin, raw="SECRET"))
    said = [Text(text=draw(_words))] if draw(st.booleans()) else []
    count = draw(st.integers(0, 2))
    calls = [
        ToolCall(id=f"call_{turn}_{number}", name=draw(_words), arguments={"key": draw(_words)})
        for number in range(count)
    ]
    return AssistantMessage(
        parts=(thought, *said, *calls),
        artefact=Artefact(origin=origin, raw=raw) if draw(st.booleans()) else None,
    )
