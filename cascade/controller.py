"""The controller: from a state to the one thing to do next.

`decide(state, at)` performs nothing. It returns a fact to be recorded or work to be done; whoever
drives it (the live runtime, a resume, a replay, another framework) does that, folds the resulting
events and asks again, until it says `Stop`.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from cascade import facts
from cascade.decision import Candidate, Decision, HopRole, ReasonCode
from cascade.errors import ConfigError
from cascade.events import BudgetReached, Decided, Event, Finished, Outcome
from cascade.exchange import Request, Usage, View
from cascade.failover import Attempt, GivenUp, fallback_chain, next_attempt
from cascade.frozen import made
from cascade.lanes import Lane, Prices
from cascade.messages import Text, ToolCall, ToolResult
from cascade.policy import Limit
from cascade.state import State
from cascade.views import lane_view

__all__ = [
    "INTERRUPTED_CALL",
    "Action",
    "CallLane",
    "Record",
    "RunTools",
    "Stop",
    "Wait",
    "decide",
    "home_lane",
]

_FREE = Prices.free()

INTERRUPTED_CALL = (
    "interrupted: the run stopped while this call was under way, and whether it took effect is "
    "not known. Check before you repeat it."
)
"""What a model reads in place of a result that was never recorded."""


@dataclass(frozen=True, slots=True)
class Record:
    """A fact that follows from the state: append it to the log."""

    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLane:
    """Make one model call and report it with `facts.drafted` or `facts.failed`."""

    lane: Lane
    role: HopRole
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
class Stop:
    """The trajectory is over."""


Action = Record | CallLane | RunTools | Wait | Stop


def decide(state: State, at: datetime) -> Action:
    """What is to be done next.

    Args:
        state: Folded from the whole log.
        at: The time at which this is asked, UTC. Time is an argument: the core reads no clock.
    """
    if state.finished is not None:
        return Stop()
    if state.limit is not None:
        reason = f"the budget of {state.limit.allowed} {state.limit.limit} is used up"
        return _finish(state, at, "budget_exhausted", reason)
    if state.final_text is not None:
        return _finish(state, at, "completed", "")
    limit = _limit_reached(state, at)
    if limit is not None:
        return Record(limit)
    if state.pending:
        return _on_pending(state, at)
    if state.decision is not None:
        return _call(state, at)
    if len(state.rejected) > state.head().policy.max_redrafts:
        reason = f"no usable draft for step {state.step}: {state.rejected[-1].reason}"
        return _finish(state, at, "failed", reason)
    return _next_call(state, at)


def home_lane(lanes: tuple[Lane, ...], name: str | None) -> Lane:
    """The lane that runs the loop: the named one, else the first of the lowest tier.

    Raises:
        ConfigError: There is no lane, or none of that name.
    """
    if name is None and lanes:
        return min(lanes, key=lambda lane: lane.tier)
    for lane in lanes:
        if lane.name == name:
            return lane
    known = ", ".join(repr(lane.name) for lane in lanes) or "none at all"
    raise ConfigError(f"no lane is called {name!r}; the ladder has {known}")


def _finish(state: State, at: datetime, outcome: Outcome, reason: str) -> Record:
    answer = state.final_text
    if answer is None:
        answer = next(
            (m.text for m in reversed(state.transcript) if m.role == "assistant" and m.text), None
        )
    return Record(Finished(seq=state.seq + 1, at=at, outcome=outcome, reason=reason, answer=answer))


def _remaining_s(state: State, at: datetime) -> float | None:
    allowed = state.head().policy.budget.wall_s
    if allowed is None:
        return None
    idle = 0.0 if state.at is None else max((at - state.at).total_seconds(), 0.0)
    return allowed - state.elapsed_s - idle


def _limit_reached(state: State, at: datetime) -> BudgetReached | None:
    budget = state.head().policy.budget
    spent = state.ledger.total
    # Work that is already decided upon (calls of an accepted message) is not undone by the limits
    # on model calls; only what would be started next is refused.
    drafting = not state.pending
    remaining_s = _remaining_s(state, at)
    reached = partial(_reached, state, at)
    if budget.tool_calls is not None:
        calls = state.tool_calls + sum(1 for entry in state.pending if entry.result is None)
        if calls > budget.tool_calls:
            return reached("tool_calls", budget.tool_calls, state.tool_calls)
    if remaining_s is not None and remaining_s <= 0:
        allowed_s = budget.wall_s or 0.0
        return reached("wall_s", allowed_s, round(allowed_s - remaining_s, 6))
    if drafting and budget.steps is not None and state.steps_done >= budget.steps:
        return reached("steps", budget.steps, state.steps_done)
    if drafting and budget.tokens is not None:
        tokens = spent.usage.total_tokens
        if tokens >= budget.tokens:
            return reached("tokens", budget.tokens, tokens)
    cost_usd = spent.cost_usd
    # A budget of nothing still allows what costs nothing.
    if drafting and budget.usd is not None and cost_usd and cost_usd >= budget.usd:
        return reached("usd", budget.usd, cost_usd)
    return None


def _reached(
    state: State, at: datetime, limit: Limit, allowed: Decimal | float, used: Decimal | float
) -> BudgetReached:
    return BudgetReached(
        seq=state.seq + 1,
        at=at,
        limit=limit,
        allowed=Decimal(str(allowed)),
        used=Decimal(str(used)),
    )


def _on_pending(state: State, at: datetime) -> Record | RunTools:
    """Runs what has no result; reports what a crash cut short and may not be repeated."""
    waiting = [entry for entry in state.pending if entry.result is None]
    for entry in waiting:
        if entry.started and facts.side_effect_of(state, entry.call.name) != "read":
            result = ToolResult(
                call_id=entry.call.id,
                name=entry.call.name,
                parts=(Text(text=INTERRUPTED_CALL),),
                is_error=True,
            )
            return Record(
                facts.tool_finished(state, result, at, outcome="interrupted", duration_s=0.0)
            )
    calls = tuple(entry.call for entry in waiting)
    return RunTools(calls=calls, remaining_s=_remaining_s(state, at))


def _next_call(state: State, at: datetime) -> Record | Wait:
    started = state.head()
    home = home_lane(started.lanes, started.policy.home_lane)
    if not state.failures:
        return _decided(state, at, home, Attempt(lane=home))
    attempt = next_attempt(state, home)
    if isinstance(attempt, GivenUp):
        return _finish(state, at, attempt.outcome, attempt.reason)
    if attempt.not_before is not None and at < attempt.not_before:
        wait_s = (attempt.not_before - at).total_seconds()
        remaining_s = _remaining_s(state, at)
        if remaining_s is not None and wait_s >= remaining_s:
            last = state.failures[-1]
            reason = (
                f"lane {attempt.lane.name} can serve again in {wait_s:.1f} s at the earliest, and "
                f"{remaining_s:.1f} s are left; the last failure: {last.error}: {last.message}"
            )
            return _finish(state, at, "failed", reason)
        return Wait(until=attempt.not_before, lane=attempt.lane.name)
    return _decided(state, at, home, attempt)


def _decided(state: State, at: datetime, home: Lane, attempt: Attempt) -> Record:
    decision = _decision(state, at, home, attempt)
    event = made(
        Decided, seq=state.seq + 1, at=at, step=state.step, hop=state.hop + 1, decision=decision
    )
    return Record(event)


def _decision(state: State, at: datetime, home: Lane, attempt: Attempt) -> Decision:
    started = state.head()
    policy = started.policy
    lane = attempt.lane
    chain = [home, *fallback_chain(started.lanes, home)] if home.fallbacks else [home]
    behind = chain[chain.index(lane) + 1 :]
    waited = None if attempt.not_before is None else at - state.failures[-1].at
    where = "the home lane" if lane is home else f"the stand-in for lane {home.name}"
    return made(
        Decision,
        lane=lane.name,
        model=lane.model,
        scope="step",
        role=_role(state, is_home=lane is home),
        effort=lane.effort,
        reasons=_reasons(state, is_home=lane is home) + attempt.reasons,
        candidates=tuple([_candidate(other, lane, chain, attempt) for other in started.lanes]),
        locality_reason=f"{where} is {lane.locality}",
        redaction_required=False,
        evidence_required=False,
        fallback=next((each.name for each in behind if each.name not in attempt.excluded), None),
        estimated_cost_usd=_estimated_cost_usd(state, lane),
        propensity=1.0,
        policy_version=policy.version,
        policy_digest=started.policy_digest,
        waited_s=0.0 if waited is None else waited.total_seconds(),
        created_at=at,
    )


def _role(state: State, *, is_home: bool) -> HopRole:
    if not is_home:
        return "failover"
    return "redraft" if state.rejected else "draft"


def _reasons(state: State, *, is_home: bool) -> tuple[ReasonCode, ...]:
    reasons: list[ReasonCode] = []
    if is_home:
        reasons.append("home_lane")
        if state.head().policy.home_lane is not None:
            reasons.append("policy_home")
    if len(state.head().lanes) == 1:
        reasons.append("only_candidate")
    if state.rejected:
        reasons.append("redraft")
    return tuple(reasons)


def _candidate(other: Lane, selected: Lane, chain: list[Lane], attempt: Attempt) -> Candidate:
    if other is selected:
        return made(Candidate, lane=other.name)
    in_chain = any(other is each for each in chain[1:])
    excluded = attempt.excluded.get(other.name)
    excluded = excluded or (None if in_chain else "not_home")
    return made(Candidate, lane=other.name, excluded=excluded)


def _estimated_cost_usd(state: State, lane: Lane) -> Decimal | None:
    """The last call's price again, as the prompt has grown by little; elsewhere it is all new."""
    if lane.prices == _FREE:
        return Decimal(0)
    usage = state.last_usage
    if usage is None:
        return None
    if lane.name != state.last_lane:
        usage = Usage(input_tokens=usage.prompt_tokens, output_tokens=usage.output_tokens)
    return lane.cost_usd(usage)


def _call(state: State, at: datetime) -> CallLane:
    decision, lane = facts.outstanding(state)
    started = state.head()
    budget = started.policy.budget
    most = lane.max_output_tokens
    if budget.tokens is not None:
        most = max(1, min(most, budget.tokens - state.ledger.total.usage.total_tokens))
    request = Request(
        hop=state.hop,
        max_output_tokens=most,
        # By step and draft, not by hop: a resumed run, whose hops go on counting, samples as the
        # uninterrupted one would have.
        seed=(started.seed * 1_000_003 + state.step * 1_009 + len(state.rejected)) % 2**31,
        sampling=lane.sampling,
        timeout_s=_remaining_s(state, at),
        effort=decision.effort,
    )
    return CallLane(
        lane=lane, role=decision.role, view=lane_view(state, lane.name), request=request
    )
