"""The two lanes of a comparison, and the ladders that its arms make of them."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from cascade.cli.arms import ORACLE, SIMULATED_KEY, ArmRun
from cascade.cli.options import RuntimeOptions
from cascade.desk.suite import SuiteTask
from cascade.desk.tasks import DeskTask
from cascade.errors import ConfigError
from cascade.evaluation.arms import ArmPlan
from cascade.evaluation.frontier import OracleWire, oracle_lane, oracle_served
from cascade.lanes import Lane, home_lane
from cascade.suites import Task

__all__ = ["Rungs", "two_rungs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rungs:
    """A home lane and the frontier above it.

    Attributes:
        home: The home lane.
        frontier: The other one; without an endpoint where the oracle plays it.
        options: Of the command.
        wire: Which provider the oracle plays.
        simulated: Whether it does.
    """

    home: Lane
    frontier: Lane
    options: RuntimeOptions
    wire: OracleWire
    simulated: bool

    @contextmanager
    def opened(
        self, plan: ArmPlan, *, shown: str, tasks: Sequence[Task], traces: Path, concurrency: int
    ) -> Generator[ArmRun]:
        """The runtime of an arm, still to be entered.

        An oracle is served anew each time: one that had seen the tasks before would have their
        prompts in its cache, and the arm that came first would pay for all.

        Args:
            plan: Of the arm.
            shown: What it is called while it runs.
            tasks: That will be run.
            traces: Where it is recorded.
            concurrency: Trajectories under way at once.
        """
        with self._served(tasks) if plan.ladder != "home" else nullcontext(self) as rungs:
            ladder, planned = rungs.ladder(plan), self.ladder(plan)
            policy = plan.policy.model_copy(update={"home_lane": None})
            keys = None
            if self.simulated:
                keys = {**self.options.credentials((self.home,)), ORACLE: SIMULATED_KEY}
            with self.options.runtime(
                lanes=ladder,
                policy=policy,
                credentials=keys,
                traces=traces,
                max_trajectories=concurrency,
            ) as runtime:
                yield ArmRun(
                    name=shown, lane=planned[0], above=planned[1:], policy=policy, runtime=runtime
                )

    def ladder(self, plan: ArmPlan) -> tuple[Lane, ...]:
        """The lanes of an arm."""
        match plan.ladder:
            case "home":
                return (self.home,)
            case "frontier":
                return (self.frontier,)
            case "both":
                return (self.home, self.frontier)

    @contextmanager
    def _served(self, tasks: Sequence[Task]) -> Generator["Rungs"]:
        """The same with an endpoint behind the frontier."""
        if not self.simulated:
            yield self
            return
        with oracle_served(self.wire, _desk_tasks(tasks)) as lane:
            # Where the stand-in listens is another port each time, and no part of the plan.
            served = self.frontier.model_copy(update={"endpoint": lane.endpoint})
            yield replace(self, frontier=served)


def two_rungs(
    options: RuntimeOptions,
    *,
    home: str | None,
    frontier: str | None,
    wire: OracleWire,
    tasks: Sequence[Task],
) -> Rungs:
    """The home lane and the frontier.

    Args:
        options: Of the command.
        home: Name of the home lane; `None` takes the lowest.
        frontier: Name of the lane above it; `None` takes the oracle for desk tasks, and else the
            next lane of the configuration.
        wire: Which provider the oracle plays.
        tasks: That will be run.

    Raises:
        ConfigError: There is no frontier, or the oracle does not know the tasks.
    """
    lanes = options.lanes()
    lowest = home_lane(lanes, home).model_copy(update={"fallbacks": ()})
    all_known = len(_desk_tasks(tasks)) == len(tasks)
    if frontier != ORACLE and (frontier is not None or not all_known):
        above = _above(lanes, lowest, frontier).model_copy(update={"fallbacks": ()})
        return Rungs(home=lowest, frontier=above, options=options, wire=wire, simulated=False)
    if not all_known:
        raise ConfigError(f"--frontier {ORACLE}: the oracle knows the suite `desk` only")
    if lowest.name == ORACLE:
        raise ConfigError(f"the home lane is called {ORACLE}, as the frontier is: rename it")
    stand_in = oracle_lane(wire, "").model_copy(update={"tier": lowest.tier + 1, "endpoint": ""})
    return Rungs(home=lowest, frontier=stand_in, options=options, wire=wire, simulated=True)


def _desk_tasks(tasks: Sequence[Task]) -> list[DeskTask]:
    return [task.desk for task in tasks if isinstance(task, SuiteTask)]


def _above(lanes: Sequence[Lane], home: Lane, name: str | None) -> Lane:
    higher = sorted((lane for lane in lanes if lane.tier > home.tier), key=lambda lane: lane.tier)
    for lane in higher:
        if name in {None, lane.name}:
            return lane
    there_are = ", ".join(lane.name for lane in higher) or "none"
    called = "" if name is None else f" called {name!r}"
    raise ConfigError(
        f"--arms compares the home lane {home.name!r} with a lane{called} above it; configured "
        f"above it: {there_are}"
    )
