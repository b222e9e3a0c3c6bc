"""A response as its stream of events, each with its place in the sequence."""

from collections.abc import Iterator, Mapping
from typing import Any

from cascade.simulated.wire import Event, Refusal

__all__ = ["failed_event", "response_events"]

_DELTA_CHARACTERS = 16

_Draft = tuple[str, dict[str, Any]]


def response_events(answer: Mapping[str, Any]) -> Iterator[Event]:
    """All events of a response, the last one saying how it ended."""
    begun = _begun(answer)
    drafts: list[_Draft] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
    ]
    for index, item in enumerate(answer["output"]):
        drafts.extend(_item_events(item, index))
    drafts.append((f"response.{answer['status']}", {"response": answer}))
    for number, (name, fields) in enumerate(drafts):
        yield Event(name=name, data={"type": name, **fields, "sequence_number": number})


def failed_event(answer: Mapping[str, Any], refusal: Refusal, sequence_number: int) -> Event:
    """The end of a response that failed on the way."""
    code = "rate_limit_exceeded" if refusal.status == 429 else refusal.code or "server_error"
    failed = _begun(answer) | {
        "status": "failed",
        "error": {"code": code, "message": refusal.message},
    }
    name = "response.failed"
    return Event(
        name=name, data={"type": name, "response": failed, "sequence_number": sequence_number}
    )


def _begun(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **answer,
        "status": "in_progress",
        "output": [],
        "usage": None,
        "completed_at": None,
        "incomplete_details": None,
    }


def _item_events(item: Mapping[str, Any], index: int) -> Iterator[_Draft]:
    place: dict[str, Any] = {"item_id": item["id"], "output_index": index}
    match item["type"]:
        case "reasoning":
            # The block of an item that was only begun is not yet the one that verifies.
            block = item["encrypted_content"]
            bare = _with(item, summary=[], encrypted_content=block[: len(block) // 2])
            inside = _summary_events(item, place)
        case "function_call":
            bare = _with(item, arguments="", status="in_progress")
            inside = _call_events(item, place)
        case _:
            bare = _with(item, content=[], status="in_progress")
            inside = _message_events(item, place)
    yield "response.output_item.added", {"output_index": index, "item": bare}
    yield from inside
    yield "response.output_item.done", {"output_index": index, "item": item}


def _with(item: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {**item, **fields}


def _summary_events(item: Mapping[str, Any], place: dict[str, Any]) -> Iterator[_Draft]:
    stem = "response.reasoning_summary"
    for number, part in enumerate(item["summary"]):
        where = {**place, "summary_index": number}
        yield f"{stem}_part.added", {**where, "part": {**part, "text": ""}}
        for delta in _pieces(part["text"]):
            yield f"{stem}_text.delta", {**where, "delta": delta}
        yield f"{stem}_text.done", {**where, "text": part["text"]}
        yield f"{stem}_part.done", {**where, "part": part}


def _call_events(item: Mapping[str, Any], place: dict[str, Any]) -> Iterator[_Draft]:
    for delta in _pieces(item["arguments"]):
        yield "response.function_call_arguments.delta", {**place, "delta": delta}
    done = {**place, "name": item["name"], "arguments": item["arguments"]}
    yield "response.function_call_arguments.done", done


def _message_events(item: Mapping[str, Any], place: dict[str, Any]) -> Iterator[_Draft]:
    for number, part in enumerate(item["content"]):
        where = {**place, "content_index": number}
        refuses = part["type"] == "refusal"
        field = "refusal" if refuses else "text"
        stem = "response.refusal" if refuses else "response.output_text"
        bare = _with(part, **{field: ""})
        if "logprobs" in part:
            bare = _with(bare, logprobs=[])
        yield "response.content_part.added", {**where, "part": bare}
        for delta, logprobs in _written(part, field):
            extra: dict[str, Any] = {} if refuses else {"logprobs": logprobs}
            yield f"{stem}.delta", {**where, "delta": delta, **extra}
        extra = {} if refuses else {"logprobs": part.get("logprobs", [])}
        yield f"{stem}.done", {**where, field: part[field], **extra}
        yield "response.content_part.done", {**where, "part": part}


def _written(part: Mapping[str, Any], field: str) -> Iterator[tuple[str, list[Any]]]:
    """The deltas of a part with their log-probabilities, if it has any."""
    if part.get("logprobs"):
        for entry in part["logprobs"]:
            yield entry["token"], [entry]
        return
    for delta in _pieces(part[field]):
        yield delta, []


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _DELTA_CHARACTERS):
        yield text[start : start + _DELTA_CHARACTERS]
