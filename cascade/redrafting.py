"""Redrafting: what follows a draft that cannot be used."""

from dataclasses import replace

from cascade.choice import Choice
from cascade.conversation import lane_of
from cascade.decision import Comparison, ReasonCode
from cascade.drafting import handed_up, target_above, weighed_by
from cascade.lanes import Lane
from cascade.situation import Ladder
from cascade.state import State

__all__ = ["another_draft", "in_charge_reasons"]


def another_draft(state: State, ladder: Ladder) -> Choice | None:
    """Who drafts the step anew, or for the first time to its end; `None` where nobody is to.

    The lane whose draft it was, as often as the policy lets it; then a higher one.
    """
    last = state.rejected[-1]
    policy = state.head().policy
    lane = lane_of(state, state.charged or last.lane)
    base = Choice(lane=lane, reasons=in_charge_reasons(state, lane), excluded=ladder.excluded)
    recent = state.rejected[0 if state.held is None else state.held.after :]
    stopped = sum(each.comparison is not None for each in recent)
    # A backend that stops a draft again, though nobody asked it to, is not asked for ever.
    if last.comparison is not None and stopped == 1:
        return _after_stop(state, ladder, base, last.comparison)
    of_lane = sum(each.lane == last.lane and each.comparison is None for each in recent)
    if of_lane <= policy.max_redrafts and state.calls_of_step < policy.retries.on_a_step:
        return base
    found = None
    if policy.escalation.enabled and not policy.routing.pin:
        found = target_above(state, ladder, lane)
    up = handed_up(
        state,
        base,
        None if found is None else found[0],
        reasons=("no_usable_draft",),
        because=last.reason,
    )
    return up or _back_home(state, ladder, base)


def _back_home(state: State, ladder: Ladder, base: Choice) -> Choice | None:
    """The home lane, for a step handed up from the start that nobody above can make."""
    home = lane_of(state, state.home)
    has_tried = any(each.lane == home.name for each in state.rejected)
    if home.name == base.lane.name or has_tried or state.held is not None or home not in ladder:
        return None
    reasons = in_charge_reasons(state, home)
    return replace(
        base, lane=home, scope="step", reasons=(*reasons, "no_usable_draft"),
        because=state.rejected[-1].reason,
    )  # fmt: skip


def _after_stop(state: State, ladder: Ladder, base: Choice, comparison: Comparison) -> Choice:
    """A draft was stopped while it was written: up, or once more to its end."""
    found = target_above(state, ladder, base.lane)
    up = handed_up(
        state,
        base,
        None if found is None else found[0],
        reasons=("low_confidence", weighed_by(comparison)),
        because=state.rejected[-1].reason,
    )
    if up is None or not comparison.worth_it:
        return base
    return replace(up, comparison=comparison)


def in_charge_reasons(state: State, lane: Lane) -> tuple[ReasonCode, ...]:
    """Why a lane goes on that has the step already."""
    if lane.name != state.home:
        return ("span",) if state.tenure is not None else ()
    named = state.head().policy.home_lane is not None
    return ("home_lane", "policy_home") if named else ("home_lane",)
