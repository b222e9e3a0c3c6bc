"""`cascade eval --arms`: one policy taken apart and compared with what it has to beat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from cascade.cli.comparison_tables import comparison_tables
from cascade.cli.evaluating import Asked, run_arm
from cascade.cli.options import RuntimeOptions
from cascade.cli.rungs import Rungs, two_rungs
from cascade.desk.policies import policy as desk_policy
from cascade.desk.suite import DeskSuite
from cascade.evaluation.arms import ArmPlan, Rates, arm_names, arm_plan
from cascade.evaluation.attempt import Attempt
from cascade.evaluation.bootstrap import ROUNDS
from cascade.evaluation.comparing import ArmRuns, PolicyReport, compare_arms
from cascade.evaluation.draw import draw
from cascade.evaluation.folder import file_name
from cascade.evaluation.frontier import OracleWire
from cascade.evaluation.oracle_router import reference
from cascade.evaluation.plot import check_plots, write_plot
from cascade.policy import Policy
from cascade.suites import Suite, Task

__all__ = ["DESK_POLICY", "Comparison", "base_policy", "compare", "run_arms"]

DESK_POLICY = "desk"
"""Stands for the policy that ships for desk tasks on the bundled model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is to be compared.

    Attributes:
        asked: The tasks; its seed is the first one.
        seeds: How many seeds, counted up from the first.
        arms: As they were asked for.
        policy: That is taken apart.
        frontier: Name of the lane above the home lane; `None` takes the oracle for desk tasks,
            and else the next lane of the configuration.
        wire: Which provider the oracle plays.
        plots: Files to draw.
    """

    asked: Asked
    seeds: int
    arms: tuple[str, ...]
    policy: Policy
    frontier: str | None
    wire: OracleWire
    plots: tuple[Path, ...] = ()

    def drawn(self) -> Mapping[int, Sequence[Task]]:
        """The tasks of each seed."""
        first = self.asked.seed
        return {
            seed: draw(self.asked.suite, self.asked.tasks, seed)
            for seed in range(first, first + self.seeds)
        }

    def rungs(self, options: RuntimeOptions) -> Rungs:
        """The two lanes.

        Raises:
            ConfigError: They are not there.
        """
        return two_rungs(
            options,
            home=self.policy.home_lane,
            frontier=self.frontier,
            wire=self.wire,
            tasks=[task for tasks in self.drawn().values() for task in tasks],
        )


def base_policy(options: RuntimeOptions, suite: Suite) -> Policy:
    """The policy that is compared: the one that was named, or is configured.

    Without either, desk tasks on the bundled model run under the policy that ships for them, which
    is also to be had as `desk`.

    Raises:
        ConfigError: There is no such policy, or its file must be changed.
    """
    is_plain = options.policy_from is None and options.configuration is None
    is_bundled = options.model is None and isinstance(suite, DeskSuite)
    if options.policy_from == DESK_POLICY or (is_plain and is_bundled):
        budget = replace(options, policy_from=None).policy().budget
        return desk_policy().model_copy(update={"budget": budget})
    return options.policy()


def compare(
    comparison: Comparison, options: RuntimeOptions, folder: Path, console: Console
) -> PolicyReport | None:
    """Runs the arms one after the other and tells of them; `None` if it was interrupted.

    Raises:
        ConfigError: Something about the arms, the lanes or the folder must change.
    """
    check_plots(comparison.plots)
    runs = run_arms(comparison, options, folder, console)
    if runs is None:
        return None
    asked = comparison.asked
    rungs = comparison.rungs(options)
    report = PolicyReport(
        suite=asked.suite.name,
        tasks=min(len(tasks) for tasks in comparison.drawn().values()),
        seeds=tuple(comparison.drawn()),
        home=rungs.home.model,
        frontier=rungs.frontier.model,
        simulated=rungs.simulated,
        draws=ROUNDS,
        arms=compare_arms(runs),
    )
    for path in comparison.plots:
        write_plot(report, path)
    for part in comparison_tables(report):
        console.print(part)
    return report


def run_arms(
    comparison: Comparison, options: RuntimeOptions, folder: Path, console: Console
) -> list[ArmRuns] | None:
    """Runs the arms one after the other, or what is left of them; `None` if it was interrupted.

    Args:
        comparison: What to run.
        options: Of the command.
        folder: Each arm has a folder in it, with one for each seed.
        console: Where to show how far it is.

    Raises:
        ConfigError: Something about the arms, the lanes or the folder must change.
    """
    names = arm_names(comparison.arms, oracle=isinstance(comparison.asked.suite, DeskSuite))
    arms = _Arms(
        comparison=comparison,
        rungs=comparison.rungs(options),
        folder=folder,
        console=console,
        drawn=comparison.drawn(),
    )
    runs: list[ArmRuns] = []
    rates: dict[str, Rates] = {}
    for name in names:
        made = arms.run(name, rates)
        if made is None:
            return None
        runs.append(made)
        rates[name] = Rates(
            frontier_steps=sum(each.frontier_steps for each in made.attempts),
            steps=tuple(each.steps for each in made.attempts),
        )
    return runs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arms:
    """What the arms of a comparison have in common."""

    comparison: Comparison
    rungs: Rungs
    folder: Path
    console: Console
    drawn: Mapping[int, Sequence[Task]]

    def run(self, name: str, rates: Mapping[str, Rates]) -> ArmRuns | None:
        """One arm with all seeds; `None` if it was interrupted."""
        attempts: list[Attempt] = []
        plans: list[ArmPlan] = []
        for seed, tasks in self.drawn.items():
            asked = replace(self.comparison.asked, seed=seed)
            suite = asked.suite
            router = None
            if isinstance(suite, DeskSuite):
                router = reference(suite, seed=seed, count=asked.tasks)
            plan = arm_plan(name, self.comparison.policy, rates, router=router)
            place = self.folder / file_name(name) / f"seed-{seed}"
            with self.rungs.opened(
                plan,
                shown=name if len(self.drawn) == 1 else f"{name}, seed {seed}",
                tasks=tasks,
                traces=place,
                concurrency=asked.concurrency,
            ) as arm:
                evaluation = run_arm(asked, arm, place, self.console, given=len(tasks))
            if evaluation is None:
                return None
            attempts += evaluation.attempts
            plans.append(plan)
        first = plans[0]
        frontier = frozenset(() if first.ladder == "home" else (self.rungs.frontier.name,))
        return ArmRuns(
            name=name,
            attempts=tuple(attempts),
            frontier=frontier,
            policy_digest=first.policy.digest,
            asked_rate=first.asked_rate,
        )
