"""A run as a stream of its events, which a reader may leave at any time."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

import anyio
from anyio.abc import TaskGroup

from cascade.events import Event

__all__ = ["CLOSE_S", "streamed"]

CLOSE_S = 10.0
"""How long a run that nobody follows any more may take to stop, in seconds."""


async def streamed(
    tasks: TaskGroup, run: Callable[[Callable[[Event], None]], Awaitable[object]]
) -> AsyncGenerator[Event]:
    """Yields the events of a run as they happen; leaving early stops the run.

    Args:
        tasks: Where the run lives.
        run: Makes the run, and takes the function to be called with each event.

    Raises:
        Exception: What the run raised, after its last event.
    """
    sender, receiver = anyio.create_memory_object_stream[Event](math.inf)
    scope = anyio.CancelScope()
    stopped = anyio.Event()
    raised: list[Exception] = []

    def publish(event: Event) -> None:
        # A reader that left does not keep the log from getting its last words.
        with suppress(anyio.BrokenResourceError):
            sender.send_nowait(event)

    async def produce() -> None:
        with sender, scope:
            try:
                await run(publish)
            except Exception as error:  # noqa: BLE001 - handed over to the reader below
                raised.append(error)
            finally:
                stopped.set()

    tasks.start_soon(produce)
    try:
        with receiver:
            async for event in receiver:
                yield event
    finally:
        scope.cancel()
        with anyio.move_on_after(CLOSE_S, shield=True):
            await stopped.wait()
    if raised:
        raise raised[0]
