"""`cascade eval`: a suite of tasks, run and judged."""

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import click
from rich.console import Console

from cascade.cli.app import DONE, INTERRUPTED, UNSUCCESSFUL, Session
from cascade.cli.arms import ArmRun, comparison, opened_arm
from cascade.cli.consoles import output_console
from cascade.cli.interrupts import run_until_interrupted
from cascade.cli.loading import load_suite
from cascade.cli.options import FiniteRange, RuntimeOptions, json_option, runtime_options
from cascade.cli.progress import SuiteView, report_table
from cascade.evaluation.draw import draw
from cascade.evaluation.evaluate import DEFAULT_CONCURRENCY, Evaluation, evaluate
from cascade.evaluation.folder import Plan, file_name, new_folder, open_folder, write_summary
from cascade.evaluation.frontier import OracleWire
from cascade.evaluation.report import EvaluationReport
from cascade.suites import Suite

__all__ = ["command"]

EPILOG = """\b
Examples:
  cascade eval desk
  cascade eval desk --tasks 200 --seed 3 --concurrency 32 --out runs/mine
  cascade eval mysuite.py:suite --model path/to/model.gguf --json
  cascade eval desk --lane local --lane oracle

\b
The folder holds plan.json, one trajectory a task and, at the end, summary.json.
The same command with the folder of a stopped evaluation goes on with it: judged
tasks are kept, tasks that were cut short start again from their beginning (their
first attempts stay in unfinished/). Each --lane has a folder of its own in it.

\b
--lane oracle puts the desk's own solution behind a simulated provider with real wire
formats, at list prices: what a perfect frontier model would cost. It is no claim
about any real model.

\b
--json prints {"suite", "seed", "arms": [...]}; an arm has
  name, tasks, success_rate, by_family {family: success rate}, steps (mean),
  frontier_step_share, cost_usd (null where unknown), wall_s
and tasks_by_family, outcomes, tool_calls (mean), reward (mean), usage (tokens),
tokens_per_s. Exit codes: cascade --help
"""


@click.command(name="eval", epilog=EPILOG)
@click.argument("suite")
@click.option(
    "--tasks",
    metavar="N",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many.",
)
@click.option(
    "--seed", metavar="S", type=int, default=0, show_default=True, help="What to draw them with."
)
@click.option(
    "--concurrency",
    metavar="C",
    type=click.IntRange(min=1),
    default=DEFAULT_CONCURRENCY,
    show_default=True,
    help="Trajectories under way at once.",
)
@click.option(
    "--lane",
    "lanes",
    metavar="NAME",
    multiple=True,
    help="Run this lane alone; given again, compare them. `oracle` is simulated.",
)
@click.option(
    "--wire",
    type=click.Choice(get_args(OracleWire)),
    default="openai",
    show_default=True,
    help="Which provider the oracle plays.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the trajectories.  [default: runs/SUITE-TIME-ID]",
)
@click.option(
    "--min-success",
    metavar="RATE",
    type=FiniteRange(0, 1),
    help="Exit with 1 if a smaller share of the tasks is solved.",
)
@runtime_options
@json_option
@click.pass_obj
def command(
    session: Session,
    *,
    suite: str,
    tasks: int,
    seed: int,
    concurrency: int,
    lanes: tuple[str, ...],
    wire: OracleWire,
    out: Path | None,
    min_success: float | None,
    options: RuntimeOptions,
    as_json: bool,
) -> int:
    """Run the tasks of SUITE: `desk`, `module:attribute` or `file.py:attribute`."""
    asked = _Asked(
        suite=load_suite(suite), reference=suite, tasks=tasks, seed=seed, concurrency=concurrency
    )
    drawn = draw(asked.suite, tasks, seed)
    if len(drawn) < tasks:
        click.echo(f"suite {asked.suite.name} gave {len(drawn)} of {tasks} tasks", err=True)
    folder = out or new_folder(Path("runs"), asked.suite.name, datetime.now(UTC))
    console = output_console(as_json=as_json)
    reports: list[EvaluationReport] = []
    names: tuple[str | None, ...] = lanes or (None,)
    for name in names:
        place = folder if name is None else folder / file_name(name)
        with opened_arm(
            options, name, tasks=drawn, wire=wire, traces=place, max_trajectories=concurrency
        ) as arm:
            report = _run_arm(asked, arm, place, console, given=len(drawn), options=options)
        if report is None:
            go_on = shlex.join(["cascade", *session.arguments, *_missing_out(out, folder)])
            click.echo(f"go on with: {go_on}", err=True)
            return INTERRUPTED
        reports.append(report)
        if not as_json:
            console.print(report_table(report.arms[0]))
    whole = EvaluationReport(
        suite=reports[0].suite,
        seed=reports[0].seed,
        arms=tuple(arm for report in reports for arm in report.arms),
    )
    summary = write_summary(folder, whole)
    if as_json:
        click.echo(whole.model_dump_json())
    else:
        if len(whole.arms) > 1:
            console.print(comparison(whole.arms))
        console.print(f"trajectories and {summary.name} are in {folder}", style="dim")
    solved = reports[0].arms[0].success_rate or 0.0
    return UNSUCCESSFUL if min_success is not None and solved < min_success else DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is evaluated, the same in all arms."""

    suite: Suite
    reference: str
    tasks: int
    seed: int
    concurrency: int


def _run_arm(
    asked: _Asked,
    arm: ArmRun,
    folder: Path,
    console: Console,
    *,
    given: int,
    options: RuntimeOptions,
) -> EvaluationReport | None:
    """Runs one arm; `None` if it was interrupted."""
    plan = Plan(
        suite=asked.reference,
        tasks=asked.tasks,
        seed=asked.seed,
        lane=arm.lane,
        policy=arm.policy,
        content=options.content,
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
    return evaluation.report


def _missing_out(out: Path | None, folder: Path) -> list[str]:
    return [] if out is not None else ["--out", str(folder)]
