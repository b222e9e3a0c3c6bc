"""Limits: what a trajectory's budget leaves, and when it is used up."""

from datetime import datetime
from decimal import Decimal
from functools import partial

from cascade.events import BudgetReached
from cascade.policy import Limit
from cascade.state import State

__all__ = ["calls_left", "limit_reached", "remaining_s"]


def calls_left(state: State) -> int:
    """How many model calls of any kind the step under way may still make."""
    return state.head().policy.escalation.calls_on_a_step - state.calls_in_step


def remaining_s(state: State, at: datetime) -> float | None:
    """Seconds that the budget leaves, negative once they are over; `None` without a limit."""
    allowed = state.head().policy.budget.wall_s
    if allowed is None:
        return None
    idle = 0.0 if state.at is None else max((at - state.at).total_seconds(), 0.0)
    return allowed - state.elapsed_s - idle


def limit_reached(state: State, at: datetime, *, before_call: bool = False) -> BudgetReached | None:
    """The limit that stands in the way of what is next; `None` where none does.

    Args:
        state: Of the trajectory.
        at: Now, UTC.
        before_call: Whether a model call is next, though a draft is there that could be accepted.
    """
    budget = state.head().policy.budget
    spent = state.ledger.total
    # Work that is already decided upon (calls of an accepted message) is not undone by the limits
    # on model calls; only what would be started next is refused.
    drafting = before_call or (not state.pending and state.held is None)
    left_s = remaining_s(state, at)
    reached = partial(_reached, state, at)
    if budget.tool_calls is not None:
        calls = state.tool_calls + sum(1 for entry in state.pending if entry.result is None)
        if calls > budget.tool_calls:
            return reached("tool_calls", budget.tool_calls, state.tool_calls)
    if left_s is not None and left_s <= 0:
        allowed_s = budget.wall_s or 0.0
        return reached("wall_s", allowed_s, round(allowed_s - left_s, 6))
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
