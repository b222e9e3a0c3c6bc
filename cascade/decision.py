"""The record of one choice of lane: what was chosen, what else there was, and why."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from cascade.frozen import Frozen

__all__ = ["Candidate", "Decision", "HopRole", "ReasonCode", "Scope"]

Scope = Literal["advise", "step", "span", "review", "restart", "halt"]
"""How much is handed to the selected lane."""

HopRole = Literal["draft", "redraft", "advice", "review", "judge", "failover"]
"""What a model call is made for."""

ReasonCode = Literal[
    "home_lane",
    "only_candidate",
    "policy_home",
    "redraft",
    "retry",
    "without_signatures",
    "failover",
]
"""Why a lane was selected: it is the home lane; it alone was eligible; the policy names it; the
draft before could not be used; the call before failed and may succeed now; it did not accept an
opaque block and is now shown none; the lane before it could not serve."""

Exclusion = Literal["not_home", "failed", "same_endpoint", "context_window"]
"""Why a lane was left out: it neither runs the loop nor stands in for the lane that does; it failed
in this step; it lives where a failed one lives; its window is no larger than the one that was too
small."""

Probability = Annotated[float, Field(ge=0, le=1)]


class Candidate(Frozen):
    """A lane that was considered."""

    lane: str
    excluded: Exclusion | None = None
    """Why it was out of the question; `None` where it was eligible."""
    score: float | None = None
    """How it ranked among the eligible ones, higher is better; `None` where nothing was scored."""


class Decision(Frozen):
    """One choice of lane, complete enough to be explained, audited and replayed."""

    lane: str
    model: str
    scope: Scope
    role: HopRole
    effort: str | None
    """Reasoning effort asked for; `None` leaves the model's default."""
    reasons: tuple[ReasonCode, ...]
    candidates: tuple[Candidate, ...]
    locality_reason: str
    """Why the step runs where it runs, in words."""
    redaction_required: bool
    evidence_required: bool
    """Whether the draft needs a judge's or gate's approval before it counts."""
    fallback: str | None
    """The lane that takes over if this one cannot serve; `None` where there is none."""
    estimated_cost_usd: Decimal | None
    """What the call is expected to cost, a cold cache included; `None` where it is unknown."""
    propensity: Probability
    """The probability with which this policy makes this choice from this state."""
    policy_version: str
    policy_digest: str
    waited_s: float = 0.0
    """How long the call was put off after the one that failed before it, in seconds."""
    created_at: AwareDatetime
    """UTC."""
