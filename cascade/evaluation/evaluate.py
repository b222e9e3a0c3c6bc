"""Runs a suite's tasks through a runtime and judges what came of each."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import anyio

from cascade.evaluation.attempt import Attempt, TaskLabel
from cascade.evaluation.draw import draw, open_task
from cascade.evaluation.folder import file_name
from cascade.evaluation.judge import judge
from cascade.evaluation.report import Arm, EvaluationReport
from cascade.events import Event
from cascade.fold import fold
from cascade.policy import Policy
from cascade.runtime.cascade import Cascade
from cascade.runtime.clock import Clock, SystemClock
from cascade.runtime.exceptions import one_exception
from cascade.suites import Suite, Task

__all__ = ["Evaluation", "evaluate"]

DEFAULT_CONCURRENCY = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A finished evaluation."""

    report: EvaluationReport
    attempts: tuple[Attempt, ...]
    """In the order of the tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One task and how its trajectory is called and labelled."""

    task: Task
    trajectory_id: str
    label: TaskLabel


async def evaluate(
    cascade: Cascade,
    suite: Suite,
    *,
    tasks: int = 100,
    seed: int = 0,
    concurrency: int = DEFAULT_CONCURRENCY,
    policy: Policy | None = None,
    reference: str | None = None,
    arm: str | None = None,
    done: Iterable[Attempt] = (),
    on_event: Callable[[str, Event], None] | None = None,
    on_attempt: Callable[[Attempt], None] | None = None,
    clock: Clock | None = None,
) -> Evaluation:
    """Runs *tasks* tasks of a suite, each in a fresh world, and judges them.

    Trajectories are named by their place among the tasks, carry a `TaskLabel` as metadata and take
    their task's seed, so the same arguments make the same trajectories whatever the concurrency.
    Where the runtime records, each file ends in a `scored` event. A suite's `open` and `check` are
    called on the event loop and should be quick.

    Args:
        cascade: An open runtime. How many trajectories it runs at once is a second limit.
        suite: The tasks.
        tasks: How many to draw; a suite that has fewer gives those that it has.
        seed: What to draw them with.
        concurrency: How many trajectories are under way at once.
        policy: Instead of the runtime's.
        reference: How the command line finds the suite, for a later resume.
        arm: Name of the arm in the report; the lowest lane's name by default.
        done: Attempts of an earlier, stopped evaluation of the same tasks; not run again.
        on_event: Called with a trajectory's id and each of its events, the score included.
        on_attempt: Called with each attempt when it has been judged.
        clock: Where the time of the score comes from.

    Raises:
        ConfigError: The suite's own code failed or gave something that cannot be used.
        TraceError: A trajectory cannot be recorded.
    """
    clock = clock or SystemClock()
    runs = _runs(suite, tasks, seed, reference)
    attempts = {attempt.trajectory_id: attempt for attempt in done}

    async def attempt(run: _Run) -> None:
        made = await _attempt(cascade, run, policy, clock, on_event)
        attempts[run.trajectory_id] = made
        if on_attempt is not None:
            on_attempt(made)

    await _all(attempt, [run for run in runs if run.trajectory_id not in attempts], concurrency)
    ordered = tuple(attempts[run.trajectory_id] for run in runs)
    lowest = min(cascade.lanes, key=lambda lane: lane.tier)
    report = EvaluationReport(
        suite=suite.name, seed=seed, arms=(Arm.of(arm or lowest.name, ordered, suite.families),)
    )
    return Evaluation(report=report, attempts=ordered)


async def _all(
    attempt: Callable[[_Run], Awaitable[None]], runs: Iterable[_Run], concurrency: int
) -> None:
    """Attempts all of *runs*, so many at once, and begins them in their order on any event loop."""
    places = anyio.Semaphore(concurrency)

    async def attempt_and_make_room(run: _Run) -> None:
        try:
            await attempt(run)
        finally:
            places.release()

    with one_exception():
        async with anyio.create_task_group() as group:
            for run in runs:
                await places.acquire()
                group.start_soon(attempt_and_make_room, run)


def _runs(suite: Suite, count: int, seed: int, reference: str | None) -> list[_Run]:
    return [
        _Run(
            task=task,
            trajectory_id=_trajectory_id(index, task.id),
            label=TaskLabel(
                suite=suite.name,
                reference=reference,
                task=task.id,
                family=task.family,
                seed=task.seed,
                drawn_tasks=count,
                drawn_seed=seed,
            ),
        )
        for index, task in enumerate(draw(suite, count, seed), start=1)
    ]


def _trajectory_id(index: int, task_id: str) -> str:
    """The place keeps ids apart that differ only in characters that a file name cannot have."""
    return f"{index:05d}-" + file_name(task_id)


async def _attempt(
    cascade: Cascade,
    run: _Run,
    policy: Policy | None,
    clock: Clock,
    on_event: Callable[[str, Event], None] | None,
) -> Attempt:
    def publish(event: Event) -> None:
        if on_event is not None:
            on_event(run.trajectory_id, event)

    episode, tools = open_task(run.task)
    result = await cascade.run(
        run.task.prompt,
        tools=tools,
        system=run.task.system or None,
        policy=policy,
        seed=run.task.seed,
        trajectory_id=run.trajectory_id,
        metadata=run.label.metadata(),
        on_event=publish,
    )
    scored = judge(episode, result, task=run.task.id, source=run.label.suite, clock=clock)
    publish(scored)
    return Attempt.of(fold(result.state, scored), result.trace)
