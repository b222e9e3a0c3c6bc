"""Answers of Chat Completions, read event by event or whole."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import from_json

from cascade.backends.openai.chat_calls import CallPieces, made_calls
from cascade.backends.openai.chat_logprobs import TokenLog
from cascade.backends.openai.chat_reasoning import REASONING_FIELDS, ReasoningPieces
from cascade.backends.openai.usage import chat_usage, estimated
from cascade.backends.remote.failures import reported
from cascade.errors import BackendUnavailable
from cascade.exchange import Delta, Draft, FinishReason, Request, Timing, Usage, View
from cascade.frozen import made
from cascade.messages import AssistantMessage, AssistantPart, Origin, Text

__all__ = ["ChatReader"]

_END = b"[DONE]"
_MALFORMED = (AttributeError, LookupError, TypeError, ValueError)
"""What reading raises where a list is an object, a text a number, and so on."""


class ChatReader:
    """Reads one answer.

    Args:
        origin: Put on opaque blocks.
        backend: For errors.
        view: What was shown.
        request: What was asked for.
        answer_tool: Name of the tool that stands for the final answer, if there is one.
    """

    def __init__(
        self, origin: Origin, backend: str, view: View, request: Request, answer_tool: str | None
    ) -> None:
        self._origin = origin
        self._backend = backend
        self._view = view
        self._request = request
        self._answer_tool = answer_tool
        self._id: str | None = None
        self._model: str | None = None
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls = CallPieces()
        self._reasoning = ReasoningPieces()
        self._log = TokenLog()
        self._finish: str | None = None
        self._counted: Usage | None = None
        self._has_ended = False

    @property
    def usage(self) -> Usage:
        """As counted by the server, or reckoned from the length of what came."""
        if self._counted is not None:
            return self._counted
        characters = sum(map(len, self._text)) + sum(map(len, self._refusal))
        characters += self._calls.characters + self._reasoning.characters
        return estimated(characters, at_least=len(self._log))

    @property
    def is_complete(self) -> bool:
        """Whether the last event came; some servers leave it out, and end with the counts."""
        return self._has_ended or (self._finish is not None and self._counted is not None)

    def event(self, name: str, data: bytes) -> Iterable[Delta]:
        """Takes one event in."""
        if data.strip() == _END:
            self._has_ended = True
            return ()
        chunk = self._object(data)
        if chunk.get("error") or name == "error":
            raise reported(chunk, backend=self._backend)
        try:
            return self._chunk(chunk)
        except _MALFORMED as error:
            raise self._malformed(data) from error

    def whole(self, body: bytes) -> None:
        """Takes a whole answer in."""
        answer = self._object(body)
        if answer.get("error") or "choices" not in answer:
            raise reported(answer, backend=self._backend)
        try:
            self._chunk(answer)
        except _MALFORMED as error:
            raise self._malformed(body) from error
        self._has_ended = True

    def _chunk(self, chunk: dict[str, Any]) -> Sequence[Delta]:
        self._id = self._id or _text(chunk.get("id"))
        self._model = _text(chunk.get("model")) or self._model
        if chunk.get("usage"):
            self._counted = chat_usage(chunk["usage"], chunk.get("timings") or {})
        choices: list[dict[str, Any]] = chunk.get("choices") or []
        if not choices:
            return ()
        choice = choices[0]
        self._finish = _text(choice.get("finish_reason")) or self._finish
        log: dict[str, Any] | None = choice.get("logprobs")
        logged: list[dict[str, Any]] = (log.get("content") or []) if log else []
        if logged:
            self._log.add(logged)
        text = self._said(choice.get("delta") or choice.get("message") or {})
        return (Delta(text=text, tokens=len(logged) or 1),) if text else ()

    def _said(self, said: dict[str, Any]) -> str:
        """Takes a delta or a whole message in; returns the text that is new."""
        if not REASONING_FIELDS.isdisjoint(said):
            self._reasoning.add(said)
        content: Any = said.get("content")
        text = content if isinstance(content, str) else self._of_parts(content or ())
        if text:
            self._text.append(text)
        refusal: Any = said.get("refusal")
        if refusal:
            self._refusal.append(str(refusal))
        for index, call in enumerate(said.get("tool_calls") or ()):
            self._calls.add(index, call)
        return text

    def _of_parts(self, parts: Iterable[dict[str, Any]]) -> str:
        """Mistral's reasoning models write a list of parts."""
        texts: list[str] = []
        for part in parts:
            if part.get("type") == "thinking":
                self._reasoning.add_parts(part.get("thinking") or ())
            else:
                texts.append(str(part.get("text") or ""))
        return "".join(texts)

    def draft(self, timing: Timing) -> Draft:
        """The message."""
        if self._finish is None:
            message = "the answer ended without a finish_reason"
            raise BackendUnavailable(message, backend=self._backend, failure="protocol")
        text, refusal = "".join(self._text), "".join(self._refusal)
        called = made_calls(self._calls, self._view, self._request, answer_tool=self._answer_tool)
        parts: list[AssistantPart] = [*self._reasoning.parts(self._origin, self._calls)]
        # Beside the answer's tool, text is a remark and no part of the answer.
        texts = (called.answer or text or refusal, called.unreadable)
        parts.extend(Text(text=said) for said in texts if said)
        parts.extend(called.calls)
        finish = self._finish_reason(refused=bool(refusal), calls=bool(called.calls))
        return made(
            Draft,
            message=made(AssistantMessage, parts=tuple(parts)),
            finish_reason=finish,
            usage=self.usage,
            timing=timing,
            served_model=self._model or self._origin.model,
            tokens=self._log.statistics(is_answer=not self._calls),
            problem=None if finish in {"length", "refusal"} else called.problem,
            response_id=self._id,
        )

    def _finish_reason(self, *, refused: bool, calls: bool) -> FinishReason:
        if refused or self._finish == "content_filter":
            return "refusal"
        if self._finish == "length":
            return "length"
        # What servers call it where a call was forced, or came from Ollama, is `stop`.
        return "tool_calls" if calls else "stop"

    def _object(self, data: bytes) -> dict[str, Any]:
        try:
            value: Any = from_json(data, allow_inf_nan=False)
        except ValueError as error:
            raise self._malformed(data) from error
        if not isinstance(value, dict):
            raise self._malformed(data)
        return value  # pyright: ignore[reportUnknownVariableType] - JSON

    def _malformed(self, data: bytes) -> BackendUnavailable:
        start = data[:80].decode("utf-8", "replace")
        message = f"the answer is not in the form of Chat Completions: {start!r}"
        return BackendUnavailable(message, backend=self._backend, failure="protocol")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
