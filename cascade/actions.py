"""Actions: what the controller asks whoever drives it to do."""

from dataclasses import dataclass
from datetime import datetime

from cascade.decision import HopRole, Purpose
from cascade.events import Event
from cascade.exchange import Request, View
from cascade.lanes import Lane
from cascade.messages import ToolCall

__all__ = ["Action", "CallLane", "Record", "ResetWorld", "RunTools", "Stop", "Wait"]


@dataclass(frozen=True, slots=True)
class Record:
    """A fact that follows from the state: append it to the log."""

    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLane:
    """Make one model call and report it with `facts.drafted` or `facts.failed`.

    A call for an opinion, whose `purpose` is not `draft`, is reported with `facts.consulted`;
    `facts.came` makes the right one of both.
    """

    lane: Lane
    role: HopRole
    purpose: Purpose = "draft"
    view: View
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTools:
    """Run these calls; report each with `facts.tool_started` and `facts.tool_finished`.

    A driver may run only the first ones and ask again: the rest comes back.
    """

    calls: tuple[ToolCall, ...]
    remaining_s: float | None
    """Seconds that the budget leaves; `None` where there is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing can be done yet: ask again then."""

    until: datetime
    """UTC."""
    lane: str
    """The lane that is waited for."""


@dataclass(frozen=True, slots=True)
class ResetWorld:
    """Bring the task's world back to how it was at first and report `facts.restarted`."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The trajectory is over."""


Action = Record | CallLane | RunTools | ResetWorld | Wait | Stop
