"""Reads an answer of the Messages API: a stream of events, or one body."""

from collections.abc import Callable, Iterable, Mapping
from math import ceil
from typing import Any

from pydantic_core import from_json

from cascade.backends.anthropic.blocks import Block
from cascade.backends.anthropic.bound import Sent
from cascade.backends.anthropic.drafts import Answer, draft_of
from cascade.backends.anthropic.frame import Frame
from cascade.backends.anthropic.spans import members, pieces
from cascade.backends.remote.failures import error_of, reported
from cascade.errors import BackendError
from cascade.exchange import Delta, Draft, Request, Timing, Usage, View
from cascade.messages import Origin

__all__ = ["MessagesReader"]

_CHARACTERS_A_TOKEN = 3.5
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)
_COUNTS = {
    "input_tokens": "input_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
    "output_tokens": "output_tokens",
}
"""The provider's counts do not overlap either: its `input_tokens` leave the cache out."""


class MessagesReader:
    """One answer under way.

    Args:
        view: What was shown.
        request: What was asked for.
        frame: What stood around the conversation.
        origin: Of the lane.
        backend: Its name.
        sent: What the lane made of the conversation; asked for once, when the answer is whole.
    """

    def __init__(
        self,
        *,
        view: View,
        request: Request,
        frame: Frame,
        origin: Origin,
        backend: str,
        sent: Callable[[], Sent],
    ) -> None:
        self._view = view
        self._request = request
        self._frame = frame
        self._origin = origin
        self._backend = backend
        self._sent = sent
        self._answer = Answer()
        self._blocks: dict[int, Block] = {}
        self._counts: dict[str, int] = {}
        self._characters = 0
        self._has_begun = False
        self._has_final_usage = False
        self._is_complete = False

    @property
    def usage(self) -> Usage:
        """What the call has used until now; until the last count comes, output is reckoned."""
        if self._has_final_usage or not self._has_begun:
            return self._counted()
        reckoned = ceil(self._characters / _CHARACTERS_A_TOKEN)
        output = max(self._counts.get("output_tokens", 0), reckoned)
        return self._counted().model_copy(update={"output_tokens": output, "estimated": True})

    @property
    def is_complete(self) -> bool:
        """Whether `message_stop` came, or a whole body."""
        return self._is_complete

    def event(self, name: str, data: bytes) -> Iterable[Delta]:
        """Takes one event in; those that nobody has heard of mean nothing.

        Raises:
            BackendError: It reports a failure, or is not of the documented form.
        """
        try:
            payload = from_json(data)
            return self._take(payload.get("type") or name, payload)
        except _MALFORMED as error:
            raise self._malformed(f"event {name!r}", data) from error

    def whole(self, body: bytes) -> None:
        """Takes the body of an answer that was not streamed in.

        Raises:
            BackendError: It reports a failure, or is not of the documented form.
        """
        try:
            message = from_json(body)
            if message.get("type") == "error":
                raise reported(message, backend=self._backend)
            self._message(message)
            written = pieces(members(body.decode())["content"])
            for index, start in enumerate(message["content"]):
                block = Block(dict(start), written=written[index], is_done=True)
                self._blocks[index] = block
                self._characters += len(written[index])
            self._stopped(message)
            self._has_final_usage = "output_tokens" in self._counts
            self._is_complete = True
        except _MALFORMED as error:
            raise self._malformed("the answer", body) from error

    def draft(self, timing: Timing) -> Draft:
        """The message, once the answer is complete.

        Raises:
            BackendError: The answer broke off, contradicts itself, or filled the model's window.
        """
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        if not self._is_complete or not all(block.is_done for block in blocks):
            what = f"the answer broke off after {len(blocks)} blocks"
            raise error_of("protocol", what, backend=self._backend)
        if self._answer.stop_reason is None:
            what = "the answer ended without a reason for its end"
            raise error_of("protocol", what, backend=self._backend)
        if self._answer.stop_reason == "model_context_window_exceeded":
            used = self.usage
            what = (
                f"the answer filled the context window: {used.prompt_tokens} tokens of prompt and "
                f"{used.output_tokens} of output"
            )
            raise error_of("context", what, backend=self._backend)
        return draft_of(
            self._answer,
            blocks,
            view=self._view,
            request=self._request,
            frame=self._frame,
            origin=self._origin,
            usage=self.usage,
            timing=timing,
            after=self._sent().after,
        )

    def _take(self, kind: str, payload: dict[str, Any]) -> Iterable[Delta]:
        match kind:
            case "content_block_delta":
                return self._block_delta(payload)
            case "content_block_start":
                return self._block_start(payload)
            case "content_block_stop":
                self._blocks[payload["index"]].is_done = True
            case "message_start":
                self._message(payload["message"])
            case "message_delta":
                self._message_delta(payload)
            case "message_stop":
                self._is_complete = True
            case "error":
                raise reported(payload, backend=self._backend)
            case _:
                pass
        return ()

    def _message(self, message: Mapping[str, Any]) -> None:
        self._has_begun = True
        self._answer.response_id = message.get("id")
        self._answer.served_model = message.get("model") or self._origin.model
        self._count(message.get("usage") or {})
        self._transformed(message)

    def _transformed(self, payload: Mapping[str, Any]) -> None:
        changes = payload.get("input_transformations")
        if changes is not None:
            self._answer.refused_blocks = sum(
                change["type"] == "thinking_dropped" for change in changes
            )

    def _counted(self) -> Usage:
        return Usage.model_validate(self._counts)

    def _count(self, usage: Mapping[str, Any]) -> None:
        """Counts are totals, and one that is left out has not changed."""
        for theirs, ours in _COUNTS.items():
            count = usage.get(theirs)
            if count is not None:
                self._counts[ours] = max(int(count), 0)

    def _block_start(self, payload: dict[str, Any]) -> Iterable[Delta]:
        index = payload["index"]
        if index in self._blocks:
            raise ValueError(f"block {index} begins twice")
        block = self._blocks[index] = Block(dict(payload["content_block"]))
        text = block.text("text")
        self._characters += len(text) + len(block.text("thinking"))
        return (Delta(text=text),) if text and self._request.stream else ()

    def _block_delta(self, payload: dict[str, Any]) -> Iterable[Delta]:
        block = self._blocks[payload["index"]]
        delta = payload["delta"]
        piece = block.add(delta)
        self._characters += len(piece)
        if not piece or not self._request.stream or not self._is_said(block, delta["type"]):
            return ()
        return (Delta(text=piece),)

    def _is_said(self, block: Block, kind: str) -> bool:
        """Whether a piece is part of the message's text: thoughts and arguments are not."""
        if kind == "text_delta":
            return self._frame.answer_tool is None
        answers = block.start.get("name") == self._frame.answer_tool is not None
        return kind == "input_json_delta" and answers

    def _message_delta(self, payload: dict[str, Any]) -> None:
        self._stopped(payload["delta"])
        self._transformed(payload)
        usage = payload.get("usage")
        if usage:
            self._count(usage)
            self._has_final_usage = self._answer.stop_reason is not None

    def _stopped(self, end: Mapping[str, Any]) -> None:
        reason = end.get("stop_reason")
        if reason is not None:
            self._answer.stop_reason = str(reason)
        details = end.get("stop_details")
        if isinstance(details, dict):
            self._answer.refusal = details.get("explanation") or details.get("category")  # pyright: ignore[reportUnknownMemberType] - any JSON

    def _malformed(self, what: str, data: bytes) -> BackendError:
        shown = data[:200].decode("utf-8", "replace")
        message = f"{what} is not of the form that the Messages API documents: {shown}"
        return error_of("protocol", message, backend=self._backend)
