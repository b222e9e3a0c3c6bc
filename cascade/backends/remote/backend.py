"""A remote lane: a provider's server, reached over HTTP in one of the wire formats."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
from pydantic import JsonValue
from pydantic_core import from_json

from cascade.backends.remote.codec import Codec
from cascade.backends.remote.connection import Connection, abandon, pieces_of, translated_errors
from cascade.backends.remote.encodings import Encodings
from cascade.backends.remote.hop import Line, RemoteHop
from cascade.backends.remote.keys import Keys, read_key
from cascade.backends.remote.provider import Provider, account_of, endpoint_of
from cascade.credentials import Credential
from cascade.endpoints import key_variable
from cascade.errors import BackendError
from cascade.exchange import Request, View
from cascade.lanes import Lane
from cascade.messages import Origin

if TYPE_CHECKING:
    import httpx2

__all__ = ["RemoteBackend"]

_ASKING_S = 5.0
_LARGEST_DESCRIPTION_BYTES = 8 * 2**20


class RemoteBackend:
    """Serves one lane from a server.

    Args:
        lane: What to serve. Its `settings` are the codec's and, for all codecs, `RemoteSettings`.
        codec: The wire format's class.
        provider: How the server is reached.
        credential: Where the key comes from. Without one the provider's usual variable is looked
            up for the provider's own server; no other server is ever shown that key.
        transport: What to send through instead of httpx2's own transport.
        monotonic: Seconds, for timings.
        utc: The time, for dates in answers.
    """

    def __init__(
        self,
        lane: Lane,
        codec: Callable[[Lane, Origin], Codec],
        provider: Provider,
        *,
        credential: Credential | None = None,
        transport: "httpx2.AsyncBaseTransport | None" = None,
        monotonic: Callable[[], float] = time.monotonic,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._lane = lane
        self._codec = codec
        self._provider = provider
        self._credential = credential
        self._transport = transport
        self._monotonic = monotonic
        self._utc = utc
        self._line: Line | None = None

    async def open(self) -> Lane:
        """Looks the key up and asks the server about its model; returns the completed lane.

        A key that the server refuses later is read again, and one that took its place is used
        from then on; `Lane.account` goes on to tell by which key the lane was opened.

        Raises:
            MissingKey: The lane's key is not there.
            ConfigError: The lane cannot be served as it is configured.
        """
        if self._line is not None:
            return self._line.lane
        lane = self._lane
        endpoint = endpoint_of(lane, self._provider.endpoint)
        credential = self._credential_for(endpoint)
        key = None if credential is None else await read_key(credential)
        lane = lane.model_copy(
            update={"endpoint": endpoint, "account": lane.account or account_of(key, endpoint)}
        )
        connection = Connection(lane, self._headers(lane, key), transport=self._transport)
        try:
            lane = await self._provider.describe(lane, _Asking(lane, connection))
            origin = Origin(
                provider=self._provider.name,
                model=lane.model,
                endpoint=lane.endpoint,
                account=lane.account,
            )
            codec = self._codec(lane, origin)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await connection.aclose()
            raise
        lane = lane.model_copy(update={"api": codec.api})
        self._line = Line(
            lane=lane,
            codec=codec,
            connection=connection,
            encodings=Encodings(codec),
            refused={},
            keys=Keys(credential, key, lambda new: connection.replace(self._headers(lane, new))),
            monotonic=self._monotonic,
            utc=self._utc,
        )
        return lane

    def _credential_for(self, endpoint: str) -> Credential | None:
        if self._credential is not None:
            return self._credential
        variable = key_variable(self._provider.name, endpoint)
        return None if variable is None else Credential(lane=self._lane.name, env=variable)

    def _headers(self, lane: Lane, key: str | None) -> Mapping[str, str]:
        # Asking for nothing compressed saves the unpacking of many small events.
        return {**self._provider.headers(lane, key), "accept-encoding": "identity"}

    def call(self, view: View, request: Request) -> RemoteHop:
        """One model call; it goes out when the iteration begins."""
        if self._line is None:
            raise RuntimeError(f"lane {self._lane.name!r} is called before it was opened")
        return RemoteHop(self._line, view, request)

    def release(self, trajectory_id: str) -> None:
        """Forgets the trajectory's encoded messages."""
        if self._line is not None:
            self._line.encodings.release(trajectory_id)
            self._line.refused.pop(trajectory_id, None)

    async def aclose(self) -> None:
        """Closes all connections."""
        line, self._line = self._line, None
        if line is not None:
            await line.connection.aclose()


class _Asking:
    """Asks a lane's server what it can tell; `None` where nothing good comes back in time."""

    def __init__(self, lane: Lane, connection: Connection) -> None:
        self._lane = lane
        self._connection = connection

    async def __call__(self, address: str) -> JsonValue:
        unanswered = suppress(BackendError, ValueError)
        with anyio.move_on_after(_ASKING_S), unanswered, translated_errors(self._lane):
            response = await self._connection.get(address)
            pieces = pieces_of(response)
            try:
                body = await self._read(pieces)
            finally:
                await abandon(response, pieces)
            return from_json(body) if response.status_code == 200 else None
        return None

    async def _read(self, pieces: AsyncGenerator[bytes, None]) -> bytes:
        body = bytearray()
        async for piece in pieces:
            body += piece
            if len(body) > _LARGEST_DESCRIPTION_BYTES:
                return b"null"
        return bytes(body)
