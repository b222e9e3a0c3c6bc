"""A remote backend together with the simulated provider that serves it."""

from collections.abc import Callable
from contextlib import ExitStack

from cascade.backends.base import Backend
from cascade.backends.remote import RemoteBackend
from cascade.backends.remote.hop import RemoteHop
from cascade.exchange import Request, View
from cascade.lanes import Lane
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation

__all__ = ["ServedBackend"]


class ServedBackend(Backend):
    """Starts a provider when it is opened and stops it when it is closed.

    Args:
        simulation: The provider.
        make: A backend for the provider's base address.
    """

    def __init__(self, simulation: Simulation, make: Callable[[str], RemoteBackend]) -> None:
        self.simulation = simulation
        self._make = make
        self._server = ExitStack()
        self._backend: RemoteBackend | None = None

    async def open(self) -> Lane:
        """Starts the provider and opens the backend."""
        self._backend = self._make(self._server.enter_context(served(self.simulation)))
        return await self._backend.open()

    def call(self, view: View, request: Request) -> RemoteHop:
        """One call."""
        assert self._backend is not None
        return self._backend.call(view, request)

    def release(self, trajectory_id: str) -> None:
        """Forgets a trajectory."""
        assert self._backend is not None
        self._backend.release(trajectory_id)

    async def aclose(self) -> None:
        """Closes the backend, then stops the provider."""
        if self._backend is not None:
            await self._backend.aclose()
        self._server.close()
