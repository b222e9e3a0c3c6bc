"""Reads answers of the Responses API, streamed or whole.

Of a stream, items are taken from `response.output_item.done`: only there is encrypted reasoning
sure to be complete. The event that ends the answer repeats them with the count of tokens.

Source: https://developers.openai.com/api/docs/guides/streaming-responses and the event types of the
openai package, read 2026-11-20.
"""

from collections.abc import Iterable

from pydantic import JsonValue

from cascade.backends.openai.responses_failures import is_refusal, reported
from cascade.backends.openai.responses_json import Item, entries_in, parsed, text_in
from cascade.backends.openai.responses_output import Said, said, token_statistics
from cascade.backends.openai.usage import estimated, responses_usage
from cascade.errors import BackendError, BackendUnavailable
from cascade.exchange import Delta, Draft, Dropped, FinishReason, Request, Timing, Usage, View
from cascade.lanes import Lane
from cascade.messages import Origin

__all__ = ["ResponsesReader"]

_SPOKEN = frozenset({"response.output_text.delta", "response.refusal.delta"})
_LAST = frozenset({"response.completed", "response.incomplete", "response.failed"})
_TOLD_AGAIN = frozenset(
    {
        "response.in_progress",
        "response.queued",
        "response.output_item.added",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.done",
        "response.refusal.done",
        "response.function_call_arguments.done",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done",
        "response.reasoning_summary_text.done",
        "response.reasoning_text.done",
    }
)
"""What they say, other events say as well; they are not even parsed."""
_ENDED = frozenset({"completed", "incomplete", "failed"})


class ResponsesReader:
    """Reads one answer.

    Args:
        lane: That was called.
        origin: What its opaque blocks are marked with.
        view: What it was shown.
        request: How it was asked.
    """

    def __init__(self, lane: Lane, origin: Origin, *, view: View, request: Request) -> None:
        self._lane = lane
        self._origin = origin
        self._view = view
        self._request = request
        self._items: list[tuple[int, Item]] = []
        """With the places that the server gave them."""
        self._response: Item = {}
        """The answer as it describes itself; complete once it has ended."""
        self._is_complete = False
        self._written = 0
        """Characters of text, arguments and readable reasoning."""
        self._said = 0
        """Characters of text alone."""

    @property
    def usage(self) -> Usage:
        """The provider's count; as long as it has not come, an estimate of what was written."""
        usage = self._response.get("usage")
        if isinstance(usage, dict):
            return responses_usage(usage)
        return estimated(self._written)

    @property
    def is_complete(self) -> bool:
        """Whether the event that ends every answer was seen."""
        return self._is_complete

    def event(self, name: str, data: bytes) -> Iterable[Delta]:
        """Takes one server-sent event in; kinds that are not known say nothing here.

        Raises:
            BackendError: It reports a failure, or is no JSON object.
        """
        if name in _TOLD_AGAIN or data == b"[DONE]":  # the end of some compatible servers' streams
            return ()
        payload = parsed(data, backend=self._lane.backend)
        kind = text_in(payload, "type") or name
        if kind in _SPOKEN:
            return self._spoken(payload)
        if kind.endswith(".delta"):
            self._written += len(text_in(payload, "delta"))
        elif kind == "response.output_item.done":
            self._take_item(payload)
        elif kind in _LAST:
            self._end(payload.get("response"))
        elif kind == "response.created":
            self._take_response(payload.get("response"))
        elif kind == "error" or "error" in payload:
            # Nested on the wire of some servers, flat in the provider's own description.
            error = payload.get("error")
            raise self._failure(error if isinstance(error, dict) else payload)
        return ()

    def whole(self, body: bytes) -> None:
        """Takes the body of an answer that was not streamed in.

        Raises:
            BackendError: It reports a failure, or is not of the documented form.
        """
        response = parsed(body, backend=self._lane.backend)
        if text_in(response, "status") not in _ENDED:
            error = response.get("error")
            if isinstance(error, dict):
                raise self._failure(error)
            raise self._protocol("the answer is no finished response")
        self._end(response)

    def draft(self, timing: Timing) -> Draft:
        """The message, once the answer is complete.

        Raises:
            BackendUnavailable: Of kind `protocol`: it is not, or items of it are missing.
        """
        if not self._is_complete:
            raise self._protocol("the answer broke off before its end")
        items = [item for _, item in sorted(self._items, key=lambda pair: pair[0])]
        if self._said and not any(item.get("type") == "message" for item in items):
            raise self._protocol("the answer has text that is in none of its items")
        status = text_in(self._response, "status")
        content = said(
            items,
            view=self._view,
            request=self._request,
            origin=self._origin,
            is_whole=status == "completed",
        )
        has_statistics = self._lane.capabilities.log_probabilities
        return Draft(
            message=content.message,
            finish_reason=self._finish_reason(content),
            usage=self.usage,
            timing=timing,
            served_model=text_in(self._response, "model") or self._lane.model,
            tokens=token_statistics(items) if has_statistics else None,
            problem=content.problem if status == "completed" else None,
            response_id=text_in(self._response, "id") or None,
            dropped=self._removed(),
        )

    def _spoken(self, payload: Item) -> Iterable[Delta]:
        text = text_in(payload, "delta")
        self._written += len(text)
        self._said += len(text)
        if not text or not self._request.stream:
            return ()
        return (Delta(text=text, tokens=len(entries_in(payload, "logprobs")) or 1),)

    def _take_item(self, payload: Item) -> None:
        item = payload.get("item")
        if not isinstance(item, dict):
            raise self._protocol("an output item is no JSON object")
        place = payload.get("output_index")
        self._items.append((place if isinstance(place, int) else len(self._items), item))

    def _take_response(self, response: JsonValue) -> Item:
        if not isinstance(response, dict):
            raise self._protocol("the answer does not describe itself")
        self._response = response
        return response

    def _end(self, value: JsonValue) -> None:
        response = self._take_response(value)
        error = response.get("error")
        if isinstance(error, dict) and not is_refusal(error):
            raise self._failure(error)
        if text_in(response, "status") == "failed" and not isinstance(error, dict):
            raise self._failure({})
        # Told again as a whole, and by some servers under other numbers than one by one.
        known = {_identity(item) for _, item in self._items}
        for place, item in enumerate(entries_in(response, "output")):
            identity = _identity(item)
            if not known or (identity and "" not in known and identity not in known):
                self._items.append((place, item))
        self._is_complete = True

    def _finish_reason(self, content: Said) -> FinishReason:
        details = self._response.get("incomplete_details")
        reason = text_in(details, "reason") if isinstance(details, dict) else ""
        status = text_in(self._response, "status")
        if status == "failed" or reason == "content_filter":
            return "refusal"
        if status == "incomplete":
            return "length"
        if content.message.calls:
            return "tool_calls"
        return "refusal" if content.is_refusal else "stop"

    def _removed(self) -> tuple[Dropped, ...]:
        """Reasoning that was sent and that the provider kept from the model."""
        count = sum(
            change.get("type") == "reasoning" and change.get("action") == "removed"
            for change in entries_in(self._response, "input_transformations")
        )
        if not count:
            return ()
        return (Dropped(what="reasoning", why="not_accepted", count=count),)

    def _failure(self, error: Item) -> BackendError:
        return reported(error, backend=self._lane.backend)

    def _protocol(self, message: str) -> BackendError:
        return BackendUnavailable(message, backend=self._lane.backend, failure="protocol")


def _identity(item: Item) -> str:
    return text_in(item, "id") or text_in(item, "call_id")
