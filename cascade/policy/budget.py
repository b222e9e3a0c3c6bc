"""What one trajectory may use, and how often a failed call may be made again."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from cascade.frozen import Frozen

__all__ = ["Budget", "Limit", "Retries"]

Limit = Literal["steps", "tool_calls", "tokens", "usd", "wall_s"]
"""The names of the budgets, as a trajectory that ran out of one reports them."""


class Budget(Frozen):
    """What one trajectory may use; `None` is no limit. Reaching one ends it with what it has."""

    steps: PositiveInt | None = 50
    """Accepted assistant messages."""
    tool_calls: NonNegativeInt | None = 200
    tokens: PositiveInt | None = None
    """Prompt and output tokens of all model calls, cached ones included."""
    usd: Annotated[Decimal, Field(ge=0)] | None = None
    """Known cost of all model calls. Where a lane's prices are unknown this cannot be kept."""
    wall_s: PositiveFloat | None = None
    """Seconds in which the trajectory was being run, the time between a stop and a resume left
    out."""


class Retries(Frozen):
    """What is done about model calls that fail."""

    on_a_lane: PositiveInt = 2
    """How many calls one step may make on one lane, as long as they fail in ways that pass."""
    on_a_step: PositiveInt = 6
    """How many calls may be made for one draft or one opinion, whatever the lanes."""
    first_wait_s: PositiveFloat = 0.5
    longest_wait_s: PositiveFloat = 20.0
    """Waits between calls on a lane lie between these, each up to three times the one before."""
    longest_asked_wait_s: PositiveFloat = 60.0
    """A lane that asks for a longer wait than this is left for its fallbacks."""
    longest_outage_s: PositiveFloat = 300.0
    """For how long one step may wait while all of its lanes rest."""
