"""Running one arm of an evaluation in a folder of its own."""

from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from cascade.cli.arms import ArmRun
from cascade.cli.interrupts import run_until_interrupted
from cascade.cli.progress import SuiteView
from cascade.evaluation.evaluate import Evaluation, evaluate
from cascade.evaluation.folder import Plan, open_folder, write_summary
from cascade.suites import Suite

__all__ = ["Asked", "run_arm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is evaluated, the same in all arms.

    Attributes:
        suite: The tasks.
        reference: How the command line finds the suite.
        tasks: How many to draw.
        seed: What to draw them with.
        concurrency: Trajectories under way at once.
        content: Whether the trajectories hold what was said.
    """

    suite: Suite
    reference: str
    tasks: int
    seed: int
    concurrency: int
    content: bool


def run_arm(
    asked: Asked, arm: ArmRun, folder: Path, console: Console, *, given: int
) -> Evaluation | None:
    """Runs one arm, or what is left of it; `None` if it was interrupted.

    Args:
        asked: What to run.
        arm: On what.
        folder: Where it is recorded.
        console: Where to show how far it is.
        given: How many tasks the suite has of those asked for.

    Raises:
        ConfigError: The folder holds something else.
    """
    plan = Plan(
        suite=asked.reference,
        tasks=asked.tasks,
        seed=asked.seed,
        lane=arm.lane,
        above=arm.above,
        policy=arm.policy,
        content=asked.content,
    )
    done = open_folder(folder, plan)
    view = SuiteView(console, title=f"{asked.suite.name}: {arm.name}", tasks=given, done=done)

    async def work() -> Evaluation:
        async with arm.runtime:
            return await evaluate(
                arm.runtime,
                asked.suite,
                tasks=asked.tasks,
                seed=asked.seed,
                concurrency=asked.concurrency,
                reference=asked.reference,
                arm=arm.name,
                done=done,
                on_event=view.on_event,
                on_attempt=view.on_attempt,
            )

    def stopping() -> None:
        view.stop()
        click.echo("stopping; once more to quit at once", err=True)

    with view:
        evaluation = run_until_interrupted(work, on_stop=stopping)
    if evaluation is None:
        click.echo(f"interrupted: {view.finished} of {given} tasks are judged", err=True)
        return None
    write_summary(folder, evaluation.report)
    return evaluation
