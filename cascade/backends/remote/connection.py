"""The way to a lane's server: headers made once, and a transport straight beneath.

A request goes to a `DirectTransport`, or to httpx2's `AsyncHTTPTransport` where there is a proxy or
HTTP/2, and not through `AsyncClient` or an SDK's request method. Those merge headers, walk an
authentication and a redirection loop, keep cookies and log for each call; connections and TLS are
the transport's own. `benchmarks/` has the figures.
"""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import anyio

from cascade.backends.remote.direct import DirectAnswer, DirectTransport
from cascade.errors import BackendTimeout, BackendUnavailable, ConfigError
from cascade.lanes import Lane

if TYPE_CHECKING:
    import httpx2

__all__ = ["Answer", "Connection", "abandon", "pieces_of", "translated_errors"]

Answer: TypeAlias = "httpx2.Response | DirectAnswer"
"""An answer whose body is still to come."""

_IDLE_S = 30.0
_CLOSING_S = 2.0


class Connection:
    """One lane's connections.

    Args:
        lane: With its endpoint set.
        headers: Of every request.
        transport: What to send through instead of httpx2's own; closed with this.

    Raises:
        ConfigError: The environment names a proxy, or the lane HTTP/2, that needs a package which
            is not installed; or a header has a character that may not be in one.
    """

    def __init__(
        self,
        lane: Lane,
        headers: Mapping[str, str],
        *,
        transport: "httpx2.AsyncBaseTransport | None" = None,
    ) -> None:
        import httpx2  # noqa: PLC0415 - no vendor package at import

        self._request = httpx2.Request
        self._body = httpx2.ByteStream
        self._root = httpx2.URL(lane.endpoint)
        self._urls: dict[str, httpx2.URL] = {}
        self._lane = lane
        self.replace(headers)
        self._timeouts = {
            "connect": lane.timeouts.connect_s,
            "read": lane.timeouts.silence_s,
            "write": lane.timeouts.silence_s,
            "pool": None,
        }
        self._transport = transport or _transport(lane, self._root, self._timeouts)

    def replace(self, headers: Mapping[str, str]) -> None:
        """Takes other headers for the requests to come.

        Raises:
            ConfigError: One has a character that may not be in it; those before stay.
        """
        checked = _checked(self._lane, headers)
        checked["host"] = self._root.netloc.decode("ascii")
        self._headers = checked.raw

    async def post(self, path: str, body: bytes) -> "Answer":
        """Sends *body* to a path behind the endpoint; returns once the answer's head is there."""
        length = (b"content-length", str(len(body)).encode())
        return await self._sent("POST", path, [*self._headers, length], body)

    async def get(self, address: str) -> "Answer":
        """Asks for a path behind the endpoint, or for an address of the same server."""
        return await self._sent("GET", address, self._headers, b"")

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._transport.aclose()

    async def _sent(
        self, method: str, address: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> "Answer":
        url, transport = self._url(address), self._transport
        if isinstance(transport, DirectTransport):
            return await transport.send(method, url.raw_path, headers, body)
        request = self._request(
            method,
            url,
            headers=headers,
            stream=self._body(body),
            extensions={"timeout": self._timeouts},
        )
        return await transport.handle_async_request(request)

    def _url(self, address: str) -> "httpx2.URL":
        url = self._urls.get(address)
        if url is None:
            import httpx2  # noqa: PLC0415 - no vendor package at import

            whole = address if "://" in address else f"{self._root}".rstrip("/") + address
            url = self._urls[address] = httpx2.URL(whole)
            if url.netloc != self._root.netloc:
                raise ValueError(f"{address!r} is not at {self._root.host}")
        return url


def pieces_of(response: "Answer") -> AsyncGenerator[bytes, None]:
    """The body of an answer as it comes in."""
    # Nothing compressed was asked for; a server that compresses all the same is understood. And a
    # transport of the caller's may have the whole body already.
    is_plain = response.headers.get("content-encoding", "identity") == "identity"
    return response.aiter_raw() if is_plain and not response.is_closed else response.aiter_bytes()


async def abandon(response: "Answer", pieces: AsyncGenerator[bytes, None] | None = None) -> None:
    """Leaves an answer before its end, which closes its connection.

    Args:
        response: The answer.
        pieces: Its body, as far as that was being read.
    """
    if pieces is not None:
        # httpx2's generators do not close those inside them; cancelling the innermost, at its next
        # wait, ends them all from within. Else they end when memory is collected, outside of their
        # task, of which trio warns.
        with anyio.CancelScope(shield=True) as scope:
            scope.cancel()
            with suppress(Exception):
                async for _ in pieces:
                    pass
    with anyio.move_on_after(_CLOSING_S, shield=True):
        await response.aclose()


@contextmanager
def translated_errors(lane: Lane) -> Generator[None]:
    """Turns what a transport raises into errors of ours.

    Raises:
        BackendTimeout: The server was silent for too long, or could not be reached in time.
        BackendUnavailable: It cannot be reached, or the connection broke.
    """
    import httpx2  # noqa: PLC0415 - no vendor package at import

    try:
        yield
    except httpx2.TimeoutException as error:
        message = f"{_kind(error)} after {_limit_s(lane, error):g} s at {lane.endpoint}"
        raise BackendTimeout(message, backend=lane.backend) from error
    except httpx2.DecodingError as error:
        message = f"the answer from {lane.endpoint} cannot be decompressed: {error}"
        raise BackendUnavailable(message, backend=lane.backend, failure="protocol") from error
    except httpx2.HTTPError as error:
        said = f": {error}" if str(error) else ""
        message = f"{_kind(error)} at {lane.endpoint}{said}"
        raise BackendUnavailable(message, backend=lane.backend, failure="connection") from error


def _kind(error: Exception) -> str:
    return type(error).__name__


def _limit_s(lane: Lane, error: Exception) -> float:
    is_connecting = _kind(error) == "ConnectTimeout"
    return lane.timeouts.connect_s if is_connecting else lane.timeouts.silence_s


def _checked(lane: Lane, headers: Mapping[str, str]) -> "httpx2.Headers":
    import httpx2  # noqa: PLC0415 - no vendor package at import

    for name, value in headers.items():
        # A transport that refuses a header shows its value, and one of them is the key.
        if not value.isascii() or not value.isprintable() or value != value.strip():
            message = f"lane {lane.name!r}: header {name!r} holds a character that none may hold"
            hint = "; look at the key" if name.lower() == "authorization" else ""
            raise ConfigError(message + hint)
    return httpx2.Headers({name.lower(): value for name, value in headers.items()})


def _transport(
    lane: Lane, root: "httpx2.URL", timeouts: Mapping[str, float | None]
) -> "httpx2.AsyncBaseTransport | DirectTransport":
    import httpx2  # noqa: PLC0415 - no vendor package at import

    proxy = _proxy(lane.endpoint)
    limits = httpx2.Limits(
        max_connections=None, max_keepalive_connections=None, keepalive_expiry=_IDLE_S
    )
    http2 = lane.settings.get("http2") is True
    if http2 and find_spec("h2") is None:
        # The transport would only notice once a server agrees to it.
        raise ConfigError(f"lane {lane.name!r}: for HTTP/2 install httpx2[http2]")
    if proxy is None and not http2:
        return DirectTransport(root, timeouts)
    try:
        return httpx2.AsyncHTTPTransport(http2=http2, limits=limits, proxy=proxy)
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        # Without the error: it may show the address of the proxy, and a password in it.
        what = f"the proxy of the environment cannot be used ({_kind(error)})"
        hint = "for one of SOCKS install httpx2[socks]"
        raise ConfigError(f"lane {lane.name!r}: {what}; {hint}") from None


def _proxy(endpoint: str) -> str | None:
    """The proxy that the environment names for an address."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - loads much, needed once

    parts = urlsplit(endpoint)
    if proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
