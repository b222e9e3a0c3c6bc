"""The way back: placeholders in what a lane said become the values that they stand for."""

import re

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from cascade.messages import AssistantMessage, AssistantPart, Reasoning, Text, ToolCall
from cascade.redaction.placeholders import (
    LONGEST,
    named_in,
    placeholder_forms,
    unfinished_form,
)
from cascade.redaction.vault import Vault

__all__ = ["StreamRehydrator", "rehydrated", "rehydrated_json", "rehydrated_text"]


def rehydrated(message: AssistantMessage, vault: Vault) -> AssistantMessage:
    """The message with every placeholder that the vault knows replaced by its value.

    Text, reasoning and the arguments of calls, however deep; an argument that is nothing but the
    placeholder of a number becomes that number. Providers' own blocks stay as they came, for they
    go back to where they came from. The same object where nothing was to be replaced.
    """
    if not vault.hidden:
        return message
    parts = [_part(part, vault) for part in message.parts]
    if all(new is old for new, old in zip(parts, message.parts, strict=True)):
        return message
    return message.model_copy(update={"parts": tuple(parts)})


def rehydrated_text(text: str, vault: Vault) -> str:
    """The text with its values; what only looks like a placeholder stays.

    In a text that is JSON itself, values are written with JSON's escapes if it were broken else.
    """
    forms = placeholder_forms(vault.labels)
    found = forms.sub(lambda match: _value(match, vault), text)
    if found == text or not _is_json(text) or _is_json(found):
        return found
    return forms.sub(lambda match: to_json(_value(match, vault)).decode()[1:-1], text)


def rehydrated_json(value: JsonValue, vault: Vault) -> JsonValue:
    """Any JSON with its values, names of fields included."""
    match value:
        case str():
            hidden = vault.by_placeholder.get(value)
            if hidden is not None and hidden.is_number:
                return from_json(hidden.value)
            return rehydrated_text(value, vault)
        case dict():
            return {
                rehydrated_text(name, vault): rehydrated_json(item, vault)
                for name, item in value.items()
            }
        case list():
            return [rehydrated_json(item, vault) for item in value]
        case _:
            return value


class StreamRehydrator:
    """Rehydrates a text while it comes in.

    What may be the beginning of a placeholder is held back until it is one or is none. All that
    `feed` and `end` return, put together, is what `rehydrated_text` makes of the whole; the
    escapes of JSON within text are the exception, as only the end shows that it is JSON.

    Args:
        vault: What was known when the call was made.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._forms = placeholder_forms(vault.labels)
        self._unfinished = unfinished_form(vault.labels)
        self._held = ""
        self._before = ""

    def feed(self, text: str) -> str:
        """What can be shown after *text* came in."""
        self._held += text
        known = self._before + self._held
        tail = self._unfinished.search(known, max(len(self._before), len(known) - LONGEST))
        return self._released(tail.start() - len(self._before) if tail else len(self._held))

    def end(self) -> str:
        """What was still held back."""
        return self._released(len(self._held))

    def _released(self, length: int) -> str:
        ready = self._before + self._held[:length]
        shown: list[str] = []
        last = len(self._before)
        for match in self._forms.finditer(ready + self._held[length:], last):
            if match.end() > len(ready):
                break
            shown += (ready[last : match.start()], _value(match, self._vault))
            last = match.end()
        shown.append(ready[last:])
        self._before = ready[-1:]
        self._held = self._held[length:]
        return "".join(shown)


def _part(part: AssistantPart, vault: Vault) -> AssistantPart:
    match part:
        case Text():
            text = rehydrated_text(part.text, vault)
            return part if text == part.text else Text(text=text)
        case Reasoning():
            text = rehydrated_text(part.text, vault)
            return part if text == part.text else Reasoning(text=text, artefact=part.artefact)
        case ToolCall():
            arguments = rehydrated_json(part.arguments, vault)
            if arguments == part.arguments:
                return part
            return part.model_copy(update={"arguments": arguments})


def _value(match: re.Match[str], vault: Vault) -> str:
    """What the form stands for; itself where nothing is known of it."""
    hidden = vault.by_placeholder.get(named_in(match))
    return match.group() if hidden is None else hidden.value


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return False
    try:
        from_json(text)
    except ValueError:
        return False
    return True
