"""TLS on a transport's own connections, with a certificate of this machine's making."""

import shutil
import ssl
import subprocess
from pathlib import Path

import httpx2
import pytest
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream
from byte_servers import answer, by_number, byte_server, request_from
from remote_lanes import asked, drafted, lane, opened, shown

from cascade.backends.remote.connection import pieces_of
from cascade.backends.remote.direct import DirectTransport
from cascade.errors import BackendUnavailable

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"]),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate"),
]

TIMEOUTS = {"connect": 30.0, "read": 30.0, "write": 30.0}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, which is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    signed, key = folder / "certificate.pem", folder / "key.pem"
    asks = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    uses = ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    files = ["-keyout", str(key), "-out", str(signed)]
    subprocess.run(
        ["openssl", *asks.split(), *names, *uses, *files],  # noqa: S607 - wherever it is
        check=True,
        capture_output=True,
    )
    return signed, key


@pytest.fixture
def context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """For a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment names the authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    return monkeypatch


async def said(transport: DirectTransport) -> bytes:
    headers = [(b"host", b"127.0.0.1"), (b"content-length", b"2")]
    given = await transport.send("POST", b"/v1/chat", headers, b"{}")
    return b"".join([piece async for piece in pieces_of(given)])


@pytest.mark.usefixtures("trusted")
async def test_a_connection_over_tls_is_used_again(context: ssl.SSLContext):
    async with byte_server(by_number, tls=context) as server:
        transport = DirectTransport(server.root, TIMEOUTS)
        assert [await said(transport) for _ in range(3)] == [b"1"] * 3
        await transport.aclose()
        await server.is_left()


@pytest.mark.usefixtures("trusted")
async def test_the_head_and_the_body_of_a_request_come_in_one_record(context: ssl.SSLContext):
    async def echo(_number: int, stream: ByteStream) -> None:
        while True:
            await stream.send(answer(await stream.receive()))

    async with byte_server(echo, tls=context) as server:
        transport = DirectTransport(server.root, TIMEOUTS)
        assert (await said(transport)).endswith(b"\r\n\r\n{}")
        await transport.aclose()


@pytest.mark.usefixtures("trusted")
async def test_what_is_no_tls_in_mid_answer_breaks_the_connection(context: ssl.SSLContext):
    async def serve(_number: int, stream: ByteStream) -> None:
        await request_from(stream)
        await stream.send(answer(b"plain")[:-1])
        assert isinstance(stream, TLSStream)
        await stream.transport_stream.send(b"this is no record of TLS")
        await stream.receive()

    async with byte_server(serve, tls=context) as server:
        transport = DirectTransport(server.root, TIMEOUTS)
        with pytest.raises(httpx2.NetworkError, match="SSL"):
            await said(transport)
        await server.is_left()
        await transport.aclose()


async def test_a_certificate_that_nobody_trusts_is_named_as_the_fault(context: ssl.SSLContext):
    async with byte_server(by_number, tls=context) as server:
        of = lane(endpoint=f"{server.root}/v1", model="gpt-4o-mini")
        async with opened(None, of) as backend:
            with pytest.raises(BackendUnavailable, match="certificate verify failed") as caught:
                await drafted(backend, shown(tools=()), asked())
        assert str(server.root) in str(caught.value)
        assert caught.value.failure == "connection"
        await server.is_left()


async def test_a_certificate_for_another_name_is_named_as_the_fault(
    context: ssl.SSLContext, trusted: pytest.MonkeyPatch
):
    trusted.setenv("NO_PROXY", "*")
    async with byte_server(by_number, tls=context) as server:
        endpoint = f"{server.root.copy_with(host='localhost')}/v1"
        async with opened(None, lane(endpoint=endpoint, model="gpt-4o-mini")) as backend:
            with pytest.raises(BackendUnavailable, match=r"not valid for .localhost"):
                await drafted(backend, shown(tools=()), asked())
        await server.is_left()
