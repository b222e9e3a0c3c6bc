"""One task's run: its label in the record, and what the record amounts to."""

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Self

from pydantic import JsonValue, ValidationError

from cascade.decision import HopRole
from cascade.errors import TraceError
from cascade.evaluation.loops import calls_made, longest_loop
from cascade.events import Outcome
from cascade.exchange import Usage
from cascade.frozen import Frozen
from cascade.ledger import Ledger
from cascade.state import State

__all__ = ["Attempt", "TaskLabel", "steps_by"]

_MAKES_STEPS: frozenset[HopRole] = frozenset({"draft", "redraft", "failover"})


class TaskLabel(Frozen):
    """Which task of which suite a trajectory is about: the metadata at its head."""

    suite: str
    """The suite's name."""
    reference: str | None = None
    """How the command line finds the suite, `desk` or `module:attribute`; `None` where it was
    given as an object."""
    task: str
    """The task's id in its suite."""
    family: str
    seed: int
    """What the task was made from."""
    drawn_tasks: int
    """How many tasks were drawn from the suite, this one among them."""
    drawn_seed: int
    """The seed that they were drawn with."""

    @classmethod
    def of(cls, state: State, path: Path | None = None) -> Self:
        """The label of a recorded trajectory.

        Raises:
            TraceError: It was not made by an evaluation.
        """
        try:
            return cls.model_validate(state.head().metadata)
        except ValidationError as error:
            raise TraceError("was not made by an evaluation of a suite", path=path) from error

    def metadata(self) -> dict[str, JsonValue]:
        """The label as `Cascade.run` takes it."""
        return self.model_dump(mode="json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One judged run of one task. All of it follows from the recorded events."""

    trajectory_id: str
    label: TaskLabel
    outcome: Outcome
    success: bool
    reward: float
    """In [0, 1]."""
    reason: str
    """Why it was judged so."""
    steps: int
    frontier_steps: int
    """Steps whose message came from a lane above the lowest tier of the ladder."""
    tool_calls: int
    usage: Usage
    cost_usd: Decimal | None
    """US dollars; `None` where the price of a model call is not known."""
    began_at: datetime
    """UTC."""
    ended_at: datetime
    """UTC; when the trajectory was over, before it was judged."""
    elapsed_s: float
    trace: Path | None
    """The recorded trajectory, where one was recorded."""
    ledger: Ledger = field(default_factory=Ledger)
    """All model calls, by lane, role and cause."""
    longest_loop: int | None = 0
    """As `cascade.evaluation.loops.longest_loop` counts, in steps; `None` where it was recorded
    without content, so that nobody can tell."""

    @classmethod
    def of(cls, state: State, trace: Path | None) -> Self:
        """What a judged trajectory of an evaluation amounts to.

        Raises:
            TraceError: It is not over, was not judged, or is not of an evaluation.
        """
        finished = state.finished
        if finished is None or not state.scores:
            raise TraceError("is not over or was not judged", path=trace)
        score = state.scores[-1]
        started = state.head()
        return cls(
            trajectory_id=started.trajectory_id,
            label=TaskLabel.of(state, trace),
            outcome=finished.outcome,
            success=score.success,
            reward=score.reward,
            reason=score.reason,
            steps=state.steps_done,
            frontier_steps=_frontier_steps(state),
            tool_calls=state.tool_calls,
            usage=state.ledger.total.usage,
            cost_usd=state.ledger.total.cost_usd,
            began_at=started.at,
            ended_at=finished.at,
            elapsed_s=state.elapsed_s,
            trace=trace,
            ledger=state.ledger,
            longest_loop=longest_loop(calls_made(state)) if started.content == "full" else None,
        )


def _frontier_steps(state: State) -> int:
    lanes = state.head().lanes
    lowest = min(lane.tier for lane in lanes)
    return steps_by(state.ledger, {lane.name for lane in lanes if lane.tier > lowest})


def steps_by(ledger: Ledger, lanes: Container[str]) -> int:
    """How many steps have a message that one of *lanes* wrote.

    An opinion that was given by a lane standing in for another counts as well: the ledger does not
    keep these apart.
    """
    return sum(
        spend.hops
        for account, spend in ledger.accounts.items()
        if account.cause == "accepted" and account.role in _MAKES_STEPS and account.lane in lanes
    )
