"""Connections to one server straight on httpcore2, which httpx2's own transport stands on as well.

That transport looks through all of its connections twice a request, and sends the head of a request
and its body one after the other. This one takes the connection that was used last, and sends both
at once. Connecting, TLS and HTTP/1.1 are httpcore2's all the same. It knows neither HTTP/2 nor
proxies.
"""

import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, cast

import anyio

if TYPE_CHECKING:
    import ssl

    import httpcore2
    import httpx2

__all__ = ["DirectAnswer", "DirectTransport"]

_IDLE_S = 30.0


class DirectTransport:
    """Connections to one server: as many as there are requests at once.

    Args:
        root: The server.
        timeouts: Seconds for `connect`, `read` and `write`, by these names.
        monotonic: Seconds, for when to look through the connections that nobody uses.
    """

    def __init__(
        self,
        root: "httpx2.URL",
        timeouts: Mapping[str, float | None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        import httpcore2  # noqa: PLC0415 - no vendor package at import
        import httpx2  # noqa: PLC0415 - idem

        self._core = httpcore2
        self._root = httpcore2.URL(
            scheme=root.raw_scheme, host=root.raw_host, port=root.port, target=b"/"
        )
        self._tls = httpx2.create_ssl_context() if root.scheme == "https" else None
        # Told by their forms alone: a base class of httpcore2's may not be named at import, and
        # without anyio its `AnyIOBackend` would be a stand-in that has none.
        network = _Network(cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend()))
        self._network = cast("httpcore2.AsyncNetworkBackend", network)
        self._extensions = {"timeout": dict(timeouts)}
        self._monotonic = monotonic
        self._idle: list[httpcore2.AsyncHTTPConnection] = []
        """The one that was used last stands last."""
        self._next_look_s = 0.0
        self._is_closed = False

    async def send(
        self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> "DirectAnswer":
        """Sends a request; returns once the head of its answer is there.

        Raises:
            httpx2.TransportError: What httpx2's own transport would raise.
        """
        root = self._root
        request = self._core.Request(
            method,
            self._core.URL(scheme=root.scheme, host=root.host, port=root.port, target=target),
            headers=headers,
            content=body,
            extensions=self._extensions,
        )
        with _errors_of_httpx2():
            connection = await self._connection()
            try:
                response = await connection.handle_async_request(request)
            except BaseException:
                # A call that is cancelled before it begins leaves the connection as it was.
                with anyio.CancelScope(shield=True):
                    await self.take_back(connection)
                raise
        return DirectAnswer(response, connection, self)

    async def take_back(self, connection: "httpcore2.AsyncHTTPConnection") -> None:
        """Keeps a connection that can be used again, and closes another one."""
        if self._is_closed or not connection.is_available():
            await connection.aclose()
        else:
            self._idle.append(connection)
            await self._close_expired()

    async def aclose(self) -> None:
        """Closes all connections; those in use as soon as they no longer are."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().aclose()

    async def _connection(self) -> "httpcore2.AsyncHTTPConnection":
        while self._idle:
            connection = self._idle.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return self._core.AsyncHTTPConnection(
            origin=self._root.origin,
            ssl_context=self._tls,
            keepalive_expiry=_IDLE_S,
            network_backend=self._network,
        )

    async def _close_expired(self) -> None:
        """From time to time, as those that a rush left behind are not taken again."""
        now = self._monotonic()
        if now < self._next_look_s:
            return
        self._next_look_s = now + _IDLE_S
        expired = [each for each in self._idle if each.has_expired()]
        self._idle = [each for each in self._idle if each not in expired]
        for each in expired:
            await each.aclose()


class DirectAnswer:
    """An answer whose body is still to come; it looks like a response of httpx2."""

    __slots__ = ("_connection", "_response", "_transport", "headers", "is_closed", "status_code")

    def __init__(
        self,
        response: "httpcore2.Response",
        connection: "httpcore2.AsyncHTTPConnection",
        transport: DirectTransport,
    ) -> None:
        self._response = response
        self._connection = connection
        self._transport = transport
        self.status_code: int = response.status
        self.headers: Mapping[str, str] = {
            name.lower().decode("latin-1"): value.decode("latin-1")
            for name, value in response.headers
        }
        self.is_closed = False

    async def aiter_raw(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes in; its end gives the connection back."""
        # By its type it could also be the body of a synchronous connection.
        body = cast("AsyncGenerator[bytes, None]", aiter(cast("Any", self._response.stream)))
        try:
            async with aclosing(body):
                with _errors_of_httpx2():
                    async for piece in body:
                        yield piece
        finally:
            await self.aclose()

    async def aiter_bytes(self) -> AsyncGenerator[bytes, None]:
        """The body, unpacked where it comes compressed."""
        import httpx2  # noqa: PLC0415 - no vendor package at import

        async with aclosing(self.aiter_raw()) as pieces:
            packed = httpx2.Response(self.status_code, headers=self.headers, content=pieces)
            async for piece in packed.aiter_bytes():
                yield piece

    async def aclose(self) -> None:
        """Gives the connection back, or closes it where the answer has not come to its end."""
        if self.is_closed:
            return
        self.is_closed = True
        with anyio.CancelScope(shield=True):
            await self._response.aclose()
            await self._transport.take_back(self._connection)


class _Network:
    """Opens connections that hold back the head of a request until its body comes."""

    def __init__(self, backend: "httpcore2.AsyncNetworkBackend") -> None:
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's signature
        local_address: str | None = None,
        socket_options: "Iterable[httpcore2.SOCKET_OPTION] | None" = None,
    ) -> "_Stream":
        return _Stream(
            await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        )


class _Stream:
    """A connection's bytes. Each write is a call of the system and a turn of the event loop."""

    def __init__(self, stream: "httpcore2.AsyncNetworkStream") -> None:
        self._stream = stream
        self._held = b""
        self.read = stream.read
        self.aclose = stream.aclose
        self.get_extra_info = stream.get_extra_info

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore2's signature
        # httpcore2 writes the head, then each piece of the body, then what ends the request, be it
        # empty; so nothing is held back for good.
        held, self._held = self._held, b""
        if held:
            await self._stream.write(held + buffer, timeout)
        else:
            self._held = buffer

    async def start_tls(
        self,
        ssl_context: "ssl.SSLContext",
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - idem
    ) -> "_Stream":
        try:
            return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            # httpcore2 leaves the socket open where a call is cancelled meanwhile.
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise


@contextmanager
def _errors_of_httpx2() -> Generator[None]:
    """Turns httpcore2's errors into those of the same names that httpx2 has."""
    import ssl  # noqa: PLC0415 - loads much, and httpcore2 has it loaded

    import httpcore2  # noqa: PLC0415 - no vendor package at import

    try:
        yield
    except (
        httpcore2.TimeoutException,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
    ) as error:
        import httpx2  # noqa: PLC0415 - idem

        named: type[httpx2.TransportError] = getattr(httpx2, type(error).__name__)
        raise named(str(error)) from error
    except ssl.SSLError as error:
        # What breaks TLS after the handshake, httpcore2 lets through.
        import httpx2  # noqa: PLC0415 - no vendor package at import

        raise httpx2.NetworkError(str(error)) from error
