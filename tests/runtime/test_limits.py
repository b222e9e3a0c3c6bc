"""Time limits and failing model calls, live."""

from decimal import Decimal

import anyio
import pytest
from event_loops import LoopClock, run_on
from hypothesis import given
from hypothesis import strategies as st
from worlds import SCRIPT, TASK, World, in_order, runtime

from cascade import (
    BackendError,
    BackendRefused,
    BackendUnavailable,
    Budget,
    Cascade,
    Policy,
    Result,
    tool,
)
from cascade.backends.scripted import Reply, ScriptedBackend, ScriptedHop, calling
from cascade.events import BudgetReached, Event, Failed
from cascade.exchange import Draft, Request, Timing, Usage, View
from cascade.messages import AssistantMessage, Text

DOWN = BackendUnavailable("down", backend="scripted")
UNREADABLE = Draft(
    message=AssistantMessage(parts=(Text(text="<tool_call>{"),)),
    finish_reason="stop",
    usage=Usage(input_tokens=7, output_tokens=3),
    timing=Timing(),
    served_model="script",
    problem="The call could not be read.",
)


@tool(side_effect="read")
async def wait(seconds: float) -> str:
    """Waits."""
    await anyio.sleep(seconds)
    return "waited"


@tool(side_effect="read", parallel=True)
async def wait_beside(seconds: float) -> str:
    """Waits beside others."""
    await anyio.sleep(seconds)
    return "waited"


def run_waiting(
    *replies: Reply, budget: Budget, loop: str = "trio"
) -> tuple[Result, list[Event], float]:
    events: list[Event] = []

    async def main() -> tuple[Result, float]:
        began = anyio.current_time()
        policy = Policy(budget=budget)
        async with runtime(tuple(replies), clock=LoopClock(), policy=policy) as cascade:
            result = await cascade.run(TASK, tools=[wait, wait_beside], on_event=events.append)
        return result, anyio.current_time() - began

    result, took = run_on(loop, main)
    return result, events, took


@pytest.mark.parametrize("name", ["wait", "wait_beside"])
def test_several_calls_of_one_step_share_the_time_that_is_left(name: str):
    calls = calling(*((name, {"seconds": 8}) for _ in range(4)), text="Waiting.")
    result, events, took = run_waiting(calls, "never said", budget=Budget(wall_s=10))
    if name == "wait":
        outcomes = [event.outcome for event in events if event.kind == "tool_finished"]
        assert outcomes == ["ok", "timeout"]
        assert took == pytest.approx(10)  # pyright: ignore[reportUnknownMemberType] - untyped there
        assert (result.outcome, result.answer) == ("budget_exhausted", "Waiting.")
        assert events[-2].kind == "budget_reached"
    else:
        assert took == pytest.approx(8)  # pyright: ignore[reportUnknownMemberType] - untyped there
        assert result.outcome == "completed"


def test_a_model_that_never_answers_is_given_up_when_the_time_is_up():
    async def script(_view: View, _request: Request) -> Reply:
        await anyio.sleep_forever()
        raise AssertionError

    async def main() -> tuple[Result, float]:
        policy = Policy(budget=Budget(wall_s=10))
        async with runtime(script, clock=LoopClock(), policy=policy) as cascade:
            began = anyio.current_time()
            result = await cascade.run(TASK, on_event=events.append)
            return result, anyio.current_time() - began

    events: list[Event] = []
    result, took = run_on("trio", main)
    assert result.outcome == "budget_exhausted"
    assert 10 <= took < 20
    failed = next(event for event in events if isinstance(event, Failed))
    assert failed.error == "BackendTimeout"
    assert failed.failure == "timeout"
    assert result.state.ledger.total.usage == Usage(input_tokens=1)


def test_an_answer_in_the_last_moment_counts():
    async def script(_view: View, request: Request) -> Reply:
        assert request.timeout_s is not None
        await anyio.sleep(request.timeout_s + 1)
        return "just in time"

    async def main() -> Result:
        policy = Policy(budget=Budget(wall_s=10))
        async with runtime(script, clock=LoopClock(), policy=policy) as cascade:
            return await cascade.run(TASK)

    result = run_on("trio", main)
    assert (result.outcome, result.answer) == ("completed", "just in time")


class SlowToClose(ScriptedBackend):
    """Has the answer at once, and takes longer than any deadline to hang up."""

    def call(self, view: View, request: Request) -> ScriptedHop:
        return SlowHop(["the answer"], self.lane, view, request)


class SlowHop(ScriptedHop):
    async def __aexit__(self, *exc_info: object) -> None:
        await anyio.sleep(60)


def test_an_answer_that_is_there_is_not_lost_by_a_call_that_is_slow_to_close():
    backend = SlowToClose([])

    async def main() -> Result:
        async with Cascade(
            lanes=[backend.lane],
            backends={"scripted": backend},
            clock=LoopClock(),
            policy=Policy(budget=Budget(wall_s=10)),
        ) as cascade:
            return await cascade.run(TASK)

    result = run_on("trio", main)
    assert (result.outcome, result.answer) == ("completed", "the answer")


waits = st.lists(st.tuples(st.booleans(), st.floats(0.1, 30)), max_size=5)


@given(waits, st.floats(1, 60))
def test_time_is_never_overshot_by_tools(steps: list[tuple[bool, float]], wall_s: float):
    replies = [
        calling(*((name, {"seconds": seconds}) for name in ("wait", "wait", "wait_beside")))
        if several
        else calling(("wait", {"seconds": seconds}))
        for several, seconds in steps
    ]
    result, events, took = run_waiting(*replies, "the end", budget=Budget(wall_s=wall_s))
    assert took <= wall_s + 0.001
    reached = [event for event in events if isinstance(event, BudgetReached)]
    assert (result.outcome == "budget_exhausted") == bool(reached)
    assert all(event.limit == "wall_s" and event.used >= event.allowed for event in reached)


@pytest.mark.anyio
async def test_an_unreadable_draft_is_made_again_with_the_reason_shown():
    shown: list[View] = []
    script = in_order(UNREADABLE, "readable")

    def watching(view: View, request: Request) -> Reply:
        shown.append(view)
        assert callable(script)
        reply = script(view, request)
        assert isinstance(reply, str | Draft)
        return reply

    async with runtime(watching) as cascade:
        result = await cascade.run(TASK)
    assert (result.outcome, result.answer, result.steps) == ("completed", "readable", 1)
    told = shown[1].messages[-1]
    assert told.role == "user"
    assert "The call could not be read." in told.text
    spent = {account.cause: spend for account, spend in result.state.ledger.accounts.items()}
    assert spent["rejected"].usage == UNREADABLE.usage
    assert spent["rejected"].cost_usd == Decimal("0.000037")
    assert spent["accepted"].hops == 1


@pytest.mark.anyio
async def test_a_second_unreadable_draft_is_a_failure():
    async with runtime(in_order(UNREADABLE, UNREADABLE)) as cascade:
        result = await cascade.run(TASK)
    assert result.outcome == "failed"
    assert "The call could not be read." in result.reason
    assert result.answer is None


@pytest.mark.anyio
async def test_a_passing_failure_is_survived_once_a_step():
    script = in_order(DOWN, calling(("look_up", {"key": "a"})), DOWN, "the answer")
    async with runtime(script) as cascade:
        result = await cascade.run(TASK, tools=World().tools)
    assert result.outcome == "completed"
    spent = {account.cause: spend.hops for account, spend in result.state.ledger.accounts.items()}
    assert spent == {"failed": 2, "accepted": 2}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("replies", "name"),
    [
        ([DOWN, DOWN], "BackendUnavailable"),
        ([BackendRefused("bad request", backend="scripted")], "BackendRefused"),
        ([BackendError("odd", backend="scripted")] * 2, "BackendError"),
    ],
)
async def test_a_failure_that_stays_is_an_outcome_with_its_reason(
    replies: list[BackendError], name: str
):
    async with runtime(in_order(*replies)) as cascade:
        result = await cascade.run(TASK)
    assert result.outcome == "failed"
    assert name in result.reason
    assert str(replies[0]) in result.reason
    assert result.usage.input_tokens == len(replies)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(steps=1), "steps"),
        (Budget(tool_calls=1), "tool_calls"),
        (Budget(tokens=5), "tokens"),
        (Budget(usd=Decimal("0.000001")), "usd"),
        (Budget(wall_s=0.012), "wall_s"),
    ],
)
async def test_a_reached_limit_is_an_outcome_and_an_event(budget: Budget, limit: str):
    events: list[Event] = []
    async with runtime(SCRIPT) as cascade:
        result = await cascade.run(
            TASK, tools=World().tools, policy=Policy(budget=budget), on_event=events.append
        )
    assert result.outcome == "budget_exhausted"
    assert result.answer == "First a."
    assert [e.limit for e in events if isinstance(e, BudgetReached)] == [limit]
