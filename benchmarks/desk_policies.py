"""Policies for desk tasks against one lane alone and against escalation by schedule.

    python benchmarks/desk_policies.py choose --out runs/choose
    python benchmarks/desk_policies.py --out runs/figures

`choose` runs the policy that ships for the bundled model (`cascade.desk.policy`) at several stakes
on calibration seeds of the split `familiar`: names and wordings of the model's training, in tasks
that it never saw. The stake to ship is the smallest of those tried that recovers 97 % of the gap
there. Without `choose`, all arms run on evaluation seeds with unseen names and
wordings, and the figures are printed beside what they have to reach.

The frontier is simulated: the suite's oracle, which is always right, at the list prices of the
model whose wire format it speaks, its tokens counted by the bundled model's tokenizer. Figures hold
for that pair, and are no claim about any real model. Both commands can be stopped and given again
with the same `--out`.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from rich.console import Console

from cascade.cli.comparing import Comparison, compare, run_arms
from cascade.cli.evaluating import Asked
from cascade.cli.options import RuntimeOptions
from cascade.desk.policies import STAKE_USD, policy
from cascade.desk.suite import DeskSuite
from cascade.desk.tasks import Split
from cascade.evaluation.bootstrap import Figure
from cascade.evaluation.comparing import ArmFigures, ArmRuns, PolicyReport, compare_arms
from cascade.evaluation.folder import write_summary
from cascade.evaluation.irreversible import WrongCalls, wrong_calls

__all__ = ["main"]

STAKES = tuple(
    Decimal(text) for text in ("0.000625", "0.00125", "0.0025", "0.005", "0.01", "0.02", "0.04")
)
WANTED_GAP = 0.97
CHOSEN_ON: Split = "familiar"
"""Its seeds, from 301 on, are none that the calibration was fitted on (101 and 102)."""
BASELINES = ("random@cascade", "every@cascade")


def comparison(
    options: argparse.Namespace, split: Split, arms: Sequence[str], stake_usd: Decimal
) -> Comparison:
    """What is run, on tasks of a split."""
    return Comparison(
        asked=Asked(
            suite=DeskSuite(split=split),
            reference=f"desk/{split}",
            tasks=options.tasks,
            seed=options.seed,
            concurrency=16,
            content=True,
        ),
        seeds=options.seeds,
        arms=tuple(arms),
        policy=policy(stake_usd),
        frontier="oracle",
        wire=options.wire,
        plots=tuple(options.plot),
    )


def choose(options: argparse.Namespace, console: Console) -> int:
    """Runs the stakes on calibration seeds and prints what each gives."""
    runtime = RuntimeOptions(model="bundled:desk")
    runs: list[ArmRuns] = []
    for name, arms, stake_usd in (
        ("alone", ("local", "frontier"), STAKE_USD),
        *((f"stake-{stake}", ("cascade",), stake) for stake in STAKES),
    ):
        plan = comparison(options, CHOSEN_ON, arms, stake_usd)
        made = run_arms(plan, runtime, options.out / name, console)
        if made is None:
            return 130
        runs += made if name == "alone" else [_renamed(made[0], name)]
    figures = compare_arms(runs)
    print(f"\n{CHOSEN_ON}, {figures[0].runs} runs; 95 % intervals over tasks in brackets")
    print(f"{'':14s} {'success':>20s} {'gap recovered':>20s} {'frontier steps':>20s} saved")
    for arm in figures:
        print(
            f"{arm.name:14s} {said(arm.success):>20s} {said(arm.gap_recovered):>20s} "
            f"{said(arm.frontier_step_share):>20s} {said(arm.saving)}"
        )
    reach = [arm.name for arm in figures[2:] if value(arm.gap_recovered) >= WANTED_GAP]
    print(f"the smallest with a gap recovered of {WANTED_GAP:.0%}: {reach[0] if reach else 'none'}")
    print(f"shipped: {STAKE_USD}")
    return 0


def _renamed(runs: ArmRuns, name: str) -> ArmRuns:
    return ArmRuns(name=name, attempts=runs.attempts, frontier=runs.frontier)


def measure(options: argparse.Namespace, console: Console) -> int:
    """Runs all arms on evaluation seeds and prints the figures beside what they have to reach."""
    plan = comparison(options, "evaluation", ("all",), Decimal(options.stake))
    report = compare(plan, RuntimeOptions(model="bundled:desk"), options.out, console)
    if report is None:
        return 130
    write_summary(options.out, report)
    print("\nfigures (frontier simulated)")
    rows = targets(report, lambda arm: irreversible(plan, options.out / arm))
    for what, wanted, found, is_reached in rows:
        print(f"{'ok  ' if is_reached else 'MISS'} {what:56s} {wanted:>18s}   {found}")
    return 0


Row = tuple[str, str, str, bool]


def targets(report: PolicyReport, wrong: Callable[[str], WrongCalls]) -> list[Row]:
    """What was to be reached, and what was."""
    cascade = report.arm("cascade")
    quality = cascade.success.value / report.arm("frontier").success.value
    share, calls = value(cascade.frontier_step_share), value(cascade.frontier_call_share)
    rows = [
        (
            "gap recovered, at most 35 % of steps on the frontier",
            ">= 95 %",
            f"{said(cascade.gap_recovered)} at {share:.1%} of steps, {calls:.1%} of model calls",
            value(cascade.gap_recovered) >= 0.95 and share <= 0.35,
        ),
        (
            "saved against the frontier alone, at 97 % of its success",
            ">= 75 %",
            f"{said(cascade.saving)} at {quality:.1%}",
            value(cascade.saving) >= 0.75 and quality >= 0.97,
        ),
        *(_against(cascade, report, name) for name in BASELINES),
        (
            "runs with a loop of more than 10 steps",
            "<= 0.5 %",
            said(cascade.long_loops),
            value(cascade.long_loops) <= 0.005,
        ),
        (
            "share of the bill that reviews and judges took",
            "<= 5 %",
            said(cascade.judging_share),
            value(cascade.judging_share) <= 0.05,
        ),
    ]
    reviewed, stopped = wrong("milestone_only"), wrong("cascade")
    rows += [
        (
            "wrong irreversible calls caught by reviews (milestone_only)",
            ">= 95 %",
            f"{reviewed.caught_by_review} of {reviewed.drafted}",
            (reviewed.stopped_share or 0.0) >= 0.95,
        ),
        (
            "wrong irreversible calls stopped by gate or review (cascade)",
            ">= 95 %",
            f"{stopped.drafted - stopped.made} of {stopped.drafted}",
            (stopped.stopped_share or 0.0) >= 0.95,
        ),
    ]
    return rows


def _against(cascade: ArmFigures, report: PolicyReport, name: str) -> Row:
    difference = next(each.success for each in cascade.differences if each.against == name)
    rate = value(report.arm(name).frontier_step_share)
    return (
        f"success above {name}",
        "interval without 0",
        f"{said(difference)}; it hands up {rate:.1%} of steps",
        difference.low > 0,
    )


def irreversible(plan: Comparison, folder: Path) -> WrongCalls:
    """The wrong irreversible calls of one arm, by what became of them."""
    total = WrongCalls()
    for seed in plan.drawn():
        tasks = {task.id: task.desk for task in DeskSuite().tasks(plan.asked.tasks, seed)}
        for trace in sorted((folder / f"seed-{seed}").glob("*.jsonl")):
            total += wrong_calls(trace, tasks)
    return total


def value(figure: Figure | None) -> float:
    """A figure; `nan`, which reaches nothing, where it is not defined."""
    return float("nan") if figure is None else figure.value


def said(figure: Figure | None) -> str:
    """A share with its interval."""
    if figure is None:
        return "not defined"
    return f"{figure.value:.1%} [{figure.low:.1%}, {figure.high:.1%}]"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=["choose"], help="the stake, instead of figures")
    parser.add_argument("--tasks", type=int, default=280, help="for each seed")
    parser.add_argument("--seeds", type=int, default=2, help="how many")
    parser.add_argument("--seed", type=int, help="the first; by default 301 to choose, else 3001")
    parser.add_argument("--stake", default=str(STAKE_USD), help="of the policy, in US dollars")
    parser.add_argument("--wire", choices=["openai", "anthropic"], default="openai")
    parser.add_argument("--plot", type=Path, action="append", default=[], help="picture to draw")
    parser.add_argument("--out", type=Path, required=True, help="folder to record in or to go on")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = 301 if options.what == "choose" else 3001
    command = choose if options.what == "choose" else measure
    sys.exit(command(options, Console(highlight=False)))


if __name__ == "__main__":
    main()
