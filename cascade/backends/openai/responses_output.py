"""What the output items of the Responses API say, as parts of a message.

A call keeps the provider's `call_id` as its own where that is short, plain and long enough to be
the only one of its kind (`call_` and at least twenty letters and digits, as OpenAI's are). Any
other is given one of ours, and then the item goes back with that one as well: the order of calls
and of items is the same, which is all the mapping there has to be.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from cascade.backends.openai.chat_logprobs import TokenLog
from cascade.backends.openai.responses_input import OUTPUT
from cascade.backends.openai.responses_json import Item, entries_in, text_in
from cascade.backends.remote.calls import CallIds, call_as_text, read_call
from cascade.backends.remote.names import names_back
from cascade.exchange import Request, TokenStatistics, View
from cascade.messages import (
    Artefact,
    AssistantMessage,
    AssistantPart,
    Origin,
    Reasoning,
    Text,
    ToolCall,
)

__all__ = ["Said", "said", "token_statistics"]

_OWN_ID = re.compile(r"call_[A-Za-z0-9]{20,35}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The message in output items.

    Attributes:
        message: With its artefact where it can be sent back as it is.
        problem: What cannot be read in it, in words for the model.
        is_refusal: Whether the model declined to answer.
    """

    message: AssistantMessage
    problem: str | None
    is_refusal: bool


def said(
    items: Sequence[Item], *, view: View, request: Request, origin: Origin, is_whole: bool
) -> Said:
    """The message that *items* amount to.

    Args:
        items: In the order of the output.
        view: What the model was shown.
        request: How it was asked.
        origin: Where the items come from.
        is_whole: Whether the answer came to its own end; one that was cut short is not sent back
            in its provider's form.
    """
    reading = _Reading(view, request, origin)
    for item in items:
        reading.take(item)
    returns = is_whole and reading.problem is None and all(map(_can_return, items))
    parts = reading.parts if returns else [_unsigned(part) for part in reading.parts]
    if reading.problem is not None:
        parts = [_as_text(part) for part in parts]
    artefact = None
    if returns and items:
        raw: JsonValue = {OUTPUT: [_without_statistics(item) for item in items]}
        artefact = Artefact(origin=origin, raw=raw)
    message = AssistantMessage(parts=tuple(parts), artefact=artefact)
    return Said(
        message=message,
        problem=reading.problem,
        is_refusal=reading.is_refusal,
    )


def token_statistics(items: Sequence[Item]) -> TokenStatistics | None:
    """Per-token figures of the texts, where the provider gave any; it gives none for calls."""
    log = TokenLog()
    for item in items:
        if item.get("type") == "message":
            for content in entries_in(item, "content"):
                tokens = entries_in(content, "logprobs")
                log.add(
                    [{**each, "top_logprobs": entries_in(each, "top_logprobs")} for each in tokens]
                )
    has_calls = any(item.get("type") == "function_call" for item in items)
    return log.statistics(is_answer=not has_calls)


class _Reading:
    """Goes through output items and collects what they say."""

    def __init__(self, view: View, request: Request, origin: Origin) -> None:
        self.parts: list[AssistantPart] = []
        self.problem: str | None = None
        self.is_refusal = False
        self._origin = origin
        self._ids = CallIds(view, request, _OWN_ID)
        self._names = names_back(spec.name for spec in view.tools)

    def take(self, item: Item) -> None:
        match item.get("type"):
            case "message":
                for content in entries_in(item, "content"):
                    self._take_content(content)
            case "function_call":
                self._take_call(item)
            case "reasoning":
                self._take_reasoning(item)
            case _:
                # Of tools that are run over there; none of them is ever offered.
                pass

    def _take_reasoning(self, item: Item) -> None:
        entries = entries_in(item, "summary") or entries_in(item, "content")
        text = "\n\n".join(text_in(entry, "text") for entry in entries)
        # The block itself is in the message's artefact; here is which one it is.
        artefact = Artefact(origin=self._origin, raw={"id": text_in(item, "id")})
        self.parts.append(Reasoning(text=text, artefact=artefact))

    def _take_content(self, content: Item) -> None:
        refusal = text_in(content, "refusal")
        if content.get("type") == "refusal":
            self.is_refusal = True
        if text := refusal or text_in(content, "text"):
            self.parts.append(Text(text=text))

    def _take_call(self, item: Item) -> None:
        sent, written = text_in(item, "name"), text_in(item, "arguments")
        name = self._names.get(sent, sent)
        call = read_call(self._ids.of(item.get("call_id")), name, written)
        if isinstance(call, str):
            self.problem = self.problem or call
            self.parts.append(Text(text=call_as_text(name, written)))
        else:
            self.parts.append(call)


def _unsigned(part: AssistantPart) -> AssistantPart:
    """Reasoning as mere text, as nobody can send its block back."""
    return Reasoning(text=part.text) if isinstance(part, Reasoning) else part


def _as_text(part: AssistantPart) -> AssistantPart:
    """A call as text: beside one that cannot be read none is made."""
    if isinstance(part, ToolCall):
        return Text(text=call_as_text(part.name, part.arguments))
    return part


def _can_return(item: Item) -> bool:
    """Whether the API would take the item back, of which it keeps nothing itself."""
    if item.get("type") == "reasoning":
        return bool(text_in(item, "encrypted_content"))
    return item.get("type") in {"message", "function_call"}


def _without_statistics(item: Item) -> Item:
    """The item with the log-probabilities of its texts taken out, which are no part of a prompt."""
    contents = entries_in(item, "content")
    if not any(content.get("logprobs") for content in contents):
        return item
    emptied: list[JsonValue] = [
        content | {"logprobs": []} if content.get("logprobs") else content for content in contents
    ]
    return {**item, "content": emptied}
