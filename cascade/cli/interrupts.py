"""Ctrl-C and SIGTERM: stop what runs, keep what is recorded."""

import os
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from anyio.abc import TaskStatus

from cascade.runtime.exceptions import one_exception

__all__ = ["run_until_interrupted"]

Value = TypeVar("Value")


def run_until_interrupted(
    work: Callable[[], Awaitable[Value]], *, on_stop: Callable[[], None]
) -> Value | None:
    """Runs *work* on an event loop until it is done or a signal asks it to stop.

    The first SIGINT or SIGTERM cancels the work, which then writes its last events and gives back
    what it holds. A second one ends the process at once.

    Args:
        work: Must not return `None`.
        on_stop: Called at the first signal, before the work is cancelled.

    Returns:
        What *work* returned; `None` if it was stopped.
    """
    return anyio.run(_watched, work, on_stop)


async def _watched(
    work: Callable[[], Awaitable[Value]], on_stop: Callable[[], None]
) -> Value | None:
    if os.name == "nt":
        # No signal receiver there: Ctrl-C cancels the work and then rises as KeyboardInterrupt.
        return await work()
    value: Value | None = None
    with one_exception():
        async with anyio.create_task_group() as tasks:
            scope = anyio.CancelScope()
            await tasks.start(_stop_on_signal, scope, on_stop)
            with scope:
                value = await work()
            tasks.cancel_scope.cancel()
    return value


async def _stop_on_signal(
    scope: anyio.CancelScope,
    on_stop: Callable[[], None],
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            break
    # From here on the system's own reaction applies, which needs no event loop to be alive.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    on_stop()
    scope.cancel()
