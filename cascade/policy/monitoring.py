"""What the monitors look for. The built-in ones read their settings here."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, PositiveInt

from cascade.decision import Probability
from cascade.frozen import Frozen

__all__ = ["Goal", "MilestoneSettings", "Monitoring", "StuckSettings", "Times"]

Times = Annotated[int, Field(ge=2)]
"""How often something has to come to count as coming again."""


class StuckSettings(Frozen):
    """When a trajectory counts as stuck.

    The figures are starting points: chosen on recorded runs of others, with
    `benchmarks/stuck_rules.py`, and not calibrated for yours. Soft signs count once they were there
    in several steps in a row, so they may come early; hard ones count at once.
    """

    enabled: bool = True
    first_step: PositiveInt = 2
    """Nothing is said before so many steps were made since the home lane took charge."""
    repeated_calls: Times = 2
    """The same call with the same result, so many times, with no change in between."""
    repeated_calls_hard: Times = 3
    """From so many on they need no confirmation."""
    repeated_errors: Times = 2
    """Calls of a tool that ended in the same class of error, so many in a row, with no change in
    between."""
    repeated_errors_hard: Times = 4
    """From so many on they need no confirmation."""
    alternations: Times = 2
    """A-B-A-B, or A-B-C-A-B-C: so many times the same steps with the same results, in turn."""
    monologue: Times = 2
    """So many steps in a row that say almost the same and bring nothing new."""
    monologue_share: Probability = 0.6
    """Texts are almost the same if so large a share of their runs of three words is in both."""
    steps_without_change: PositiveInt = 3
    """So many steps in a row in which nothing new was learnt, written or passed."""
    repeated_commands: Times = 15
    """Shell commands of one class, so many steps in a row, with no change in between."""
    budget_share: Probability = 0.4
    """Share of the step, token or money budget that may be used without any progress."""
    shell_tools: tuple[str, ...] = ()
    """Tools whose first text argument is a shell command, compared as such. A tool can say so
    itself: an argument of `"format": "shell"` in its schema."""


class Goal(Frozen):
    """A part of the task that is reached when a call of *tool* succeeds."""

    name: str
    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    """Arguments that the call must have; others are free."""
    result_contains: str = ""


class MilestoneSettings(Frozen):
    """What counts as a point at which work is worth checking."""

    claims: bool = False
    """A final answer: the claim to be finished."""
    irreversible: bool = True
    """A call to a tool that is declared irreversible."""
    first_write_after_reads: PositiveInt | None = None
    """The first writing call after so many steps that only read."""
    goals: tuple[Goal, ...] = ()
    """Parts of the task, by the calls that reach them; tools can declare their own."""
    goals_reviewed: bool = False
    """Whether reaching a goal asks for a review; it is noted as progress in any case."""
    span_ends: bool = False
    """The end of a span of steps on a higher lane."""


class Monitoring(Frozen):
    """The monitors of a trajectory."""

    stuck: StuckSettings = StuckSettings()
    milestones: MilestoneSettings = MilestoneSettings()
    extra: tuple[str, ...] = ()
    """Monitors of the user's own, as `module:attribute` or names of entry points in the group
    `cascade.monitors`."""
    alone: bool = False
    """Whether a trajectory is watched though no lane of its ladder is above the home lane: all that
    can follow is that the lane is told that it seems to be stuck. Monitors of the user's own always
    watch."""
    on_error: Literal["stop", "go_on"] = "stop"
    """What follows where a monitor raises: the run stops with its error and can be resumed, or it
    goes on and a signal of the kind `blind` says what went unwatched."""
    window: PositiveInt = 100
    """How many of the last steps a monitor is shown."""
