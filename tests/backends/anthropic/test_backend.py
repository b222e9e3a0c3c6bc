"""The backend against the simulated API on a port of this machine."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic_wire import TOOL, request_of, results_for, unmarked

from cascade.backends import backend_for
from cascade.backends.anthropic import ANTHROPIC, anthropic_backend
from cascade.backends.remote.backend import RemoteBackend
from cascade.credentials import Credential
from cascade.errors import BackendError, MissingKey
from cascade.exchange import Delta, Draft, View
from cascade.lanes import Lane
from cascade.messages import Message, UserMessage
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.faults import CutsOff, Fails, Fault, at_requests
from cascade.simulated.script import Calls, InOrder, Turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation

pytestmark = pytest.mark.anyio

KEY = "sk-canary-0123456789"
CALL = Calls(name="look_up", arguments={"key": "A"})
VIEW = View(
    trajectory_id="t",
    system="You look things up.",
    messages=[UserMessage.of("?")],
    tools=(TOOL,),
)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both loops by their real clocks: a jumping one would not wait for a server's thread."""
    return request.param


def _simulation(*turns: Turn, **options: Any) -> Simulation:
    return Simulation(wires=[AnthropicMessages()], script=InOrder(*turns), **options)


@asynccontextmanager
async def _opened(
    simulation: Simulation, model: str = "claude-opus-5-5", **fields: Any
) -> AsyncGenerator[tuple[RemoteBackend, Lane]]:
    with served(simulation) as address:
        lane = Lane(
            name="far",
            backend="anthropic",
            model=model,
            locality="remote",
            endpoint=address,
            **fields,
        )
        printed = ("printf", "%s", KEY)
        backend = anthropic_backend(lane, Credential(lane="far", command=printed))
        try:
            yield backend, await backend.open()
        finally:
            await backend.aclose()


async def _asked(backend: RemoteBackend, view: View, **request: Any) -> tuple[Draft, list[Delta]]:
    async with backend.call(view, request_of(**request)) as hop:
        deltas = [delta async for delta in hop]
        return hop.draft, deltas


async def _trajectory(backend: RemoteBackend, steps: int, **request: Any) -> Sequence[Message]:
    messages: list[Message] = list(VIEW.messages)
    for step in range(steps):
        view = replace(VIEW, messages=list(messages))
        draft, _ = await _asked(backend, view, hop=step + 1, **request)
        messages.append(draft.message)
        if draft.message.calls:
            messages.append(results_for(draft.message))
    return messages


@pytest.mark.parametrize("stream", [True, False])
async def test_a_trajectory_of_signed_steps_goes_through(*, stream: bool):
    turn = Turn(thinking="Look at A.", text="So:", calls=(CALL, CALL))
    simulation = _simulation(turn, turn, Turn(thinking="Hm.", text="A is 4."))
    async with _opened(simulation, settings={"stream": stream}) as (backend, _):
        messages = await _trajectory(backend, 3)
    assert simulation.refused == 0
    assert messages[-1].role == "assistant"
    assert messages[-1].text == "A is 4."
    sent = simulation.received[-1].asked["messages"]
    answers = [exchange.answer for exchange in simulation.exchanges if exchange.answer]
    assert [each["content"] for each in sent if each["role"] == "assistant"] == [
        each["content"] for each in answers[:2]
    ]


async def test_text_is_given_out_while_it_is_written():
    simulation = _simulation(Turn(thinking="Hm.", text="A is 4, as far as I can see."))
    async with _opened(simulation) as (backend, _):
        draft, deltas = await _asked(backend, VIEW)
    assert len(deltas) > 1
    assert "".join(delta.text for delta in deltas) == draft.message.text
    assert draft.served_model == "claude-opus-5-5"
    assert draft.response_id is not None
    assert draft.usage.output_tokens > 0


async def test_the_models_endpoint_describes_the_lane():
    async with _opened(_simulation(), model="claude-haiku-4-5") as (_, lane):
        assert lane.context_tokens == 200_000
        assert lane.capabilities.efforts == ()
        assert lane.capabilities.structured_output == "native"
        assert lane.settings["thinking_types"] == ["enabled", "disabled"]
        assert lane.api == "messages"


async def test_a_model_that_the_endpoint_does_not_know_is_taken_from_the_table():
    async with _opened(_simulation(), model="claude-opus-4-5") as (_, lane):
        assert lane.capabilities.efforts == ("low", "medium", "high")
    async with _opened(_simulation(), model="somebodys-model") as (_, lane):
        assert lane.context_tokens is None


async def test_a_refused_signature_is_told_and_a_plain_view_is_accepted():
    simulation = _simulation(
        Turn(thinking="Hm.", calls=(CALL,)), Turn(thinking="Hm.", text="A."), Turn(text="B.")
    )
    async with _opened(simulation) as (backend, _):
        question, said, results = await _trajectory(backend, 1)
        assert said.role == "assistant"
        messages: list[Message] = [question, unmarked(said), results]
        changed = replace(VIEW, system="Something else.", messages=messages)
        with pytest.raises(BackendError, match="bound to a different conversation") as caught:
            await _asked(backend, changed, hop=2)
        assert caught.value.failure == "signature"
        plain = replace(changed, plain_until=len(messages))
        draft, _ = await _asked(backend, plain, hop=3)
        assert [(each.what, each.why) for each in draft.dropped] == [("reasoning", "not_accepted")]
        later = replace(plain, messages=[*messages, draft.message, UserMessage.of("And B?")])
        await _asked(backend, later, hop=4)
    assert simulation.refused == 1
    thoughts = [
        block["type"]
        for turn in simulation.received[-1].asked["messages"]
        for block in turn["content"]
        if "thinking" in block["type"]
    ]
    assert thoughts == ["thinking"]


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (Fails(failure="overloaded", after_events=6), "overloaded"),
        (Fails(failure="overloaded"), "overloaded"),
        (Fails(failure="quota"), "quota"),
        (Fails(failure="authentication"), "auth"),
        (CutsOff(after_bytes=1200), "connection"),
    ],
    ids=["overload in mid-stream", "overload", "quota", "key", "cut"],
)
async def test_failures_are_told_apart_and_what_was_used_is_known(fault: Fault, failure: str):
    turn = Turn(thinking="Hm.", text="A long answer. " * 40)
    simulation = _simulation(turn, turn, faults=at_requests({1: fault}))
    async with _opened(simulation) as (backend, _):
        async with backend.call(VIEW, request_of()) as hop:
            with pytest.raises(BackendError) as caught:
                [delta async for delta in hop]
            usage = hop.usage
        assert caught.value.failure == failure
        assert KEY not in str(caught.value)
        draft, _ = await _asked(backend, VIEW)
    began = failure == "connection" or getattr(fault, "after_events", None) is not None
    assert usage.estimated == began
    assert (usage.prompt_tokens > 0) == began
    assert draft.usage.prompt_tokens > 0


async def test_without_its_key_a_lane_does_not_open(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    lane = Lane(name="far", backend="anthropic", model="claude-opus-5-5", locality="remote")
    backend = backend_for(lane)
    with pytest.raises(MissingKey, match="ANTHROPIC_API_KEY"):
        await backend.open()


def test_headers_are_those_of_the_sdk():
    lane = Lane(name="far", backend="anthropic", model="m", locality="remote")
    client = anthropic.AsyncAnthropic(
        api_key=KEY,
        open_telemetry=False,
        http_client=httpx2.AsyncClient(
            transport=httpx2.MockTransport(lambda _: httpx2.Response(200))
        ),
    )
    theirs = {name.lower(): value for name, value in client.default_headers.items()}
    ours = ANTHROPIC.headers(lane, KEY)
    assert {name: theirs[name] for name in ours if name != "user-agent"} == {
        name: value for name, value in ours.items() if name != "user-agent"
    }
    assert "traceparent" not in ours


def test_older_servers_get_the_key_in_their_own_header():
    settings: dict[str, Any] = {"auth": "x-api-key", "thinking_mismatch": "drop_block"}
    lane = Lane(name="far", backend="anthropic", model="m", locality="remote", settings=settings)
    headers = ANTHROPIC.headers(lane, KEY)
    assert headers["x-api-key"] == KEY
    assert "authorization" not in headers
    assert headers["anthropic-beta"] == "thinking-binding-controls-2026-08-01"
    assert "x-api-key" not in ANTHROPIC.headers(lane, None)
