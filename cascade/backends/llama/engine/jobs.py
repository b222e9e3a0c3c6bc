"""A request on its way between an event loop and the engine's thread."""

import time
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np

from cascade.backends.llama.engine.requests import GenerateRequest, Generation, TokenInfo
from cascade.backends.llama.engine.sequences import Tokens

__all__ = ["Job", "OnText", "loop_scheduler"]

OnText = Callable[[str, TokenInfo], None]
"""Called in the engine's thread with the text that a token made certain, and the token."""


def loop_scheduler() -> Callable[[Callable[[], object]], object]:
    """Return what makes the running event loop call a function soon, from any thread.

    anyio's own bridge waits for the call's result; the engine's thread must never wait for a loop.
    """
    token: Any = anyio.lowlevel.current_token().native_token
    schedule = getattr(token, "call_soon_threadsafe", None) or token.run_sync_soon

    def call_soon(function: Callable[[], object]) -> None:
        try:
            schedule(function)
        except RuntimeError:  # the loop has ended: nobody is left to tell
            return

    return call_soon


class Job:
    """One request and what became of it.

    Made in the event loop; the engine's thread sets `generation` or `error` and then calls `done`.

    Args:
        request: What was asked.
        on_text: Where text goes as it comes.
    """

    def __init__(self, request: GenerateRequest, *, on_text: OnText | None = None) -> None:
        self.request = request
        self.on_text = on_text
        self.prompt: Tokens = np.asarray(request.prompt, dtype=np.int32)
        self.submitted_at = time.perf_counter()
        self.cancelled = False
        self.generation: Generation | None = None
        self.error: BaseException | None = None
        self.finished = anyio.Event()
        self.call_soon = loop_scheduler()

    @property
    def is_over(self) -> bool:
        """Whether the engine is done with it."""
        return self.generation is not None or self.error is not None

    @property
    def is_unwanted(self) -> bool:
        """Whether it was cancelled, or is past its deadline."""
        return self.cancelled or self.is_late(time.monotonic())

    def is_late(self, now: float) -> bool:
        """Whether its deadline has passed at a time of `time.monotonic()`."""
        deadline = self.request.deadline
        return deadline is not None and now >= deadline

    def complete(self, generation: Generation) -> None:
        """Set the answer and wake the waiter."""
        self.generation = generation
        self.call_soon(self._announce)

    def fail(self, error: BaseException) -> None:
        """Set the error and wake the waiter."""
        self.error = error
        self.call_soon(self._announce)

    def _announce(self) -> None:
        """In the event loop, which may have put another event in place meanwhile."""
        self.finished.set()

    def result(self) -> Generation:
        """Return the answer of a finished job, or raise its error."""
        if self.error is not None:
            raise self.error
        if self.generation is None:
            raise RuntimeError("the job is not finished")
        return self.generation
