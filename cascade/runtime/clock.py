"""Where the runtime gets its time from."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import anyio
import anyio.lowlevel

__all__ = ["Clock", "SystemClock", "TickingClock"]


class Clock(Protocol):
    """Tells the time; an argument of the runtime, so that a run can be repeated exactly."""

    def utc(self) -> datetime:
        """The time of day, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Comes back when the clock has moved on by so much; at once where that is not above 0."""
        ...


class SystemClock:
    """The machine's clock."""

    def utc(self) -> datetime:
        """The time of day, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await anyio.sleep(max(seconds, 0.0))


@dataclass(slots=True)
class TickingClock:
    """A clock that moves on by the same amount each time it is read: for repeatable runs."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    tick: timedelta = timedelta(milliseconds=1)
    _elapsed_s: float = field(default=0.0, init=False)

    def utc(self) -> datetime:
        """The next moment, UTC."""
        self.now += self.tick
        return self.now

    def monotonic(self) -> float:
        """Seconds, a tick for each reading and what was slept."""
        self._elapsed_s += self.tick.total_seconds()
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Moves on without waiting."""
        passed_s = max(seconds, 0.0)
        self.now += timedelta(seconds=passed_s)
        self._elapsed_s += passed_s
        await anyio.lowlevel.checkpoint()
