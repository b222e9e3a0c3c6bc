"""The two lanes of a comparison, and the ladders that its arms make of them."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cascade.cli.arms import ORACLE, SIMULATED_KEY, ArmRun
from cascade.cli.options import RuntimeOptions
from cascade.credentials import Credential
from cascade.desk.suite import SuiteTask
from cascade.errors import ConfigError
from cascade.evaluation.arms import ArmPlan
from cascade.evaluation.frontier import OracleWire, oracle_served
from cascade.lanes import Lane, home_lane
from cascade.suites import Task

__all__ = ["Rungs", "two_rungs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rungs:
    """A home lane and the frontier above it.

    Attributes:
        home: The home lane.
        frontier: The other one.
        options: Of the command.
        keys: Of both; `None` takes those of the configuration.
    """

    home: Lane
    frontier: Lane
    options: RuntimeOptions
    keys: dict[str, Credential] | None

    @property
    def simulated(self) -> bool:
        """Whether the desk's oracle plays the frontier."""
        return self.keys is not None

    @contextmanager
    def opened(
        self, plan: ArmPlan, *, shown: str, traces: Path, concurrency: int
    ) -> Generator[ArmRun]:
        """The runtime of an arm, still to be entered.

        Args:
            plan: Of the arm.
            shown: What it is called while it runs.
            traces: Where it is recorded.
            concurrency: Trajectories under way at once.
        """
        ladder = {
            "home": (self.home,),
            "frontier": (self.frontier,),
            "both": (self.home, self.frontier),
        }[plan.ladder]
        policy = plan.policy.model_copy(update={"home_lane": None})
        with self.options.runtime(
            lanes=ladder,
            policy=policy,
            credentials=self.keys,
            traces=traces,
            max_trajectories=concurrency,
        ) as runtime:
            lane, *above = (self._planned(each) for each in ladder)
            yield ArmRun(name=shown, lane=lane, above=tuple(above), policy=policy, runtime=runtime)

    def _planned(self, lane: Lane) -> Lane:
        # Where the stand-in listens is another port each time, and no part of the plan.
        is_stand_in = self.simulated and lane is self.frontier
        return lane.model_copy(update={"endpoint": ""}) if is_stand_in else lane


@contextmanager
def two_rungs(
    options: RuntimeOptions,
    *,
    home: str | None,
    frontier: str | None,
    wire: OracleWire,
    tasks: Sequence[Task],
) -> Generator[Rungs]:
    """The home lane and the frontier, the oracle being served where it is that.

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
    known = [task.desk for task in tasks if isinstance(task, SuiteTask)]
    if frontier is None and len(known) == len(tasks):
        frontier = ORACLE
    if frontier != ORACLE:
        above = _above(lanes, lowest, frontier).model_copy(update={"fallbacks": ()})
        yield Rungs(home=lowest, frontier=above, options=options, keys=None)
        return
    if len(known) < len(tasks):
        raise ConfigError(f"--frontier {ORACLE}: the oracle knows the suite `desk` only")
    if lowest.name == ORACLE:
        raise ConfigError(f"the home lane is called {ORACLE}, as the frontier is: rename it")
    with oracle_served(wire, known) as lane:
        stand_in = lane.model_copy(update={"tier": lowest.tier + 1})
        keys = {**options.credentials((lowest,)), ORACLE: SIMULATED_KEY}
        yield Rungs(home=lowest, frontier=stand_in, options=options, keys=keys)


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
