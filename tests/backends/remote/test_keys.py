"""A key that ends while its lane is open: it is read again, once, and shown nowhere."""

import logging
import sys
from collections.abc import Collection
from pathlib import Path

import anyio
import httpx2
import pytest
from pydantic_core import to_json
from remote_lanes import Answers, Pieces, asked, drafted, lane, shown

from cascade.backends.anthropic import anthropic_backend
from cascade.backends.openai import openai_backend
from cascade.backends.remote import RemoteBackend
from cascade.credentials import Credential
from cascade.errors import BackendRefused
from cascade.exchange import Draft
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.faults import Revokes
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.received import Account
from cascade.simulated.script import Turn, by_turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation
from cascade.simulated.wire import Wire

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"]),
]

FIRST = "canary-first-4c81e07b52"
SECOND = "canary-second-9f2d6a3310"
OURS = Account(name="ours", keys=(FIRST, SECOND))
SERVED = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "key.txt"
    path.write_text(FIRST, encoding="utf-8")
    return path


def printed(file: Path) -> Credential:
    """A key that a command prints; the file beside it gets a line each time."""
    code = f"print(open({str(file)!r}).read()); open({f'{file}.read'!r}, 'a').write('x')"
    return Credential(lane="far", command=(sys.executable, "-c", code))


def put(file: Path, key: str) -> None:
    file.write_text(key, encoding="utf-8")


def readings(file: Path) -> int:
    return len(Path(f"{file}.read").read_text(encoding="utf-8"))


def keyed(good: Collection[str] = ()) -> Answers:
    """A server that takes those keys, and repeats any other one in its refusal."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        key = request.headers["authorization"].removeprefix("Bearer ")
        said = {"error": {"message": f"Incorrect API key provided: {key}", "code": None}}
        status, body = (200, SERVED) if key in good else (401, said)
        headers = {"content-type": "application/json", "x-request-id": f"r-{key}"}
        return httpx2.Response(status, headers=headers, stream=Pieces(to_json(body)))

    return Answers(answer)


def keys_of(transport: Answers) -> list[str]:
    given = (request.headers["authorization"] for request in transport.requests)
    return [each.removeprefix("Bearer ") for each in given]


async def said(backend: RemoteBackend) -> Draft:
    return (await drafted(backend, shown(tools=()), asked()))[0]


async def refusal(backend: RemoteBackend) -> str:
    with pytest.raises(BackendRefused) as caught:
        await said(backend)
    assert caught.value.failure == "auth"
    return f"{caught.value} {caught.value!r} {caught.value.request_id}"


WIRES: dict[str, tuple[Wire, str]] = {
    "chat_completions": (OpenAIChat(), "gpt-4.1"),
    "responses": (OpenAIResponses(), "gpt-6.1-sol"),
    "messages": (AnthropicMessages(), "claude-opus-5-5"),
}


@pytest.mark.parametrize("source", ["env", "command"])
@pytest.mark.parametrize("api", WIRES)
async def test_a_call_whose_key_was_revoked_goes_on_with_the_one_that_took_its_place(
    api: str, source: str, file: Path, monkeypatch: pytest.MonkeyPatch
):
    wire, model = WIRES[api]
    monkeypatch.setenv("FAR_KEY", FIRST)
    provider = Simulation(
        wires=[wire],
        script=by_turn(Turn(text="hi")),
        accounts=[OURS],
        faults=lambda received: Revokes() if FIRST in str(received.headers) else None,
    )
    env = Credential(lane="far", env="FAR_KEY")
    with served(provider) as address:
        make = anthropic_backend if api == "messages" else openai_backend
        root = address if api == "messages" else f"{address}/v1"
        of = lane(api=api, model=model, endpoint=root, backend=make.__name__.partition("_")[0])
        backend = make(of, env if source == "env" else printed(file))
        account = (await backend.open()).account
        monkeypatch.setenv("FAR_KEY", SECOND)
        put(file, SECOND)
        assert (await said(backend)).message.text == "hi"
        assert (await said(backend)).message.text == "hi"
        assert (await backend.open()).account == account
        await backend.aclose()
    posted = [each for each in provider.exchanges if each.received.method == "POST"]
    assert [each.answer is not None for each in posted] == [False, True, True]


async def test_a_key_that_is_still_the_same_is_not_tried_again(file: Path):
    transport = keyed()
    backend = openai_backend(lane(), printed(file), transport=transport)
    await backend.open()
    assert FIRST not in await refusal(backend)
    assert keys_of(transport) == [FIRST]
    assert readings(file) == 2


async def test_a_new_key_that_is_refused_as_well_is_not_tried_twice_and_neither_is_shown(
    file: Path, caplog: pytest.LogCaptureFixture
):
    transport = keyed()
    backend = openai_backend(lane(), printed(file), transport=transport)
    await backend.open()
    put(file, SECOND)
    with caplog.at_level(logging.DEBUG):
        told = await refusal(backend)
    assert keys_of(transport) == [FIRST, SECOND]
    for key in (FIRST, SECOND):
        assert key not in told + caplog.text + repr(vars(backend))
    assert "lane far: its key was refused; another one was found" in caplog.text


async def test_calls_that_are_refused_together_read_the_key_once(file: Path):
    transport = keyed({SECOND})
    backend = openai_backend(lane(), printed(file), transport=transport)
    await backend.open()
    put(file, SECOND)
    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(said, backend)
    assert sorted(keys_of(transport)) == [FIRST] * 8 + [SECOND] * 8
    assert readings(file) == 2


async def test_a_key_that_comes_back_is_used_again(file: Path):
    good = {SECOND}
    transport = keyed(good)
    backend = openai_backend(lane(), printed(file), transport=transport)
    await backend.open()
    put(file, SECOND)
    await said(backend)
    good ^= {FIRST, SECOND}
    put(file, FIRST)
    await said(backend)
    assert keys_of(transport) == [FIRST, SECOND, SECOND, FIRST]


@pytest.mark.parametrize("now", ["", "two words\nin canary-second lines"])
async def test_where_no_usable_key_is_found_the_refusal_stays(now: str, file: Path):
    transport = keyed()
    backend = openai_backend(lane(), printed(file), transport=transport)
    await backend.open()
    put(file, now)
    told = await refusal(backend)
    assert "HTTP 401" in told
    assert "canary" not in told
    assert keys_of(transport) == [FIRST]


async def test_other_refusals_do_not_read_the_key_again(file: Path):
    transport = Answers.json({"error": {"message": "no", "type": "permission_error"}}, status=403)
    backend = openai_backend(lane(), printed(file), transport=transport)
    await backend.open()
    with pytest.raises(BackendRefused):
        await said(backend)
    assert readings(file) == 1


async def test_a_lane_that_has_no_key_has_none_to_read_again():
    transport = Answers.json({"error": {"message": "who are you?", "code": None}}, status=401)
    backend = openai_backend(lane(), transport=transport)
    await backend.open()
    assert "who are you?" in await refusal(backend)
    assert len(transport.requests) == 1
