"""One model call over the wire."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Self, TypeVar

import anyio

from cascade.backends.remote.codec import Codec
from cascade.backends.remote.connection import (
    Answer,
    Connection,
    abandon,
    pieces_of,
    translated_errors,
)
from cascade.backends.remote.encodings import Encodings, merged
from cascade.backends.remote.failures import ProviderError, classify, error_of, retry_after_s
from cascade.backends.remote.keys import Keys
from cascade.backends.remote.sse import EventStream
from cascade.errors import BackendError, BackendRefused, BackendTimeout, BackendUnavailable
from cascade.exchange import Delta, Draft, Dropped, Request, Timing, Usage, View
from cascade.lanes import Lane
from cascade.messages import Content, Image, ToolMessage, UserMessage

__all__ = ["Line", "RemoteHop"]

T = TypeVar("T")

_READERS_RAISE = (BackendError, ValueError, ArithmeticError, LookupError, TypeError)
_BYTES_A_TOKEN = 4
"""For prompts that a provider did not get to count."""
_LARGEST_ERROR_BYTES = 64 * 2**10
_LAST_WORDS_S = 0.25
"""How long an answer that is complete may take to end: its connection can then be used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the calls of one open lane share."""

    lane: Lane
    codec: Codec
    connection: Connection
    encodings: Encodings
    refused: dict[str, bytes]
    """By trajectory: digest of the body whose opaque blocks were not accepted."""
    keys: Keys
    monotonic: Callable[[], float]
    utc: Callable[[], datetime]


class RemoteHop:
    """One call. The request goes out when the iteration begins."""

    def __init__(self, line: Line, view: View, request: Request) -> None:
        self._line = line
        self._view = view
        self._request = request
        self._reader = line.codec.reader(view, request)
        self._events = EventStream()
        self._response: Answer | None = None
        self._pieces: AsyncGenerator[bytes, None] | None = None
        self._dropped: tuple[Dropped, ...] = ()
        self._draft: Draft | None = None
        self._prompt_bytes = 0
        """Sent, once the server may have begun to work on them."""
        self._began_s = 0.0
        self._first_token_s: float | None = None
        self._deadline = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Closes the connection if the answer did not come to its end."""
        if self._response is not None and not self._response.is_closed:
            await abandon(self._response, self._pieces)

    @property
    def usage(self) -> Usage:
        """As the provider counts it, or reckoned from the sizes as long as it has not."""
        usage = self._reader.usage
        if self._prompt_bytes and not usage.prompt_tokens:
            # Pictures are charged by their size in pixels, not by the bytes of their text form.
            sent = max(self._prompt_bytes - _image_bytes(self._view), 0)
            return usage + Usage(input_tokens=sent // _BYTES_A_TOKEN, estimated=True)
        return usage

    @property
    def draft(self) -> Draft:
        """The result."""
        if self._draft is None:
            raise RuntimeError("the draft is there once the iteration has come to its end")
        return self._draft

    async def __aiter__(self) -> AsyncIterator[Delta]:
        lane = self._line.lane
        self._began_s = self._line.monotonic()
        limit_s = lane.timeouts.total_s
        if self._request.timeout_s is not None:
            limit_s = min(limit_s, self._request.timeout_s)
        self._deadline = anyio.current_time() + limit_s
        if self._request.stream:
            await self._within_the_deadline(self._begin)
            while (deltas := await self._within_the_deadline(self._next)) is not None:
                for delta in deltas:
                    yield delta
        else:
            await self._within_the_deadline(self._all)
        self._draft = self._drafted()
        if self._request.stream and self._pieces is None and self._draft.message.text:
            # What came in one piece is handed on in one.
            yield Delta(text=self._draft.message.text, tokens=self._draft.usage.output_tokens)

    async def _within_the_deadline(self, step: Callable[[], Awaitable[T]]) -> T:
        # The scope closes before anything is yielded: none may stand open across a `yield`.
        with translated_errors(self._line.lane), anyio.CancelScope(deadline=self._deadline):
            return await step()
        lane, backend = self._line.lane, self._line.lane.backend
        message = f"no whole answer from {lane.endpoint} before the call's deadline"
        raise BackendTimeout(message, backend=backend)

    async def _all(self) -> None:
        await self._begin()
        while await self._next() is not None:
            pass

    async def _begin(self) -> None:
        line = self._line
        fragments, dropped = line.encodings.of(self._view)
        body = line.codec.body(fragments, self._view, self._request)
        self._dropped = merged((*dropped, *line.codec.dropped(self._view, self._request)))
        self._refuse_what_was_refused(body)
        response = await self._answered(body)
        if not await self._came_whole(response):
            self._pieces = pieces_of(response)

    def _refuse_what_was_refused(self, body: bytes) -> None:
        digest = self._line.refused.get(self._view.trajectory_id)
        if digest is not None and digest == sha256(body).digest():
            raise BackendRefused(
                f"{self._line.lane.endpoint} refused this request for an opaque block in it, and "
                "there is none left to leave out",
                backend=self._line.lane.backend,
                failure="signature",
            )

    async def _answered(self, body: bytes) -> "Answer":
        """The answer; a key that is refused is read again, and another one tried once."""
        keys = self._line.keys
        readings = keys.readings
        self._response = response = await self._sent(body)
        if response.status_code == 200:
            return response
        error = await self._refusal(response, body)
        if error.failure != "auth" or not await keys.renewed(readings):
            raise error
        await abandon(response, self._pieces)
        self._pieces = None
        self._response = response = await self._sent(body)
        if response.status_code != 200:
            raise await self._refusal(response, body)
        return response

    async def _sent(self, body: bytes) -> "Answer":
        """Sends the request; from its first byte on the server may be at work on the prompt."""
        import httpx2  # noqa: PLC0415 - no vendor package at import

        self._prompt_bytes = len(body)
        try:
            response = await self._line.connection.post(self._line.codec.path, body)
        except (httpx2.ReadTimeout, httpx2.WriteTimeout):
            raise
        except httpx2.HTTPError:
            self._prompt_bytes = 0
            raise
        if response.status_code != 200:
            self._prompt_bytes = 0
        return response

    async def _refusal(self, response: "Answer", body: bytes) -> BackendError:
        """The error that an answer of another status stands for."""
        line = self._line
        said = bytearray()
        self._pieces = pieces_of(response)
        async for piece in self._pieces:
            said += piece
            if len(said) > _LARGEST_ERROR_BYTES:
                break
        error = ProviderError.of(response.status_code, bytes(said))
        kind = classify(error, opaque=self._holds_opaque_blocks())
        if kind == "signature":
            line.refused[self._view.trajectory_id] = sha256(body).digest()
        number = _request_id(response) or error.request_id
        told = error.told() if number in {None, error.request_id} else f"{error.told()} [{number}]"
        if 300 <= response.status_code < 400:
            told += f"; {line.lane.endpoint} sends elsewhere: set the lane's endpoint to that"
        return error_of(
            kind,
            line.keys.hide(told),
            backend=line.lane.backend,
            retry_after=retry_after_s(response.headers, line.utc()),
            request_id=None if number is None else line.keys.hide(number),
        )

    def _holds_opaque_blocks(self) -> bool:
        """Whether the messages would look different without the blocks of their providers."""
        codec, view = self._line.codec, self._view
        return any(
            codec.message(message, plain=False) != codec.message(message, plain=True)
            for message in view.messages[view.plain_until :]
        )

    async def _came_whole(self, response: "Answer") -> bool:
        """Reads an answer that is no stream, asked for or not."""
        form = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if form == "text/event-stream":
            return False
        if form and not form.endswith("json") and form != "text/plain":
            message = f"{self._line.lane.endpoint} answered with {form} instead of JSON or events"
            raise BackendUnavailable(message, backend=self._line.lane.backend, failure="protocol")
        body = b"".join([piece async for piece in pieces_of(response)])
        try:
            self._reader.whole(body)
        except _READERS_RAISE as error:
            raise self._in_own_words(error) from None
        return True

    async def _next(self) -> Sequence[Delta] | None:
        """The deltas of the next events that have any; `None` at the end of the answer.

        Where nobody listens it reads on to the end.
        """
        reader = self._reader
        if self._pieces is None:
            return None
        if reader.is_complete:
            await self._let_end(self._pieces)
            return None
        async for piece in self._pieces:
            deltas = self._taken(piece)
            if (deltas and self._request.stream) or reader.is_complete:
                return deltas
        if not reader.is_complete:
            raise BackendUnavailable(
                f"the answer from {self._line.lane.endpoint} broke off",
                backend=self._line.lane.backend,
                failure="connection",
            )
        return None

    def _taken(self, piece: bytes) -> Sequence[Delta]:
        deltas: list[Delta] = []
        try:
            for event in self._events.feed(piece):
                deltas += self._reader.event(event.name, event.data)
        except _READERS_RAISE as error:
            raise self._in_own_words(error) from None
        if deltas and self._first_token_s is None:
            self._first_token_s = self._line.monotonic() - self._began_s
        return deltas

    def _in_own_words(self, error: Exception) -> BackendError:
        """What a reader raised, without the key in what the provider says, and with its number."""
        lane, hide = self._line.lane, self._line.keys.hide
        if not isinstance(error, BackendError):
            # A reader knows the forms that answers have; what it did not foresee is no such form.
            message = f"the answer from {lane.endpoint} cannot be read: {type(error).__name__}"
            return BackendUnavailable(message, backend=lane.backend, failure="protocol")
        number = error.request_id or _request_id(self._response)
        return error_of(
            error.failure,
            hide(str(error)),
            backend=error.backend,
            retry_after=error.retry_after_s,
            request_id=None if number is None else hide(number),
        )

    async def _let_end(self, pieces: AsyncGenerator[bytes, None]) -> None:
        """Reads on to the end of the transfer, which gives the connection back."""
        lane = self._line.lane
        with anyio.move_on_after(_LAST_WORDS_S), suppress(BackendError), translated_errors(lane):
            async for _ in pieces:
                pass

    def _drafted(self) -> Draft:
        total_s = self._line.monotonic() - self._began_s
        timing = Timing(first_token_s=self._first_token_s, total_s=total_s)
        try:
            draft = self._reader.draft(timing)
        except _READERS_RAISE as error:
            raise self._in_own_words(error) from None
        changes: dict[str, object] = {}
        if self._dropped or draft.dropped:
            changes["dropped"] = merged((*self._dropped, *draft.dropped))
        if not draft.usage.prompt_tokens:
            changes["usage"] = self.usage
        return draft.model_copy(update=changes) if changes else draft


def _image_bytes(view: View) -> int:
    """Length of all pictures of a view as they are sent."""
    contents: list[Content] = []
    for message in view.messages:
        if isinstance(message, UserMessage):
            contents += message.parts
        elif isinstance(message, ToolMessage):
            contents += [part for result in message.parts for part in result.parts]
    return sum(len(part.data) for part in contents if isinstance(part, Image))


def _request_id(response: "Answer | None") -> str | None:
    if response is None:
        return None
    for name in ("x-request-id", "request-id"):
        value = response.headers.get(name)
        if value:
            return value
    return None
