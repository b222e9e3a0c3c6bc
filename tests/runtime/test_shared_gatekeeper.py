"""What one runtime learns of a lane, the others of the process know."""

from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import pytest
from event_loops import LoopClock, run_on
from worlds import in_order

from cascade import BackendUnavailable, Cascade, ConfigError, Policy, Result
from cascade.backends.scripted import Script, ScriptedBackend
from cascade.errors import FailureKind
from cascade.exchange import Request, View
from cascade.lanes import Lane, RateLimits
from cascade.messages import UserMessage
from cascade.policy import Retries
from cascade.runtime import Gatekeeper, SystemClock, TickingClock
from cascade.runtime.breakers import BreakerSettings
from cascade.runtime.gatekeeper import gatekeeper_for

LANE = Lane(
    name="far",
    backend="scripted",
    model="m",
    locality="remote",
    endpoint="https://far.example",
    account="ours",
)
NO_RETRY = Policy(retries=Retries(on_a_lane=1, on_a_step=1))
VIEW = View(trajectory_id="t", system=None, messages=(UserMessage.of("x"),), tools=())
REQUEST = Request(hop=1, max_output_tokens=10, seed=0)


def over(script: Script, lane: Lane = LANE, **options: Any) -> Cascade:
    backend = ScriptedBackend(script, lane=lane)
    return Cascade(lanes=[lane], backends={lane.name: backend}, policy=NO_RETRY, **options)


async def run(script: Script, lane: Lane = LANE, **options: Any) -> Result:
    async with over(script, lane, **options) as cascade:
        return await cascade.run("?")


def down(kind: FailureKind = "quota") -> Script:
    return in_order(BackendUnavailable("down", backend="scripted", failure=kind))


async def failed_and_asked_again(lane: Lane = LANE, **options: Any) -> str:
    """How a second runtime fares after the first one's lane was refused for good."""
    async with over(down(), **options) as first, over(in_order("hi"), lane, **options) as second:
        assert (await first.run("?")).outcome == "failed"
        result = await second.run("?")
    return result.answer or result.reason


def test_a_lane_that_failed_in_one_runtime_rests_in_the_others(loop: str):
    assert "lane 'far' rests after failures" in run_on(loop, failed_and_asked_again)


def test_a_runtime_that_comes_later_knows_what_one_before_it_learnt(loop: str):
    async def one_after_the_other() -> Result:
        await run(down())
        return await run(in_order("hi"))

    assert "rests after failures" in run_on(loop, one_after_the_other).reason


def test_what_was_learnt_ends_with_the_event_loop(loop: str):
    assert run_on(loop, partial(run, down())).outcome == "failed"
    assert run_on(loop, partial(run, in_order("hi"))).answer == "hi"


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "https://another.example"},
        {"account": "theirs"},
        {"backend": "another"},
        # In process: each runtime has a model of its own.
        {"endpoint": ""},
    ],
)
def test_other_places_are_other_lanes_whatever_they_are_called(changes: dict[str, str]):
    lane = LANE.model_copy(update=changes)
    assert run_on("asyncio", partial(failed_and_asked_again, lane)) == "hi"


def test_lanes_in_process_are_each_runtimes_own(loop: str):
    async def both() -> str | None:
        lane = LANE.model_copy(update={"endpoint": ""})
        await run(down(), lane)
        return (await run(in_order("hi"), lane)).answer

    assert run_on(loop, both) == "hi"


@pytest.mark.parametrize(
    ("kind", "changes", "rests"),
    [
        ("permission", {"name": "other"}, False),
        ("permission", {"model": "other"}, False),
        ("quota", {"name": "other", "model": "other"}, True),
    ],
)
def test_lanes_of_one_account_share_only_what_is_not_the_models_fault(
    kind: FailureKind, changes: dict[str, str], *, rests: bool
):
    async def both() -> str:
        await run(down(kind))
        result = await run(in_order("hi"), LANE.model_copy(update=changes))
        return result.answer or result.reason

    assert ("rests after failures" in run_on("asyncio", both)) is rests


@pytest.mark.parametrize("make", [TickingClock, LoopClock])
def test_a_runtime_by_another_clock_shares_nothing(make: Callable[[], TickingClock | LoopClock]):
    async def both() -> str | None:
        await run(down(), clock=make())
        return (await run(in_order("hi"), clock=make())).answer

    assert run_on("asyncio", both) == "hi"


def test_a_gatekeeper_that_is_given_is_shared_whatever_the_clock(loop: str):
    async def both() -> str:
        gatekeeper = Gatekeeper(
            TickingClock(), breakers=BreakerSettings(cool_down_s=77, longest_s=77)
        )
        return await failed_and_asked_again(gatekeeper=gatekeeper)

    assert "come back in 77.0 s" in run_on(loop, both)


def test_a_gatekeeper_of_ones_own_keeps_a_runtime_apart(loop: str):
    async def both() -> str | None:
        await run(down())
        return (await run(in_order("hi"), gatekeeper=Gatekeeper())).answer

    assert run_on(loop, both) == "hi"


def test_a_gatekeeper_and_its_runtime_go_by_one_clock():
    clock = SystemClock()
    over(in_order(), gatekeeper=Gatekeeper(clock), clock=clock)
    with pytest.raises(ConfigError, match="by another clock"):
        over(in_order(), gatekeeper=Gatekeeper(SystemClock()), clock=clock)


def test_runtimes_share_a_quota_and_its_line():
    limited = LANE.model_copy(update={"limits": RateLimits(requests_per_minute=12)})

    async def both() -> list[float]:
        gatekeeper = Gatekeeper(LoopClock())
        first, second = (gatekeeper.for_runtime([limited]) for _ in range(2))
        waited: list[float] = []
        for each in (first, second, first):
            async with each.call(limited, VIEW, REQUEST) as admitted:
                waited.append(admitted.waited_s)
        return waited

    # 12 a minute is one each 5 seconds, whoever asks; only trio's clock jumps over them.
    assert run_on("trio", both) == pytest.approx([0, 5, 5])


def test_other_limits_of_the_same_lane_are_kept_apart():
    loose = LANE.model_copy(update={"limits": RateLimits(requests_per_minute=6000)})
    tight = LANE.model_copy(update={"limits": RateLimits(requests_per_minute=1)})

    async def both() -> list[float]:
        gatekeeper = Gatekeeper(TickingClock())
        waited: list[float] = []
        for lane in (tight, loose, loose):
            async with gatekeeper.for_runtime([lane]).call(lane, VIEW, REQUEST) as admitted:
                waited.append(admitted.waited_s)
        return waited

    assert max(run_on("asyncio", both)) < 1


def test_a_recorded_lane_goes_through_the_gate_of_the_one_that_has_its_name():
    async def moved() -> None:
        gatekeeper = Gatekeeper(TickingClock())
        here = LANE.model_copy(update={"endpoint": "https://here.example"})
        runtime = gatekeeper.for_runtime([here])
        failure = BackendUnavailable("down", backend="scripted", failure="quota")
        with pytest.raises(BackendUnavailable, match="down"):
            async with runtime.call(LANE, VIEW, REQUEST):
                raise failure
        with pytest.raises(BackendUnavailable, match="rests"):
            async with gatekeeper.for_runtime([here]).call(here, VIEW, REQUEST):
                pytest.fail("the call was made")
        async with gatekeeper.for_runtime([LANE]).call(LANE, VIEW, REQUEST) as admitted:
            assert admitted.waited_s == 0

    run_on("asyncio", moved)


def test_the_gatekeeper_of_a_loop_is_one_and_another_loops_is_another(loop: str):
    async def two() -> tuple[Gatekeeper, Gatekeeper]:
        await anyio.lowlevel.checkpoint()
        return gatekeeper_for(SystemClock()), gatekeeper_for(SystemClock())

    first, second = run_on(loop, two)
    assert first is second
    assert run_on(loop, two)[0] is not first


def test_a_process_with_very_many_lanes_forgets_the_oldest():
    async def many() -> str | None:
        await run(down())
        gatekeeper = gatekeeper_for(SystemClock())
        gatekeeper.for_runtime(
            LANE.model_copy(update={"account": f"account {number}"}) for number in range(5_000)
        )
        return (await run(in_order("hi"))).answer

    assert run_on("asyncio", many) == "hi"
