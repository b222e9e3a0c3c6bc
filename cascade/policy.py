"""Policy: what a trajectory may spend and how often it may try again."""

from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from cascade.frozen import Frozen

__all__ = ["Budget", "Limit", "Policy"]

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


class Policy(Frozen):
    """Everything that decides how a trajectory is run, recorded at its head."""

    version: str = "1"
    """The user's name for this state of the policy; decisions carry it."""
    budget: Budget = Budget()
    max_redrafts: NonNegativeInt = 1
    """How often one step may be drafted anew because the draft could not be used."""
    max_failures: NonNegativeInt = 1
    """How many failed model calls one step survives."""
    home_lane: str | None = None
    """Name of the lane that runs the loop; `None` takes the lowest of the ladder."""

    @cached_property
    def digest(self) -> str:
        """The first 16 hex digits of the SHA-256 of the policy's JSON."""
        return sha256(self.model_dump_json().encode()).hexdigest()[:16]
