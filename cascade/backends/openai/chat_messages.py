"""Messages in the form of Chat Completions."""

from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from cascade.backends.openai.quirks import ReasoningReplay
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
    ToolMessage,
    UserMessage,
)

__all__ = ["ChatMessages"]

_PICTURES_OF_RESULTS = "Pictures from the tool results above:"
_REASONING_FIELDS = ("reasoning_content", "reasoning")


class ChatMessages:
    """Encodes messages for one lane.

    Args:
        origin: Whose own blocks go back.
        replay: What becomes of earlier reasoning.
        images: Whether the model can see.
    """

    def __init__(self, origin: Origin, *, replay: ReasoningReplay, images: bool) -> None:
        self._origin = origin
        self._replay = replay
        self._images = images

    def encoded(self, message: Message, *, plain: bool) -> Encoded:
        """One message; without any provider's own block if *plain*."""
        match message:
            case UserMessage():
                return self._user(message)
            case AssistantMessage():
                return self._assistant(message, plain=plain)
            case ToolMessage():
                return self._results(message)

    def _user(self, message: UserMessage) -> Encoded:
        content, hidden = self._content(message.parts)
        return _encoded([{"role": "user", "content": content}], hidden)

    def _content(self, parts: Sequence[Content]) -> tuple[JsonValue, int]:
        """Text alone where that is all, and how many pictures are not in it."""
        pictures = sum(isinstance(part, Image) for part in parts)
        if not pictures or not self._images:
            texts = [part.text if isinstance(part, Text) else NO_PICTURE for part in parts]
            return "".join(texts) or EMPTY, pictures
        return [_part(part) for part in parts if isinstance(part, Image) or part.text], 0

    def _results(self, message: ToolMessage) -> Encoded:
        """One message a result; pictures follow in a user message, as results hold text only."""
        items: list[JsonValue] = []
        shown: list[Image] = []
        hidden = 0
        for result in message.parts:
            pictures = [part for part in result.parts if isinstance(part, Image)]
            text = result.text
            if pictures and self._images:
                shown += pictures
            elif pictures:
                hidden += len(pictures)
                text += NO_PICTURE * len(pictures)
            items.append({"role": "tool", "tool_call_id": result.call_id, "content": text})
        if shown:
            head: list[JsonValue] = [{"type": "text", "text": _PICTURES_OF_RESULTS}]
            items.append({"role": "user", "content": [*head, *map(_part, shown)]})
        return _encoded(items, hidden)

    def _assistant(self, message: AssistantMessage, *, plain: bool) -> Encoded:
        text, calls = message.text, message.calls
        item: dict[str, JsonValue] = {"role": "assistant", "content": text or None}
        if calls:
            item["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": wire_name(call.name),
                        "arguments": json_bytes(call.arguments).decode(),
                    },
                }
                for call in calls
            ]
        elif not text.strip():
            item["content"] = EMPTY
        dropped = list(self._reason(message, item, plain=plain))
        if message.artefact is not None:
            dropped.append(Dropped(what="message_form", why="foreign_origin"))
        return Encoded(fragments=(json_bytes(item),), dropped=tuple(dropped))

    def _reason(
        self, message: AssistantMessage, item: dict[str, JsonValue], *, plain: bool
    ) -> Iterable[Dropped]:
        """Puts the reasoning that goes back into *item*; tells what does not."""
        demanded = self._replay == "demanded"
        for part in message.parts:
            if not isinstance(part, Reasoning):
                continue
            raw = None if part.artefact is None else part.artefact.raw
            is_own = part.artefact is not None and part.artefact.origin == self._origin
            if not is_own or not isinstance(raw, dict):
                yield Dropped(what="reasoning", why="foreign_origin")
            elif plain:
                yield Dropped(what="reasoning", why="not_accepted")
            elif not self._put_back(raw, item):
                yield Dropped(what="reasoning", why="not_supported")
        if demanded and not any(item.get(name) for name in _REASONING_FIELDS):
            item["reasoning_content"] = " "

    def _put_back(self, raw: dict[str, JsonValue], item: dict[str, JsonValue]) -> bool:
        """Whether anything of the block went back."""
        before = len(item)
        if self._replay != "never":
            item |= {name: raw[name] for name in _REASONING_FIELDS if raw.get(name)}
        if raw.get("reasoning_details"):
            item["reasoning_details"] = raw["reasoning_details"]
        calls, extras = item.get("tool_calls"), raw.get("extra_content")
        if isinstance(calls, list) and isinstance(extras, list) and len(calls) == len(extras):
            for call, extra in zip(calls, extras, strict=True):
                if isinstance(call, dict) and extra is not None:
                    call["extra_content"] = extra
            return True
        return len(item) > before


def _encoded(items: Sequence[JsonValue], hidden_pictures: int) -> Encoded:
    dropped: tuple[Dropped, ...] = ()
    if hidden_pictures:
        dropped = (Dropped(what="image", why="not_supported", count=hidden_pictures),)
    return Encoded(fragments=tuple(json_bytes(item) for item in items), dropped=dropped)


def _part(part: Content) -> JsonValue:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{part.media_type};base64,{part.data}"},
    }
