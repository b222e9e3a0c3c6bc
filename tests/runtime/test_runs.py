"""What a run gives back, and that two runs of the same thing are the same."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

import anyio
import pytest
from event_loops import run_on
from worlds import SCRIPT, TASK, World, priced_lane, runtime

from cascade import Budget, Cascade, Lane, Policy, Result
from cascade.backends.scripted import Reply
from cascade.events import Event, decode, encode
from cascade.exchange import Delta, Draft, Request, Timing, Usage, View
from cascade.fold import fold_all
from cascade.messages import AssistantMessage, Text
from cascade.traces.record import read_trace

pytestmark = pytest.mark.anyio


async def test_a_run_gives_answer_outcome_usage_and_cost():
    world = World()
    async with runtime() as cascade:
        result = await cascade.run(TASK, tools=world.tools)
    assert (result.outcome, result.answer, result.reason) == ("completed", "the answer", "")
    assert (result.steps, result.tool_calls) == (4, 4)
    assert result.usage.total_tokens == result.state.ledger.total.usage.total_tokens > 0
    assert result.cost_usd
    assert result.elapsed_s > 0
    assert result.trace is None
    assert world.looked_up[0] == "a"
    assert sorted(world.looked_up) == ["a", "b", "c"]
    assert world.stored == ["d"]


async def test_listeners_see_every_event_once_and_in_order():
    events: list[Event] = []
    async with runtime() as cascade:
        result = await cascade.run(TASK, tools=World().tools, on_event=events.append)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert (events[0].kind, events[-1].kind) == ("started", "finished")
    assert fold_all(events) == result.state


async def test_every_event_of_a_run_is_what_its_record_says():
    events: list[Event] = []
    async with runtime() as cascade:
        await cascade.run(TASK, tools=World().tools, on_event=events.append)
    for event in events:
        assert decode(encode(event)) == event


async def test_deltas_are_made_only_where_somebody_listens():
    streams: list[bool] = []

    def script(_view: View, request: Request) -> Reply:
        streams.append(request.stream)
        return "an answer of words"

    deltas: list[Delta] = []
    async with runtime(script) as cascade:
        await cascade.run(TASK)
        result = await cascade.run(TASK, on_delta=deltas.append)
    assert streams == [False, True]
    assert "".join(delta.text for delta in deltas).strip() == result.answer
    assert len(deltas) == 4


class PlainHop:
    """One piece after another, asked for or not, and by no generator."""

    usage = Usage(input_tokens=1, output_tokens=2)
    draft = Draft(
        message=AssistantMessage(parts=(Text(text="two pieces"),)),
        finish_reason="stop",
        usage=usage,
        timing=Timing(),
        served_model="plain",
    )

    def __init__(self) -> None:
        self._pieces = iter(["two ", "pieces"])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        for text in self._pieces:
            return Delta(text=text)
        raise StopAsyncIteration


class PlainBackend:
    """The least that a backend can be."""

    async def open(self) -> Lane:
        return priced_lane(name="plain")

    def call(self, view: View, request: Request) -> PlainHop:
        del view, request
        return PlainHop()

    def release(self, trajectory_id: str) -> None:
        pass

    async def aclose(self) -> None:
        pass


async def test_a_backend_may_give_pieces_that_nobody_asked_for():
    deltas: list[Delta] = []
    lane = priced_lane(name="plain")
    async with Cascade(lanes=[lane], backends={"plain": PlainBackend()}) as cascade:
        assert (await cascade.run(TASK)).answer == "two pieces"
        await cascade.run(TASK, on_delta=deltas.append)
    assert [delta.text for delta in deltas] == ["two ", "pieces"]


async def test_no_more_trajectories_run_at_once_than_allowed():
    running = most = 0

    async def script(_view: View, _request: Request) -> Reply:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.wait_all_tasks_blocked() if running < 3 else None
        running -= 1
        return "done"

    async with runtime(script, max_trajectories=3) as cascade:
        results = await many(cascade.run, 10)
    assert most == 3
    assert [result.outcome for result in results] == ["completed"] * 10


async def test_waiting_for_a_place_is_not_running_time():
    async def script(_view: View, _request: Request) -> Reply:
        await anyio.wait_all_tasks_blocked()
        return "done"

    # The clock ticks at each reading, so that whoever waits while others run sees time pass.
    policy = Policy(budget=Budget(wall_s=0.02))
    async with runtime(script, max_trajectories=1, policy=policy) as cascade:
        results = await many(cascade.run, 8)
    assert [result.outcome for result in results] == ["completed"] * 8
    assert len({result.elapsed_s for result in results}) <= 2


async def many(run: Callable[[str], Awaitable[Result]], count: int) -> list[Result]:
    results: list[Result] = []

    async def one(index: int) -> None:
        results.append(await run(f"task {index}"))

    async with anyio.create_task_group() as tasks:
        for index in range(count):
            tasks.start_soon(one, index)
    return results


async def test_trajectories_at_once_do_not_mix(tmp_path: Path):
    def script(view: View, _request: Request) -> Reply:
        reply = SCRIPT[len(view.messages) // 2]
        return view.trajectory_id if reply == "the answer" else reply

    async with runtime(script, traces=tmp_path) as cascade:
        results: list[Result] = []

        async def one(index: int) -> None:
            results.append(
                await cascade.run(TASK, tools=World().tools, trajectory_id=f"run-{index}")
            )

        async with anyio.create_task_group() as tasks:
            for index in range(20):
                tasks.start_soon(one, index)
    for result in results:
        assert result.answer == result.trajectory_id
        assert result.trace == tmp_path / f"{result.trajectory_id}.jsonl"
        assert read_trace(tmp_path / f"{result.trajectory_id}.jsonl").state() == result.state


@pytest.mark.parametrize("parallel", [False, True])
def test_the_same_script_and_seed_give_the_same_bytes_on_both_loops(
    tmp_path: Path, *, parallel: bool
):
    # Which of two calls at once ends first is up to the loop, and trio throws dice for it.
    script = SCRIPT if parallel else (SCRIPT[0], SCRIPT[2], SCRIPT[3])
    loops = ["asyncio", "asyncio"] if parallel else ["asyncio", "asyncio", "trio", "trio"]
    logs: list[bytes] = []
    for number, loop in enumerate(loops):

        async def run(folder: Path = tmp_path / str(number)) -> Result:
            async with runtime(script, traces=folder) as cascade:
                return await cascade.run(TASK, tools=World().tools)

        result = run_on(loop, run)
        assert result.trace is not None
        logs.append(result.trace.read_bytes())
    assert len(set(logs)) == 1
    assert logs[0].count(b"\n") > 10


def test_calls_at_once_are_marked_in_their_order_before_any_of_them_runs(loop: str):
    async def run() -> list[Event]:
        events: list[Event] = []
        async with runtime() as cascade:
            await cascade.run(TASK, tools=World().tools, on_event=events.append)
        return events

    for _ in range(10):
        events = run_on(loop, run)
        kinds = [event.kind for event in events]
        second_draft = [i for i, kind in enumerate(kinds) if kind == "drafted"][1]
        assert kinds[second_draft + 1 : second_draft + 3] == ["tool_started"] * 2
        calls = [event.call_id[-1] for event in events if event.kind == "tool_started"]
        assert calls == ["0", "0", "1", "0"]
