"""The arms of an evaluation: one lane each, run alone, so that they can be compared."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich import box
from rich.table import Table

from cascade.cli.narration import dollars
from cascade.cli.options import RuntimeOptions
from cascade.credentials import Credential
from cascade.desk.suite import SuiteTask
from cascade.errors import ConfigError
from cascade.evaluation.frontier import OracleWire, oracle_served
from cascade.evaluation.report import Arm
from cascade.lanes import Lane
from cascade.policy import Policy
from cascade.runtime.cascade import Cascade
from cascade.suites import Task

__all__ = ["ORACLE", "SIMULATED_KEY", "ArmRun", "comparison", "opened_arm"]

ORACLE = "oracle"
"""Stands for the desk's oracle in the place of a lane's name."""

SIMULATED_KEY = Credential(lane=ORACLE, command=(sys.executable, "-c", "print('simulated')"))
"""The key of the oracle, which is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRun:
    """An arm that can be run.

    Attributes:
        name: For the report.
        lane: As the plan of the evaluation holds it.
        above: The lanes above it, likewise.
        policy: Of its trajectories.
        runtime: Still to be entered.
    """

    name: str
    lane: Lane
    above: tuple[Lane, ...] = ()
    policy: Policy
    runtime: Cascade


@contextmanager
def opened_arm(
    options: RuntimeOptions,
    name: str | None,
    *,
    tasks: Sequence[Task],
    wire: OracleWire,
    **runtime: object,
) -> Generator[ArmRun]:
    """Makes the runtime of an arm, and serves the oracle where it is one.

    Args:
        options: Of the command.
        name: Of a lane, or `oracle`; `None` is the ladder as it is configured.
        tasks: That will be run.
        wire: Which provider the oracle plays.
        runtime: Passed on to `RuntimeOptions.runtime`.

    Raises:
        ConfigError: There is no such lane, or it might be meant in two ways, or the oracle does
            not know the tasks.
    """
    if name == ORACLE:
        if any(lane.name == ORACLE for lane in options.lanes()):
            raise ConfigError(
                f"--lane {ORACLE}: a lane of the configuration has that name, which stands for the "
                "desk's simulated oracle here; give the lane another name"
            )
        known = [task.desk for task in tasks if isinstance(task, SuiteTask)]
        if len(known) < len(tasks):
            raise ConfigError(f"--lane {ORACLE}: the oracle knows the suite `desk` only")
        with oracle_served(wire, known) as lane:
            keys = {lane.name: SIMULATED_KEY}
            with _alone(options, lane, f"{ORACLE} (simulated)", keys, runtime) as arm:
                yield arm
        return
    if name is None:
        with options.runtime(**runtime) as made:  # pyright: ignore[reportArgumentType] - the caller's
            home = options.home()
            above = tuple(lane for lane in options.lanes() if lane.name != home.name)
            policy = options.policy()
            yield ArmRun(name=home.name, lane=home, above=above, policy=policy, runtime=made)
        return
    with _alone(options, _lane_called(name, options.lanes()), name, None, runtime) as arm:
        yield arm


@contextmanager
def _alone(
    options: RuntimeOptions,
    lane: Lane,
    name: str,
    credentials: dict[str, Credential] | None,
    runtime: dict[str, object],
) -> Generator[ArmRun]:
    lane = lane.model_copy(update={"fallbacks": ()})
    policy = options.policy().model_copy(update={"home_lane": None})
    with options.runtime(lanes=(lane,), policy=policy, credentials=credentials, **runtime) as made:  # pyright: ignore[reportArgumentType] - the caller's
        # Where the stand-in listens is another port each time, and no part of the plan.
        planned = lane.model_copy(update={"endpoint": ""}) if credentials else lane
        yield ArmRun(name=name, lane=planned, policy=policy, runtime=made)


def _lane_called(name: str, lanes: Sequence[Lane]) -> Lane:
    for lane in lanes:
        if lane.name == name:
            return lane
    known = ", ".join([*(lane.name for lane in lanes), ORACLE])
    raise ConfigError(f"--lane {name}: there is no such lane; there are: {known}")


def comparison(arms: Sequence[Arm]) -> Table:
    """The arms side by side: success, steps a task, tokens and cost."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("arm", no_wrap=True)
    for title in ("success", "steps", "input", "cached", "output", "cost"):
        table.add_column(title, justify="right")
    for arm in arms:
        table.add_row(
            arm.name,
            f"{arm.success_rate or 0:.1%}",
            f"{arm.steps:.1f}",
            f"{arm.usage.prompt_tokens:,}",
            f"{arm.usage.cache_read_tokens:,}",
            f"{arm.usage.output_tokens:,}",
            dollars(arm.cost_usd),
        )
    return table
