"""Facts: the events that say what became of an action, made from the state and the outcome.

Whoever drives the controller performs an action and reports it with one of these. They are pure:
the time is an argument, and the position follows from the state.
"""

from datetime import datetime
from typing import Any

from cascade.conversation import is_redacted
from cascade.decision import Decision
from cascade.errors import BackendError, TraceError
from cascade.events import (
    Consulted,
    Drafted,
    Failed,
    Interrupted,
    Restarted,
    Resumed,
    ToolFinished,
    ToolOutcome,
    ToolStarted,
)
from cascade.exchange import Draft, Dropped, SideEffect, Usage
from cascade.frozen import made
from cascade.holding import Assessment, assess, assess_stopped
from cascade.lanes import Lane
from cascade.messages import ToolCall, ToolResult, well_formed
from cascade.redaction.redactor import images_in
from cascade.redaction.rehydration import rehydrated
from cascade.rules import NO_RULES, Rules
from cascade.self_escalation import followed
from cascade.state import State

__all__ = [
    "came",
    "consulted",
    "drafted",
    "failed",
    "interrupted",
    "outstanding",
    "restarted",
    "resumed",
    "side_effect_of",
    "tool_finished",
    "tool_started",
]


def outstanding(state: State) -> tuple[Decision, Lane]:
    """The decision that waits for its model call, and the lane that it selected.

    Raises:
        TraceError: No decision is waiting.
    """
    if state.decision is None:
        raise TraceError("no model call is outstanding: a draft follows a decision")
    name = state.decision.lane
    for lane in state.head().lanes:
        if lane.name == name:
            return state.decision, lane
    raise TraceError(f"the decision names lane {name!r}, which the trajectory does not have")


def came(
    state: State,
    draft: Draft,
    at: datetime,
    *,
    problem: str | None = None,
    said: bool = False,
    rules: Rules = NO_RULES,
) -> Drafted | Consulted:
    """The outstanding model call, whatever it was for, ended with *draft*."""
    decision, _ = outstanding(state)
    if decision.purpose == "draft":
        return drafted(state, draft, at, problem=problem, said=said, rules=rules)
    return consulted(state, draft, at)


def drafted(
    state: State,
    draft: Draft,
    at: datetime,
    *,
    problem: str | None = None,
    said: bool = False,
    rules: Rules = NO_RULES,
) -> Drafted:
    """The outstanding model call ended with *draft*.

    Args:
        state: Before it.
        draft: What came.
        at: When, UTC.
        problem: What the driver found wrong with it, such as an answer that does not fit its
            schema, in words for the model.
        said: Whether a listener had been given text of it.
        rules: The gates that it has to pass, and the monitors that look at it.
    """
    decision, lane = outstanding(state)
    draft = _in_clear(state, lane, draft)
    if draft.finish_reason == "stopped":
        found = assess_stopped(state, draft, lane, at, rules)
    elif (rejection := _rejection(draft) or problem) is not None:
        found = Assessment(accepted=False, rejection=rejection)
    else:
        found = assess(state, draft, lane, at, rules)
    advice = None if state.last_advice is None else state.last_advice.advice
    return made(
        Drafted,
        seq=state.seq + 1,
        at=at,
        step=state.step,
        hop=state.hop,
        lane=lane.name,
        role=decision.role,
        draft=draft,
        cost_usd=lane.cost_usd(draft.usage),
        accepted=found.accepted,
        said=said,
        rejection=found.rejection,
        verdicts=found.verdicts,
        comparison=found.comparison,
        advice_followed=None if advice is None else followed(advice, draft.message),
    )


def consulted(state: State, draft: Draft, at: datetime) -> Consulted:
    """The outstanding model call, made for an opinion, ended with *draft*."""
    decision, lane = outstanding(state)
    draft = _in_clear(state, lane, draft)
    return Consulted(
        seq=state.seq + 1,
        at=at,
        step=state.step,
        hop=state.hop,
        lane=lane.name,
        role=decision.role,
        purpose=decision.purpose,
        draft=draft,
        cost_usd=lane.cost_usd(draft.usage),
    )


def restarted(state: State, at: datetime) -> Restarted:
    """The world is as it was at first."""
    return Restarted(seq=state.seq + 1, at=at, step=state.step)


def _in_clear(state: State, lane: Lane, draft: Draft) -> Draft:
    """The draft with values in the place of placeholders, and such that it can be recorded."""
    message = draft.message
    changes: dict[str, Any] = {}
    if state.head().policy.redaction.enabled and is_redacted(state, lane):
        message = rehydrated(message, state.vault)
        pictures = sum(images_in(each) for each in state.transcript)
        if pictures:
            left_out = Dropped(what="image", why="redacted", count=pictures)
            changes["dropped"] = (*draft.dropped, left_out)
    message = well_formed(message)
    if message is not draft.message:
        changes["message"] = message
    return draft.model_copy(update=changes) if changes else draft


def failed(
    state: State, error: BackendError, at: datetime, *, usage: Usage, said: bool = False
) -> Failed:
    """The outstanding model call ended with *error* after it had used *usage*.

    *said* tells whether a listener had been given text of it.
    """
    decision, lane = outstanding(state)
    return Failed(
        seq=state.seq + 1,
        at=at,
        step=state.step,
        hop=state.hop,
        lane=lane.name,
        role=decision.role,
        purpose=decision.purpose,
        error=type(error).__name__,
        message=str(error).encode("utf-8", "replace").decode("utf-8"),
        failure=error.failure,
        retry_after_s=error.retry_after_s,
        said=said,
        request_id=error.request_id,
        usage=usage,
        cost_usd=lane.cost_usd(usage),
    )


def interrupted(
    state: State, at: datetime, *, usage: Usage | None, said: bool = False
) -> Interrupted:
    """The run was cancelled; *usage* is that of the model call it cut short, if it did.

    *said* tells whether a listener had been given text of it.
    """
    if usage is None:
        return Interrupted(
            seq=state.seq + 1,
            at=at,
            step=state.step,
            hop=None,
            lane=None,
            role=None,
            said=said,
            usage=Usage(),
            cost_usd=None,
        )
    decision, lane = outstanding(state)
    return Interrupted(
        seq=state.seq + 1,
        at=at,
        step=state.step,
        hop=state.hop,
        lane=lane.name,
        role=decision.role,
        said=said,
        usage=usage,
        cost_usd=lane.cost_usd(usage),
    )


def resumed(state: State, at: datetime) -> Resumed:
    """The run goes on."""
    return Resumed(seq=state.seq + 1, at=at)


def side_effect_of(state: State, tool: str) -> SideEffect:
    """The side-effect class of a tool; that of an unknown one is `read`, as it does nothing."""
    for spec in state.head().tools:
        if spec.name == tool:
            return spec.side_effect
    return "read"


def tool_started(state: State, call: ToolCall, at: datetime) -> ToolStarted:
    """*call* is about to run."""
    return made(
        ToolStarted,
        seq=state.seq + 1,
        at=at,
        step=state.step,
        call_id=call.id,
        name=call.name,
        side_effect=side_effect_of(state, call.name),
    )


def tool_finished(
    state: State,
    result: ToolResult,
    at: datetime,
    *,
    outcome: ToolOutcome,
    duration_s: float,
    omitted_characters: int = 0,
) -> ToolFinished:
    """A call has its *result*."""
    return made(
        ToolFinished,
        seq=state.seq + 1,
        at=at,
        step=state.step,
        outcome=outcome,
        result=result,
        duration_s=duration_s,
        omitted_characters=omitted_characters,
    )


def _rejection(draft: Draft) -> str | None:
    if draft.problem is not None:
        return draft.problem
    if draft.finish_reason in {"length", "deadline"}:
        return f"It was cut off after {draft.usage.output_tokens} tokens."
    if draft.finish_reason == "refusal":
        return "The model or its provider declined to answer."
    calls = draft.message.calls
    if not calls and not draft.message.text.strip():
        return "It held neither text nor a tool call."
    if len({call.id for call in calls}) < len(calls):
        return "Two of its tool calls had the same id."
    return None
