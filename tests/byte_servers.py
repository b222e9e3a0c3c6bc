"""A server that sees and says bytes, and knows which of its connections are open."""

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import httpx2
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSStream

__all__ = ["ByteServer", "Serve", "answer", "by_number", "byte_server", "request_from"]

Serve = Callable[[int, ByteStream], Awaitable[None]]
"""Serves one connection, which is given with its number from 1."""


class ByteServer:
    """What a test sees of its server.

    Attributes:
        root: Its address.
        opened: How many connections were opened.
        open: How many of them neither side has closed.
    """

    def __init__(self, serve: Serve, tls: ssl.SSLContext | None) -> None:
        self.root = httpx2.URL()
        self.opened = 0
        self.open = 0
        self._serve = serve
        self._tls = tls
        self._is_changed = anyio.Event()

    async def is_left(self) -> None:
        """Waits until no connection is open."""
        while self.open:
            await self._is_changed.wait()

    async def handle(self, stream: ByteStream) -> None:
        """Serves a connection to its end."""
        self.opened += 1
        self.open += 1
        number = self.opened
        try:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(stream)
                if self._tls is not None:
                    stream = await TLSStream.wrap(
                        stream, server_side=True, ssl_context=self._tls, standard_compatible=False
                    )
                await self._serve(number, stream)
        except (anyio.EndOfStream, anyio.BrokenResourceError, ssl.SSLError):
            return
        finally:
            self.open -= 1
            self._is_changed.set()
            self._is_changed = anyio.Event()


@asynccontextmanager
async def byte_server(
    serve: Serve, *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[ByteServer]:
    """A server on a port of this machine."""
    server = ByteServer(serve, tls)
    # A test that waits in vain fails instead of hanging.
    with anyio.fail_after(60):
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - not of Django
            scheme = "http" if tls is None else "https"
            server.root = httpx2.URL(f"{scheme}://127.0.0.1:{port}")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listener.serve, server.handle)
                yield server
                tasks.cancel_scope.cancel()


def answer(body: bytes, *headers: bytes) -> bytes:
    """A whole answer of known length."""
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


async def request_from(stream: ByteStream) -> bytes:
    """A whole request, however many pieces it comes in."""
    said = await stream.receive()
    while b"\r\n\r\n" not in said:
        said += await stream.receive()
    head, _, body = said.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = (int(lengths[0].partition(b":")[2]) if lengths else 0) - len(body)
    while missing > 0:
        piece = await stream.receive()
        said += piece
        missing -= len(piece)
    return said


async def by_number(number: int, stream: ByteStream) -> None:
    """Answers each request with the number of its connection."""
    while True:
        await request_from(stream)
        await stream.send(answer(b"%d" % number))
