"""The gatekeeper: what lets a call through, what stops it, and who learns of it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

import anyio
import pytest
from anyio.lowlevel import checkpoint
from event_loops import LoopClock, run_on

from cascade.errors import BackendError, BackendUnavailable, FailureKind
from cascade.exchange import Request, Usage, View
from cascade.failover import SHARED
from cascade.lanes import Lane, RateLimits
from cascade.messages import UserMessage
from cascade.runtime.breakers import (
    AGAINST_THE_LANE,
    ASKED_TO_WAIT,
    NEEDS_A_PERSON,
    BreakerSettings,
)
from cascade.runtime.gatekeeper import Gatekeeper
from cascade.runtime.quotas import QuotaSettings

LANE = Lane(
    name="sol", backend="openai", model="gpt", locality="remote", endpoint="https://x", account="me"
)
VIEW = View(trajectory_id="t", system=None, messages=(UserMessage.of("x" * 400),), tools=())
REQUEST = Request(hop=1, max_output_tokens=400, seed=0)
USAGE = Usage(input_tokens=100, output_tokens=10)
AGAINST = AGAINST_THE_LANE | SHARED


@dataclass
class OwnClock:
    """Moves on only when a test says so, or somebody sleeps by it."""

    now: float = 1_000.0
    readings: int = 0

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def monotonic(self) -> float:
        self.readings += 1
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await checkpoint()


def lane(name: str, **changes: object) -> Lane:
    return LANE.model_copy(update={"name": name, **changes})


async def serve(gatekeeper: Gatekeeper, lane: Lane = LANE) -> None:
    async with gatekeeper.call(lane, VIEW, REQUEST) as admitted:
        admitted.served(USAGE)


async def fail(
    gatekeeper: Gatekeeper,
    *kinds: FailureKind,
    lane: Lane = LANE,
    retry_after_s: float | None = None,
    times: int = 1,
) -> None:
    for kind in kinds * times:
        error = BackendError(
            "Incorrect API key sk-canary", backend="x", failure=kind, retry_after_s=retry_after_s
        )
        with pytest.raises(BackendError) as caught:
            async with gatekeeper.call(lane, VIEW, REQUEST):
                raise error
        assert caught.value is error, "the call was made"


async def refused(gatekeeper: Gatekeeper, lane: Lane = LANE) -> BackendUnavailable:
    with pytest.raises(BackendUnavailable) as caught:
        async with gatekeeper.call(lane, VIEW, REQUEST):
            pytest.fail("the call was made")
    assert caught.value.backend == lane.backend
    return caught.value


@pytest.mark.anyio
@pytest.mark.parametrize("kind", sorted(AGAINST - NEEDS_A_PERSON))
async def test_a_lane_rests_after_three_failures_in_a_row(kind: FailureKind):
    clock = OwnClock()
    gatekeeper = Gatekeeper(clock)
    await fail(gatekeeper, kind, kind)
    await serve(gatekeeper)
    await fail(gatekeeper, kind, kind, kind)
    clock.now += 2
    error = await refused(gatekeeper)
    assert (error.failure, error.retry_after_s) == ("cooling", 3.0)
    assert str(error).startswith(f"lane 'sol' rests after failures, the last of kind {kind}")
    clock.now += 3
    await serve(gatekeeper)
    await fail(gatekeeper, kind, kind)
    await serve(gatekeeper)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", sorted(set(get_args(FailureKind)) - AGAINST))
async def test_failures_that_say_nothing_about_a_lane_do_not_count(kind: FailureKind):
    gatekeeper = Gatekeeper(OwnClock())
    await fail(gatekeeper, kind, times=10)
    await serve(gatekeeper)


@pytest.mark.anyio
async def test_cancelled_calls_and_mistakes_of_ours_do_not_count():
    gatekeeper = Gatekeeper(OwnClock())
    await fail(gatekeeper, "server", "server")
    for _ in range(5):
        with anyio.CancelScope() as scope:
            async with gatekeeper.call(LANE, VIEW, REQUEST):
                scope.cancel()
                await checkpoint()
        with pytest.raises(ZeroDivisionError):
            async with gatekeeper.call(LANE, VIEW, REQUEST):
                raise ZeroDivisionError
    await serve(gatekeeper)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", sorted(AGAINST))
async def test_lanes_of_one_server_and_account_share_what_is_not_the_models_fault(
    kind: FailureKind,
):
    gatekeeper = Gatekeeper(OwnClock())
    neighbour = lane("luna", model="small")
    others = (
        lane("other account", account="you"),
        lane("other server", endpoint="https://y"),
        lane("in process", endpoint=""),
        lane("in process too", endpoint=""),
    )
    await serve(gatekeeper, neighbour)
    await fail(gatekeeper, kind, times=1 if kind in NEEDS_A_PERSON else 3)
    await refused(gatekeeper)
    for other in others:
        await serve(gatekeeper, other)
    if kind in SHARED:
        await refused(gatekeeper, neighbour)
    else:
        await serve(gatekeeper, neighbour)


@pytest.mark.anyio
async def test_lanes_without_an_endpoint_share_nothing():
    gatekeeper = Gatekeeper(OwnClock())
    here, there = lane("here", endpoint=""), lane("there", endpoint="")
    await fail(gatekeeper, "auth", lane=here)
    await refused(gatekeeper, here)
    await serve(gatekeeper, there)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", sorted(NEEDS_A_PERSON))
async def test_what_only_a_person_can_mend_is_said_once_until_the_lane_serves_again(
    kind: FailureKind, caplog: pytest.LogCaptureFixture
):
    clock = OwnClock()
    gatekeeper = Gatekeeper(clock)
    with caplog.at_level(logging.WARNING, logger="cascade"):
        for _ in range(4):
            await fail(gatekeeper, kind)
            # Nobody is told to wait for what does not mend itself, but a later call tries again.
            assert (await refused(gatekeeper)).retry_after_s is None
            clock.now += BreakerSettings().longest_s
        (record,) = caplog.records
        assert record.getMessage().startswith(f"lane sol cannot serve ({kind}): ")
        assert "sk-canary" not in caplog.text
        await serve(gatekeeper)
        await fail(gatekeeper, kind)
    assert len(caplog.records) == 2


@pytest.mark.anyio
@pytest.mark.parametrize("kind", sorted(ASKED_TO_WAIT))
async def test_a_server_that_names_a_time_is_left_alone_by_everybody_until_then(kind: FailureKind):
    clock = OwnClock()
    gatekeeper = Gatekeeper(clock)
    await fail(gatekeeper, kind, retry_after_s=20.0)
    assert (await refused(gatekeeper)).retry_after_s == 20
    await serve(gatekeeper, lane("luna"))
    clock.now += 20
    async with gatekeeper.call(LANE, VIEW, REQUEST), gatekeeper.call(LANE, VIEW, REQUEST):
        pass


@pytest.mark.anyio
async def test_of_two_rests_the_longer_one_is_told():
    gatekeeper = Gatekeeper(OwnClock())
    await fail(gatekeeper, "rate_limit", retry_after_s=2.0)
    for _ in range(BreakerSettings().failures):
        await fail(gatekeeper, "connection", lane=lane("luna"))
    assert (await refused(gatekeeper)).retry_after_s == 5


@pytest.mark.anyio
async def test_one_call_probes_a_lane_that_has_rested_and_the_others_are_told_to_come_back():
    clock = OwnClock()
    gatekeeper = Gatekeeper(clock)
    await fail(gatekeeper, "server", "server", "server")
    clock.now += 5
    async with gatekeeper.call(LANE, VIEW, REQUEST) as probe:
        error = await refused(gatekeeper)
        assert error.retry_after_s == 5
        assert "is being tried by another call" in str(error)
        probe.served(USAGE)
        await serve(gatekeeper)


@pytest.mark.anyio
async def test_a_call_that_is_served_while_its_lane_rests_does_not_end_the_rest():
    clock = OwnClock()
    gatekeeper = Gatekeeper(clock)
    async with gatekeeper.call(LANE, VIEW, REQUEST) as earlier:
        await fail(gatekeeper, "server", "server", "server")
        earlier.served(USAGE)
    assert (await refused(gatekeeper)).retry_after_s == 5


@pytest.mark.anyio
@pytest.mark.parametrize("end", ["cancelled", "request", "ended"])
async def test_a_probe_that_proves_nothing_makes_room_for_the_next_one(end: str):
    clock = OwnClock()
    gatekeeper = Gatekeeper(clock)
    await fail(gatekeeper, "connection", "connection", "connection")
    clock.now += 5
    if end == "request":
        await fail(gatekeeper, "request")
    else:
        with anyio.CancelScope() as scope:
            async with gatekeeper.call(LANE, VIEW, REQUEST):
                if end == "cancelled":
                    scope.cancel()
                    await checkpoint()
    async with gatekeeper.call(LANE, VIEW, REQUEST):
        await refused(gatekeeper)


@pytest.mark.anyio
async def test_each_probe_that_fails_doubles_the_rest():
    clock = OwnClock()
    gatekeeper = Gatekeeper(clock)
    await fail(gatekeeper, "timeout", "timeout")
    rests: list[float | None] = []
    for _ in range(7):
        await fail(gatekeeper, "timeout")
        rests.append((await refused(gatekeeper)).retry_after_s)
        clock.now += rests[-1] or 0
    assert rests == [5, 10, 20, 40, 80, 120, 120]


@pytest.mark.anyio
async def test_a_lane_in_order_is_admitted_without_a_look_at_the_clock():
    clock = OwnClock()
    gatekeeper = Gatekeeper(clock)
    for _ in range(10):
        await serve(gatekeeper)
    assert clock.readings == 0


def limited(requests: int | None = None, tokens: int | None = None) -> Lane:
    limits = RateLimits(requests_per_minute=requests, tokens_per_minute=tokens)
    return lane("limited", limits=limits)


@pytest.mark.anyio
async def test_a_call_stands_in_line_for_the_quota_and_knows_for_how_long():
    clock = OwnClock()
    gatekeeper = Gatekeeper(clock)
    waits: list[float] = []
    for _ in range(7):
        async with gatekeeper.call(limited(requests=60), VIEW, REQUEST) as admitted:
            waits.append(admitted.waited_s)
    assert waits == close_to([0, 0, 0, 0, 0, 1, 1])


def close_to(values: Sequence[float]) -> object:
    return pytest.approx(values, abs=1e-4)  # pyright: ignore[reportUnknownMemberType] - untyped there


@pytest.mark.anyio
@pytest.mark.parametrize("by", ["setting", "deadline"])
async def test_a_call_that_would_wait_too_long_is_not_made(by: str):
    settings = QuotaSettings(longest_wait_s=10) if by == "setting" else None
    gatekeeper = Gatekeeper(OwnClock(), quotas=settings)
    hurried = Request(
        hop=1, max_output_tokens=1, seed=0, timeout_s=10 if by == "deadline" else None
    )
    few = limited(requests=3)
    await serve(gatekeeper, few)
    with pytest.raises(BackendUnavailable) as caught:
        async with gatekeeper.call(few, VIEW, hurried):
            pytest.fail("the call was made")
    assert (caught.value.failure, caught.value.retry_after_s) == ("busy", 20)
    assert "(requests a minute: 3, tokens: None) for 20.0 s" in str(caught.value)


@pytest.mark.anyio
async def test_what_a_call_used_replaces_what_was_reserved_for_it():
    clock = OwnClock()
    gatekeeper = Gatekeeper(clock)
    few = limited(tokens=2_400)  # 40 a second, 200 at once, which is what is reserved
    async with gatekeeper.call(few, VIEW, REQUEST) as admitted:
        admitted.served(Usage(input_tokens=120, output_tokens=0))
    async with gatekeeper.call(few, VIEW, REQUEST) as admitted:
        # 80 are left, and the next estimate is 120 + 100.
        assert [admitted.waited_s] == close_to([120 / 40])
        admitted.served(Usage(input_tokens=620, output_tokens=0))
    async with gatekeeper.call(few, VIEW, REQUEST) as admitted:
        # 20 owed, and 400 more than was reserved.
        assert [admitted.waited_s] == close_to([(20 + 400 + 200) / 40])


def test_a_lane_that_begins_to_rest_sends_those_who_stand_in_its_line_away_at_once():
    async def main() -> tuple[list[FailureKind], float]:
        clock = LoopClock()
        gatekeeper = Gatekeeper(clock, quotas=QuotaSettings(longest_wait_s=1_000))
        few = limited(requests=1)
        kinds: list[FailureKind] = []

        async def call() -> None:
            kinds.append((await refused(gatekeeper, few)).failure)

        async with anyio.create_task_group() as tasks, gatekeeper.call(few, VIEW, REQUEST):
            for _ in range(3):
                tasks.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            await fail(gatekeeper, "auth", lane=lane("neighbour"))
        return kinds, clock.monotonic()

    assert run_on("trio", main) == (["cooling"] * 3, 0.0)


def test_a_lane_that_rests_keeps_its_quota_for_later():
    async def main() -> float:
        clock = OwnClock()
        gatekeeper = Gatekeeper(clock)
        few = limited(requests=1)
        await fail(gatekeeper, "rate_limit", lane=few, retry_after_s=60.0)
        for _ in range(5):
            await refused(gatekeeper, few)
        clock.now += 60
        async with gatekeeper.call(few, VIEW, REQUEST) as admitted:
            return admitted.waited_s

    assert run_on("asyncio", main) == 0


def test_a_cancelled_wait_takes_nothing_from_the_quota(loop: str):
    async def main() -> float:
        clock = LoopClock()
        gatekeeper = Gatekeeper(clock, quotas=QuotaSettings(longest_wait_s=1_000))
        few = limited(requests=1)
        await serve(gatekeeper, few)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(serve, gatekeeper, few)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
        hurried = Request(hop=1, max_output_tokens=1, seed=0, timeout_s=1)
        with pytest.raises(BackendUnavailable) as caught:
            async with gatekeeper.call(few, VIEW, hurried):
                pytest.fail("the call was made")
        assert caught.value.failure == "busy"
        return caught.value.retry_after_s or 0.0

    assert run_on(loop, main) <= 60
