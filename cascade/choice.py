"""A choice, and the decision that records it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from cascade.conversation import is_redacted, lane_of
from cascade.decision import (
    Candidate,
    Comparison,
    Decision,
    Exclusion,
    HopRole,
    Purpose,
    ReasonCode,
    Scope,
)
from cascade.events import Decided
from cascade.failover import Attempt, stand_ins
from cascade.frozen import made
from cascade.lanes import Lane, Prices
from cascade.routing.caches import warm_tokens
from cascade.routing.estimate import call_cost
from cascade.routing.pace import pace_of
from cascade.situation import has_above, prompt_tokens_for
from cascade.state import State

__all__ = ["Choice", "decided"]

_FREE = Prices.free()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is to be called next, and why."""

    lane: Lane
    """To which the call belongs, whichever serves it in the end."""
    purpose: Purpose = "draft"
    scope: Scope = "step"
    span_steps: int | None = None
    reasons: tuple[ReasonCode, ...] = ()
    because: str = ""
    note: str = ""
    comparison: Comparison | None = None
    propensity: float = 1.0
    effort: str | None = None
    excluded: Mapping[str, Exclusion] = field(default_factory=dict[str, Exclusion])
    scores: Mapping[str, float] = field(default_factory=dict[str, float])


def decided(state: State, at: datetime, choice: Choice, attempt: Attempt | None = None) -> Decided:
    """The event that records *choice*, served as *attempt* says after a call that failed."""
    attempt = attempt or Attempt(lane=choice.lane)
    return made(
        Decided,
        seq=state.seq + 1,
        at=at,
        step=state.step,
        hop=state.hop + 1,
        decision=_decision(state, at, choice, attempt),
    )


def _decision(state: State, at: datetime, choice: Choice, attempt: Attempt) -> Decision:
    started = state.head()
    policy = started.policy
    lane = attempt.lane
    behind_it = stand_ins(state, choice.lane, purpose=choice.purpose, excluded=choice.excluded)
    chain = (choice.lane, *behind_it)
    behind = chain[1 + next((n for n, each in enumerate(chain) if each.name == lane.name), 0) :]
    waited = None if attempt.not_before is None else at - state.failures[-1].at
    gated = choice.purpose == "draft" and policy.escalation.enabled and has_above(state, lane)
    return made(
        Decision,
        lane=lane.name,
        model=lane.model,
        purpose=choice.purpose,
        scope=choice.scope,
        span_steps=choice.span_steps,
        role=_role(state, choice, lane),
        effort=choice.effort or lane.effort,
        reasons=_reasons(state, choice, lane) + attempt.reasons,
        because=choice.because,
        note=choice.note,
        candidates=_candidates(state, choice, lane, chain, attempt),
        comparison=choice.comparison,
        locality_reason=_where(state, choice, lane),
        redaction_required=is_redacted(state, lane),
        evidence_required=gated,
        fallback=next((each.name for each in behind if each.name not in attempt.excluded), None),
        estimated_cost_usd=_estimated_cost_usd(state, lane, at),
        propensity=choice.propensity,
        policy_version=policy.version,
        policy_digest=started.policy_digest,
        waited_s=0.0 if waited is None else waited.total_seconds(),
        created_at=at,
    )


def _role(state: State, choice: Choice, lane: Lane) -> HopRole:
    if lane.name != choice.lane.name:
        return "failover"
    if choice.purpose != "draft":
        return choice.purpose
    return "redraft" if any(each.lane == lane.name for each in state.rejected) else "draft"


def _reasons(state: State, choice: Choice, lane: Lane) -> tuple[ReasonCode, ...]:
    reasons = choice.reasons if lane.name == choice.lane.name else ()
    if len(state.head().lanes) == 1:
        reasons = (*reasons, "only_candidate")
    is_own = any(each.lane == choice.lane.name for each in state.rejected)
    if choice.purpose == "draft" and (is_own or (state.rejected and not reasons)):
        reasons = (*reasons, "redraft")
    return reasons


def _where(state: State, choice: Choice, lane: Lane) -> str:
    if lane.name != choice.lane.name:
        return f"the stand-in for lane {choice.lane.name} is {lane.locality}"
    if lane.name == state.home:
        return f"the home lane is {lane.locality}"
    return f"lane {lane.name} is {lane.locality}"


def _candidates(
    state: State, choice: Choice, lane: Lane, chain: tuple[Lane, ...], attempt: Attempt
) -> tuple[Candidate, ...]:
    lanes = state.head().lanes
    if len(lanes) == 1:
        return (made(Candidate, lane=lane.name),)
    is_home = choice.lane.name == state.home
    in_chain = {each.name for each in chain[1:]}
    found: list[Candidate] = []
    for other in lanes:
        why: Exclusion | None = None
        if other.name != lane.name:
            why = attempt.excluded.get(other.name) or choice.excluded.get(other.name)
            if why is None and other.name not in in_chain:
                why = "not_home" if is_home else _lower_or_other(state, other, choice.lane)
        found.append(
            made(Candidate, lane=other.name, excluded=why, score=choice.scores.get(other.name))
        )
    return tuple(found)


def _lower_or_other(state: State, other: Lane, chosen: Lane) -> Exclusion:
    home = lane_of(state, state.home)
    return "not_higher" if other.tier <= home.tier < chosen.tier else "not_preferred"


def _estimated_cost_usd(state: State, lane: Lane, at: datetime) -> Decimal | None:
    """What the call costs, a cold cache included."""
    prices = lane.prices
    if prices is None:
        return None
    if prices == _FREE:
        return Decimal(0)
    usage = state.last_usage
    if usage is None and lane.name == state.home:
        return None
    if usage is not None and lane.name == state.last_lane:
        # As the last call, as the prompt has grown by little.
        return lane.cost_usd(usage)
    cache = state.caches.get(lane.name)
    return call_cost(
        lane,
        prompt_tokens=prompt_tokens_for(state, lane),
        warm_tokens=warm_tokens(cache, lane, at),
        output_tokens=pace_of(state.steps).output_tokens,
    )
