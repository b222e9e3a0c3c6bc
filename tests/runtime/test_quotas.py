"""Quotas: who waits how long, in what order, and what leaves no trace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import overload

import anyio
import pytest
from anyio.lowlevel import checkpoint
from event_loops import LoopClock, run_on
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import ConfigError
from cascade.exchange import ToolSpec, Usage, View
from cascade.lanes import RateLimits
from cascade.messages import (
    AssistantMessage,
    Image,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from cascade.runtime.quotas import Bucket, Estimates, Quota, QuotaSettings

SETTINGS = QuotaSettings()
LONG = 10_000.0


@dataclass
class OwnClock:
    """Moves on only when somebody sleeps by it."""

    now: float = 1_000.0

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await checkpoint()


class StoppedClock(OwnClock):
    """Whoever waits by it waits for ever."""

    async def sleep(self, seconds: float) -> None:
        del seconds
        await anyio.sleep_forever()


def allow(_now: float) -> None:
    """Nothing speaks against a call."""


def close_to(value: float | list[float]) -> object:
    return pytest.approx(value, abs=1e-4)  # pyright: ignore[reportUnknownMemberType] - untyped there


def quota_of(clock: LoopClock | OwnClock, requests: int | None, tokens: int | None) -> Quota:
    limits = RateLimits(requests_per_minute=requests, tokens_per_minute=tokens)
    return Quota(limits, SETTINGS, clock=clock)


def test_a_hundred_calls_share_a_quota_in_the_order_in_which_they_came(loop: str):
    async def main() -> None:
        clock = OwnClock()
        quota = quota_of(clock, 60, None)
        came: list[int] = []
        taken: list[int] = []
        moments: list[float] = []

        async def call(number: int) -> None:
            came.append(number)
            assert await quota.take(0, longest_s=LONG, check=allow) is None
            taken.append(number)
            moments.append(clock.now - 1_000)

        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(call, number)
        assert quota.waiting == 0
        assert taken == came
        # Five at once, which is a full bucket, and one a second from then on.
        assert moments == close_to([0.0] * 5 + list(range(1, 96)))

    run_on(loop, main)


def test_a_call_that_would_wait_too_long_is_told_when_there_is_room(loop: str):
    async def main() -> None:
        quota = quota_of(OwnClock(), 60, None)
        for _ in range(5):
            assert await quota.take(0, longest_s=0.0, check=allow) is None
        assert await quota.take(0, longest_s=0.5, check=allow) == close_to(1.0)
        assert quota.waiting == 0
        assert await quota.take(0, longest_s=1.5, check=allow) is None

    run_on(loop, main)


def test_tokens_that_exceed_a_full_bucket_are_owed_and_paid_by_those_behind(loop: str):
    async def main() -> float:
        clock = OwnClock()
        quota = quota_of(clock, None, 6_000)  # 100 a second, 500 at once
        assert await quota.take(2_500, longest_s=0.0, check=allow) is None
        assert await quota.take(100, longest_s=LONG, check=allow) is None
        return clock.now - 1_000

    assert run_on(loop, main) == close_to(21.0)


def test_a_cancelled_call_leaves_no_trace(loop: str):
    async def main() -> float | None:
        quota = quota_of(StoppedClock(), 60_000, 6_000)
        await quota.take(500, longest_s=0.0, check=allow)
        async with anyio.create_task_group() as tasks:

            async def wait_long() -> None:
                await quota.take(400, longest_s=LONG, check=allow)
                raise AssertionError

            for _ in range(3):
                tasks.start_soon(wait_long)
            await anyio.wait_all_tasks_blocked()
            assert quota.waiting == 3
            tasks.cancel_scope.cancel()
        assert quota.waiting == 0
        return await quota.take(500, longest_s=0.0, check=allow)

    assert run_on(loop, main) == close_to(5.0)


def test_when_the_first_in_line_is_cancelled_the_next_one_takes_its_turn():
    async def main() -> float:
        clock = LoopClock()
        quota = quota_of(clock, None, 6_000)
        await quota.take(500, longest_s=0.0, check=allow)
        began = clock.monotonic()
        async with anyio.create_task_group() as tasks:
            first = anyio.CancelScope()

            async def cancelled() -> None:
                with first:
                    await quota.take(500, longest_s=LONG, check=allow)

            tasks.start_soon(cancelled)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(take_all, quota, 100)
            await anyio.wait_all_tasks_blocked()
            first.cancel()
        return clock.monotonic() - began

    assert run_on("trio", main) == close_to(1.0)


async def take_all(quota: Quota, tokens: int) -> None:
    assert await quota.take(tokens, longest_s=LONG, check=allow) is None


def test_what_a_call_did_not_need_lets_the_next_one_go_at_once():
    async def main() -> float:
        clock = LoopClock()
        quota = quota_of(clock, None, 600)
        await quota.take(50, longest_s=0.0, check=allow)
        began = clock.monotonic()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take_all, quota, 40)
            await anyio.wait_all_tasks_blocked()
            quota.correct(45)
        return clock.monotonic() - began

    assert run_on("trio", main) == close_to(0.0)


def test_a_quota_without_a_token_limit_keeps_no_count_of_tokens(loop: str):
    async def main() -> float | None:
        quota = quota_of(OwnClock(), 60, None)
        assert not quota.counts_tokens
        quota.correct(-1_000_000)
        return await quota.take(1_000_000, longest_s=0.0, check=allow)

    assert run_on(loop, main) is None


def test_calls_that_used_more_than_reserved_make_others_wait_or_leave():
    async def main() -> list[float | None]:
        clock = LoopClock()
        quota = quota_of(clock, None, 600)
        await quota.take(50, longest_s=0.0, check=allow)
        told: list[float | None] = []

        async def call() -> None:
            told.append(await quota.take(40, longest_s=8.5, check=allow))

        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            quota.correct(-100)
        return told

    # 100 more at 10 a second: the first could go after 14 s and gives up after 8.5, as does the
    # second beside it; each is told what it would wait behind those that still stand there.
    first, second = run_on("trio", main)
    assert first == close_to(5.5 + 4)
    assert second == close_to(5.5)


def test_a_line_that_is_told_looks_again_at_once():
    async def main() -> float:
        clock = LoopClock()
        quota = quota_of(clock, 1, None)
        await quota.take(0, longest_s=0.0, check=allow)
        closed = False
        left: list[int] = []

        def check(_now: float) -> None:
            if closed:
                raise PermissionError

        async def call(number: int) -> None:
            with pytest.raises(PermissionError):
                await quota.take(0, longest_s=LONG, check=check)
            left.append(number)

        began = clock.monotonic()
        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(call, number)
            await anyio.wait_all_tasks_blocked()
            closed = True
            quota.tell()
        assert sorted(left) == list(range(5))
        assert quota.waiting == 0
        return clock.monotonic() - began

    assert run_on("trio", main) == 0


calls = st.lists(
    st.tuples(
        st.floats(0, 20),  # seconds since the call before
        st.integers(0, 400),  # tokens
        st.none() | st.floats(0, 30),  # seconds until it is cancelled
    ),
    min_size=1,
    max_size=25,
)


@given(calls, st.integers(1, 40), st.integers(60, 4_000))
def test_no_minute_holds_more_than_the_quota_and_one_bucketful(
    calls: list[tuple[float, int, float | None]], per_minute: int, tokens_per_minute: int
):
    async def main() -> list[tuple[int, float, int]]:
        clock = LoopClock()
        quota = quota_of(clock, per_minute, tokens_per_minute)
        taken: list[tuple[int, float, int]] = []

        async def call(number: int, tokens: int, patience_s: float | None) -> None:
            with anyio.move_on_after(patience_s):
                assert await quota.take(tokens, longest_s=LONG, check=allow) is None
                taken.append((number, clock.monotonic(), tokens))

        async with anyio.create_task_group() as tasks:
            for number, (pause_s, tokens, patience_s) in enumerate(calls):
                await clock.sleep(pause_s)
                tasks.start_soon(call, number, tokens, patience_s)
                # Lets it take its place in line before the next one comes.
                await checkpoint()
        assert quota.waiting == 0
        return taken

    taken = run_on("trio", main)
    numbers = [number for number, _, _ in taken]
    patient = {number for number, (_, _, patience_s) in enumerate(calls) if patience_s is None}
    assert patient <= set(numbers), "whoever waits long enough is served"
    largest = max(tokens for _, tokens, _ in calls)
    burst = max(1.0, SETTINGS.burst_s * per_minute / 60)
    tokens_burst = max(1.0, SETTINGS.burst_s * tokens_per_minute / 60, largest)
    for _, start, _ in taken:
        window = [tokens for _, moment, tokens in taken if start <= moment < start + 60]
        assert len(window) <= per_minute + burst + 1e-3
        assert sum(window) <= tokens_per_minute + tokens_burst + 1e-1


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(-50, 300)), max_size=40))
def test_a_bucket_never_holds_more_than_it_can_and_fills_evenly(moves: list[tuple[float, int]]):
    bucket, now = Bucket(600, burst=50, now=0.0), 0.0
    level = 50.0
    for pause_s, units in moves:
        now += pause_s
        level = min(level + 10 * pause_s, 50.0)
        assert bucket.wait_s(50, now) == close_to((50 - level) / 10)
        assert bucket.wait_s(5_000, now) == close_to((50 - level) / 10)
        bucket.take(units, now)
        level = min(level - units, 50.0)


def test_a_clock_that_goes_back_fills_nothing():
    bucket = Bucket(60, burst=5, now=100.0)
    bucket.take(5, 100.0)
    assert bucket.wait_s(1, 50.0) == close_to(1.0)
    assert bucket.wait_s(1, 101.0) == 0


@pytest.mark.parametrize(
    "wrong", [{"longest_wait_s": -1.0}, {"burst_s": 0.0}, {"output_share": 1.5}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]):
    with pytest.raises(ConfigError, match="quotas need"):
        QuotaSettings(**wrong)


class Watched(Sequence[Message]):
    """Remembers which of its messages were read."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self._messages)

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        if isinstance(index, slice):
            chosen = range(*index.indices(len(self)))
            return tuple(self[each] for each in chosen)
        message = self._messages[index]
        self.read.append(index)
        return message


def view_of(messages: Sequence[Message], *, system: str | None = None) -> View:
    look_up = ToolSpec(name="look", description="Looks a value up.", parameters={"type": "object"})
    return View(trajectory_id="t", system=system, messages=messages, tools=(look_up,))


EVERYTHING: tuple[Message, ...] = (
    UserMessage(parts=(Text(text="x" * 400), Image(media_type="image/png", data="AAAA"))),
    AssistantMessage(
        parts=(
            Reasoning(text="x" * 40),
            ToolCall(id="1", name="look", arguments={"key": "x" * 26}),
        )
    ),
    ToolMessage(parts=(ToolResult(call_id="1", name="look", parts=(Text(text="x" * 80),)),)),
)


def test_a_first_prompt_is_estimated_from_all_of_its_characters():
    estimates = Estimates()
    tool = len("look") + len("Looks a value up.") + len('{"type":"object"}')
    expected = (400 + 6_000 + 40 + len('look{"key":""}') + 26 + 80) // 4
    assert estimates.prompt_tokens(view_of(EVERYTHING)) == tool // 4 + expected
    with_system = estimates.prompt_tokens(view_of(EVERYTHING, system="s" * 4_000))
    assert with_system == tool // 4 + expected + 1_000


def test_a_later_prompt_costs_a_look_at_what_is_new_in_it():
    estimates = Estimates()
    before = [UserMessage.of("x" * 40)] * 500
    estimates.served(view_of(before), Usage(input_tokens=1_000, cache_read_tokens=20_000))
    watched = Watched([*before, *EVERYTHING[1:]])
    assert estimates.prompt_tokens(view_of(watched)) == 21_000 + 40
    assert watched.read == [500, 501]


def test_a_prompt_that_became_shorter_counts_as_the_last_one():
    estimates = Estimates()
    estimates.served(view_of(EVERYTHING), Usage(input_tokens=70))
    assert estimates.prompt_tokens(view_of(EVERYTHING[:1])) == 70


def test_only_so_many_trajectories_are_remembered():
    estimates = Estimates()
    for number in range(5_000):
        view = View(trajectory_id=str(number), system=None, messages=(), tools=())
        estimates.served(view, Usage(input_tokens=9))
    counted = [
        estimates.prompt_tokens(View(trajectory_id=name, system=None, messages=(), tools=()))
        for name in ("0", "903", "904", "4999")
    ]
    assert counted == [0, 0, 9, 9]
