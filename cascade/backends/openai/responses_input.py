"""Messages as input items of the Responses API, each by itself and the same bytes each time.

A turn that this very lane wrote goes back as it came: reasoning with its encrypted content, items
with their identifiers and phases, in their order. All other turns are written anew from what they
say; of what their providers alone can read, nothing is sent.

The one field of a returned turn that may differ is a call's `call_id`. Results are encoded without
sight of the turn that asked for them, so both sides use the canonical `ToolCall.id`. That is the
provider's own wherever it is fit to be one (see `responses_output`), which leaves the item as it
was.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import JsonValue

from cascade.backends.openai.responses_json import Item, entries_in, text_in
from cascade.backends.remote.codec import Encoded
from cascade.backends.remote.names import wire_name
from cascade.backends.remote.placeholders import EMPTY, NO_PICTURE
from cascade.backends.remote.wire_json import json_bytes
from cascade.exchange import Dropped
from cascade.messages import (
    AssistantMessage,
    Content,
    Image,
    Message,
    Origin,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)

__all__ = ["OUTPUT", "encoded"]

OUTPUT = "output"
"""Under this key a message's artefact holds the output items."""


def encoded(message: Message, *, origin: Origin, plain: bool, images: bool) -> Encoded:
    """The items that show *message*.

    Args:
        message: Of any lane.
        origin: Turns from there go back as they came.
        plain: Write those anew as well.
        images: Whether the model can see.
    """
    if isinstance(message, UserMessage):
        return _user(message, images=images)
    if isinstance(message, ToolMessage):
        return _results(message, images=images)
    own = _own_items(message, origin)
    if own is None or plain:
        return _anew(message, why="foreign_origin" if own is None else "not_accepted")
    return _returned(own)


def _own_items(message: AssistantMessage, origin: Origin) -> list[Item] | None:
    """The turn as this lane wrote it, or `None` where it did not, or its calls are others now."""
    artefact = message.artefact
    if artefact is None or artefact.origin != origin or not isinstance(artefact.raw, dict):
        return None
    items = entries_in(artefact.raw, OUTPUT)
    asked = [item for item in items if item.get("type") == "function_call"]
    calls = message.calls
    if not items or [wire_name(call.name) for call in calls] != [
        text_in(item, "name") for item in asked
    ]:
        return None
    ids = iter(calls)
    return [
        item | {"call_id": next(ids).id} if item.get("type") == "function_call" else item
        for item in items
    ]


def _dropped(
    what: Literal["reasoning", "image"],
    why: Literal["foreign_origin", "not_accepted", "not_supported"],
    count: int,
) -> tuple[Dropped, ...]:
    return (Dropped(what=what, why=why, count=count),) if count else ()


def _returned(items: Sequence[Item]) -> Encoded:
    end = len(items)
    while end and items[end - 1].get("type") == "reasoning":
        # Refused with "provided without its required following item".
        end -= 1
    return Encoded(
        fragments=tuple(json_bytes(item) for item in items[:end]),
        dropped=_dropped("reasoning", "not_accepted", len(items) - end),
    )


def _anew(message: AssistantMessage, *, why: Literal["foreign_origin", "not_accepted"]) -> Encoded:
    """The turn written from its parts: what was said and called, and nothing opaque."""
    items: list[Item] = []
    said = ""
    thoughts = 0
    for part in message.parts:
        if isinstance(part, Text):
            said += part.text
        elif isinstance(part, Reasoning):
            thoughts += 1
        else:
            items += _said(said)
            items.append(_call(part))
            said = ""
    items += _said(said)
    return Encoded(
        fragments=tuple(json_bytes(item) for item in items),
        dropped=_dropped("reasoning", why, thoughts),
    )


def _said(text: str) -> Iterable[Item]:
    if text.strip():
        yield {"type": "message", "role": "assistant", "content": text}


def _call(call: ToolCall) -> Item:
    arguments = json_bytes(call.arguments).decode()
    return {
        "type": "function_call",
        "call_id": call.id,
        "name": wire_name(call.name),
        "arguments": arguments,
    }


def _user(message: UserMessage, *, images: bool) -> Encoded:
    content, left_out = _content(message.parts, images=images)
    if not content:
        content.append({"type": "input_text", "text": NO_PICTURE if left_out else EMPTY})
    item: Item = {"type": "message", "role": "user", "content": content}
    return Encoded(
        fragments=(json_bytes(item),), dropped=_dropped("image", "not_supported", left_out)
    )


def _results(message: ToolMessage, *, images: bool) -> Encoded:
    fragments: list[bytes] = []
    left_out = 0
    for result in message.parts:
        output, unseen = _output(result, images=images)
        left_out += unseen
        item = {"type": "function_call_output", "call_id": result.call_id, "output": output}
        fragments.append(json_bytes(item))
    return Encoded(fragments=tuple(fragments), dropped=_dropped("image", "not_supported", left_out))


def _output(result: ToolResult, *, images: bool) -> tuple[JsonValue, int]:
    """What a tool gave back, and how many images are not in it."""
    if images and any(isinstance(part, Image) for part in result.parts):
        return _content(result.parts, images=True)
    text = result.text
    left_out = sum(isinstance(part, Image) for part in result.parts)
    if not text.strip():
        text = NO_PICTURE if left_out else EMPTY
    return text, left_out


def _content(parts: Sequence[Content], *, images: bool) -> tuple[list[JsonValue], int]:
    """Content parts without empty ones, and how many images are not among them."""
    content: list[JsonValue] = []
    left_out = 0
    for part in parts:
        if isinstance(part, Text):
            if part.text.strip():
                content.append({"type": "input_text", "text": part.text})
        elif images:
            url = f"data:{part.media_type};base64,{part.data}"
            content.append({"type": "input_image", "detail": "auto", "image_url": url})
        else:
            left_out += 1
    return content, left_out
