"""What follows a failed model call: the same lane again, another one, a wait, or the end.

Pure functions of the log. Waits are drawn from the trajectory's seed, so a replay draws the same.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from cascade.decision import Exclusion, Purpose, ReasonCode
from cascade.errors import FailureKind
from cascade.events import Failed, Outcome
from cascade.lanes import Lane
from cascade.situation import ladder_of
from cascade.state import State

__all__ = [
    "REMEDIES",
    "SHARED",
    "Attempt",
    "GivenUp",
    "Remedy",
    "all_told",
    "fallback_chain",
    "next_attempt",
    "stand_ins",
]

Remedy = Literal["retry", "fail_over", "change", "give_up"]
"""Make the call again here, make it elsewhere, change it, or end the trajectory."""

REMEDIES: Mapping[FailureKind, Remedy] = MappingProxyType(
    {
        "connection": "retry",
        "timeout": "retry",
        "server": "retry",
        "overloaded": "retry",
        "rate_limit": "retry",
        "protocol": "retry",
        "quota": "fail_over",
        "auth": "fail_over",
        "permission": "fail_over",
        "not_found": "fail_over",
        "context": "fail_over",
        "cooling": "fail_over",
        "busy": "fail_over",
        "signature": "change",
        "request": "give_up",
    }
)
"""What each kind of failure calls for first."""

SHARED: frozenset[FailureKind] = frozenset({"connection", "auth", "quota"})
"""What any other model of the same server and account would suffer from too."""

_PASSING: frozenset[FailureKind] = frozenset({"cooling", "busy", "rate_limit", "overloaded"})
"""What a lane recovers from by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The next model call of a step."""

    lane: Lane
    reasons: tuple[ReasonCode, ...] = ()
    not_before: datetime | None = None
    """UTC; `None` where nothing is to be waited for."""
    excluded: Mapping[str, Exclusion] = field(default_factory=dict[str, Exclusion])
    """Lanes of the chain that are out of the question, by name."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """No further call is of use."""

    outcome: Outcome
    reason: str


def fallback_chain(lanes: Iterable[Lane], primary: Lane) -> tuple[Lane, ...]:
    """The lanes that stand in for *primary*, in order, without itself."""
    by_name = {lane.name: lane for lane in lanes}
    names = dict.fromkeys(primary.fallbacks)
    return tuple(by_name[name] for name in names if name in by_name and name != primary.name)


def stand_ins(
    state: State, primary: Lane, *, purpose: Purpose, excluded: Mapping[str, Exclusion]
) -> tuple[Lane, ...]:
    """The lanes that serve a call of *primary* when it cannot, in order.

    The home lane is the last resort of a step that was handed up, unless it has drafted it already.

    Args:
        state: Where the trajectory stands.
        primary: The lane that the call belongs to.
        purpose: What the call is made for.
        excluded: Lanes that the constraints leave out: a failure brings none of them back.
    """
    lanes = state.head().lanes
    if purpose == "sample":
        # Another model's draft says nothing about how sure this one is.
        return ()
    out = {*excluded, _concerned(state, purpose)}
    chain = tuple(each for each in fallback_chain(lanes, primary) if each.name not in out)
    if len(lanes) == 1 or purpose != "draft" or state.held is not None:
        return chain
    home = next(lane for lane in lanes if lane.name == state.home)
    is_listed = home.name == primary.name or any(each.name == home.name for each in chain)
    is_out = is_listed or home.name in excluded or home.tier >= primary.tier
    return chain if is_out else (*chain, home)


def _concerned(state: State, purpose: Purpose) -> str | None:
    """The lane whose work is in question, which is not to be asked for another's opinion of it."""
    if state.held is not None:
        return state.held.drafted.lane
    if purpose == "advice":
        return state.last_lane
    return state.home if purpose == "review" else None


def next_attempt(state: State, primary: Lane) -> Attempt | GivenUp:
    """What the failures of the step under way call for.

    Args:
        state: With at least one failure in the step.
        primary: The lane that the step belongs to.
    """
    started = state.head()
    retries = started.policy.retries
    last = state.failures[-1]
    left_out = ladder_of(state).excluded
    chain = (primary, *stand_ins(state, primary, purpose=state.purpose, excluded=left_out))
    by_name = {lane.name: lane for lane in (*started.lanes, *chain)}
    remedy = REMEDIES[last.failure]
    if remedy == "give_up" or (state.committed and started.policy.commit_deltas):
        return GivenUp("failed", _told(last))
    if state.calls_of_step >= retries.on_a_step:
        reason = f"{state.calls_of_step} calls were made for this step; {all_told(state)}"
        return GivenUp("failed", reason)
    here = [failure for failure in state.failures if failure.lane == last.lane]
    # What is shown for an opinion holds no opaque block: the same bytes would be refused again.
    can_change = remedy == "change" and last.purpose == "draft"
    if can_change and sum(each.failure == "signature" for each in here) == 1:
        return Attempt(lane=by_name[last.lane], reasons=("without_signatures",))
    sent_here = sum(each.sent and each.failure != "signature" for each in here)
    asked_s = last.retry_after_s or 0.0
    if (
        remedy == "retry"
        and sent_here < retries.on_a_lane
        and asked_s <= retries.longest_asked_wait_s
    ):
        lane = by_name[last.lane]
        wait_s = max(asked_s, _wait_s(state, lane, sent_here))
        return Attempt(
            lane=lane, reasons=("retry",), not_before=last.at + timedelta(seconds=wait_s)
        )
    return _moved_on(state, chain, by_name)


def _moved_on(
    state: State, chain: tuple[Lane, ...], by_name: Mapping[str, Lane]
) -> Attempt | GivenUp:
    excluded: dict[str, Exclusion] = {}
    for lane in chain:
        why = _exclusion(lane, state.failures, by_name)
        if why is None:
            return Attempt(lane=lane, reasons=("failover",), excluded=excluded)
        excluded[lane.name] = why
    return _earliest(state, chain, excluded) or _exhausted(state)


def _exclusion(
    lane: Lane, failures: tuple[Failed, ...], by_name: Mapping[str, Lane]
) -> Exclusion | None:
    for failure in failures:
        other = by_name[failure.lane]
        if other.name == lane.name:
            return "failed"
        place = (lane.backend, lane.endpoint, lane.account)
        is_near = bool(lane.endpoint) and place == (other.backend, other.endpoint, other.account)
        if is_near and (lane.model == other.model or failure.failure in SHARED):
            return "same_endpoint"
        if failure.failure == "context" and not _is_roomier(lane, other):
            return "context_window"
    return None


def _is_roomier(lane: Lane, than: Lane) -> bool:
    known = lane.context_tokens is not None and than.context_tokens is not None
    return not known or (lane.context_tokens or 0) > (than.context_tokens or 0)


def _earliest(
    state: State, chain: tuple[Lane, ...], excluded: Mapping[str, Exclusion]
) -> Attempt | None:
    """The lane that recovers first, if one does before the step has been held up for too long."""
    last_of = {failure.lane: failure for failure in state.failures}
    recovering = [
        (failure.at + timedelta(seconds=failure.retry_after_s), lane)
        for lane in chain
        if (failure := last_of.get(lane.name)) is not None
        and failure.failure in _PASSING
        and failure.retry_after_s is not None
    ]
    if not recovering:
        return None
    at, lane = min(recovering, key=lambda pair: pair[0])
    allowed = timedelta(seconds=state.head().policy.retries.longest_outage_s)
    if at - state.failures[0].at > allowed:
        return None
    return Attempt(lane=lane, reasons=("retry",), not_before=at, excluded=excluded)


def _exhausted(state: State) -> GivenUp:
    last_of = {failure.lane: failure for failure in state.failures}
    if all(failure.failure == "context" for failure in last_of.values()):
        # A conversation that outgrew the window came to a limit; nothing broke.
        return GivenUp("budget_exhausted", _told(state.failures[-1]))
    return GivenUp("failed", all_told(state))


def all_told(state: State) -> str:
    """The last failure of each lane of the step."""
    last_of = {failure.lane: failure for failure in state.failures}
    return "; ".join(_told(failure) for failure in last_of.values())


def _told(failure: Failed) -> str:
    return f"{failure.error} on lane {failure.lane}: {failure.message}"


def _wait_s(state: State, lane: Lane, calls: int) -> float:
    """A wait with decorrelated jitter, in seconds: up to three times the one before."""
    if lane.locality == "local":
        return 0.0
    retries = state.head().policy.retries
    rng = random.Random(f"{state.head().seed}/{state.step}/{lane.name}")  # noqa: S311 - spreads load, keeps no secret
    wait_s = retries.first_wait_s
    for _ in range(calls):
        longest_s = max(min(retries.longest_wait_s, 3 * wait_s), retries.first_wait_s)
        wait_s = rng.uniform(retries.first_wait_s, longest_s)
    return wait_s
