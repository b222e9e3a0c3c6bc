"""Measuring: how good and how quick the lanes of a runtime turn out to be."""

from collections.abc import Callable, Sequence

from cascade.events import Consulted, Drafted, Event, Finished, Judged
from cascade.lanes import Lane
from cascade.routing.profiles import Measured, Served

__all__ = ["Measurements"]


class Measurements:
    """What the finished trajectories of a runtime showed of its lanes.

    A trajectory is decided by the profiles at its head; what it shows itself counts from the next
    one on, so that a replay sees what the run saw.
    """

    def __init__(self) -> None:
        self.measured = Measured()

    def stamped(self, lanes: Sequence[Lane]) -> tuple[Lane, ...]:
        """The lanes, as they are configured, with what was measured so far."""
        # A profile only serves to choose between lanes.
        return self.measured.stamped(lanes) if len(lanes) > 1 else tuple(lanes)

    def listening(
        self, lanes: Sequence[Lane], on_event: Callable[[Event], None] | None
    ) -> Callable[[Event], None] | None:
        """A listener for one trajectory that measures, and tells *on_event* too."""
        if len(lanes) < 2:
            return on_event
        calls: list[Served] = []
        held: list[Drafted] = []

        def listen(event: Event) -> None:
            if isinstance(event, Drafted):
                calls.extend(_served(each, is_right=False) for each in held)
                held.clear()
                if event.accepted is None:
                    held.append(event)
                else:
                    judged = event.accepted if event.verdicts or not event.accepted else None
                    calls.append(_served(event, is_right=judged))
            elif isinstance(event, Judged) and event.accepted is not None:
                calls.extend(_served(each, is_right=event.accepted) for each in held)
                held.clear()
            elif isinstance(event, Consulted):
                calls.append(_served(event, is_right=None))
            elif isinstance(event, Finished):
                self.measured = self.measured.including(calls)
            if on_event is not None:
                on_event(event)

        return listen


def _served(event: Drafted | Consulted, *, is_right: bool | None) -> Served:
    return Served(lane=event.lane, latency_s=event.draft.timing.total_s or None, is_right=is_right)
