"""An ASGI application on uvicorn, in a thread with an event loop of its own."""

import asyncio
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.lowlevel
from anyio.abc import TaskStatus
from anyio.from_thread import start_blocking_portal

from cascade.simulated.line import CLOSE

__all__ = ["running"]


@contextmanager
def running(app: Any, listener: socket.socket, *, opened: Callable[[], None]) -> Generator[None]:
    """Serves *app* on *listener* while the context lasts. Needs the extra `server`.

    Args:
        app: An ASGI application; finds a function that closes its connection in `scope[CLOSE]`.
        listener: A listening socket.
        opened: Called for each connection, in the server's thread.
    """
    config, server_class = _uvicorn(app, opened)
    with start_blocking_portal("asyncio") as portal:
        stop = portal.call(anyio.Event)

        async def run(*, task_status: TaskStatus[None]) -> None:
            server = server_class(config)
            config.load()
            server.lifespan = config.lifespan_class(config)
            await server.startup(sockets=[listener])
            task_status.started()
            await stop.wait()
            await _stopped(server)

        future, _ = portal.start_task(run)
        try:
            yield
        finally:
            portal.call(stop.set)
            future.result()


def _uvicorn(app: Any, opened: Callable[[], None]) -> tuple[Any, Any]:
    """The configuration and class of a server; `Any` as the module is there with an extra only."""
    from uvicorn import Config, Server  # noqa: PLC0415 - of an extra
    from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415 - idem

    class Connection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as its base does
            super().connection_made(transport)
            # The event loop does this for sockets that it opened itself: without it, every small
            # answer on a connection that is used again waits for the client's delayed ACK, 40 ms.
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened()
            inner: Any = self.app

            async def closable(scope: Any, receive: Any, send: Any) -> None:
                scope[CLOSE] = transport.close
                await inner(scope, receive, send)

            self.app = closable

    config = Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        timeout_keep_alive=600,
    )
    return config, Server


async def _stopped(server: Any) -> None:
    """Closes all connections at once and waits until nothing is served any more."""
    for each in server.servers:
        each.close()
    tasks = list(server.server_state.tasks)
    for task in tasks:
        task.cancel()
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    while server.server_state.tasks or server.server_state.connections:
        await anyio.lowlevel.checkpoint()
