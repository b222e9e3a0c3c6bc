"""Running async code from tests: on either loop, on a clock that needs no waiting."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import anyio
from trio.testing import MockClock

__all__ = ["LOOPS", "LoopClock", "loop_options", "run_on"]

LOOPS = ("asyncio", "trio")

T = TypeVar("T")


def loop_options(loop: str) -> dict[str, object]:
    """On trio a clock that jumps to the next deadline when every task waits.

    It takes a task that waits for a thread for idle: tests with threads need the real one.
    """
    return {"clock": MockClock(autojump_threshold=0)} if loop == "trio" else {}


def run_on(loop: str, function: Callable[[], Awaitable[T]]) -> T:
    """Runs an async function to its end on the loop of that name."""
    return anyio.run(function, backend=loop, backend_options=loop_options(loop))


class LoopClock:
    """The event loop's own time, which is virtual under trio's `MockClock`."""

    def utc(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=anyio.current_time())

    def monotonic(self) -> float:
        return anyio.current_time()

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(max(seconds, 0.0))
