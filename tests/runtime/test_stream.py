"""Reading a run's events while it goes on."""

from contextlib import aclosing
from pathlib import Path

import anyio
import pytest
from worlds import SCRIPT, TASK, World, ending, in_order, runtime

from cascade import ConfigError
from cascade.backends.scripted import Reply
from cascade.events import Event
from cascade.exchange import Delta, Request, View
from cascade.traces.record import read_trace

pytestmark = pytest.mark.anyio


async def test_a_stream_gives_all_events_in_order_and_ends_with_finished():
    async with runtime() as cascade:
        events = [event async for event in cascade.stream(TASK, tools=World().tools)]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].kind == "finished"


async def test_events_come_as_they_happen_and_not_at_the_end():
    world = World()
    async with runtime() as cascade, aclosing(cascade.stream(TASK, tools=world.tools)) as stream:
        async for event in stream:
            if event.kind == "started":
                assert world.looked_up == []
            if event.kind == "tool_finished":
                assert world.stored == []
                break


async def test_leaving_early_stops_the_run_and_leaves_a_trace_to_resume(tmp_path: Path):
    async with runtime(traces=tmp_path) as cascade:
        whole = await cascade.run(TASK, tools=World().tools)
        for stop_at in range(1, 12):
            name = f"left-{stop_at}"
            stream = cascade.stream(TASK, tools=World().tools, trajectory_id=name)
            async with aclosing(stream):
                async for event in stream:
                    if event.seq == stop_at:
                        break
            trace = read_trace(tmp_path / f"{name}.jsonl")
            assert trace.events[-1].kind in {"interrupted", "finished"}
            assert len(trace.events) < len(read_trace(whole.trace or Path()).events) or (
                trace.events[-1].kind == "finished"
            )
            result = await cascade.resume(trace, tools=World().tools)
            assert result.outcome == "completed"
            assert ending(result.state)["answer"] == ending(whole.state)["answer"]


async def test_a_reader_that_is_cancelled_stops_the_run(tmp_path: Path):
    async def script(_view: View, _request: Request) -> Reply:
        scope.cancel()
        await anyio.sleep_forever()
        raise AssertionError

    async with runtime(script, traces=tmp_path) as cascade:
        with anyio.CancelScope() as scope:
            async with aclosing(cascade.stream(TASK, trajectory_id="t")) as stream:
                async for _ in stream:
                    pass
        assert scope.cancelled_caught
        assert read_trace(tmp_path / "t.jsonl").events[-1].kind == "interrupted"


async def test_an_error_reaches_the_reader_as_it_is():
    async with runtime(in_order(LookupError("broken"))) as cascade:
        seen: list[Event] = []

        async def read() -> None:
            async for event in cascade.stream(TASK):
                seen.append(event)  # noqa: PERF401 - what came before the error counts

        with pytest.raises(LookupError, match="broken"):
            await read()
    assert seen[-1].kind == "interrupted"


async def test_a_refused_call_reaches_the_reader():
    tools = [World().tools[0]] * 2
    async with runtime() as cascade:
        with pytest.raises(ConfigError, match="given twice"):
            await anext(cascade.stream(TASK, tools=tools))


async def test_many_streams_at_once():
    async with runtime() as cascade:
        counts: list[int] = []

        async def read() -> None:
            events = [event async for event in cascade.stream(TASK, tools=World().tools)]
            counts.append(len(events))

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(read)
    assert len(set(counts)) == 1
    assert len(counts) == 8


async def test_deltas_come_beside_the_events():
    deltas: list[Delta] = []
    async with runtime() as cascade:
        async for _ in cascade.stream(TASK, tools=World().tools, on_delta=deltas.append):
            pass
    assert "".join(delta.text for delta in deltas).split()[-2:] == ["the", "answer"]
    assert len(SCRIPT) == 4
