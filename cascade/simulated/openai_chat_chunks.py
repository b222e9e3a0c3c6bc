"""A chat completion as its stream of chunks, in the way of each kind of server."""

from collections.abc import Iterator, Mapping
from typing import Any

from cascade.simulated.openai_flavours import Flavour
from cascade.simulated.wire import Event

__all__ = ["chat_chunks"]

_DELTA_CHARACTERS = 16

_Delta = tuple[dict[str, Any], Mapping[str, Any] | None]
"""What a chunk adds to the message, and its log-probabilities."""


def chat_chunks(
    answer: Mapping[str, Any], flavour: Flavour, *, include_usage: bool
) -> Iterator[Event]:
    """All chunks of a completion, and the mark of its end."""
    choice = answer["choices"][0]
    head = {
        name: answer[name]
        for name in ("id", "created", "model", "service_tier", "system_fingerprint")
        if name in answer
    } | {"object": "chat.completion.chunk"}
    usage: dict[str, Any] = {"usage": None} if include_usage and flavour.is_openai else {}
    for delta, logprobs in _deltas(choice, flavour):
        entry = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}
        yield Event(data={**head, "choices": [entry], **usage})
    end: dict[str, Any] = {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": choice["finish_reason"],
    }
    timings = {"timings": answer["timings"]} if "timings" in answer else {}
    last = {} if include_usage else timings
    yield Event(data={**head, "choices": [end], **usage, **last})
    if include_usage:
        yield Event(data={**head, "choices": [], "usage": answer["usage"], **timings})
    yield Event(data="[DONE]")


def _deltas(choice: Mapping[str, Any], flavour: Flavour) -> Iterator[_Delta]:
    message = choice["message"]
    first = {"role": "assistant", "content": None if flavour.name == "llama_server" else ""}
    yield first | ({"refusal": None} if flavour.is_openai else {}), None
    if flavour.reasoning_field:
        for piece in _pieces(message.get(flavour.reasoning_field) or ""):
            yield {flavour.reasoning_field: piece}, None
    reported: dict[str, Any] = choice.get("logprobs") or {}
    entries: list[Any] | None = reported.get("content")
    if message.get("refusal"):
        for piece in _pieces(message["refusal"]):
            yield {"refusal": piece}, None
    elif entries and not message.get("tool_calls"):
        for entry in entries:
            yield {"content": entry["token"]}, {"content": [entry]}
    else:
        for piece in _pieces(message.get("content") or ""):
            yield {"content": piece}, None
        yield from _calls(message, flavour, entries)


def _calls(
    message: Mapping[str, Any], flavour: Flavour, entries: list[Any] | None
) -> Iterator[_Delta]:
    """Deltas of the calls; where there are log-probabilities, the first carries all of them."""
    logprobs = {"content": entries} if entries else None
    for index, call in enumerate(message.get("tool_calls") or ()):
        place = {"index": index} if flavour.indexes_calls else {}
        function: dict[str, Any] = call["function"]
        whole = not flavour.splits_calls
        begun: dict[str, Any] = {**function, "arguments": function["arguments"] if whole else ""}
        yield {"tool_calls": [{**place, **call, "function": begun}]}, logprobs
        logprobs = None
        for piece in () if whole else _pieces(function["arguments"]):
            yield {"tool_calls": [{**place, "function": {"arguments": piece}}]}, None


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _DELTA_CHARACTERS):
        yield text[start : start + _DELTA_CHARACTERS]
