"""Steps: what was done so far, in the form in which monitors, gates and handoffs read it."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from cascade.exchange import SideEffect, ToolSpec, Usage
from cascade.messages import AssistantMessage, ToolCall, ToolResult, UserMessage
from cascade.policy import Budget

__all__ = ["DoneCall", "Prefix", "Step"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneCall:
    """A tool call of a step and what came of it."""

    call: ToolCall
    result: ToolResult
    side_effect: SideEffect
    spec: ToolSpec | None = None
    """`None` for a tool that does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An accepted message with the results of its calls."""

    number: int
    """From 1."""
    lane: str
    message: AssistantMessage
    calls: tuple[DoneCall, ...]
    usage: Usage
    """Of the accepted draft."""
    at_s: float
    """Seconds of running time at which the step was complete."""
    derived: dict[Hashable, Any] = field(
        default_factory=dict[Hashable, Any], init=False, compare=False, repr=False
    )
    """What `once` worked out; no part of the step's value, and gone with it."""

    def once(self, key: Hashable, work_out: Callable[["Step"], T]) -> T:
        """What *work_out* makes of this step, worked out the first time and kept.

        Whoever watches a trajectory asks the same of each step again and again. *work_out* has to
        be a pure function of the step, and *key* to say which one it is.
        """
        found = self.derived.get(key, self)
        if found is self:
            found = self.derived[key] = work_out(self)
        return found

    @property
    def writes(self) -> bool:
        """Whether a call changed something, or tried to."""
        return any(done.side_effect != "read" for done in self.calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """A trajectory up to some point, as monitors and gates see it. They are pure functions of it.

    A monitor is asked twice a step: before the draft, when all results are there, and again with
    the draft before it is accepted.
    """

    task: UserMessage
    tools: Sequence[ToolSpec]
    steps: Sequence[Step]
    """Of the whole trajectory, oldest first, or of its last `Monitoring.window` steps."""
    since: int = 1
    """The first step that counts for signs of being stuck: those before it belong to a span of a
    higher lane that has ended, and to what led to it."""
    draft: AssistantMessage | None = None
    """The message that is about to be accepted; `None` between steps."""
    step: int = 1
    """The step under way."""
    anchor: int = 0
    """The last step that a review verified; 0 where there was none."""
    budget: Budget = field(default_factory=Budget)
    steps_done: int = 0
    tokens_used: int = 0
    usd_used: Decimal | None = Decimal(0)
    """`None` where the cost of a call is not known."""
    elapsed_s: float = 0.0

    @property
    def counted(self) -> Sequence[Step]:
        """The steps from `since` on."""
        if self.since <= 1 or not self.steps:
            return self.steps
        first = self.steps[0].number
        return self.steps[max(self.since - first, 0) :]
