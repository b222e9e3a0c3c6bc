"""What every backend is: something that takes a view and a request and ends in one draft."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from cascade.exchange import Delta, Draft, Request, Usage, View
from cascade.lanes import Lane

__all__ = ["Backend", "Hop"]


class Hop(Protocol):
    """One model call under way. Iterate over it to its end, then read the draft."""

    @property
    def usage(self) -> Usage:
        """What the call has used until now; right at any moment, after a cancellation too."""
        ...

    @property
    def draft(self) -> Draft:
        """The result; there is one only after the iteration came to its end."""
        ...

    def __aiter__(self) -> AsyncIterator[Delta]:
        """The pieces as they are written; none where the request does not ask for a stream."""
        ...


class Backend(Protocol):
    """Serves one lane.

    Errors: a call raises `BackendError` and its kinds, nothing else. Leaving the context of a call
    early, by cancellation or otherwise, stops the work and keeps what was cached before it.
    """

    async def open(self) -> Lane:
        """Makes ready to serve; returns the lane with what the model told about itself.

        Raises:
            ConfigError: The lane cannot be served as it is configured.
            ModelError: Its model cannot be used.
        """
        ...

    def call(self, view: View, request: Request) -> AbstractAsyncContextManager[Hop]:
        """One model call; the work begins when the context is entered."""
        ...

    def release(self, trajectory_id: str) -> None:
        """The trajectory is over: whatever was kept for it may go."""
        ...

    async def aclose(self) -> None:
        """Gives everything back; calling it twice is harmless."""
        ...
