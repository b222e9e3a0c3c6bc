"""Which way a lane's requests take."""

from importlib.util import find_spec

import httpx2
import pytest
from remote_lanes import Answers, Pieces, asked, drafted, lane, opened, shown

from cascade.backends.openai import openai_backend
from cascade.backends.remote.connection import Connection, abandon
from cascade.errors import BackendError, ConfigError
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_flavours import VLLM
from cascade.simulated.script import Turn, by_turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation

pytestmark = pytest.mark.anyio


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)
    return monkeypatch


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
async def test_requests_go_through_the_proxy_that_the_environment_names(
    no_proxies: pytest.MonkeyPatch, name: str
):
    provider = Simulation(wires=[OpenAIChat(flavour=VLLM)], script=by_turn(Turn(text="hi")))
    with served(provider) as address:
        # A proxy is asked for whole addresses; this one answers for all of them by itself.
        no_proxies.setenv(name, address.removeprefix("http://"))
        of = lane(endpoint="http://nobody.invalid/v1", model="gpt-4o-mini")
        async with opened(None, of) as backend:
            with pytest.raises(BackendError):
                await drafted(backend, shown(tools=()), asked())
        assert provider.connections_opened > 0
        before = provider.connections_opened
        no_proxies.setenv("NO_PROXY", "nobody.invalid")
        async with opened(None, of) as backend:
            with pytest.raises(BackendError) as caught:
                await drafted(backend, shown(tools=()), asked())
        assert caught.value.failure == "connection"
        assert provider.connections_opened == before


async def test_a_proxy_that_cannot_be_used_is_refused_without_showing_its_password(
    no_proxies: pytest.MonkeyPatch,
):
    no_proxies.setenv("http_proxy", "gopher://user:s3cret@proxy.example:1")
    with pytest.raises(ConfigError, match="the proxy of the environment cannot be used") as caught:
        await openai_backend(lane()).open()
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_http2_is_there_if_its_package_is(no_proxies: pytest.MonkeyPatch):
    no_proxies.setenv("NO_PROXY", "*")
    of = lane(settings={"http2": True}, endpoint="https://nobody.invalid/v1")
    if find_spec("h2") is None:
        with pytest.raises(ConfigError, match=r"install httpx2\[http2\]"):
            await openai_backend(of).open()
    else:
        async with opened(None, of) as backend:
            assert (await backend.open()).endpoint == of.endpoint


async def test_nothing_is_asked_of_another_server_than_the_lanes():
    connection = Connection(lane(), {}, transport=Answers.json({}))
    with pytest.raises(ValueError, match=r"is not at models\.example"):
        await connection.get("http://other.example/models")
    await connection.aclose()


async def test_abandoning_an_answer_twice_is_harmless():
    transport = Answers.stream("[DONE]")
    connection = Connection(lane(), {}, transport=transport)
    response = await connection.post("/chat/completions", b"{}")
    pieces = response.aiter_raw()
    await abandon(response, pieces)
    await abandon(response, pieces)
    assert response.is_closed
    await connection.aclose()
    assert transport.closed == 1


class Describing(Answers):
    """Answers questions about its models with a body of its own."""

    def __init__(self, body: bytes) -> None:
        super().__init__(lambda _: httpx2.Response(500))
        self._described = body

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, stream=Pieces(self._described))
        return await super().handle_async_request(request)


@pytest.mark.parametrize(
    ("body", "window"),
    [
        (b'{"data":[{"id":"m","max_model_len":512}]}', 512),
        (b'{"data":[{"id":"other","context_length":512}]}', 512),
        (b'{"data":[{"id":"m","context_window":512},{"id":"n"}]}', 512),
        (b'{"data":[{"id":"n","context_length":9},{"id":"o","context_length":9}]}', None),
        (b'{"data":[{"id":"m","max_output_tokens":512,"max_tokens":512}]}', None),
        (b'{"data":[{"id":"m","max_model_len":true,"context_length":-1}]}', None),
        (b'{"data":[5]}', None),
        (b"[]", None),
        (b"[", None),
        (b"<html>", None),
        (b" " * (9 * 2**20), None),
    ],
    ids=lambda each: str(each)[:40],
)
async def test_a_window_is_what_the_server_calls_one_and_nothing_else(
    body: bytes, window: int | None
):
    async with opened(Describing(body)) as backend:
        assert (await backend.open()).context_tokens == window
