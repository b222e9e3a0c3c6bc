"""Standing: whether a held draft may be accepted as it is, once nobody more can be asked."""

from collections.abc import Iterable

from cascade.conversation import lane_of
from cascade.holding import reviewer_of
from cascade.rules import Rules
from cascade.signals import Signal
from cascade.situation import Ladder, prefix_of
from cascade.state import Held, State

__all__ = ["barred"]


def barred(state: State, held: Held, ladder: Ladder, rules: Rules) -> str | None:
    """Why only a person may let the held draft pass; `None` where it may stand.

    A doubt alone bars nothing: a doubtful draft is better than none. What does is a review that
    found it wrong, and one that is still to be had where the policy does not go on without.
    """
    lane = lane_of(state, held.drafted.lane)
    since = [each for each in state.reviews if each.seq > held.drafted.seq]
    if not since and reviewer_of(state, ladder, lane) is None:
        return None
    prefix = prefix_of(state, lane, held.drafted.draft.message)
    open_ = _open_milestones(rules.signals(prefix), held)
    if not open_:
        return None
    last = since[-1].review if since else None
    if last is not None and not last.on_track:
        return f"a review found it wrong: {last.reason}"
    settings = state.head().policy.escalation.review
    is_final = any(each.code == "irreversible_call" for each in open_)
    if (settings.unknown_irreversible if is_final else settings.unknown) == "open":
        return None
    said = "; ".join(each.evidence for each in open_)
    return f"no review approved it, and the policy does not go on without one: {said}"


def _open_milestones(signals: Iterable[Signal], held: Held) -> list[Signal]:
    return [each for each in signals if each.kind == "milestone" and each.code not in held.reviewed]
