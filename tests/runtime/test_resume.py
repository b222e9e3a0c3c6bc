"""A run that was cut at any byte goes on to the same end."""

from functools import partial
from pathlib import Path

import pytest
from event_loops import run_on
from worlds import SCRIPT, TASK, World, ending, priced_lane, runtime

from cascade import ConfigError, Result, TraceError, tool
from cascade.backends.scripted import Script, calling
from cascade.events import Scored
from cascade.traces.record import Recorder, read_trace

READING = (SCRIPT[0], SCRIPT[1], SCRIPT[3])
"""A script that changes nothing in the world."""


async def record(script: Script, folder: Path) -> Result:
    async with runtime(script, traces=folder) as cascade:
        return await cascade.run(TASK, tools=World().tools, trajectory_id="whole")


async def resume(script: Script, path: Path, world: World) -> Result:
    async with runtime(script) as cascade:
        return await cascade.resume(path, tools=world.tools)


def cuts(path: Path, folder: Path) -> list[tuple[Path, list[str]]]:
    """The log cut after each line and in the middle of each, with the kinds that are left whole."""
    lines = path.read_bytes().splitlines(keepends=True)
    kinds = [event.kind for event in read_trace(path).events]
    made: list[tuple[Path, list[str]]] = []
    for count in range(1, len(lines) + 1):
        for name, torn in (("whole", b""), ("torn", b"".join(lines[count : count + 1])[:-9])):
            cut = folder / f"{name}-{count}.jsonl"
            cut.write_bytes(b"".join(lines[:count]) + torn)
            made.append((cut, kinds[:count]))
    return made


def test_a_run_of_reads_that_was_cut_anywhere_ends_as_if_it_had_not_been(tmp_path: Path, loop: str):
    whole = run_on(loop, partial(record, READING, tmp_path))
    assert whole.trace is not None
    for path, _ in cuts(whole.trace, tmp_path):
        world = World()
        result = run_on(loop, partial(resume, READING, path, world))
        assert ending(result.state) == ending(whole.state)
        # What stands in the file is what was folded, with nothing torn left in the middle.
        assert read_trace(path).state() == result.state
        assert read_trace(path).torn_bytes == 0


def test_a_write_is_never_made_twice(tmp_path: Path, loop: str):
    whole = run_on(loop, partial(record, SCRIPT, tmp_path))
    assert whole.trace is not None
    for path, kinds in cuts(whole.trace, tmp_path):
        events = read_trace(path).events
        begun = [e for e in events if e.kind == "tool_started" and e.name == "store"]
        world = World()
        result = run_on(loop, partial(resume, SCRIPT, path, world))
        assert world.stored == ([] if begun else ["d"])
        told = [
            event
            for event in read_trace(path).events
            if event.kind == "tool_finished" and event.outcome == "interrupted"
        ]
        in_flight = bool(begun) and kinds[-1] == "tool_started"
        assert bool(told) == in_flight
        assert all(event.result.text.startswith("interrupted") for event in told)
        assert (result.outcome, result.answer, result.steps) == ("completed", "the answer", 4)


def test_a_read_that_was_under_way_is_run_again(tmp_path: Path):
    whole = run_on("asyncio", partial(record, READING, tmp_path))
    assert whole.trace is not None
    path = next(path for path, kinds in cuts(whole.trace, tmp_path) if kinds[-1] == "tool_started")
    world = World()
    run_on("asyncio", partial(resume, READING, path, world))
    assert world.looked_up[0] == "a"


def test_a_finished_run_is_given_back_as_it_is(tmp_path: Path):
    whole = run_on("asyncio", partial(record, READING, tmp_path))
    assert whole.trace is not None
    before = whole.trace.read_bytes()
    again = run_on("asyncio", partial(resume, READING, whole.trace, World()))
    assert (again.answer, again.trace, again.state) == (whole.answer, whole.trace, whole.state)
    assert whole.trace.read_bytes() == before


def cut_at(path: Path, count: int) -> Path:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:count]))
    return path


def test_a_trace_that_went_on_since_it_was_read_is_not_cut_back(tmp_path: Path):
    whole = run_on("asyncio", partial(record, READING, tmp_path))
    assert whole.trace is not None
    stale = read_trace(cut_at(whole.trace, 3))
    run_on("asyncio", partial(resume, READING, whole.trace, World()))
    finished = whole.trace.read_bytes()

    async def resume_stale() -> None:
        async with runtime(READING) as cascade:
            await cascade.resume(stale, tools=World().tools)

    with pytest.raises(TraceError, match="read it again"):
        run_on("asyncio", resume_stale)
    assert whole.trace.read_bytes() == finished


def test_a_trajectory_that_still_runs_is_not_resumed_beside_itself(tmp_path: Path, loop: str):
    path = tmp_path / "t.jsonl"
    refused: list[TraceError] = []
    calls: list[str] = []

    async def run() -> Result:
        cascade = runtime((calling(("store", {})), "the answer"), traces=tmp_path)

        @tool
        async def store() -> None:
            calls.append("store")
            # Read here: trio's jumping clock would end this tool while a thread reads the file.
            trace = read_trace(path)
            with pytest.raises(TraceError, match="being written by another run") as caught:
                await cascade.resume(trace, tools=[store])
            refused.append(caught.value)

        async with cascade:
            return await cascade.run(TASK, tools=[store], trajectory_id="t")

    result = run_on(loop, run)
    assert (len(refused), calls) == (1, ["store"])
    assert read_trace(path).state() == result.state


def test_a_trace_in_memory_can_go_on_without_a_file(tmp_path: Path):
    whole = run_on("asyncio", partial(record, READING, tmp_path))
    assert whole.trace is not None
    read = read_trace(cut_at(whole.trace, 4))

    async def resume_it() -> Result:
        trace = type(read)(path=None, events=read.events, whole_bytes=0)
        async with runtime(READING) as cascade:
            return await cascade.resume(trace, tools=World().tools)

    result = run_on("asyncio", resume_it)
    assert result.trace is None
    assert ending(result.state) == ending(whole.state)


def test_what_a_trajectory_needs_has_to_be_there(tmp_path: Path):
    whole = run_on("asyncio", partial(record, READING, tmp_path))
    assert whole.trace is not None
    path = cut_at(whole.trace, 3)

    async def without_tools() -> None:
        async with runtime(READING) as cascade:
            await cascade.resume(path, tools=[])

    async def without_lane() -> None:
        async with runtime(READING, lane=priced_lane(name="other")) as cascade:
            await cascade.resume(path, tools=World().tools)

    async def with_another_model() -> None:
        async with runtime(READING, lane=priced_lane(model="larger")) as cascade:
            await cascade.resume(path, tools=World().tools)

    with pytest.raises(ConfigError, match="model was script and is larger"):
        run_on("asyncio", with_another_model)
    with pytest.raises(ConfigError, match="not given: look_up, store"):
        run_on("asyncio", without_tools)
    with pytest.raises(ConfigError, match="lacks: scripted"):
        run_on("asyncio", without_lane)
    assert read_trace(path).events[-1].kind != "resumed"


def test_a_score_after_the_end_is_kept(tmp_path: Path):
    whole = run_on("asyncio", partial(record, READING, tmp_path))
    assert whole.trace is not None
    assert whole.state.at is not None
    trace = read_trace(whole.trace)
    recorder = Recorder.reopen(trace)
    recorder.append(
        Scored(seq=whole.state.seq + 1, at=whole.state.at, success=True, reward=1.0, source="check")
    )
    recorder.close()
    again = run_on("asyncio", partial(resume, READING, whole.trace, World()))
    assert [score.reward for score in again.state.scores] == [1.0]


def test_a_call_of_an_unknown_tool_that_was_under_way_fails_again(tmp_path: Path):
    script = (calling(("invented", {})), "the answer")
    whole = run_on("asyncio", partial(record, script, tmp_path))
    assert whole.trace is not None
    path = next(path for path, kinds in cuts(whole.trace, tmp_path) if kinds[-1] == "tool_started")
    result = run_on("asyncio", partial(resume, script, path, World()))
    assert ending(result.state) == ending(whole.state)


def test_tools_may_be_given_as_plain_functions(tmp_path: Path):
    def look_up(key: str) -> str:
        return f"the value of {key}"

    async def run() -> Result:
        async with runtime((SCRIPT[0], "the answer"), traces=tmp_path) as cascade:
            return await cascade.run(TASK, tools=[look_up, tool(name="other")(look_up)])

    result = run_on("asyncio", run)
    assert [spec.side_effect for spec in result.state.head().tools] == ["write", "write"]
    assert result.tool_calls == 1
