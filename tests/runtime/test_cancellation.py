"""Cancelled at any turn of the loop: the log is whole, the ledger right, and the run goes on."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio
from anyio.lowlevel import checkpoint
from event_loops import LOOPS, loop_options, run_on
from trio.testing import MockClock
from worlds import SCRIPT, TASK, World, ending, runtime

from cascade import Result
from cascade.backends.scripted import Reply, ScriptedBackend
from cascade.events import Drafted, Event, Failed, Interrupted
from cascade.exchange import Delta, Request, Usage, View
from cascade.runtime import Cascade
from cascade.traces.record import Trace, read_trace

COMPLETE = ["interrupted", "finished"]


class Turns:
    """Calls `at_last` once, before a given turn of the loop."""

    def __init__(self, count: int, at_last: Callable[[], None]) -> None:
        self.left = count
        self._at_last = at_last

    def turn(self) -> None:
        self.left -= 1
        if self.left == 0:
            self._at_last()


class CountingLoop(asyncio.SelectorEventLoop):
    """An event loop that counts the callbacks that it runs."""

    turns: Turns | None = None

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        return super().call_soon(self._counted, callback, *args, context=context)

    def _counted(self, callback: Any, *args: Any) -> None:
        if self.turns is not None:
            self.turns.turn()
        callback(*args)


class CountingInstrument(trio.abc.Instrument):
    """Counts the steps of all tasks."""

    turns: Turns | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        del task
        if self.turns is not None:
            self.turns.turn()


async def cancelled_at(
    counting: CountingLoop | CountingInstrument, turn: int, cascade: Cascade, world: World
) -> tuple[Result | None, bool]:
    """Runs the script until the loop's given turn; the result, and whether that turn came."""
    result: Result | None = None
    scope = anyio.CancelScope()
    turns = Turns(turn, scope.cancel)
    async with cascade:
        with scope:
            counting.turns = turns
            result = await cascade.run(TASK, tools=world.tools, trajectory_id="cut")
        counting.turns = None
    return result, turns.left <= 0


async def slowly(view: View, _request: Request) -> Reply:
    await checkpoint()
    await checkpoint()
    return SCRIPT[len(view.messages) // 2]


def run_until(loop: str, turn: int, folder: Path, world: World) -> tuple[Result | None, bool]:
    cascade = runtime(slowly, traces=folder)
    if loop == "trio":
        instrument = CountingInstrument()
        return trio.run(
            cancelled_at,
            instrument,
            turn,
            cascade,
            world,
            clock=MockClock(autojump_threshold=0),
            instruments=[instrument],
        )

    async def main() -> tuple[Result | None, bool]:
        running = asyncio.get_running_loop()
        assert isinstance(running, CountingLoop)
        return await cancelled_at(running, turn, cascade, world)

    return anyio.run(main, backend="asyncio", backend_options={"loop_factory": CountingLoop})


def check_whole(trace: Trace) -> None:
    """Nothing is torn, it folds, it says how it ended, and every model call is charged once."""
    state = trace.state()
    assert trace.torn_bytes == 0
    assert trace.events[-1].kind in COMPLETE
    assert sum(event.kind == "interrupted" for event in trace.events) <= 1
    hops: list[int] = []
    total = Usage()
    for event in trace.events:
        match event:
            case Drafted():
                hops.append(event.hop)
                total += event.draft.usage
            case Failed() | Interrupted():
                hops += [] if event.hop is None else [event.hop]
                total += event.usage
            case _:
                pass
    assert len(set(hops)) == len(hops)
    assert state.ledger.total.usage == total
    assert state.ledger.total.hops == len(hops)


def test_a_run_that_is_cancelled_at_any_turn_of_the_loop_can_be_resumed(tmp_path: Path, loop: str):
    whole, came = run_until(loop, 10**9, tmp_path / "whole", World())
    assert whole is not None
    assert not came
    turn, cut_short, interrupted_writes = 0, 0, 0
    while came or turn == 0:
        turn += 1
        world = World()
        result, came = run_until(loop, turn, tmp_path / str(turn), world)
        path = tmp_path / str(turn) / "cut.jsonl"
        if not path.exists():
            assert result is None
            continue
        check_whole(read_trace(path))
        cut_short += result is None
        resumed = run_on(loop, partial(resume, path, world))
        check_resumed(resumed, whole, world)
        interrupted_writes += b"interrupted: the run" in path.read_bytes()
    # The test is worth something only if it cut inside calls, tools and the writing one of them.
    assert cut_short > 20
    assert interrupted_writes >= 1


async def resume(path: Path, world: World) -> Result:
    async with runtime() as cascade:
        return await cascade.resume(path, tools=world.tools)


def check_resumed(resumed: Result, whole: Result, world: World) -> None:
    assert resumed.state.ledger.total.hops >= whole.state.ledger.total.hops
    told = [
        part
        for message in resumed.state.transcript
        if message.role == "tool"
        for part in message.parts
        if part.text.startswith("interrupted")
    ]
    if told:
        # The write may have taken effect or not; it was made once at most, and the model was told.
        assert [part.name for part in told] == ["store"]
        assert len(world.stored) <= 1
        assert (resumed.outcome, resumed.answer, resumed.steps) == ("completed", "the answer", 4)
    else:
        assert world.stored == ["d"]
        assert ending(resumed.state) == ending(whole.state)


@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_call_is_charged_what_it_had_used(loop: str, *, stream: bool):
    events: list[Event] = []
    deltas: list[Delta] = []

    async def main() -> None:
        with anyio.CancelScope() as scope:

            async def script(_view: View, _request: Request) -> Reply:
                scope.cancel()
                await checkpoint()
                raise AssertionError

            async with runtime(script) as cascade:
                on_delta = deltas.append if stream else None
                await cascade.run(TASK, on_event=events.append, on_delta=on_delta)

    run_on(loop, main)
    end = events[-1]
    assert isinstance(end, Interrupted)
    assert (end.hop, end.lane, end.role) == (1, "scripted", "draft")
    assert end.usage == Usage(input_tokens=1)
    assert end.cost_usd is not None
    assert end.cost_usd > 0


def test_a_deadline_around_a_run_stops_it(loop: str):
    async def script(_view: View, _request: Request) -> Reply:
        await anyio.sleep_forever()
        raise AssertionError

    backend = ScriptedBackend(script)

    async def main() -> bool:
        async with Cascade(lanes=[backend.lane], backends={"scripted": backend}) as cascade:
            with anyio.move_on_after(0.01) as scope:
                await cascade.run(TASK, trajectory_id="stopped")
        return scope.cancelled_caught

    assert run_on(loop, main)
    assert backend.released == ["stopped"]


def test_one_of_many_can_be_cancelled_alone(loop: str):
    def script(view: View, _request: Request) -> Reply:
        return SCRIPT[len(view.messages) // 2]

    async def main() -> list[str]:
        ended: list[str] = []
        async with runtime(script) as cascade:

            async def one(name: str, scope: anyio.CancelScope) -> None:
                with scope:
                    await cascade.run(TASK, tools=World(scope.cancel).tools, trajectory_id=name)
                    ended.append(name)

            async with anyio.create_task_group() as tasks:
                never = anyio.CancelScope()
                tasks.start_soon(one, "cut", anyio.CancelScope())
                tasks.start_soon(partial(whole, cascade, ended, never))
        return ended

    async def whole(cascade: Cascade, ended: list[str], scope: anyio.CancelScope) -> None:
        with scope:
            await cascade.run(TASK, tools=World().tools, trajectory_id="whole")
            ended.append("whole")

    assert run_on(loop, main) == ["whole"]


def test_both_loops_are_tested():
    assert LOOPS == ("asyncio", "trio")
    assert "clock" in loop_options("trio")
