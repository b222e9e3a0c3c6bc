"""Sights: whether a trajectory of the bundled model shows what it is recorded for."""

from itertools import pairwise

from cascade.decision import Decision, ReasonCode
from cascade.events import Decided, Drafted, Reviewed, ToolFinished
from cascade.gates.agreement import normal_form
from cascade.state import State
from cascade.traces.record import Trace

__all__ = [
    "approved",
    "failed",
    "nudged_is_enough",
    "one_span",
    "one_step_up",
    "put_right",
    "recovered",
    "rejected",
    "samples_disagree",
    "solved",
    "stopped",
]


def solved(trace: Trace) -> bool:
    """It was solved."""
    return _success(trace.state())


def failed(trace: Trace) -> bool:
    """It came to an answer, which was wrong."""
    state = trace.state()
    return state.outcome == "completed" and not _success(state)


def recovered(trace: Trace) -> bool:
    """It was solved, though a call had failed."""
    return solved(trace) and any(
        event.outcome != "ok" for event in trace.events if isinstance(event, ToolFinished)
    )


def one_step_up(trace: Trace) -> bool:
    """One step went up for low confidence, was put right, and the home lane ended the task."""
    is_one = _ups(trace) == [("low_confidence", "worth_it")] and not _redrafted(trace)
    return is_one and put_right(trace) and _ends_home(trace)


def one_span(trace: Trace) -> bool:
    """A span was handed up for being stuck, and the home lane ended the task after it."""
    stuck = [each for each in _decisions(trace) if "stuck" in each.reasons]
    return [each.scope for each in stuck] == ["span"] and _ends_home(trace)


def stopped(trace: Trace) -> bool:
    """A draft was stopped, and the home lane ended the task."""
    return _ends_home(trace) and any(
        event.draft.finish_reason == "stopped"
        for event in trace.events
        if isinstance(event, Drafted)
    )


def samples_disagree(trace: Trace) -> bool:
    """Samples that disagree were the reason why a step went up, which was put right."""
    return put_right(trace) and any("disagreement" in reasons for reasons in _ups(trace))


def approved(trace: Trace) -> bool:
    """One review approved, and nothing went up."""
    return solved(trace) and _verdicts(trace) == [True] and not _ups(trace)


def rejected(trace: Trace) -> bool:
    """One review rejected a draft, and the home lane ended the task."""
    return _verdicts(trace) == [False] and _ends_home(trace) and not _redrafted(trace)


def nudged_is_enough(trace: Trace) -> bool:
    """A nudge was given, and nothing went up."""
    nudged = any("nudge" in each.reasons for each in _decisions(trace))
    return nudged and solved(trace) and not _ups(trace)


def put_right(trace: Trace) -> bool:
    """Another lane made another step of a draft that was held, and all was well."""
    drafts = [event for event in trace.events if isinstance(event, Drafted)]
    return solved(trace) and any(
        before.step == after.step
        and before.lane != after.lane
        and normal_form(before.draft) != normal_form(after.draft)
        for before, after in pairwise(drafts)
    )


def _success(state: State) -> bool:
    return bool(state.scores) and state.scores[-1].success


def _ups(trace: Trace) -> list[tuple[ReasonCode, ...]]:
    """Why steps went up, for each that did."""
    home = trace.state().home
    drafting = [each for each in _decisions(trace) if each.purpose == "draft"]
    return [each.reasons for each in drafting if each.lane != home]


def _redrafted(trace: Trace) -> bool:
    return any("redraft" in each.reasons for each in _decisions(trace))


def _decisions(trace: Trace) -> list[Decision]:
    return [event.decision for event in trace.events if isinstance(event, Decided)]


def _verdicts(trace: Trace) -> list[bool | None]:
    reviews = [event.review for event in trace.events if isinstance(event, Reviewed)]
    return [None if each is None else each.on_track for each in reviews]


def _ends_home(trace: Trace) -> bool:
    """Whether the home lane said the last word, and the right one."""
    state = trace.state()
    return state.last_lane == state.home and _success(state)
