"""Where the runtime gets its time from."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "SystemClock", "TickingClock"]


class Clock(Protocol):
    """Tells the time; an argument of the runtime, so that a run can be repeated exactly."""

    def utc(self) -> datetime:
        """The time of day, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for durations."""
        ...


class SystemClock:
    """The machine's clock."""

    def utc(self) -> datetime:
        """The time of day, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()


@dataclass(slots=True)
class TickingClock:
    """A clock that moves on by the same amount each time it is read: for repeatable runs."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    tick: timedelta = timedelta(milliseconds=1)
    _reads: int = field(default=0, init=False)

    def utc(self) -> datetime:
        """The next moment, UTC."""
        self.now += self.tick
        return self.now

    def monotonic(self) -> float:
        """The number of readings, in ticks' seconds."""
        self._reads += 1
        return self._reads * self.tick.total_seconds()
