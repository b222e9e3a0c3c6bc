"""The public border: what leaves it is one exception, the right one, and nothing else."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from worlds import SCRIPT, TASK, World, in_order, priced_lane, runtime

from cascade import Cascade, ConfigError, TraceError, tool
from cascade.backends.scripted import Reply, ScriptedBackend, calling
from cascade.events import Event, Finished
from cascade.exchange import Delta, Request, View
from cascade.lanes import Lane
from cascade.runtime import BUNDLED_LANE, Result, SystemClock
from cascade.runtime.exceptions import one_exception
from cascade.state import EMPTY
from cascade.traces.record import read_trace

pytestmark = pytest.mark.anyio


class OwnError(Exception):
    """The caller's own."""


class Mute(Exception):  # noqa: N818 - names the fact
    """Has no text."""

    def __str__(self) -> str:
        raise ValueError


async def test_the_callers_own_exception_leaves_the_block_as_it_is():
    async def block() -> None:
        async with runtime() as cascade:
            await cascade.run(TASK, tools=World().tools)
            raise OwnError

    with pytest.raises(OwnError):
        await block()


async def test_the_callers_exception_leaves_while_a_stream_is_open():
    cascade = runtime()
    stream = cascade.stream(TASK, tools=World().tools)

    async def block() -> None:
        async with cascade:
            await anext(stream)
            raise OwnError

    with pytest.raises(OwnError):
        await block()
    rest = [event.kind async for event in stream]
    assert "finished" not in rest


def raise_at(kind: str) -> Callable[[Event], None]:
    def listen(event: Event) -> None:
        if event.kind == kind:
            raise OwnError(kind)

    return listen


@pytest.mark.parametrize(
    "kind", ["started", "decided", "drafted", "tool_started", "tool_finished", "finished"]
)
async def test_an_exception_of_a_listener_leaves_as_it_is_and_the_log_is_whole(
    tmp_path: Path, kind: str
):
    async with runtime(traces=tmp_path) as cascade:
        with pytest.raises(OwnError, match=kind):
            await cascade.run(TASK, tools=World().tools, trajectory_id="t", on_event=raise_at(kind))
        trace = read_trace(tmp_path / "t.jsonl")
        assert trace.events[-1].kind == kind
        result = await cascade.resume(trace, tools=World().tools)
    assert result.outcome == "completed"


async def test_two_calls_at_once_that_both_fail_to_be_written_are_one_exception(tmp_path: Path):
    # They end in the same turn, so that one has its result before the other's failure cancels it.
    both = anyio.Event()

    @tool(parallel=True, side_effect="read")
    async def look(number: int) -> int:
        if number == 2:
            both.set()
        await both.wait()
        return number

    script = (calling(*(("look", {"number": number}) for number in (0, 1, 2))), "done")
    async with runtime(script, traces=tmp_path) as cascade:
        with pytest.raises(OwnError, match="tool_finished"):
            await cascade.run(
                TASK, tools=[look], trajectory_id="t", on_event=raise_at("tool_finished")
            )
    events = read_trace(tmp_path / "t.jsonl").events
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert sum(event.kind == "tool_finished" for event in events) == 1


async def test_an_exception_of_a_delta_listener_leaves_as_it_is():
    def listen(_delta: Delta) -> None:
        raise OwnError

    events: list[Event] = []
    async with runtime() as cascade:
        with pytest.raises(OwnError):
            await cascade.run(TASK, tools=World().tools, on_delta=listen, on_event=events.append)
    assert events[-1].kind == "interrupted"


async def test_an_exception_of_a_backend_that_is_none_of_ours_leaves_as_it_is(tmp_path: Path):
    async with runtime(in_order(OwnError("broken")), traces=tmp_path) as cascade:
        with pytest.raises(OwnError, match="broken"):
            await cascade.run(TASK, trajectory_id="t")
    assert read_trace(tmp_path / "t.jsonl").events[-1].kind == "interrupted"


class Leave(BaseException):
    """More than an error."""


async def test_what_is_more_than_an_error_leaves_parallel_tools_as_no_group():
    @tool(parallel=True)
    async def leave() -> None:
        raise Leave

    @tool(parallel=True)
    async def stay() -> None:
        await anyio.sleep_forever()

    script = (calling(("leave", {}), ("stay", {})), "never")
    async with runtime(script) as cascade:
        with pytest.raises(Leave):
            await cascade.run(TASK, tools=[leave, stay])


async def test_of_exceptions_that_came_together_the_first_leaves_with_the_others_noted():
    group = ExceptionGroup("all", [ExceptionGroup("two", [OwnError("a"), Mute()]), OwnError("c")])
    with pytest.raises(OwnError, match="a") as caught, one_exception():
        raise group
    assert caught.value.__notes__ == [
        "At the same time: Mute: (no message: its text raised ValueError)",
        "At the same time: OwnError: c",
    ]
    assert caught.value.__context__ is group
    with pytest.raises(KeyboardInterrupt), one_exception():
        raise BaseExceptionGroup("stop", [Leave(), OwnError("a"), KeyboardInterrupt()])
    with pytest.raises(OwnError, match="inner"), one_exception():
        raise ExceptionGroup("outer", [ExceptionGroup("middle", [OwnError("inner")])])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"task": "half \ud800"}, "surrogates"),
        ({"task": "x", "system": "\udcff"}, "surrogates"),
        ({"task": "x", "metadata": {"n": float("nan")}}, "finite"),
        ({"task": 3}, "valid string"),
        ({"task": "x", "seed": "s"}, "valid integer"),
        ({"task": "x", "tools": [World().tools[0]] * 2}, "given twice: look_up"),
    ],
)
async def test_what_cannot_be_run_is_refused_before_anything_happens(
    tmp_path: Path, arguments: dict[str, Any], said: str
):
    async with runtime(traces=tmp_path) as cascade:
        with pytest.raises(ConfigError, match=said):
            await cascade.run(**arguments)
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - pathlib is refused in async code


@pytest.mark.parametrize("name", ["../up", "", ".hidden", "a/b", "x" * 121, "a\0b", "ü"])
async def test_a_trajectory_id_that_is_no_file_name_is_refused(tmp_path: Path, name: str):
    async with runtime(traces=tmp_path) as cascade:
        if name:
            with pytest.raises(ConfigError, match="name of a file"):
                await cascade.run(TASK, tools=World().tools, trajectory_id=name)
        else:
            assert (await cascade.run(TASK, tools=World().tools, trajectory_id=name)).trajectory_id


async def test_nothing_runs_outside_the_block():
    cascade = runtime()
    stream = cascade.stream(TASK)
    with pytest.raises(ConfigError, match="not open"):
        await cascade.run(TASK)
    with pytest.raises(ConfigError, match="not open"):
        await anext(stream)
    async with cascade:
        await cascade.run(TASK, tools=World().tools)
    with pytest.raises(ConfigError, match="not open"):
        await cascade.run(TASK)


async def test_a_runtime_can_be_opened_again():
    cascade = runtime()
    for _ in range(2):
        async with cascade:
            assert (await cascade.run(TASK, tools=World().tools)).outcome == "completed"


async def test_a_runtime_is_entered_once_at_a_time():
    backend = Opening("only")
    cascade = Cascade(lanes=[backend.lane], backends={"only": backend})
    async with cascade:
        with pytest.raises(ConfigError, match="open already"):
            await cascade.__aenter__()
        assert backend.log == ["open"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lanes": ()}, "none at all"),
        ({"lanes": (BUNDLED_LANE, BUNDLED_LANE)}, "a name of its own"),
        ({"max_trajectories": 0}, "at least 1"),
        ({"backends": {"typo": ScriptedBackend(())}}, "given for typo; the lanes are: local"),
        (
            {"lanes": (BUNDLED_LANE.model_copy(update={"backend": "none_such"}),)},
            "names backend 'none_such'; there are: anthropic, llama_cpp, openai",
        ),
    ],
)
async def test_a_runtime_that_cannot_work_is_refused_when_it_is_made(
    options: dict[str, Any], said: str
):
    with pytest.raises(ConfigError, match=said):
        Cascade(**options)


class Opening(ScriptedBackend):
    """Counts how often it was opened and closed; can refuse to open."""

    def __init__(self, name: str, *, opens: bool = True) -> None:
        super().__init__(SCRIPT, lane=priced_lane(name=name))
        self.opens = opens
        self.log: list[str] = []

    async def open(self) -> Lane:
        if not self.opens:
            raise ConfigError("no such model")
        self.log.append("open")
        return await super().open()

    async def aclose(self) -> None:
        self.log.append("close")


async def test_a_lane_that_does_not_open_closes_the_others_again():
    first, second = Opening("first"), Opening("second", opens=False)
    cascade = Cascade(lanes=[first.lane, second.lane], backends={"first": first, "second": second})
    with pytest.raises(ConfigError, match="no such model"):
        async with cascade:
            raise AssertionError
    assert first.log == ["open", "close"]
    assert second.log == ["close"]


async def test_leaving_twice_is_harmless():
    backend = Opening("only")
    cascade = Cascade(lanes=[backend.lane], backends={"only": backend})
    async with cascade:
        await cascade.__aexit__(None, None, None)
    assert backend.log == ["open", "close", "close"]


async def test_lanes_close_even_if_the_block_is_cancelled():
    backend = Opening("only")
    with anyio.CancelScope() as scope:
        async with Cascade(lanes=[backend.lane], backends={"only": backend}) as cascade:
            assert [lane.name for lane in cascade.lanes] == ["only"]
            scope.cancel()
            await cascade.run(TASK)
    assert scope.cancelled_caught
    assert backend.log == ["open", "close"]


async def test_a_trajectory_that_is_over_is_released():
    backend = ScriptedBackend(SCRIPT)
    async with Cascade(lanes=[backend.lane], backends={"scripted": backend}) as cascade:
        await cascade.run(TASK, tools=World().tools, trajectory_id="one")
        with pytest.raises(OwnError):
            await cascade.run(TASK, trajectory_id="two", on_event=raise_at("decided"))
    assert backend.released == ["one", "two"]


async def test_identity_and_seed_are_chosen_where_they_are_not_given():
    backend = ScriptedBackend(["a", "b", "c"])
    options: dict[str, Any] = {"lanes": [backend.lane], "backends": {"scripted": backend}}
    async with Cascade(**options) as cascade:
        results = [await cascade.run("x") for _ in range(3)]
        given = await cascade.run("x", seed=11, trajectory_id="mine", metadata={"suite": "s"})
    heads = [result.state.head() for result in results]
    assert len({head.trajectory_id for head in heads}) == 3
    assert len({head.seed for head in heads}) == 3
    head = given.state.head()
    assert (head.seed, head.trajectory_id, head.metadata) == (11, "mine", {"suite": "s"})


async def test_seeds_of_model_calls_follow_from_the_trajectorys():
    seeds: list[int] = []

    def script(view: View, request: Request) -> Reply:
        seeds.append(request.seed)
        return SCRIPT[len(view.messages) // 2]

    async with runtime(script) as cascade:
        for seed in (1, 1, 2):
            await cascade.run(TASK, tools=World().tools, seed=seed)
    first, again, other = seeds[:4], seeds[4:8], seeds[8:]
    assert first == again
    assert not set(first) & set(other)
    assert all(0 <= seed < 2**31 for seed in seeds)


async def test_a_result_is_of_what_is_over():
    with pytest.raises(TraceError, match="resume it first"):
        Result.of(EMPTY, None)
    async with runtime() as cascade:
        result = await cascade.run(TASK, tools=World().tools)
    assert isinstance(result.state.finished, Finished)
    assert SystemClock().utc().tzinfo is not None
    assert SystemClock().monotonic() <= SystemClock().monotonic()
