"""Messages as the wire format has them, each by itself and the same bytes every time."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import JsonValue

from cascade.backends.remote.codec import Encoded
from cascade.backends.remote.names import wire_name
from cascade.backends.remote.placeholders import EMPTY
from cascade.backends.remote.wire_json import json_bytes
from cascade.exchange import Dropped
from cascade.messages import (
    Artefact,
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

__all__ = ["encoded", "kept", "own_content", "plain_blocks"]


def kept(origin: Origin, content: str, **more: JsonValue) -> Artefact:
    """A whole message's content array, as JSON text, for the place that it came from."""
    return Artefact(origin=origin, raw={"content": content, **more})


def own_content(message: AssistantMessage, origin: Origin) -> str | None:
    """The content array that the lane itself sent for this message, as JSON text."""
    artefact = message.artefact
    if artefact is None or artefact.origin != origin or not isinstance(artefact.raw, dict):
        return None
    content = artefact.raw.get("content")
    return content if isinstance(content, str) else None


def plain_blocks(message: AssistantMessage) -> list[dict[str, Any]]:
    """A turn's texts and calls, without anything that only its own provider can read."""
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": part.text}
        for part in message.parts
        if isinstance(part, Text) and part.text.strip()
    ]
    # Calls last, as their results have to follow at once.
    blocks += [
        {
            "type": "tool_use",
            "id": part.id,
            "name": wire_name(part.name),
            "input": part.arguments,
        }
        for part in message.parts
        if isinstance(part, ToolCall)
    ]
    return blocks


def encoded(message: Message, *, origin: Origin, images: bool, plain: bool) -> Encoded:
    """One message of a view.

    Args:
        message: To encode.
        origin: Of the lane that is to read it.
        images: Whether it sees pictures.
        plain: Leave the lane's own blocks out as well.
    """
    if isinstance(message, AssistantMessage):
        return _assistant(message, origin, plain=plain)
    if isinstance(message, UserMessage):
        blocks = _content(message.parts, images=images)
        contents = message.parts
    else:
        blocks = [_result(result, images=images) for result in message.parts]
        contents = _contents(message)
    return Encoded(fragments=(_turn("user", blocks),), dropped=_unseen(contents, images=images))


def _turn(role: str, blocks: Sequence[dict[str, Any]]) -> bytes:
    content = blocks or [{"type": "text", "text": EMPTY}]
    return json_bytes({"role": role, "content": content})


def _content(parts: Iterable[Content], *, images: bool) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, Text):
            if part.text.strip():
                blocks.append({"type": "text", "text": part.text})
        elif images:
            source = {"type": "base64", "media_type": part.media_type, "data": part.data}
            blocks.append({"type": "image", "source": source})
    return blocks


def _result(result: ToolResult, *, images: bool) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": result.call_id}
    content = _content(result.parts, images=images)
    if result.is_error and not content:
        # An error may not be empty; any other result may.
        content = [{"type": "text", "text": EMPTY}]
    if content:
        block["content"] = content
    if result.is_error:
        block["is_error"] = True
    return block


def _contents(message: ToolMessage) -> Iterable[Content]:
    return (part for result in message.parts for part in result.parts)


def _unseen(parts: Iterable[Content], *, images: bool) -> tuple[Dropped, ...]:
    if images:
        return ()
    count = sum(isinstance(part, Image) for part in parts)
    return (Dropped(what="image", why="not_supported", count=count),) if count else ()


def _assistant(message: AssistantMessage, origin: Origin, *, plain: bool) -> Encoded:
    content = own_content(message, origin)
    if content is not None and not plain:
        fragment = b'{"role":"assistant","content":' + content.encode() + b"}"
        return Encoded(fragments=(fragment,))
    blocks = plain_blocks(message)
    return Encoded(fragments=(_turn("assistant", blocks),), dropped=_left_out(message, origin))


def _left_out(message: AssistantMessage, origin: Origin) -> tuple[Dropped, ...]:
    thoughts = [part for part in message.parts if isinstance(part, Reasoning)]
    artefacts = [message.artefact, *(thought.artefact for thought in thoughts)]
    is_own = any(artefact is not None and artefact.origin == origin for artefact in artefacts)
    why = "not_accepted" if is_own else "foreign_origin"
    if thoughts:
        return (Dropped(what="reasoning", why=why, count=len(thoughts)),)
    if message.artefact is not None:
        return (Dropped(what="message_form", why=why),)
    return ()
