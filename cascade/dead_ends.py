"""Dead ends: drafts that ought to go up where nothing may take them."""

from collections.abc import Iterable

from cascade.signals import Signal
from cascade.situation import ladder_of
from cascade.state import State
from cascade.verdicts import Verdict

__all__ = ["dead_end"]


def dead_end(state: State, verdicts: Iterable[Verdict], signals: Iterable[Signal]) -> str | None:
    """Why a draft ought not to pass though nothing above its lane may take it.

    Args:
        state: Where the trajectory stands.
        verdicts: What the gates say of it.
        signals: What the monitors notice in it and no review has approved.

    Returns:
        `None` where nothing speaks against it.
    """
    refused = next((each for each in verdicts if each.passed is False), None)
    if refused is not None:
        return refused.reason
    settings = state.head().policy.escalation.review
    if any(each.name == settings.lane for each in ladder_of(state).eligible):
        return None
    closed = {
        True: settings.unknown_irreversible == "closed",
        False: settings.unknown == "closed",
    }
    for signal in signals:
        if signal.kind == "milestone" and closed[signal.code == "irreversible_call"]:
            return f"nobody may review it: {signal.evidence}"
    return None
