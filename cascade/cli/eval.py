"""`cascade eval`: a suite of tasks, run and judged."""

import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from cascade.cli.app import DONE, INTERRUPTED, UNSUCCESSFUL, Session
from cascade.cli.consoles import output_console
from cascade.cli.interrupts import run_until_interrupted
from cascade.cli.loading import load_suite
from cascade.cli.options import FiniteRange, RuntimeOptions, json_option, runtime_options
from cascade.cli.progress import SuiteView, report_table
from cascade.evaluation.draw import draw
from cascade.evaluation.evaluate import DEFAULT_CONCURRENCY, Evaluation, evaluate
from cascade.evaluation.folder import Plan, new_folder, open_folder, write_summary

__all__ = ["command"]

EPILOG = """\b
Examples:
  cascade eval desk
  cascade eval desk --tasks 200 --seed 3 --concurrency 32 --out runs/mine
  cascade eval mysuite.py:suite --model path/to/model.gguf --json

\b
The folder holds plan.json, one trajectory a task and, at the end, summary.json.
The same command with the folder of a stopped evaluation goes on with it: judged
tasks are kept, tasks that were cut short start again from their beginning (their
first attempts stay in unfinished/).

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
    out: Path | None,
    min_success: float | None,
    options: RuntimeOptions,
    as_json: bool,
) -> int:
    """Run the tasks of SUITE: `desk`, `module:attribute` or `file.py:attribute`."""
    chosen = load_suite(suite)
    given = len(draw(chosen, tasks, seed))
    folder = out or new_folder(Path("runs"), chosen.name, datetime.now(UTC))
    done = open_folder(folder, _plan(options, suite=suite, tasks=tasks, seed=seed))
    console = output_console(as_json=as_json)
    view = SuiteView(console, title=chosen.name, tasks=given, done=done)
    if given < tasks:
        click.echo(f"suite {chosen.name} gave {given} of {tasks} tasks", err=True)

    def stopping() -> None:
        view.stop()
        click.echo("stopping; once more to quit at once", err=True)

    with options.runtime(traces=folder, max_trajectories=concurrency) as runtime:

        async def work() -> Evaluation:
            async with runtime:
                return await evaluate(
                    runtime,
                    chosen,
                    tasks=tasks,
                    seed=seed,
                    concurrency=concurrency,
                    reference=suite,
                    done=done,
                    on_event=view.on_event,
                    on_attempt=view.on_attempt,
                )

        with view:
            evaluation = run_until_interrupted(work, on_stop=stopping)
    if evaluation is None:
        go_on = shlex.join(["cascade", *session.arguments, *_missing_out(out, folder)])
        click.echo(f"interrupted: {view.finished} of {given} tasks are judged", err=True)
        click.echo(f"go on with: {go_on}", err=True)
        return INTERRUPTED
    summary = write_summary(folder, evaluation.report)
    arm = evaluation.report.arms[0]
    if as_json:
        click.echo(evaluation.report.model_dump_json())
    else:
        console.print(report_table(arm))
        console.print(f"trajectories and {summary.name} are in {folder}", style="dim")
    solved = arm.success_rate or 0.0
    return UNSUCCESSFUL if min_success is not None and solved < min_success else DONE


def _plan(options: RuntimeOptions, *, suite: str, tasks: int, seed: int) -> Plan:
    return Plan(
        suite=suite,
        tasks=tasks,
        seed=seed,
        lane=options.lane(),
        policy=options.policy(),
        content=options.content,
    )


def _missing_out(out: Path | None, folder: Path) -> list[str]:
    return [] if out is not None else ["--out", str(folder)]
