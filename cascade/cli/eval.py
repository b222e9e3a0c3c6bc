"""`cascade eval`: a suite of tasks, run and judged."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
from rich.console import Console

from cascade.cli.app import DONE, INTERRUPTED, UNSUCCESSFUL, Session
from cascade.cli.arms import comparison as side_by_side
from cascade.cli.arms import opened_arm
from cascade.cli.consoles import output_console
from cascade.cli.evaluating import Asked, run_arm
from cascade.cli.loading import load_suite
from cascade.cli.options import FiniteRange, RuntimeOptions, json_option, runtime_options
from cascade.cli.progress import report_table
from cascade.errors import ConfigError
from cascade.evaluation.draw import draw
from cascade.evaluation.evaluate import DEFAULT_CONCURRENCY
from cascade.evaluation.folder import file_name, new_folder, write_summary
from cascade.evaluation.frontier import OracleWire
from cascade.evaluation.report import Arm, EvaluationReport
from cascade.frozen import Frozen
from cascade.suites import Task

if TYPE_CHECKING:
    from cascade.cli.comparing import Comparison
    from cascade.evaluation.comparing import PolicyReport

__all__ = ["command"]

EPILOG = """\b
Examples:
  cascade eval desk
  cascade eval desk --tasks 200 --seed 3 --concurrency 32 --out runs/mine
  cascade eval mysuite.py:suite --model path/to/model.gguf --json
  cascade eval desk --lane local --lane oracle
  cascade eval desk --arms all --seeds 2 --plot quality.svg
  cascade eval desk --arms local,frontier,cascade,random@cascade --policy cheap

\b
The folder holds plan.json, one trajectory a task and, at the end, summary.json.
The same command with the folder of a stopped evaluation goes on with it: judged
tasks are kept, tasks that were cut short start again from their beginning (their
first attempts stay in unfinished/). Each --lane has a folder of its own in it.

\b
--lane oracle puts the desk's own solution behind a simulated provider with real wire
formats, at list prices: what a perfect frontier model would cost. It is no claim
about any real model. A lane of your own cannot be called that here.

\b
--arms takes a policy apart and runs each part on the same tasks, the home lane below a
frontier (for desk tasks the oracle): `local` and `frontier` are one lane alone; `cascade`
is the whole policy; `stuck_only`, `milestone_only`, `gate_only` and `ask_only` keep one
kind of evidence; `random@R`, `every@K` and `first@K` have none and hand up a share R of
the steps, each K-th, or the first K; `random@cascade` and the like hand up as many as that
arm did; `oracle_router` knows the answers. Without --policy, desk tasks run under the
policy that ships for the bundled model (`--policy desk`), which does not offer it to ask
for help: of the arms only ask_only does.

\b
--json prints {"suite", "seed", "arms": [...]}; an arm has
  name, tasks, success_rate, by_family {family: success rate}, steps (mean),
  frontier_step_share, cost_usd (null where unknown), wall_s
and tasks_by_family, outcomes, tool_calls (mean), reward (mean), usage (tokens),
tokens_per_s. With --arms: {"schema_version", "suite", "tasks", "seeds", "home",
"frontier", "simulated", "draws", "arms"}; there a figure is {value, low, high} with a
95 % interval over tasks, and an arm has success, steps, frontier_step_share,
frontier_call_share, frontier_token_share, usd, saving, judging_share, seconds,
gap_recovered, rescues, harms, long_loops and differences from the baselines.

\b
Exit codes: cascade --help
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
    help="Run this lane alone; with another one given, compare them. `oracle` is the desk's own, "
    "simulated.",
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
    help="Exit with 1 if an arm (with --arms: `cascade`) solves a smaller share of the tasks.",
)
@click.option(
    "--arms",
    metavar="NAMES",
    multiple=True,
    help="Take the policy apart and compare: local, frontier, cascade, stuck_only, milestone_only, "
    "gate_only, ask_only, random@R, every@K, first@K, oracle_router, or all; see below.",
)
@click.option(
    "--seeds",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="With --arms: as many seeds, from --seed on, each with tasks of its own.",
)
@click.option(
    "--frontier",
    metavar="NAME",
    help="With --arms: the lane above the home lane.  [default: for desk tasks the simulated "
    "`oracle`, else the next configured one]",
)
@click.option(
    "--plot",
    "plots",
    metavar="FILE",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --arms: draw quality against cost, as .svg or .png (extra `plots`) or .json.",
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
    arms: tuple[str, ...],
    seeds: int,
    frontier: str | None,
    plots: tuple[Path, ...],
    options: RuntimeOptions,
    as_json: bool,
) -> int:
    """Run the tasks of SUITE: `desk`, `module:attribute` or `file.py:attribute`."""
    _check_lanes(lanes)
    _check_comparison(arms, lanes, seeds=seeds, frontier=frontier, plots=plots)
    asked = Asked(
        suite=load_suite(suite),
        reference=suite,
        tasks=tasks,
        seed=seed,
        concurrency=concurrency,
        content=options.content,
    )
    drawn = draw(asked.suite, tasks, seed)
    if len(drawn) < tasks:
        click.echo(f"suite {asked.suite.name} gave {len(drawn)} of {tasks} tasks", err=True)
    folder = out or new_folder(Path("runs"), asked.suite.name, datetime.now(UTC))
    run = _Run(
        session=session,
        asked=asked,
        out=out,
        folder=folder,
        as_json=as_json,
        min_success=min_success,
        options=options,
        console=output_console(as_json=as_json),
    )
    if not arms:
        return _each_alone(run, lanes, drawn, wire)
    # With its numerical library, a slow import that only this needs.
    from cascade.cli.comparing import Comparison, base_policy  # noqa: PLC0415

    comparison = Comparison(
        asked=asked,
        seeds=seeds,
        arms=arms,
        policy=base_policy(options, asked.suite),
        frontier=frontier,
        wire=wire,
        plots=plots,
    )
    return _compared(run, comparison)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One call of the command."""

    session: Session
    asked: Asked
    out: Path | None
    folder: Path
    as_json: bool
    min_success: float | None
    options: RuntimeOptions
    console: Console

    def interrupted(self) -> int:
        """Says how to go on."""
        missing = [] if self.out is not None else ["--out", str(self.folder)]
        go_on = shlex.join(["cascade", *self.session.arguments, *missing])
        click.echo(f"go on with: {go_on}", err=True)
        return INTERRUPTED

    def over(self, report: Frozen) -> None:
        """Writes the report, and prints it where it was asked for."""
        summary = write_summary(self.folder, report)
        if self.as_json:
            click.echo(report.model_dump_json())
        else:
            text = f"trajectories and {summary.name} are in {self.folder}"
            self.console.print(text, style="dim")


def _each_alone(run: _Run, lanes: tuple[str, ...], drawn: Sequence[Task], wire: OracleWire) -> int:
    """Runs the configured ladder, or each lane that was named alone."""
    reports: list[EvaluationReport] = []
    names: tuple[str | None, ...] = lanes or (None,)
    for name in names:
        place = run.folder if name is None else run.folder / file_name(name)
        with opened_arm(
            run.options,
            name,
            tasks=drawn,
            wire=wire,
            traces=place,
            max_trajectories=run.asked.concurrency,
        ) as arm:
            evaluation = run_arm(run.asked, arm, place, run.console, given=len(drawn))
        if evaluation is None:
            return run.interrupted()
        reports.append(evaluation.report)
        if not run.as_json:
            run.console.print(report_table(evaluation.report.arms[0]))
    whole = EvaluationReport(
        suite=reports[0].suite,
        seed=reports[0].seed,
        arms=tuple(arm for report in reports for arm in report.arms),
    )
    if len(whole.arms) > 1 and not run.as_json:
        run.console.print(side_by_side(whole.arms))
    run.over(whole)
    reached = run.min_success is None or _all_reach(run.min_success, whole.arms)
    return DONE if reached else UNSUCCESSFUL


def _compared(run: _Run, comparison: "Comparison") -> int:
    """Takes the policy apart and compares."""
    from cascade.cli.comparing import compare  # noqa: PLC0415 - idem

    report = compare(comparison, run.options, run.folder, run.console)
    if report is None:
        return run.interrupted()
    run.over(report)
    reached = run.min_success is None or _reaches(run.min_success, report)
    return DONE if reached else UNSUCCESSFUL


def _check_lanes(names: Sequence[str]) -> None:
    """Checks that each arm has a folder of its own.

    Raises:
        ConfigError: Two lanes would share one.
    """
    folders: dict[str, str] = {}
    for name in names:
        folder = file_name(name)
        if folder in folders:
            wanted = "give a lane once" if folders[folder] == name else "rename one of them"
            raise ConfigError(
                f"--lane {folders[folder]} --lane {name}: both would be recorded in the folder "
                f"{folder}; {wanted}"
            )
        folders[folder] = name


def _check_comparison(
    arms: tuple[str, ...],
    lanes: tuple[str, ...],
    *,
    seeds: int,
    frontier: str | None,
    plots: tuple[Path, ...],
) -> None:
    """Checks that options of a comparison are given for one.

    Raises:
        ConfigError: They are not.
    """
    if arms and lanes:
        raise ConfigError("--arms and --lane: give one of them")
    given = {"--seeds": seeds > 1, "--frontier": frontier is not None, "--plot": bool(plots)}
    stray = [name for name, is_given in given.items() if is_given and not arms]
    if stray:
        raise ConfigError(f"{', '.join(stray)}: belongs to --arms")


def _reaches(rate: float, report: "PolicyReport") -> bool:
    """Whether the arm `cascade` solved that share of its tasks, or all arms did without one."""
    arms = [arm for arm in report.arms if arm.name == "cascade"] or report.arms
    below = [arm for arm in arms if arm.success.value < rate]
    for arm in below:
        click.echo(
            f"{arm.name} solved {arm.success.value:.1%} of its tasks, not {rate:.1%}", err=True
        )
    return not below


def _all_reach(rate: float, arms: Sequence[Arm]) -> bool:
    """Whether each arm solved that share of its tasks; those that did not are named."""
    below = [arm for arm in arms if (arm.success_rate or 0.0) < rate]
    for arm in below:
        solved = f"{arm.success_rate or 0.0:.1%}"
        click.echo(f"{arm.name} solved {solved} of its tasks, not {rate:.1%}", err=True)
    return not below
