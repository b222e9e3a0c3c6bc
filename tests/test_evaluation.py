"""Evaluation: tasks run, judged, summed up and kept."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from cascade import Cascade, ConfigError, Policy, TraceError, tool
from cascade.backends.scripted import Reply, ScriptedBackend, calling
from cascade.desk.suite import suite as desk
from cascade.evaluation import (
    Arm,
    Attempt,
    EvaluationReport,
    Plan,
    TaskLabel,
    evaluate,
    is_restorable,
    new_folder,
    open_folder,
    restore,
    write_summary,
)
from cascade.events import Event, Scored
from cascade.exchange import Request, Sampling, Usage, View
from cascade.lanes import Lane
from cascade.runtime import TickingClock
from cascade.suites import Score
from cascade.tools import Tool
from cascade.traces.record import read_trace
from cascade.traces.score import append_score

AT = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = Plan(suite="counting", tasks=4, seed=0, lane=ScriptedBackend([]).lane, policy=Policy())


@dataclass
class Counter:
    """A world that counts how often it was touched."""

    touched: int = 0

    @property
    def tools(self) -> Sequence[Tool]:
        return [tool(self.touch)]

    async def touch(self) -> str:
        """Counts; async, as a virtual clock does not wait for threads."""
        await anyio.lowlevel.checkpoint()
        self.touched += 1
        if self.touched == 2:
            raise ValueError("touched twice")
        return f"touched {self.touched}"

    def check(self, answer: str | None) -> Score:
        right = answer == str(self.touched)
        return Score(success=right, reward=float(right), reason=f"{answer} for {self.touched}")


@dataclass(frozen=True)
class CountingTask:
    id: str
    family: str
    seed: int
    prompt: str = "touch"
    system: str = ""

    def open(self) -> Counter:
        return Counter()


@dataclass(frozen=True)
class Counting:
    name: str = "counting"
    families: Sequence[str] = ("even", "odd")
    ids: Callable[[int], str] = field(default=lambda index: f"task {index}")

    def tasks(self, count: int, seed: int) -> Sequence[CountingTask]:
        return [
            CountingTask(self.ids(index), self.families[index % 2], seed * 100 + index)
            for index in range(count)
        ]


def touching_thrice(view: View, request: Request) -> Reply:
    """Touches three times and is right about it, unless the task's seed is odd."""
    del request
    if len(view.messages) < 7:
        return calling(("touch", {}))
    return "3" if int(view.trajectory_id[:5]) % 2 else "three"


def runtime(script: Any = touching_thrice, **settings: Any) -> Cascade:
    backend = ScriptedBackend(script)
    return Cascade(
        lanes=[backend.lane], backends={"scripted": backend}, clock=TickingClock(), **settings
    )


@pytest.mark.anyio
async def test_tasks_are_run_judged_and_summed_up_in_their_order(tmp_path: Path):
    seen: list[tuple[str, str]] = []

    def on_event(trajectory_id: str, event: Event) -> None:
        seen.append((trajectory_id, event.kind))

    judged: list[Attempt] = []
    async with runtime(traces=tmp_path) as cascade:
        evaluation = await evaluate(
            cascade,
            Counting(),
            tasks=4,
            seed=2,
            concurrency=3,
            reference="counting.py:suite",
            on_event=on_event,
            on_attempt=judged.append,
        )
    arm = evaluation.report.arms[0]
    assert (arm.name, arm.tasks, arm.success_rate) == ("scripted", 4, 0.5)
    assert arm.by_family == {"even": 1.0, "odd": 0.0}
    assert (arm.steps, arm.tool_calls, arm.frontier_step_share) == (4.0, 3.0, 0.0)
    assert [one.label.task for one in evaluation.attempts] == [f"task {i}" for i in range(4)]
    assert sorted(judged, key=lambda one: one.trajectory_id) == list(evaluation.attempts)
    assert ("00001-task-0", "scored") in seen
    trace = read_trace(tmp_path / "00002-task-1.jsonl")
    assert trace.started.seed == 201
    assert trace.started.metadata == {
        "suite": "counting",
        "reference": "counting.py:suite",
        "task": "task 1",
        "family": "odd",
        "seed": 201,
        "drawn_tasks": 4,
        "drawn_seed": 2,
    }
    last = trace.events[-1]
    assert isinstance(last, Scored)
    assert (last.success, last.source, last.reason) == (False, "counting", "three for 3")


@pytest.mark.anyio
async def test_what_is_found_is_the_same_with_and_without_a_record(tmp_path: Path):
    async with runtime() as cascade:
        without = await evaluate(cascade, Counting(), tasks=3, concurrency=1)
    async with runtime(traces=tmp_path) as cascade:
        recorded = await evaluate(cascade, Counting(), tasks=3, concurrency=1)
    assert [replace(one, trace=None) for one in recorded.attempts] == [
        replace(one, trace=None) for one in without.attempts
    ]
    assert without.attempts[0].trace is None


@pytest.mark.anyio
async def test_no_more_trajectories_run_at_once_than_allowed():
    under_way: set[str] = set()
    most = 0

    async def script(view: View, request: Request) -> Reply:
        nonlocal most
        del request
        under_way.add(view.trajectory_id)
        most = max(most, len(under_way))
        await anyio.sleep(0.01)
        under_way.discard(view.trajectory_id)
        return "3"

    async with runtime(script) as cascade:
        await evaluate(cascade, Counting(), tasks=9, concurrency=4)
    assert most == 4


@pytest.mark.anyio
async def test_a_stopped_evaluation_goes_on_and_finds_the_same(tmp_path: Path):
    def stopping(attempt: Attempt) -> None:
        del attempt
        scope.cancel()

    stopped, undisturbed = tmp_path / "stopped", tmp_path / "undisturbed"
    open_folder(stopped, PLAN)
    async with runtime(traces=stopped) as cascade:
        with anyio.CancelScope() as scope:
            await evaluate(cascade, Counting(), tasks=4, concurrency=2, on_attempt=stopping)
    done = open_folder(stopped, PLAN)
    assert 1 <= len(done) < 4
    async with runtime(traces=stopped) as cascade:
        resumed = await evaluate(cascade, Counting(), tasks=4, concurrency=2, done=done)
    async with runtime(traces=undisturbed) as cascade:
        whole = await evaluate(cascade, Counting(), tasks=4, concurrency=2)
    assert len(list((stopped / "unfinished").iterdir())) >= 1
    first, second = resumed.report.arms[0], whole.report.arms[0]
    assert first.model_copy(update={"wall_s": second.wall_s, "tokens_per_s": 0.0}) == (
        second.model_copy(update={"tokens_per_s": 0.0})
    )
    assert len(open_folder(stopped, PLAN)) == 4


@pytest.mark.anyio
async def test_two_tasks_of_one_id_are_refused():
    async with runtime() as cascade:
        with pytest.raises(ConfigError, match="several tasks of one id: same"):
            await evaluate(cascade, Counting(ids=lambda _: "same"), tasks=2)


@pytest.mark.anyio
async def test_a_world_that_cannot_be_opened_is_told_with_its_task():
    @dataclass(frozen=True)
    class Closed(CountingTask):
        def open(self) -> Counter:
            raise OSError("no room")

    @dataclass(frozen=True)
    class Shut(Counting):
        def tasks(self, count: int, seed: int) -> Sequence[CountingTask]:
            return [Closed("a", "even", seed)] * min(count, 1)

    async with runtime() as cascade:
        with pytest.raises(ConfigError, match="task 'a': its `open` raised OSError: no room"):
            await evaluate(cascade, Shut(), tasks=1)


class TestTheFolder:
    def test_a_new_one_gets_a_plan(self, tmp_path: Path):
        assert open_folder(tmp_path / "a" / "b", PLAN) == ()
        assert json.loads((tmp_path / "a/b/plan.json").read_text("utf-8"))["suite"] == "counting"

    @pytest.mark.parametrize("change", [{"seed": 1}, {"content": False}, {"tasks": 5}])
    def test_another_plan_is_refused(self, tmp_path: Path, change: dict[str, Any]):
        open_folder(tmp_path, PLAN)
        (name,) = change
        with pytest.raises(ConfigError, match=rf"another evaluation \({name} was "):
            open_folder(tmp_path, PLAN.model_copy(update=change))

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"max_output_tokens": 7}, "lane.max_output_tokens was 1024 and is 7"),
            ({"settings": {"threads": 2}}, "lane.settings.threads was None and is 2"),
            ({"sampling": Sampling(temperature=1)}, "lane.sampling.temperature was 0.0 and is 1.0"),
        ],
    )
    def test_other_settings_of_the_model_are_refused_by_name(
        self, tmp_path: Path, change: dict[str, Any], told: str
    ):
        open_folder(tmp_path, PLAN)
        lane = PLAN.lane.model_copy(update=change)
        with pytest.raises(ConfigError, match=rf"another evaluation \({told}\)"):
            open_folder(tmp_path, PLAN.model_copy(update={"lane": lane}))

    def test_two_new_ones_of_one_second_differ_and_have_names_that_files_can_have(self):
        first, second = (new_folder(Path("runs"), "my/own suite", AT) for _ in range(2))
        assert first != second
        assert first.parent == second.parent == Path("runs")
        assert first.name.startswith("my-own-suite-20260101T000000-")

    def test_a_folder_of_other_trajectories_is_refused(self, tmp_path: Path):
        (tmp_path / "one.jsonl").touch()
        with pytest.raises(ConfigError, match=r"holds trajectories and no plan\.json"):
            open_folder(tmp_path, PLAN)

    def test_a_plan_that_is_none_is_refused(self, tmp_path: Path):
        (tmp_path / "plan.json").write_text("{}", encoding="utf-8")
        with pytest.raises(ConfigError, match="is not the plan of an evaluation"):
            open_folder(tmp_path, PLAN)

    def test_a_file_in_the_folders_place_is_refused(self, tmp_path: Path):
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match="cannot be used as a folder: File exists"):
            open_folder(tmp_path / "file", PLAN)

    def test_a_trajectory_that_died_in_its_first_line_is_set_aside(self, tmp_path: Path):
        open_folder(tmp_path, PLAN)
        (tmp_path / "00001-a.jsonl").write_bytes(b'{"schema')
        assert open_folder(tmp_path, PLAN) == ()
        assert [path.name for path in (tmp_path / "unfinished").iterdir()] == ["00001-a.1.jsonl"]

    def test_a_trajectory_that_is_spoilt_is_an_error(self, tmp_path: Path):
        open_folder(tmp_path, PLAN)
        (tmp_path / "00001-a.jsonl").write_bytes(b"nonsense\n")
        with pytest.raises(TraceError, match="line 1"):
            open_folder(tmp_path, PLAN)

    def test_the_summary_can_be_read_back(self, tmp_path: Path):
        report = EvaluationReport(suite="s", seed=1, arms=(Arm.of("local", [attempt()]),))
        path = write_summary(tmp_path, report)
        assert EvaluationReport.model_validate_json(path.read_bytes()) == report


def attempt(began_s: float = 0, ended_s: float = 1, **changes: Any) -> Attempt:
    label = TaskLabel(suite="s", task="t", family="f", seed=1, drawn_tasks=1, drawn_seed=1)
    made = Attempt(
        trajectory_id="t",
        label=label,
        outcome="completed",
        success=True,
        reward=1.0,
        reason="",
        steps=4,
        frontier_steps=1,
        tool_calls=2,
        usage=Usage(input_tokens=5, output_tokens=10),
        cost_usd=Decimal("0.25"),
        began_at=AT + timedelta(seconds=began_s),
        ended_at=AT + timedelta(seconds=ended_s),
        elapsed_s=1.0,
        trace=None,
    )
    return replace(made, **changes)


class TestTheSums:
    @pytest.mark.parametrize(
        ("intervals", "wall_s"),
        [
            ([(0, 1)], 1),
            ([(0, 2), (1, 3)], 3),
            ([(0, 9), (1, 2), (3, 4)], 9),
            ([(100, 101), (0, 1)], 2),
        ],
    )
    def test_wall_time_counts_overlaps_once_and_pauses_never(
        self, intervals: list[tuple[float, float]], wall_s: float
    ):
        arm = Arm.of("local", [attempt(began, ended) for began, ended in intervals])
        assert arm.wall_s == wall_s
        assert arm.tokens_per_s == pytest.approx(10 * len(intervals) / wall_s, abs=1e-3)

    def test_one_unknown_cost_makes_the_sum_unknown(self):
        assert Arm.of("x", [attempt(), attempt()]).cost_usd == Decimal("0.5")
        assert Arm.of("x", [attempt(), attempt(cost_usd=None)]).cost_usd is None

    def test_the_share_is_of_all_steps_and_not_a_mean_of_shares(self):
        arm = Arm.of("x", [attempt(), attempt(steps=1, frontier_steps=1)])
        assert arm.frontier_step_share == pytest.approx(0.4)

    def test_no_attempts_have_no_rate(self):
        arm = Arm.of("x", [], ["f"])
        assert (arm.tasks, arm.success_rate, arm.reward, arm.by_family) == (0, None, None, {})
        assert (arm.steps, arm.frontier_step_share, arm.wall_s, arm.tokens_per_s) == (0, 0, 0, 0)

    @pytest.mark.anyio
    async def test_steps_above_the_lowest_tier_are_frontier_steps(self):
        low = ScriptedBackend([])
        high = Lane(name="high", backend="scripted", model="m", tier=1, locality="remote")
        backends = {"scripted": low, "high": ScriptedBackend(touching_thrice, lane=high)}
        async with Cascade(
            lanes=[low.lane, high], backends=backends, policy=Policy(home_lane="high")
        ) as cascade:
            evaluation = await evaluate(cascade, Counting(), tasks=1, arm="all high")
        (arm,) = evaluation.report.arms
        assert (arm.name, arm.frontier_step_share, arm.cost_usd) == ("all high", 1.0, None)


class TestRestoring:
    def test_only_a_world_that_says_so_is_restorable(self):
        assert not is_restorable(Counter())
        assert is_restorable(desk.tasks(1, 0)[0].open())

    @pytest.mark.anyio
    async def test_a_world_comes_back_failed_calls_included(self, tmp_path: Path):
        async with runtime(traces=tmp_path) as cascade:
            await evaluate(cascade, Counting(), tasks=1)
        trace = read_trace(tmp_path / "00001-task-0.jsonl")
        world = Counter()
        assert await restore(world, trace) == 3
        assert world.touched == 3

    @pytest.mark.anyio
    async def test_a_world_that_differs_is_refused(self, tmp_path: Path):
        async with runtime(traces=tmp_path) as cascade:
            await evaluate(cascade, Counting(), tasks=1)
        trace = read_trace(tmp_path / "00001-task-0.jsonl")
        with pytest.raises(TraceError, match="touch gave 'touched 1' in step 1 and gives 'touched"):
            await restore(Counter(touched=5), trace)

    @pytest.mark.anyio
    async def test_a_record_without_content_is_refused(self, tmp_path: Path):
        async with runtime(traces=tmp_path, record_content=False) as cascade:
            await evaluate(cascade, Counting(), tasks=1)
        trace = read_trace(tmp_path / "00001-task-0.jsonl")
        with pytest.raises(TraceError, match="recorded without message content"):
            await restore(Counter(), trace)


class TestScores:
    @pytest.mark.anyio
    async def test_a_finished_trajectory_takes_several(self, tmp_path: Path):
        async with runtime(["yes"], traces=tmp_path) as cascade:
            result = await cascade.run("go")
        assert result.trace is not None
        for source in ("suite", "person"):
            append_score(result.trace, success=True, reward=1.0, source=source, at=AT, reason="ok")
        state = read_trace(result.trace).state()
        assert [score.source for score in state.scores] == ["suite", "person"]
        assert state.scores[0].reason == "ok"

    @pytest.mark.anyio
    async def test_a_record_without_content_gets_no_reason(self, tmp_path: Path):
        async with runtime(["yes"], traces=tmp_path, record_content=False) as cascade:
            result = await cascade.run("go")
        assert result.trace is not None
        scored = append_score(
            result.trace, success=True, reward=1.0, source="s", at=AT, reason="said yes", fsync=True
        )
        assert scored.reason == ""
        assert read_trace(result.trace).events[-1] == scored

    @pytest.mark.anyio
    async def test_an_unfinished_trajectory_takes_none(self, tmp_path: Path):
        async with runtime(traces=tmp_path) as cascade:
            await cascade.run("go", tools=Counter().tools, trajectory_id="00001")
        path = tmp_path / "00001.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
        with pytest.raises(TraceError, match="is not over"):
            append_score(path, success=True, reward=1.0, source="s", at=AT)

    def test_only_judged_trajectories_of_an_evaluation_are_attempts(self, tmp_path: Path):
        async def run() -> Any:
            async with runtime(["yes"], traces=tmp_path) as cascade:
                return await cascade.run("go")

        result = anyio.run(run)
        with pytest.raises(TraceError, match="was not judged"):
            Attempt.of(result.state, result.trace)
        append_score(result.trace, success=True, reward=1.0, source="s", at=AT)
        with pytest.raises(TraceError, match="was not made by an evaluation"):
            Attempt.of(read_trace(result.trace).state(), result.trace)
