"""A generation as it happens, for `async for`."""

from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import anyio

from cascade.backends.llama.engine.jobs import Job
from cascade.backends.llama.engine.requests import GenerateRequest, Generation, TokenInfo

__all__ = ["TextPiece", "TokenStream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPiece:
    """Text that became certain, and the token that made it so."""

    text: str
    """Whole characters; empty while a character or a possible stop string is unfinished."""
    token: TokenInfo


class TokenStream:
    """Yields `TextPiece`s; leaving the `async with` block early cancels the request.

    The engine's thread wakes the event loop only if it has taken everything before, so that a slow
    reader costs the engine nothing.

    Args:
        request: What to generate.
        submit: Hands the job to the engine.
        cancel: Stops it.
    """

    def __init__(
        self,
        request: GenerateRequest,
        *,
        submit: Callable[[Job], None],
        cancel: Callable[[Job], None],
    ) -> None:
        self._request = request
        self._submit = submit
        self._cancel = cancel
        self._pieces: deque[TextPiece] = deque()
        self._news = anyio.Event()
        self._told = False

    async def __aenter__(self) -> Self:
        self._job = Job(self._request, on_text=self._take)
        self._job.finished = self._news
        self._submit(self._job)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._job.is_over:
            self._cancel(self._job)

    def __aiter__(self) -> AsyncIterator[TextPiece]:
        return self

    async def __anext__(self) -> TextPiece:
        while not self._pieces:
            if self._job.is_over:
                self._job.result()
                raise StopAsyncIteration
            await self._news.wait()
            if not self._job.is_over:
                self._news = self._job.finished = anyio.Event()
            self._told = False
        return self._pieces.popleft()

    @property
    def generation(self) -> Generation:
        """The answer, once the stream has ended.

        Raises:
            CascadeError: The request failed.
        """
        return self._job.result()

    def _take(self, text: str, token: TokenInfo) -> None:
        """In the engine's thread."""
        self._pieces.append(TextPiece(text=text, token=token))
        if not self._told:
            self._told = True
            self._job.call_soon(self._wake)

    def _wake(self) -> None:
        self._news.set()
