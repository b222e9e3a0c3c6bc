"""Which lanes are allowed and preferred. Three knobs that are easily confused, kept apart."""

from typing import Literal, Self

from pydantic import PositiveInt, model_validator

from cascade.decision import Probability
from cascade.frozen import Frozen

__all__ = ["ExecutionMode", "LocalityPreference", "Routing", "RoutingMode", "ScoringStrategy"]

ExecutionMode = Literal["hybrid", "local_only", "remote_only", "decision_only"]
"""Which lanes may be called at all; `decision_only` records the first decision and calls none."""

RoutingMode = Literal["baseline", "difficulty", "controller", "hybrid"]
"""How a lane is chosen where no evidence forces one: by score; by the task's difficulty against
each lane's ceiling; by a lane that gives directives; by all of these."""

ScoringStrategy = Literal["balanced", "quality", "latency", "cost"]
"""What a score weighs."""

LocalityPreference = Literal["auto", "local", "remote", "hybrid"]
"""Which of two lanes that score alike is taken: as the strategy says; the local one; the remote
one; local for reading steps and remote for the others."""


class Routing(Frozen):
    """Constraints and preferences of routing."""

    execution: ExecutionMode = "hybrid"
    mode: RoutingMode = "baseline"
    strategy: ScoringStrategy = "balanced"
    locality: LocalityPreference = "auto"
    pin: str | None = None
    """Every step runs on this lane and on no other; nothing overrides it."""
    regions: tuple[str, ...] | None = None
    """Regions that remote lanes may stand in; `None` allows all."""
    data_classes: tuple[str, ...] = ()
    """Classes of the data that every task of this policy holds."""
    unlisted: Literal["open", "closed"] = "open"
    """Whether lanes off this machine that list no data classes may see data that has some: all of
    it, or none."""
    controller: str | None = None
    """Lane that gives directives."""
    controller_every: PositiveInt = 5
    """Steps between two directives."""
    controller_steps: PositiveInt = 10
    """The most steps that one directive can hand over."""
    controller_tokens: PositiveInt = 200
    """Longest directive."""
    difficulty_margin: Probability = 0.0
    """By how much a task's difficulty may exceed a lane's ceiling."""

    @model_validator(mode="after")
    def _controller_is_named(self) -> Self:
        if self.mode == "controller" and self.controller is None:
            raise ValueError(
                "routing mode 'controller' asks a lane for directives: name it in `controller`"
            )
        return self
