"""The backend of a lane that a record names and nobody serves any more."""

from typing import Never

from cascade.errors import BackendUnavailable
from cascade.exchange import Request, View
from cascade.lanes import Lane

__all__ = ["AbsentBackend"]


class AbsentBackend:
    """Fails each call, in a way that speaks against no other lane and is not worth waiting for.

    Args:
        lane: As it was recorded.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    async def open(self) -> Lane:
        """The lane as it was recorded."""
        return self._lane

    def call(self, view: View, request: Request) -> Never:
        """Sends nothing.

        Raises:
            BackendUnavailable: Always, of kind `cooling` and without a time at which to come back.
        """
        raise BackendUnavailable(
            f"lane {self._lane.name!r} of the record is not served now; call {request.hop} of "
            f"trajectory {view.trajectory_id} was not sent",
            backend=self._lane.backend,
            failure="cooling",
        )

    def release(self, trajectory_id: str) -> None:
        """Nothing is kept."""

    async def aclose(self) -> None:
        """Nothing to give back."""
