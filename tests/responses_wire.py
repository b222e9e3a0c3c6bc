"""Answers of the Responses API for tests: output items, and the events that stream them."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import to_json

from cascade.backends.openai.responses import ResponsesCodec
from cascade.exchange import Delta, Draft, OutputSchema, Request, Timing, ToolSpec, View
from cascade.lanes import Capabilities, Lane
from cascade.messages import Message, Origin, UserMessage

__all__ = [
    "LANE",
    "ORIGIN",
    "REQUEST",
    "TIMING",
    "answer",
    "call_item",
    "codec_for",
    "events_of",
    "message_item",
    "read_stream",
    "read_whole",
    "reasoning_item",
    "view_of",
]

Item = dict[str, Any]

LANE = Lane(
    name="sol",
    backend="openai",
    model="gpt-6.1-sol",
    locality="remote",
    api="responses",
    capabilities=Capabilities(
        parallel_tools=True,
        structured_output="native",
        efforts=("none", "low", "medium", "high"),
        forced_tool_choice=True,
        sampling=False,
        images=True,
    ),
)
ORIGIN = Origin(
    provider="openai", model="gpt-6.1-sol", endpoint="https://api.openai.com/v1", account="a1"
)
REQUEST = Request(hop=3, max_output_tokens=500, seed=1, stream=True)
TIMING = Timing(total_s=1.0)


def codec_for(lane: Lane = LANE, origin: Origin = ORIGIN) -> ResponsesCodec:
    return ResponsesCodec(lane, origin)


def view_of(
    *messages: Message,
    tools: Sequence[ToolSpec] = (),
    system: str | None = "Be brief.",
    output: OutputSchema | None = None,
) -> View:
    return View(
        trajectory_id="t-1",
        system=system,
        messages=messages or (UserMessage.of("What is a?"),),
        tools=tuple(tools),
        output=output,
    )


def reasoning_item(name: str, *, summary: str = "", encrypted: str | None = "") -> Item:
    """Reasoning with an encrypted block made from its name, or another one, or (`None`) without."""
    item: Item = {
        "id": f"rs_{name}",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": summary}] if summary else [],
        "encrypted_content": encrypted or f"gAAAAA{name}=",
    }
    if encrypted is None:
        del item["encrypted_content"]
    return item


def message_item(name: str, text: str, *, phase: str | None = "final_answer") -> Item:
    part: Item = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "id": f"msg_{name}",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "phase": phase,
        "content": [part],
    }


def call_item(name: str, tool: str, arguments: str, *, call_id: str | None = None) -> Item:
    return {
        "id": f"fc_{name}",
        "type": "function_call",
        "status": "completed",
        "call_id": call_id or f"call_{name:0>24}",
        "name": tool,
        "arguments": arguments,
    }


def answer(*items: Item, **fields: Any) -> Item:
    """A whole response; *fields* replace or add to what it says by default."""
    response: Item = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_790_000_000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "gpt-6.1-sol-2026-09-01",
        "output": list(items),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 120,
        },
    }
    return response | fields


def events_of(response: Item) -> list[tuple[str, bytes]]:
    """The events that stream a response, as the API sends them: name and data."""
    begun: Item = response | {"status": "in_progress", "output": [], "usage": None}
    payloads: list[Item] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(response["output"]):
        payloads += _events_of_item(item, index)
    payloads.append({"type": f"response.{response['status']}", "response": response})
    return [
        (payload["type"], to_json(payload | {"sequence_number": number}))
        for number, payload in enumerate(payloads)
    ]


def _events_of_item(item: Item, index: int) -> Iterator[Item]:
    place = {"output_index": index, "item_id": item["id"]}
    started: Item = item | {"status": "in_progress"}
    match item["type"]:
        case "reasoning":
            # What the first event shows of the block is not the whole of it.
            started |= {"encrypted_content": "gAAAA", "summary": []}
            yield {"type": "response.output_item.added", "output_index": index, "item": started}
            for number, part in enumerate(item["summary"]):
                spot = place | {"summary_index": number}
                yield {
                    "type": "response.reasoning_summary_text.delta",
                    "delta": part["text"],
                } | spot
        case "function_call":
            started["arguments"] = ""
            yield {"type": "response.output_item.added", "output_index": index, "item": started}
            text = item["arguments"]
            for piece in (text[:5], text[5:]):
                yield {"type": "response.function_call_arguments.delta", "delta": piece} | place
            yield {
                "type": "response.function_call_arguments.done",
                "arguments": text,
                "name": item["name"],
            } | place
        case _:
            started["content"] = []
            yield {"type": "response.output_item.added", "output_index": index, "item": started}
            for number, part in enumerate(item["content"]):
                yield from _events_of_part(part, place | {"content_index": number})
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _events_of_part(part: Item, place: Item) -> Iterator[Item]:
    kind, text = ("refusal", part["refusal"]) if "refusal" in part else ("text", part["text"])
    event = "response.refusal" if kind == "refusal" else "response.output_text"
    more: Item = {} if kind == "refusal" else {"logprobs": []}
    empty = part | {kind: ""}
    yield {"type": "response.content_part.added", "part": empty} | place
    for start in range(0, len(text), 4):
        piece = text[start : start + 4]
        yield {"type": f"{event}.delta", "delta": piece, "obfuscation": "xyz"} | more | place
    yield {"type": f"{event}.done", kind: text} | more | place
    yield {"type": "response.content_part.done", "part": part} | place


def read_stream(
    response: Item, *, codec: ResponsesCodec | None = None, view: View | None = None
) -> tuple[Draft, list[Delta]]:
    """The draft that a streamed response amounts to, and the pieces on the way."""
    reader = (codec or codec_for()).reader(view or view_of(), REQUEST)
    pieces = [piece for name, data in events_of(response) for piece in reader.event(name, data)]
    assert reader.is_complete
    return reader.draft(TIMING), pieces


def read_whole(
    response: Item, *, codec: ResponsesCodec | None = None, view: View | None = None
) -> Draft:
    """The draft that a response amounts to which came in one piece."""
    reader = (codec or codec_for()).reader(view or view_of(), REQUEST)
    reader.whole(to_json(response))
    return reader.draft(TIMING)
