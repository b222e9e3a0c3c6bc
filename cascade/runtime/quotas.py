"""Quotas: calls of a lane wait in line until its requests and tokens a minute leave room for them.

Each limit is a token bucket that fills evenly and is kept in O(1); a window of the last minute
would have to remember every call in it, and would let a whole minute's quota go at its start, which
servers that meter by the second refuse. A bucket holds a few seconds' worth. So in any 60 seconds
at most the limit and one bucketful pass, or the limit and the largest single call where that is
more than a bucketful: a full bucket admits it, and those behind it wait for what it owes. What
calls reserved and turned out not to need is passed on.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import assert_never

import anyio
from pydantic_core import to_json

from cascade.errors import ConfigError
from cascade.exchange import Usage, View
from cascade.lanes import RateLimits
from cascade.messages import (
    AssistantPart,
    Content,
    Image,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from cascade.runtime.clock import Clock

__all__ = ["Bucket", "Estimates", "Quota", "QuotaSettings"]

_AT_ONCE_S = 1e-6
"""Shorter waits than this are none: near it, clocks and timers no longer tell moments apart."""

_CHARACTERS_A_TOKEN = 4
_CHARACTERS_AN_IMAGE = 6_000
"""About 1,500 tokens, what the large providers count for a picture of a megapixel."""

_REMEMBERED = 4_096
"""Trajectories whose last prompt is kept in mind, a lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSettings:
    """How calls share a rate limit.

    Raises:
        ConfigError: A number is out of its range.
    """

    longest_wait_s: float = 60.0
    """A call that would wait longer than this is sent away with the time at which to come back."""
    burst_s: float = 5.0
    """So many seconds' worth of the quota may be used at once after a pause; at least a call."""
    output_share: float = 0.25
    """The part of a call's longest output that is reserved for it, until its usage is known."""

    def __post_init__(self) -> None:
        if self.longest_wait_s < 0 or self.burst_s <= 0 or not 0 <= self.output_share <= 1:
            raise ConfigError(
                "quotas need longest_wait_s >= 0, burst_s > 0 and output_share from 0 to 1, not "
                f"{self.longest_wait_s:g}, {self.burst_s:g} and {self.output_share:g}"
            )


class Bucket:
    """One limit: it holds up to *burst* units and gains *per_minute* of them in 60 seconds.

    Args:
        per_minute: The limit.
        burst: What a full one holds, at least 1.
        now: Monotonic, in seconds; it begins full.
    """

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, per_minute: float, *, burst: float, now: float) -> None:
        self._rate = per_minute / 60
        self._burst = max(burst, 1.0)
        self._level = self._burst
        """Below 0 where a call took more than there was."""
        self._at = now

    def wait_s(self, units: float, now: float, *, ahead: float = 0.0) -> float:
        """Seconds until that many units may be taken, once *ahead* others were; at least 0.

        Whatever exceeds a full bucket is owed afterwards and not waited for.
        """
        self._fill(now)
        missing = ahead + min(units, self._burst) - self._level
        return max(missing / self._rate, 0.0)

    def take(self, units: float, now: float) -> None:
        """Takes units out, or gives them back where *units* is negative."""
        self._fill(now)
        self._level = min(self._level - units, self._burst)

    def _fill(self, now: float) -> None:
        passed = max(now - self._at, 0.0)
        self._level = min(self._level + passed * self._rate, self._burst)
        self._at = max(now, self._at)


@dataclass(slots=True, eq=False)
class _Waiter:
    tokens: int
    moved: anyio.Event = field(default_factory=anyio.Event)
    """Set when there is reason to look again: it came first in line, or the line was told."""


class Quota:
    """The limits of one lane, and the line of calls that wait for them, first come first served.

    Args:
        limits: Of the lane; one that is `None` does not bind.
        settings: How they are shared.
        clock: Where the time comes from, and what the first in line waits by.
    """

    def __init__(self, limits: RateLimits, settings: QuotaSettings, *, clock: Clock) -> None:
        now = clock.monotonic()
        self._requests = _bucket(limits.requests_per_minute, settings.burst_s, now)
        self._tokens = _bucket(limits.tokens_per_minute, settings.burst_s, now)
        self._clock = clock
        self._line: deque[_Waiter] = deque()
        self._tokens_in_line = 0
        self._alarm: anyio.CancelScope | None = None
        """Around the sleep of the first in line."""

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._line)

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens are limited, so that a call's need is worth estimating."""
        return self._tokens is not None

    async def take(
        self, tokens: int, *, longest_s: float, check: Callable[[float], None]
    ) -> float | None:
        """Takes one request and that many tokens, when it is this call's turn.

        Nothing happens between the taking and the return: what *check* allowed still holds.

        Args:
            tokens: What the call is expected to use.
            longest_s: The longest wait in seconds.
            check: Called with the time before each look at the line; what it raises ends the wait.

        Returns:
            `None` once taken; else, and nothing was taken, after how many seconds there is room.
        """
        now = self._clock.monotonic()
        check(now)
        waiter = _Waiter(tokens)
        self._line.append(waiter)
        self._tokens_in_line += tokens
        try:
            wait_s = self._wait_behind_s(waiter, now)
            if wait_s > longest_s:
                return wait_s
            return await self._wait(waiter, until=now + longest_s, check=check)
        finally:
            self._leave(waiter)

    def correct(self, difference: int) -> None:
        """Gives tokens back that a call reserved and did not use; takes them where negative."""
        if self._tokens is not None:
            self._tokens.take(-difference, self._clock.monotonic())
            if difference > 0 and self._alarm is not None:
                self._alarm.cancel()

    def tell(self) -> None:
        """Makes every waiting call look again, as its check may have another result."""
        for waiter in self._line:
            waiter.moved.set()
        if self._alarm is not None:
            self._alarm.cancel()

    async def _wait(
        self, waiter: _Waiter, *, until: float, check: Callable[[float], None]
    ) -> float | None:
        while True:
            now = self._clock.monotonic()
            check(now)
            is_first = self._line[0] is waiter
            wait_s = self._wait_s(waiter.tokens, now)
            if is_first and wait_s <= _AT_ONCE_S:
                self._pay(waiter.tokens, now)
                return None
            if until - now <= _AT_ONCE_S:
                return self._wait_behind_s(waiter, now)
            if is_first:
                await self._rest(min(wait_s, until - now))
            else:
                with anyio.move_on_after(until - now):
                    await waiter.moved.wait()
                waiter.moved = anyio.Event()

    async def _rest(self, seconds: float) -> None:
        self._alarm = anyio.CancelScope()
        try:
            with self._alarm:
                await self._clock.sleep(seconds)
        finally:
            self._alarm = None

    def _leave(self, waiter: _Waiter) -> None:
        was_first = self._line[0] is waiter
        self._line.remove(waiter)
        self._tokens_in_line -= waiter.tokens
        if was_first and self._line:
            self._line[0].moved.set()

    def _wait_behind_s(self, waiter: _Waiter, now: float) -> float:
        """What it would wait at the end of the line."""
        others = len(self._line) - 1
        return self._wait_s(
            waiter.tokens, now, calls=others, ahead=self._tokens_in_line - waiter.tokens
        )

    def _wait_s(self, tokens: int, now: float, *, calls: int = 0, ahead: int = 0) -> float:
        wait_s = 0.0
        if self._requests is not None:
            wait_s = self._requests.wait_s(1, now, ahead=calls)
        if self._tokens is not None:
            wait_s = max(wait_s, self._tokens.wait_s(tokens, now, ahead=ahead))
        return wait_s

    def _pay(self, tokens: int, now: float) -> None:
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    messages: int
    prompt_tokens: int


class Estimates:
    """What the prompts of a lane's next calls come to, in tokens.

    A trajectory's prompt is its last one, as the lane counted it, and a quarter of the characters
    that came since; so a step costs what is new in it. A first prompt is all characters.
    """

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        """By trajectory, the one that was served last at the end."""

    def prompt_tokens(self, view: View) -> int:
        """An estimate of the whole prompt, cached or not."""
        seen = self._seen.get(view.trajectory_id)
        if seen is not None:
            return seen.prompt_tokens + _tokens_in(view.messages[seen.messages :])
        fixed = len(view.system or "")
        for tool in view.tools:
            fixed += len(tool.name) + len(tool.description) + len(to_json(tool.parameters))
        return fixed // _CHARACTERS_A_TOKEN + _tokens_in(view.messages)

    def served(self, view: View, usage: Usage) -> None:
        """Takes over what the lane counted for that view."""
        self._seen.pop(view.trajectory_id, None)
        self._seen[view.trajectory_id] = _Seen(
            messages=len(view.messages), prompt_tokens=usage.prompt_tokens
        )
        if len(self._seen) > _REMEMBERED:
            # The one that was not served for longest is over, or can be counted again.
            del self._seen[next(iter(self._seen))]


def _tokens_in(messages: Iterable[Message]) -> int:
    characters = 0
    for message in messages:
        for part in message.parts:
            characters += _characters(part)
    return characters // _CHARACTERS_A_TOKEN


def _characters(part: Content | AssistantPart | ToolResult) -> int:
    match part:
        case Text() | Reasoning():
            return len(part.text)
        case Image():
            return _CHARACTERS_AN_IMAGE
        case ToolCall():
            return len(part.name) + len(to_json(part.arguments))
        case ToolResult():
            return sum(_characters(each) for each in part.parts)
        case _:
            assert_never(part)


def _bucket(per_minute: int | None, burst_s: float, now: float) -> Bucket | None:
    if per_minute is None:
        return None
    return Bucket(per_minute, burst=per_minute / 60 * burst_s, now=now)
