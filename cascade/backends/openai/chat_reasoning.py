"""What models think aloud in Chat Completions, which has several names for it."""

from collections.abc import Iterable
from typing import Any

from pydantic import JsonValue

from cascade.backends.openai.chat_calls import CallPieces
from cascade.messages import Artefact, Origin, Reasoning

__all__ = ["REASONING_FIELDS", "ReasoningPieces"]

_FIELDS = ("reasoning_content", "reasoning")
_DETAILS = "reasoning_details"

REASONING_FIELDS = frozenset({*_FIELDS, _DETAILS})
"""Where a delta or a message may have some."""

_GROWING = frozenset({"text", "summary", "data"})
"""Fields of a detail that come in pieces."""


class ReasoningPieces:
    """Collects reasoning: its text, and the blocks that only the provider can read.

    `reasoning_content` is DeepSeek's, vLLM's and llama-server's name, `reasoning` Ollama's and
    OpenRouter's, which adds `reasoning_details` with signatures. Gemini signs calls, in their
    `extra_content`.
    """

    def __init__(self) -> None:
        self._text: dict[str, list[str]] = {}
        self._details: dict[tuple[object, object], dict[str, Any]] = {}

    @property
    def characters(self) -> int:
        """How long the text is."""
        return sum(map(len, self._chosen()))

    def add(self, said: dict[str, Any]) -> None:
        """Takes a delta or a whole message in."""
        for name in _FIELDS:
            text = said.get(name)
            if isinstance(text, str) and text:
                self._text.setdefault(name, []).append(text)
        for position, detail in enumerate(said.get(_DETAILS) or ()):
            self._add_detail(position, detail)

    def add_parts(self, parts: Iterable[dict[str, Any]]) -> None:
        """Takes parts of a thought in, as Mistral writes them."""
        for part in parts:
            self._text.setdefault(_FIELDS[0], []).append(str(part.get("text") or ""))

    def parts(self, origin: Origin, calls: CallPieces) -> tuple[Reasoning, ...]:
        """One part with all of it, or none."""
        raw: dict[str, JsonValue] = {name: "".join(text) for name, text in self._text.items()}
        if self._details:
            raw[_DETAILS] = list(self._details.values())
        if any(call.extra for call in calls.all):
            raw["extra_content"] = [call.extra for call in calls.all]
        if not raw:
            return ()
        text = "".join(self._chosen())
        return (Reasoning(text=text, artefact=Artefact(origin=origin, raw=raw)),)

    def _chosen(self) -> list[str]:
        # A server that fills both fields says the same in both.
        return next((self._text[name] for name in _FIELDS if name in self._text), list[str]())

    def _add_detail(self, position: int, detail: dict[str, Any]) -> None:
        key = (detail.get("index", position), detail.get("type"))
        known = self._details.setdefault(key, {})
        for name, value in detail.items():
            before = known.get(name)
            if name in _GROWING and isinstance(before, str) and isinstance(value, str):
                known[name] = before + value
            elif value is not None or name not in known:
                known[name] = value
