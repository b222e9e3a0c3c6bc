"""The controller: from a state to the one thing to do next.

`decide(state, at)` performs nothing. It returns a fact to be recorded or work to be done; whoever
drives it (the live runtime, a resume, a replay, another framework) does that, folds the resulting
events and asks again, until it says `Stop`.
"""

from dataclasses import replace
from datetime import datetime

from cascade import facts
from cascade.actions import Action, CallLane, Record, ResetWorld, RunTools, Stop, Wait
from cascade.asking import answered, milestones_to_review, unanswered
from cascade.choice import Choice, decided
from cascade.conversation import lane_of
from cascade.decision import Decision, Purpose, Scope
from cascade.drafting import drafter, target_above
from cascade.events import BudgetReached, Event, Finished, Outcome, Signalled
from cascade.exchange import Request
from cascade.failover import GivenUp, all_told, next_attempt
from cascade.holding import next_for_held, refused, reviewer_of, settled
from cascade.lanes import Lane
from cascade.limits import calls_left, limit_reached, remaining_s
from cascade.messages import Text, ToolCall, ToolResult
from cascade.redrafting import another_draft, in_charge_reasons
from cascade.rules import NO_RULES, Rules, not_yet
from cascade.self_escalation import refusal
from cascade.situation import Ladder, is_ours, ladder_of, prefix_of
from cascade.standing import barred
from cascade.state import PendingCall, State
from cascade.views import lane_view

__all__ = [
    "INTERRUPTED_CALL",
    "Action",
    "CallLane",
    "Record",
    "ResetWorld",
    "RunTools",
    "Stop",
    "Wait",
    "decide",
]

INTERRUPTED_CALL = (
    "interrupted: the run stopped while this call was under way, and whether it took effect is "
    "not known. Check before you repeat it."
)
"""What a model reads in place of a result that was never recorded."""


def decide(state: State, at: datetime, rules: Rules = NO_RULES) -> Action:
    """What is to be done next.

    Args:
        state: Folded from the whole log.
        at: The time at which this is asked, UTC. Time is an argument: the core reads no clock.
        rules: The monitors and gates of the trajectory's policy.
    """
    if state.finished is not None:
        return Stop()
    if state.limit is not None:
        reason = f"the budget of {state.limit.allowed} {state.limit.limit} is used up"
        return _finish(state, at, "budget_exhausted", reason)
    if state.final_text is not None:
        return _finish(state, at, "completed", "")
    limit = limit_reached(state, at)
    if limit is not None:
        return Record(limit)
    if state.decision is not None:
        return _on_decision(state, state.decision, at)
    if state.consulted is not None:
        return Record(answered(state, at, state.consulted))
    if state.failures:
        return _after_failure(state, at, rules)
    if state.pending:
        return _on_pending(state, at)
    if len(state.rejected) > (0 if state.held is None else state.held.after):
        return _after_unusable(state, at, rules)
    if state.held is not None:
        return _on_held(state, at, rules)
    return _on_step(state, at, rules)


def _on_decision(state: State, decision: Decision, at: datetime) -> Action:
    if decision.scope == "halt":
        return _finish(state, at, "halted", decision.because)
    if state.head().policy.routing.execution == "decision_only":
        return _finish(state, at, "decided", f"the policy only decides: lane {decision.lane}")
    if decision.scope == "restart" and state.restarted < state.hop:
        return ResetWorld()
    return _call(state, at)


def _on_step(state: State, at: datetime, rules: Rules) -> Action:
    """The beginning of a step: what monitors notice first, then who drafts it."""
    ladder = ladder_of(state)
    if rules.monitors and state.watched and state.tenure is None:
        home = lane_of(state, state.home)
        signal = not_yet(rules.signals(prefix_of(state, home)), state.signals)
        if signal is not None:
            return Record(Signalled(seq=state.seq + 1, at=at, step=state.step, signal=signal))
        review = _review_due(state, ladder, home)
        if review is not None:
            return Record(decided(state, at, review))
    choice = drafter(state, at, ladder) or _nobody(ladder)
    if isinstance(choice, str):
        return _halt(state, at, ladder, choice)
    if state.head().policy.routing.execution == "decision_only":
        choice = replace(choice, reasons=(*choice.reasons, "decision_only"))
    return Record(decided(state, at, choice))


def _review_due(state: State, ladder: Ladder, home: Lane) -> Choice | None:
    policy = state.head().policy
    if not policy.escalation.enabled or policy.routing.pin or calls_left(state) <= 1:
        return None
    open_ = [
        each
        for each in milestones_to_review(state)
        if each.code != "goal" or policy.monitors.milestones.goals_reviewed
    ]
    reviewer = reviewer_of(state, ladder, home) if open_ else None
    if reviewer is None:
        return None
    return Choice(
        lane=reviewer,
        purpose="review",
        scope="review",
        reasons=("milestone",),
        because="; ".join(each.evidence for each in open_),
        excluded=ladder.excluded,
    )


def _nobody(ladder: Ladder) -> str:
    told = ", ".join(f"{name} ({why})" for name, why in ladder.excluded.items())
    return f"no lane may be called for this step: {told}"


def _halt(state: State, at: datetime, ladder: Ladder, why: str) -> Record:
    choice = Choice(
        lane=lane_of(state, state.home),
        scope="halt",
        reasons=("no_eligible_lane",),
        because=why,
        excluded=ladder.excluded,
    )
    return Record(decided(state, at, choice))


def _on_held(state: State, at: datetime, rules: Rules) -> Action:
    """A draft that can be used waits for evidence, help or a yes."""
    held = state.held
    assert held is not None  # noqa: S101 - the caller looked
    ladder = ladder_of(state)
    what = next_for_held(state, at, held, ladder, rules)
    if isinstance(what, str):
        return _halt(state, at, ladder, what)
    if not isinstance(what, Choice):
        return Record(what)
    limit = limit_reached(state, at, before_call=True)
    why_not = _no_call(state, what, limit)
    if why_not is None:
        return Record(decided(state, at, what))
    return _stand(state, at, rules, why_not, limit=limit)


def _no_call(state: State, choice: Choice, limit: BudgetReached | None) -> str | None:
    """Why a call for a draft that is held is not made after all; `None` where it is."""
    if calls_left(state) <= 0:
        return f"{state.calls_in_step} model calls were made in this step"
    if limit is not None:
        return f"the budget of {limit.allowed} {limit.limit} is used up"
    # What was said may still turn out to be wrong, but nothing can be said in its place.
    is_said = state.committed and state.head().policy.commit_deltas
    return "it was said already" if is_said and choice.purpose != "review" else None


def _stand(
    state: State, at: datetime, rules: Rules, why: str, *, limit: BudgetReached | None = None
) -> Record:
    """The draft that is held is accepted for want of a better one, unless that is forbidden."""
    held, ladder = state.held, ladder_of(state)
    assert held is not None  # noqa: S101 - the callers looked
    forbidden = barred(state, held, ladder, rules)
    if forbidden is None:
        return Record(settled(state, at, reason=why))
    return _halt(state, at, ladder, f"{forbidden}; {why}") if limit is None else Record(limit)


def _after_unusable(state: State, at: datetime, rules: Rules) -> Action:
    """A draft could not be used: the same lane again, then a higher one."""
    last = state.rejected[-1]
    if state.committed and state.head().policy.commit_deltas:
        return _finish(state, at, "failed", f"what was said cannot be used: {last.reason}")
    limit = limit_reached(state, at, before_call=True)
    may_call = calls_left(state) > 0 and limit is None
    choice = another_draft(state, ladder_of(state)) if may_call else None
    if choice is not None:
        return Record(decided(state, at, choice))
    if state.held is not None:
        return _stand(state, at, rules, f"nobody could take the step: {last.reason}", limit=limit)
    return _finish(state, at, "failed", f"no usable draft for step {state.step}: {last.reason}")


def _finish(state: State, at: datetime, outcome: Outcome, reason: str) -> Record:
    answer = state.final_text
    if answer is None:
        answer = next(
            (m.text for m in reversed(state.transcript) if m.role == "assistant" and m.text), None
        )
    return Record(Finished(seq=state.seq + 1, at=at, outcome=outcome, reason=reason, answer=answer))


def _on_pending(state: State, at: datetime) -> Action:
    """Runs what has no result; reports what a crash cut short and may not be repeated."""
    waiting = [entry for entry in state.pending if entry.result is None]
    for entry in waiting:
        if is_ours(state, entry.call):
            return _on_request(state, entry, at)
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
    return RunTools(calls=calls, remaining_s=remaining_s(state, at))


def _on_request(state: State, entry: PendingCall, at: datetime) -> Record:
    """The lane in charge asks for help."""
    call = entry.call
    lane = lane_of(state, state.last_lane or state.home)
    advised = next((each for each in state.advised if each.call_id == call.id), None)
    if advised is not None:
        return Record(_result(state, call, advised.advice, at, is_refused=False))
    ladder = ladder_of(state)
    why_not = refused(state, ladder, lane)
    if calls_left(state) <= 0 or limit_reached(state, at, before_call=True) is not None:
        why_not = why_not or refusal("quota")
    found = target_above(state, ladder, lane)
    if call.name != "ask_expert" or why_not is not None or found is None:
        said = why_not or refusal("nobody_higher")
        return Record(_result(state, call, said, at, is_refused=True))
    choice = Choice(
        lane=found[0],
        purpose="advice",
        scope="advise",
        reasons=("asked_for_advice",),
        because=str(call.arguments.get("question", "")),
        excluded=ladder.excluded,
        scores=found[1],
    )
    return Record(decided(state, at, choice))


def _result(state: State, call: ToolCall, text: str, at: datetime, *, is_refused: bool) -> Event:
    result = ToolResult(
        call_id=call.id, name=call.name, parts=(Text(text=text),), is_error=is_refused
    )
    outcome = "refused" if is_refused else "ok"
    return facts.tool_finished(state, result, at, outcome=outcome, duration_s=0.0)


def _after_failure(state: State, at: datetime, rules: Rules) -> Action:
    """A model call failed: here again, elsewhere, later, or not at all."""
    primary = lane_of(state, state.primary or state.home)
    attempt = _no_more(state, at) or next_attempt(state, primary)
    if isinstance(attempt, GivenUp):
        return _given_up(state, primary, attempt, at, rules)
    if attempt.not_before is not None and at < attempt.not_before:
        wait_s = (attempt.not_before - at).total_seconds()
        left_s = remaining_s(state, at)
        if left_s is not None and wait_s >= left_s:
            reason = (
                f"lane {attempt.lane.name} can serve again in {wait_s:.1f} s at the earliest, and "
                f"{left_s:.1f} s are left; {all_told(state)}"
            )
            return _given_up(state, primary, GivenUp("failed", reason), at, rules)
        return Wait(until=attempt.not_before, lane=attempt.lane.name)
    choice = Choice(
        lane=primary,
        purpose=state.purpose,
        scope=_scope(state),
        reasons=in_charge_reasons(state, primary),
        excluded=ladder_of(state).excluded,
    )
    return Record(decided(state, at, choice, attempt))


def _no_more(state: State, at: datetime) -> GivenUp | None:
    """Why no call follows one that failed, whatever the lanes can; `None` where one may."""
    limit = limit_reached(state, at, before_call=True)
    if limit is not None:
        said = f"the budget of {limit.allowed} {limit.limit} is used up"
        return GivenUp("budget_exhausted", said)
    # An opinion that comes before the draft leaves a call for the draft.
    is_before = state.purpose != "draft" and state.held is None and not state.pending
    if calls_left(state) > is_before:
        return None
    last = state.failures[-1]
    told = f"{last.error} on lane {last.lane}: {last.message}"
    return GivenUp("failed", f"{state.calls_in_step} model calls were made in this step; {told}")


def _scope(state: State) -> Scope:
    scopes: dict[Purpose, Scope] = {"advice": "advise", "directive": "advise"}
    if state.purpose != "draft":
        return scopes.get(state.purpose, "review")
    return "step" if state.tenure is None else "span"


def _given_up(state: State, primary: Lane, given_up: GivenUp, at: datetime, rules: Rules) -> Action:
    if state.purpose != "draft":
        return Record(unanswered(state, at, primary, given_up.reason))
    if state.held is None:
        return _finish(state, at, given_up.outcome, given_up.reason)
    return _stand(state, at, rules, f"nobody could take the step: {given_up.reason}")


def _call(state: State, at: datetime) -> CallLane:
    decision, lane = facts.outstanding(state)
    started = state.head()
    budget = started.policy.budget
    most = lane.max_output_tokens
    if budget.tokens is not None:
        most = max(1, min(most, budget.tokens - state.ledger.total.usage.total_tokens))
    samples = 0 if state.held is None else len(state.held.samples) + 1
    sampling, stop_below = lane.sampling, None
    match decision.purpose:
        case "draft":
            stop_below = _stop_below(state, decision)
        case "sample":
            temperature = started.policy.gates.agreement.temperature
            sampling = sampling.model_copy(update={"temperature": temperature})
        case "advice":
            most = min(most, started.policy.escalation.self_escalation.advice_tokens)
        case "directive":
            most = min(most, started.policy.routing.controller_tokens)
        case "review" | "judge":
            most = min(most, started.policy.escalation.review.output_tokens)
    request = Request(
        hop=state.hop,
        max_output_tokens=most,
        # By step and draft, not by hop: a resumed run, whose hops go on counting, samples as the
        # uninterrupted one would have.
        seed=(started.seed * 1_000_003 + state.step * 1_009 + len(state.rejected) + 101 * samples)
        % 2**31,
        sampling=sampling,
        timeout_s=remaining_s(state, at),
        effort=decision.effort,
        stop_below=stop_below,
    )
    view = state.asking if decision.purpose not in {"draft", "sample"} else None
    return CallLane(
        lane=lane,
        role=decision.role,
        purpose=decision.purpose,
        view=view or lane_view(state, lane.name),
        request=request,
    )


def _stop_below(state: State, decision: Decision) -> float | None:
    """The probability below which a token ends the draft: only where a higher lane can take it."""
    confidence = state.head().policy.gates.confidence
    if not (confidence.enabled and confidence.while_generating and decision.evidence_required):
        return None
    # A draft that was stopped before is written to its end now.
    if state.rejected or not ladder_of(state).above(lane_of(state, decision.lane)):
        return None
    return confidence.stop_below
