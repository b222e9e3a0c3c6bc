"""What became of the lanes of a recorded trajectory: the core goes on to decide by the record."""

import logging
from collections.abc import Iterator, Sequence
from typing import get_args

from cascade.errors import ConfigError
from cascade.lanes import Lane, Locality, home_lane
from cascade.state import State

__all__ = ["check_lanes"]

_LOG = logging.getLogger("cascade")

_FROM_NEAR_TO_FAR: tuple[str, ...] = get_args(Locality)

_WHERE = ("backend", "model", "model_digest", "endpoint", "account", "region")
"""What tells where a lane's calls go, and what answers there."""

_ACCEPTING = "resume(..., accept_changed_lanes=True) or `cascade resume --accept-changed-lanes`"


def check_lanes(state: State, lanes: Sequence[Lane], *, accept_changed: bool) -> tuple[Lane, ...]:
    """Checks that the lanes of a record may be served by those of the same names.

    Args:
        state: Of the trajectory as it was recorded.
        lanes: Those that are served now, as they were opened.
        accept_changed: Whether they may be other models, or at other places.

    Returns:
        The recorded lanes that nobody serves now and that the trajectory can do without: it calls
        them only where another lane could not serve, or evidence asked for them.

    Raises:
        ConfigError: The lane that has the loop is missing; or one lives elsewhere and that was not
            accepted; or one is more public than recorded, or may see other classes of data.
    """
    served = {lane.name: lane for lane in lanes}
    recorded = state.head().lanes
    absent = tuple(lane for lane in recorded if lane.name not in served)
    lacking = [lane.name for lane in absent if lane.name in _indispensable(state)]
    if lacking:
        names = ", ".join(lacking)
        raise ConfigError(f"the trajectory uses lanes that this runtime lacks: {names}")
    pairs = [(lane, served[lane.name]) for lane in recorded if lane.name in served]
    for before, now in pairs:
        _check_confidentiality(before, now)
    moved = [f"lane {before.name!r}: {'; '.join(_moves(before, now))}" for before, now in pairs]
    moved = [told for told in moved if not told.endswith(": ")]
    if moved and not accept_changed:
        raise ConfigError(
            f"the trajectory was recorded with other lanes. {'. '.join(moved)}. Open them as they "
            f"were, or accept this with {_ACCEPTING}"
        )
    for told in moved:
        _LOG.warning("%s; its calls are priced as recorded", told)
    for lane in absent:
        _LOG.warning("lane %s of the trajectory is not served now; it is left out", lane.name)
    return absent


def _indispensable(state: State) -> set[str]:
    started = state.head()
    names = {home_lane(started.lanes, started.policy.home_lane).name}
    pin = started.policy.routing.pin
    if pin is not None:
        names.add(pin)
    if state.tenure is not None:
        names.add(state.tenure.lane)
    return names


def _check_confidentiality(before: Lane, now: Lane) -> None:
    """Checks what may be sent where: nobody can accept more than the task was begun under."""
    was, is_now = (_FROM_NEAR_TO_FAR.index(lane.locality) for lane in (before, now))
    if is_now > was:
        raise ConfigError(
            f"lane {before.name!r} was {before.locality} when the trajectory was recorded and is "
            f"{now.locality} now: what was said in it was not meant to go there. Open the lane as "
            "it was, or begin a new trajectory"
        )
    if now.data_classes != before.data_classes and not _are_same(before, now):
        raise ConfigError(
            f"lane {before.name!r} was allowed {_classes(before)} when the trajectory was recorded "
            f"and is allowed {_classes(now)} now. The trajectory goes on by what was recorded: "
            "allow the same, or begin a new trajectory"
        )


def _are_same(before: Lane, now: Lane) -> bool:
    if before.data_classes is None or now.data_classes is None:
        return False
    return set(before.data_classes) == set(now.data_classes)


def _classes(lane: Lane) -> str:
    if lane.data_classes is None:
        return "all classes of data"
    return f"the classes of data [{', '.join(sorted(lane.data_classes))}]"


def _moves(before: Lane, now: Lane) -> Iterator[str]:
    for name in _WHERE:
        was, is_now = getattr(before, name), getattr(now, name)
        if name == "model_digest" and None in {was, is_now}:
            # An older record knows none.
            continue
        if was != is_now:
            told = f"{name.replace('_', ' ')} was {was or 'none'} and is {is_now or 'none'}"
            # Of a nameless account only its key's fingerprint is known, and keys are exchanged.
            hint = " (give the lane's account a name: without one it is told by its key)"
            yield told + hint if name == "account" and was and is_now else told
