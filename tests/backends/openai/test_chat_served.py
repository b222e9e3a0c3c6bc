"""Chat Completions over real connections, against servers that hold a client to their rules."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from remote_lanes import KEY, LOOK_UP, TASK, drafted
from served_backend import ServedBackend

from cascade.backends.openai import openai_backend
from cascade.backends.remote import RemoteBackend
from cascade.credentials import Credential
from cascade.errors import BackendError, FailureKind
from cascade.exchange import OutputSchema, Request, ToolSpec, View
from cascade.lanes import Capabilities, Lane
from cascade.messages import Message, Reasoning, Text, ToolMessage, ToolResult
from cascade.simulated.faults import (
    CutsOff,
    Fails,
    Fault,
    Garbles,
    Revokes,
    Stalls,
    WrongType,
    at_requests,
)
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_flavours import (
    DEEPSEEK,
    LLAMA_SERVER,
    OLLAMA,
    OPENAI,
    VLLM,
    Flavour,
)
from cascade.simulated.openai_models import OpenAIModel
from cascade.simulated.script import Calls, Turn, by_turn
from cascade.simulated.simulation import Simulation

pytestmark = [
    pytest.mark.anyio,
    # The real clock: trio's mock clock does not see that a server's thread is at work.
    pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"]),
]

MODELS = tuple(
    OpenAIModel(id=name, family=name, context_tokens=16_000, max_output_tokens=1_000)
    for name in ("plain-1", "deepseek-v4")
)
READ = ToolSpec(
    name="files.read", description="Reads a file.", parameters=LOOK_UP.parameters, parallel=True
)
TURNS = (
    Turn(
        thinking="One at a time.",
        text="First two.",
        calls=(Calls(name="look_up", arguments={"key": "a"}), Calls(name="look_up")),
    ),
    Turn(thinking="Again.", calls=(Calls(name="look_up", arguments={"key": "gr\u00fc\u00df"}),)),
    Turn(text="The answer, after all, is four."),
)
FLAVOURS = [OPENAI, LLAMA_SERVER, VLLM, OLLAMA, DEEPSEEK]


def simulation(flavour: Flavour, *turns: Turn, **fields: Any) -> Simulation:
    models = MODELS[1:] if flavour is DEEPSEEK else MODELS[:1]
    wires = [OpenAIChat(models, flavour=flavour)]
    return Simulation(wires=wires, script=by_turn(*(turns or TURNS)), **fields)


@asynccontextmanager
async def serving(of: Simulation, **fields: Any) -> AsyncGenerator[tuple[ServedBackend, Lane]]:
    defaults: dict[str, Any] = {
        "name": "far",
        "backend": "openai",
        "locality": "remote",
        "capabilities": Capabilities(parallel_tools=True),
    }

    def make(address: str) -> RemoteBackend:
        wire = of.wires[0]
        assert isinstance(wire, OpenAIChat)
        served: dict[str, Any] = {"endpoint": f"{address}/v1", "model": wire.models[0].id}
        lane = Lane(**(defaults | served | fields))
        return openai_backend(lane, Credential(lane="far", command=("printf", KEY)))

    backend = ServedBackend(of, make)
    try:
        yield backend, await backend.open()
    finally:
        await backend.aclose()


def view(messages: list[Message], name: str = "t", **fields: Any) -> View:
    shown: dict[str, Any] = {"system": "Be brief.", "tools": (LOOK_UP, READ)} | fields
    return View(trajectory_id=name, messages=messages, **shown)


def request(hop: int = 1, **fields: Any) -> Request:
    return Request(hop=hop, max_output_tokens=500, seed=1, **fields)


async def trajectory(
    backend: ServedBackend, name: str = "t", *, stream: bool = False, steps: int = 3
) -> list[Message]:
    """A whole task, each call answered with its own arguments."""
    messages: list[Message] = [TASK]
    for hop in range(1, steps + 1):
        async with backend.call(view(messages, name), request(hop, stream=stream)) as hop_:
            async for _ in hop_:
                pass
            message = hop_.draft.message
        messages.append(message)
        if not message.calls:
            break
        results = tuple(
            ToolResult(call_id=call.id, name=call.name, parts=(Text(text=str(call.arguments)),))
            for call in message.calls
        )
        messages.append(ToolMessage(parts=results))
    backend.release(name)
    return messages


@pytest.mark.parametrize("settings", [{}, {"stream": False}], ids=["stream", "whole"])
@pytest.mark.parametrize("piece_bytes", [None, 3])
@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: flavour.name)
async def test_a_task_is_done_on_every_server_without_a_rule_broken(
    flavour: Flavour, piece_bytes: int | None, settings: dict[str, Any]
):
    provider = simulation(flavour, piece_bytes=piece_bytes)
    async with serving(provider, settings=settings) as (backend, _):
        messages = await trajectory(backend, stream=piece_bytes is None)
    assert provider.refusals == []
    said = [message for message in messages if message.role == "assistant"]
    assert [[call.arguments for call in message.calls] for message in said] == [
        [{"key": "a"}, {}],
        [{"key": "gr\u00fc\u00df"}],
        [],
    ]
    assert said[2].text == "The answer, after all, is four."
    thoughts = [part for message in said for part in message.parts if isinstance(part, Reasoning)]
    assert bool(thoughts) is bool(flavour.reasoning_field)


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: flavour.name)
async def test_a_lane_learns_who_serves_it_and_its_window(flavour: Flavour):
    async with serving(simulation(flavour)) as (_, lane):
        known = {"llama_server": 16_000, "vllm": 16_000}
        assert lane.context_tokens == known.get(flavour.name)
        names = {"llama_server", "vllm", "ollama"}
        assert lane.settings.get("server") == (flavour.name if flavour.name in names else None)
        assert lane.api == "chat_completions"
        assert lane.account
        assert KEY not in str(lane)
    async with serving(simulation(flavour), context_tokens=99) as (_, lane):
        assert lane.context_tokens == 99


async def test_log_probabilities_come_with_tools_and_a_stream_from_llama_server():
    provider = simulation(LLAMA_SERVER)
    able = Capabilities(parallel_tools=True, log_probabilities=True)
    async with serving(provider, capabilities=able) as (backend, _):
        async with backend.call(view([TASK]), request()) as hop:
            _ = [delta async for delta in hop]
        assert hop.draft.tokens is not None
    assert provider.refusals == []


@pytest.mark.parametrize("kind", ["native", "forced_tool", None])
@pytest.mark.parametrize("flavour", [OPENAI, LLAMA_SERVER, VLLM], ids=lambda flavour: flavour.name)
async def test_an_answer_of_a_form_is_asked_for_in_a_way_that_the_server_takes(
    flavour: Flavour, kind: Any
):
    output = OutputSchema(
        name="result",
        definition={
            "type": "object",
            "properties": {"x": {"type": "integer"}},
            "required": ["x"],
        },
    )
    by_tool = kind == "forced_tool" or (kind == "native" and flavour is not OPENAI)
    answer = (
        Turn(calls=(Calls(name="final_answer", arguments={"x": 1}),))
        if by_tool
        else Turn(text='{"x":1}')
    )
    provider = simulation(flavour, answer)
    able = Capabilities(structured_output=kind, forced_tool_choice=True)
    async with serving(provider, capabilities=able) as (backend, _):
        async with backend.call(view([TASK], output=output), request()) as hop:
            _ = [delta async for delta in hop]
        assert hop.draft.message.text == '{"x":1}'
        assert hop.draft.message.calls == ()
        assert hop.draft.finish_reason == "stop"
    assert provider.refusals == []


FAULTS: list[tuple[Fault, FailureKind]] = [
    (Fails(failure="authentication"), "auth"),
    (Fails(failure="permission"), "permission"),
    (Fails(failure="not_found"), "not_found"),
    (Fails(failure="rate_limit", retry_after_s=3), "rate_limit"),
    (Fails(failure="quota"), "quota"),
    (Fails(failure="server"), "server"),
    (Fails(failure="unavailable"), "overloaded"),
    (Fails(failure="timeout"), "server"),
    (Fails(failure="overloaded", after_events=2), "overloaded"),
    (CutsOff(), "connection"),
    (CutsOff(after_bytes=100), "connection"),
    (Garbles(event=1), "protocol"),
    (WrongType(), "protocol"),
    (WrongType(status=502), "server"),
    (Revokes(), "auth"),
]


@pytest.mark.parametrize("flavour", [OPENAI, LLAMA_SERVER, DEEPSEEK], ids=lambda each: each.name)
@pytest.mark.parametrize(("fault", "kind"), FAULTS, ids=lambda each: str(each)[:40])
async def test_a_fault_is_known_for_what_it_is_and_the_next_call_goes_through(
    fault: Fault, kind: FailureKind, flavour: Flavour
):
    # Request 0 asks for the models; llama-server is then asked for its properties.
    first = 2 if flavour is LLAMA_SERVER else 1
    provider = simulation(flavour, faults=at_requests({first: fault}))
    async with serving(provider) as (backend, _):
        async with backend.call(view([TASK]), request()) as hop:
            with pytest.raises(BackendError) as caught:
                _ = [delta async for delta in hop]
        assert caught.value.failure == kind
        assert KEY not in str(caught.value)
        if isinstance(fault, Fails):
            assert caught.value.retry_after_s == fault.retry_after_s
        if not isinstance(fault, Revokes):
            async with backend.call(view([TASK]), request()) as again:
                _ = [delta async for delta in again]
            assert len(again.draft.message.calls) == 2
    assert provider.refusals == [] or isinstance(fault, Revokes)


async def test_a_prompt_that_is_too_long_is_told_from_a_wrong_one():
    for flavour in (OPENAI, LLAMA_SERVER, VLLM, DEEPSEEK):
        async with serving(simulation(flavour)) as (backend, _):
            long = view([TASK], system="word " * 20_000)
            async with backend.call(long, request()) as hop:
                with pytest.raises(BackendError) as caught:
                    _ = [delta async for delta in hop]
            assert caught.value.failure == "context", flavour.name


async def test_many_trajectories_at_once_open_no_more_connections_than_there_are_of_them():
    provider = simulation(VLLM, keep=1)
    async with serving(provider) as (backend, _):
        async with anyio.create_task_group() as tasks:
            for index in range(24):
                tasks.start_soon(trajectory, backend, f"t{index}")
        assert provider.connections_opened <= 24
        assert provider.requests == 1 + 24 * 3


async def test_calls_one_after_the_other_share_one_connection():
    provider = simulation(VLLM)
    async with serving(provider) as (backend, _):
        for index in range(5):
            await trajectory(backend, f"t{index}")
    assert provider.connections_opened == 1


@pytest.mark.parametrize("after_events", [None, 1, 3])
async def test_a_cancelled_call_gives_its_connection_up_and_nothing_else(after_events: int | None):
    provider = simulation(VLLM, faults=at_requests({1: Stalls(after_events=after_events)}))
    async with serving(provider) as (backend, _):
        with anyio.CancelScope() as scope:
            async with (
                anyio.create_task_group() as tasks,
                backend.call(view([TASK]), request(stream=True)) as hop,
            ):
                tasks.start_soon(_cancel_once_it_is_there, provider, scope)
                async for _ in hop:
                    pass
        assert scope.cancelled_caught
        messages = await trajectory(backend)
        assert len(messages) == 6
    assert provider.connections_opened == 2


async def _cancel_once_it_is_there(provider: Simulation, scope: anyio.CancelScope) -> None:
    while provider.requests < 2:
        await checkpoint()
    scope.cancel()


async def test_a_server_that_is_not_there_is_a_connection_that_failed():
    provider = simulation(VLLM)
    async with serving(provider) as (_, lane):
        pass
    backend = openai_backend(lane)
    await backend.open()
    with pytest.raises(BackendError) as caught:
        await drafted(backend, view([TASK]), request())
    await backend.aclose()
    assert caught.value.failure == "connection"


async def test_a_name_that_nobody_has_is_a_connection_that_failed():
    lane = Lane(
        name="far",
        backend="openai",
        model="m",
        locality="remote",
        endpoint="http://nobody.invalid/v1",
    )
    backend = openai_backend(lane)
    await backend.open()
    with pytest.raises(BackendError) as caught:
        await drafted(backend, view([TASK]), request())
    await backend.aclose()
    assert caught.value.failure == "connection"


async def test_a_server_that_speaks_no_tls_is_a_connection_that_failed():
    provider = simulation(VLLM)
    async with serving(provider) as (_, lane):
        secure = lane.endpoint.replace("http://", "https://")
        backend = openai_backend(lane.model_copy(update={"endpoint": secure}))
        await backend.open()
        with pytest.raises(BackendError) as caught:
            await drafted(backend, view([TASK]), request())
        await backend.aclose()
    assert caught.value.failure == "connection"
