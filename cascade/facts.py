"""Facts: the events that say what became of an action, made from the state and the outcome.

Whoever drives the controller performs an action and reports it with one of these. They are pure:
the time is an argument, and the position follows from the state.
"""

from datetime import datetime

from cascade.decision import Decision
from cascade.errors import BackendError, TraceError
from cascade.events import (
    Drafted,
    Failed,
    Interrupted,
    Resumed,
    ToolFinished,
    ToolOutcome,
    ToolStarted,
)
from cascade.exchange import Draft, SideEffect, Usage
from cascade.frozen import made
from cascade.lanes import Lane
from cascade.messages import ToolCall, ToolResult, well_formed
from cascade.state import State

__all__ = [
    "drafted",
    "failed",
    "interrupted",
    "outstanding",
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


def drafted(state: State, draft: Draft, at: datetime, *, problem: str | None = None) -> Drafted:
    """The outstanding model call ended with *draft*.

    Args:
        state: Before it.
        draft: What came.
        at: When, UTC.
        problem: What the driver found wrong with it, such as an answer that does not fit its
            schema, in words for the model.
    """
    decision, lane = outstanding(state)
    message = well_formed(draft.message)
    if message is not draft.message:
        draft = draft.model_copy(update={"message": message})
    rejection = _rejection(draft) or problem
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
        accepted=rejection is None,
        rejection=rejection,
    )


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
        error=type(error).__name__,
        message=str(error).encode("utf-8", "replace").decode("utf-8"),
        failure=error.failure,
        retry_after_s=error.retry_after_s,
        said=said,
        request_id=error.request_id,
        usage=usage,
        cost_usd=lane.cost_usd(usage),
    )


def interrupted(state: State, at: datetime, *, usage: Usage | None) -> Interrupted:
    """The run was cancelled; *usage* is that of the model call it cut short, if it did."""
    if usage is None:
        return Interrupted(
            seq=state.seq + 1,
            at=at,
            step=state.step,
            hop=None,
            lane=None,
            role=None,
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
    if draft.finish_reason in {"length", "deadline", "stopped"}:
        return f"It was cut off after {draft.usage.output_tokens} tokens."
    if draft.finish_reason == "refusal":
        return "The model or its provider declined to answer."
    calls = draft.message.calls
    if not calls and not draft.message.text.strip():
        return "It held neither text nor a tool call."
    if len({call.id for call in calls}) < len(calls):
        return "Two of its tool calls had the same id."
    return None
