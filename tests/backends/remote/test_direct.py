"""Connections straight on httpcore2, against servers that see each byte of them."""

import gzip
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest
from anyio.abc import ByteStream
from byte_servers import answer, by_number, byte_server
from remote_lanes import lane

from cascade.backends.remote.connection import Answer, Connection, abandon, pieces_of
from cascade.backends.remote.direct import DirectTransport

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])]

TIMEOUTS = {"connect": 5.0, "read": 5.0, "write": 5.0}
BODY = b'{"messages":[]}'


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(
    root: httpx2.URL, monotonic: Callable[[], float]
) -> AsyncGenerator[DirectTransport]:
    transport = DirectTransport(root, TIMEOUTS, monotonic=monotonic)
    try:
        yield transport
    finally:
        await transport.aclose()


async def sent(transport: DirectTransport) -> Answer:
    headers = [(b"host", b"models.example"), (b"content-length", b"%d" % len(BODY))]
    return await transport.send("POST", b"/v1/chat", headers, BODY)


async def read(given: Answer) -> bytes:
    return b"".join([piece async for piece in pieces_of(given)])


async def test_the_head_and_the_body_of_a_request_come_together():
    async def echo(_number: int, stream: ByteStream) -> None:
        while True:
            await stream.send(answer(await stream.receive()))

    async with byte_server(echo) as server, opened(server.root, Clock()) as transport:
        said = await read(await sent(transport))
    assert said == (
        b"POST /v1/chat HTTP/1.1\r\nhost: models.example\r\ncontent-length: 15\r\n\r\n" + BODY
    )


async def test_a_request_without_a_body_goes_out_as_well():
    async with byte_server(by_number) as server:
        connection = Connection(lane(endpoint=f"{server.root}/v1"), {})
        assert await read(await connection.get("/models")) == b"1"
        await connection.aclose()


async def test_the_connection_that_was_used_last_is_taken_first():
    async with byte_server(by_number) as server, opened(server.root, Clock()) as transport:
        first, second = await sent(transport), await sent(transport)
        assert [await read(second), await read(first)] == [b"2", b"1"]
        assert [await read(await sent(transport)) for _ in range(3)] == [b"1"] * 3


async def test_an_answer_that_is_left_takes_its_connection_with_it():
    async with byte_server(by_number) as server, opened(server.root, Clock()) as transport:
        await abandon(await sent(transport))
        assert await read(await sent(transport)) == b"2"


async def test_a_connection_that_the_server_closed_is_not_used_again():
    is_read, is_closed = anyio.Event(), anyio.Event()

    async def once(number: int, stream: ByteStream) -> None:
        await stream.receive()
        await stream.send(answer(b"%d" % number))
        await is_read.wait()
        await stream.aclose()
        is_closed.set()

    async with byte_server(once) as server, opened(server.root, Clock()) as transport:
        assert await read(await sent(transport)) == b"1"
        is_read.set()
        await is_closed.wait()
        assert await read(await sent(transport)) == b"2"


async def test_what_a_rush_left_behind_is_closed_once_the_server_lets_go_of_it():
    clock, is_let_go, is_closed = Clock(), anyio.Event(), anyio.Event()

    async def serve(number: int, stream: ByteStream) -> None:
        await stream.receive()
        await stream.send(answer(b"%d" % number))
        if number == 1:
            await stream.send_eof()
            is_let_go.set()
        try:
            await by_number(number, stream)
        finally:
            if number == 1:
                is_closed.set()

    async with byte_server(serve) as server, opened(server.root, clock) as transport:
        rush = [await sent(transport), await sent(transport)]
        assert [await read(each) for each in rush] == [b"1", b"2"]
        await is_let_go.wait()
        clock.now += 60.0
        assert await read(await sent(transport)) == b"2"
        await is_closed.wait()


async def test_a_connection_in_use_is_closed_when_its_answer_ends_after_the_transport():
    is_closed = anyio.Event()

    async def serve(number: int, stream: ByteStream) -> None:
        try:
            await by_number(number, stream)
        finally:
            is_closed.set()

    async with byte_server(serve) as server:
        async with opened(server.root, Clock()) as transport:
            given = await sent(transport)
        assert not is_closed.is_set()
        assert await read(given) == b"1"
        await is_closed.wait()


async def test_a_call_that_is_cancelled_before_it_begins_leaves_the_connection():
    async with byte_server(by_number) as server, opened(server.root, Clock()) as transport:
        await read(await sent(transport))
        with anyio.CancelScope() as scope:
            scope.cancel()
            await sent(transport)
        assert scope.cancelled_caught
        assert await read(await sent(transport)) == b"1"


async def test_an_answer_that_comes_compressed_is_unpacked():
    async def packed(_number: int, stream: ByteStream) -> None:
        await stream.receive()
        await stream.send(answer(gzip.compress(b"plain"), b"Content-Encoding: gzip"))

    async with byte_server(packed) as server, opened(server.root, Clock()) as transport:
        given = await sent(transport)
        assert given.headers["content-encoding"] == "gzip"
        assert await read(given) == b"plain"
        assert given.is_closed


async def test_an_answer_that_breaks_off_raises_what_httpx2_raises():
    async def cut(_number: int, stream: ByteStream) -> None:
        await stream.receive()
        await stream.send(answer(b"plain")[:-1])

    async with byte_server(cut) as server, opened(server.root, Clock()) as transport:
        with pytest.raises(httpx2.RemoteProtocolError, match="without sending complete"):
            await read(await sent(transport))


async def test_a_server_that_is_not_there_raises_what_httpx2_raises():
    async with byte_server(by_number) as server:
        pass
    async with opened(server.root, Clock()) as transport:
        with pytest.raises(httpx2.ConnectError):
            await sent(transport)
