"""Wrong calls that cannot be taken back, in recorded desk runs: what stopped them, if anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cascade.desk.oracle import oracle_next
from cascade.desk.tasks import DeskTask
from cascade.evaluation.attempt import TaskLabel
from cascade.evaluation.loops import calls_made
from cascade.evaluation.oracle_router import draft_is_right, exchanges
from cascade.events import Drafted, Judged, Reviewed
from cascade.fold import fold
from cascade.frozen import Frozen
from cascade.state import EMPTY, State
from cascade.traces.record import read_trace

__all__ = ["WrongCalls", "wrong_calls"]


class WrongCalls(Frozen):
    """Drafts of a home lane that held a wrong call to an irreversible tool."""

    drafted: int = 0
    made: int = 0
    """Of them, those that were accepted, so that the call was made."""
    reviewed: int = 0
    """Of them, those that a review was asked about."""
    caught_by_review: int = 0
    """Of those, the ones that the review found wanting."""

    @property
    def stopped_share(self) -> float | None:
        """Share that was not made, whatever stopped it; `None` where none was drafted."""
        return 1 - self.made / self.drafted if self.drafted else None

    @property
    def caught_share(self) -> float | None:
        """Share of those reviewed that the review caught; `None` where none was."""
        return self.caught_by_review / self.reviewed if self.reviewed else None

    def __add__(self, other: "WrongCalls") -> "WrongCalls":
        """Both together."""
        return WrongCalls(
            drafted=self.drafted + other.drafted,
            made=self.made + other.made,
            reviewed=self.reviewed + other.reviewed,
            caught_by_review=self.caught_by_review + other.caught_by_review,
        )


@dataclass(slots=True)
class _Open:
    """A wrong draft about which nothing is decided yet."""

    reviewed: bool = False
    caught: bool = False

    def closed(self, *, made: bool) -> WrongCalls:
        return WrongCalls(
            drafted=1, made=made, reviewed=self.reviewed, caught_by_review=self.caught
        )


def wrong_calls(path: Path, tasks: Mapping[str, DeskTask]) -> WrongCalls:
    """Counts them in one recorded trajectory.

    A step counts as wrong if the oracle says that it does not bring the task closer, unless the
    task is beyond repair already.

    Args:
        path: Its file, with content; made by an evaluation.
        tasks: By id; what it is about among them.
    """
    trace = read_trace(path)
    task = tasks[TaskLabel.of(trace.state(), path).task]
    total, open_ = WrongCalls(), None
    state = EMPTY
    for event in trace.events:
        if open_ is not None:
            if isinstance(event, Reviewed) and event.review is not None:
                open_.reviewed = True
                open_.caught = open_.caught or not event.review.on_track
            elif isinstance(event, Judged) and event.accepted is not None:
                total, open_ = total + open_.closed(made=event.accepted), None
            elif isinstance(event, Drafted):
                total, open_ = total + open_.closed(made=False), None
        if isinstance(event, Drafted) and _is_wrong(event, state, task):
            open_ = _Open()
            if event.accepted is not None:
                total, open_ = total + open_.closed(made=event.accepted), None
        state = fold(state, event)
    return total if open_ is None else total + open_.closed(made=False)


def _is_wrong(event: Drafted, state: State, task: DeskTask) -> bool:
    calls = event.draft.message.calls
    specs = [state.specs.get(call.name) for call in calls]
    is_irreversible = any(spec and spec.side_effect == "irreversible" for spec in specs)
    if event.lane != state.home or not is_irreversible:
        return False
    history = exchanges(calls_made(state))
    if oracle_next(task, history).beyond_repair:
        return False
    return not draft_is_right(task, history, event.draft.message)
