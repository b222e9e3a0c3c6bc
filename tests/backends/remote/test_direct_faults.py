"""What servers and callers do to connections; none of it may leave one open."""

import random
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import httpx2
import pytest
from anyio.abc import ByteStream, SocketAttribute
from byte_servers import ByteServer, Serve, answer, by_number, byte_server, request_from

from cascade.backends.remote.connection import abandon, pieces_of
from cascade.backends.remote.direct import DirectAnswer, DirectTransport

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])]

TIMEOUTS = {"connect": 30.0, "read": 30.0, "write": 30.0}
LARGE = b" " * 2**24
"""More than the buffers of a connection hold."""


@asynccontextmanager
async def served(serve: Serve) -> AsyncGenerator[tuple[ByteServer, DirectTransport]]:
    """A server and a transport to it; in the end neither holds a connection."""
    async with byte_server(serve) as server:
        transport = DirectTransport(server.root, TIMEOUTS)
        try:
            yield server, transport
        finally:
            await transport.aclose()
        await server.is_left()


async def sent(transport: DirectTransport, body: bytes = b"{}") -> DirectAnswer:
    headers = [(b"host", b"models.example"), (b"content-length", b"%d" % len(body))]
    return await transport.send("POST", b"/v1/chat", headers, body)


async def said(transport: DirectTransport, body: bytes = b"{}") -> bytes:
    given = await sent(transport, body)
    pieces = pieces_of(given)
    try:
        return b"".join([piece async for piece in pieces])
    finally:
        await abandon(given, pieces)


@pytest.mark.parametrize(
    ("whole", "connections"),
    [
        (answer(b"plain"), 1),
        (answer(b"plain", b"Connection: close"), 3),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"plain"), 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nplain\r\n0\r\n\r\n", 1),
        (b"HTTP/1.1 200 OK\r\n\r\nplain", 3),
    ],
    ids=["length", "close", "continue", "chunked", "until the end"],
)
async def test_answers_of_every_form_are_read(whole: bytes, connections: int):
    async def serve(_number: int, stream: ByteStream) -> None:
        while True:
            await request_from(stream)
            await stream.send(whole)
            if connections > 1:
                return

    async with served(serve) as (server, transport):
        assert [await said(transport) for _ in range(3)] == [b"plain"] * 3
    assert server.opened == connections


async def test_a_server_that_closes_once_it_has_answered_is_asked_again():
    async def serve(_number: int, stream: ByteStream) -> None:
        await request_from(stream)
        await stream.send(answer(b"plain", b"Connection: close"))
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            # The client does not wait for the server to close.
            await stream.receive()

    async with served(serve) as (server, transport):
        assert [await said(transport) for _ in range(3)] == [b"plain"] * 3
        await server.is_left()


async def test_a_connection_that_is_reset_while_nobody_uses_it_is_not_used_again():
    is_read, is_reset = anyio.Event(), anyio.Event()

    async def serve(number: int, stream: ByteStream) -> None:
        if number > 1:
            await by_number(number, stream)
        await request_from(stream)
        await stream.send(answer(b"1"))
        await is_read.wait()
        raw = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not of Django
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()
        is_reset.set()

    async with served(serve) as (_, transport):
        assert await said(transport) == b"1"
        is_read.set()
        await is_reset.wait()
        assert await said(transport) == b"2"


async def test_an_answer_that_comes_before_the_request_was_read_is_taken():
    async def serve(_number: int, stream: ByteStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nlong")
        while True:
            await stream.receive()

    async with served(serve) as (_, transport):
        given = await sent(transport, LARGE)
        assert given.status_code == 413
        assert b"".join([piece async for piece in pieces_of(given)]) == b"long"


async def test_a_server_that_does_not_read_a_request_to_its_end_is_answer_or_error():
    async def serve(_number: int, stream: ByteStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nlong")

    async with served(serve) as (_, transport):
        try:
            given = await sent(transport, LARGE)
        except (httpx2.NetworkError, httpx2.RemoteProtocolError):
            # What came before a reset may be lost with it.
            return
        assert given.status_code == 413
        await abandon(given)


async def test_a_call_that_is_cancelled_while_it_writes_closes_its_connection():
    is_begun, is_cancelled = anyio.Event(), anyio.Event()

    async def serve(number: int, stream: ByteStream) -> None:
        if number == 1:
            await stream.receive()
            is_begun.set()
            await is_cancelled.wait()
            while True:
                await stream.receive()
        await by_number(number, stream)

    async with served(serve) as (server, transport):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sent, transport, LARGE)
            await is_begun.wait()
            tasks.cancel_scope.cancel()
        is_cancelled.set()
        await server.is_left()
        assert await said(transport) == b"2"


@pytest.mark.parametrize("begun", [b"", answer(b"whole")[:-2]], ids=["head", "body"])
async def test_a_call_that_is_cancelled_while_it_reads_closes_its_connection(begun: bytes):
    is_waiting = anyio.Event()

    async def serve(number: int, stream: ByteStream) -> None:
        if number > 1:
            await by_number(number, stream)
        await request_from(stream)
        await stream.send(begun or b"HTTP")
        is_waiting.set()
        await stream.receive()

    async with served(serve) as (server, transport):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(said, transport)
            await is_waiting.wait()
            tasks.cancel_scope.cancel()
        await server.is_left()
        assert await said(transport) == b"2"


async def test_a_call_that_is_cancelled_during_the_handshake_closes_its_connection():
    is_greeted = anyio.Event()

    async def serve(_number: int, stream: ByteStream) -> None:
        await stream.receive()
        is_greeted.set()
        await stream.receive()

    async with byte_server(serve) as server:
        transport = DirectTransport(server.root.copy_with(scheme="https"), TIMEOUTS)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sent, transport)
            await is_greeted.wait()
            tasks.cancel_scope.cancel()
        await server.is_left()
        await transport.aclose()


async def test_a_rush_over_a_bad_server_ends_and_leaves_nothing_open():
    """64 callers at once, each through answers, cuts, resets and cancellations by chance."""
    ways = ("answer", "answer", "close", "chunked", "cut", "silent", "reset")
    whole = {
        "answer": answer(b"plain"),
        "close": answer(b"plain", b"Connection: close"),
        "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nplain\r\n0\r\n\r\n",
        "cut": answer(b"plain")[:-1],
        "silent": b"",
        "reset": b"HTTP/1.1 200 OK\r\n",
    }
    heard: list[bytes] = []

    async def serve(number: int, stream: ByteStream) -> None:
        chance = random.Random(number)
        while True:
            await request_from(stream)
            way = chance.choice(ways)
            for piece in (whole[way][:20], whole[way][20:]):
                await anyio.lowlevel.checkpoint()
                if piece:
                    await stream.send(piece)
            if way == "silent":
                await stream.receive()
            if way in {"close", "cut", "reset"}:
                return

    async def caller(transport: DirectTransport, number: int) -> None:
        chance = random.Random(-number)
        for _ in range(8):
            try:
                with anyio.move_on_after(chance.choice([0.0, 0.05, 0.2])):
                    heard.append(await said(transport))
            except (httpx2.NetworkError, httpx2.RemoteProtocolError):
                continue

    async with served(serve) as (_, transport), anyio.create_task_group() as tasks:
        for number in range(64):
            tasks.start_soon(caller, transport, number)
    assert set(heard) == {b"plain"}
