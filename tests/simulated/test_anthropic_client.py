"""The real SDK finds in the simulated Messages API what it expects of the real one."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import httpx2
import pytest
from simulated_world import ACME, LOOK, tool_result

from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.faults import CutsOff, Failing, Fails, Fault, Garbles, Revokes, at_requests
from cascade.simulated.script import Calls, Turn, by_turn
from cascade.simulated.server import serve
from cascade.simulated.simulation import Simulation

SCRIPT = by_turn(
    Turn(
        thinking="It may rain.",
        calls=(Calls(name="look", arguments={"query": "Is it raining in Delft today?"}),),
    ),
    Turn(thinking="So it rains.", text="It rains, and it will go on until tonight."),
)
ASKED: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 2000,
    "system": "Be brief.",
    "tools": [LOOK],
    "thinking": {"type": "adaptive", "display": "summarized"},
}
QUESTION: Any = {"role": "user", "content": "What is the weather?"}


@asynccontextmanager
async def talking(
    *faults: Fault | None, key: str = "key-of-acme", **how: Any
) -> AsyncGenerator[tuple[anthropic.AsyncAnthropic, Simulation]]:
    """A client of the SDK, without retries, and the provider that it talks to."""
    planned = {number: fault for number, fault in enumerate(faults) if fault is not None}
    simulation = Simulation(
        wires=[AnthropicMessages()],
        script=SCRIPT,
        accounts=(ACME,),
        faults=at_requests(planned),
        **how,
    )
    async with (
        serve(simulation) as url,
        anthropic.AsyncAnthropic(
            api_key=key, base_url=url, max_retries=0, open_telemetry=False
        ) as client,
    ):
        yield client, simulation


async def whole(client: anthropic.AsyncAnthropic, messages: list[Any]) -> anthropic.types.Message:
    create: Any = client.messages.create  # too many overloads for fields that are any JSON
    return await create(**ASKED, messages=messages)


async def streamed(
    client: anthropic.AsyncAnthropic, messages: list[Any]
) -> anthropic.types.Message:
    async with client.messages.stream(**ASKED, messages=messages) as stream:
        async for _ in stream:
            pass
        return await stream.get_final_message()


def asks_again(answer: anthropic.types.Message) -> list[Any]:
    calls = [block for block in answer.content if block.type == "tool_use"]
    results = [tool_result(call.id) for call in calls]
    return [QUESTION, answer.to_param(), {"role": "user", "content": results}]


@pytest.mark.anyio
@pytest.mark.parametrize("say", [whole, streamed])
@pytest.mark.parametrize("piece_bytes", [None, 7])
async def test_a_tool_loop_goes_through(say: Any, piece_bytes: int | None):
    async with talking(piece_bytes=piece_bytes) as (client, simulation):
        first = await say(client, [QUESTION])
        second = await say(client, asks_again(first))
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    assert first.content[0].thinking == "It may rain."
    assert first.content[1].input == {"query": "Is it raining in Delft today?"}
    assert first.stop_reason == "tool_use"
    assert second.content[1].text == "It rains, and it will go on until tonight."
    assert second.stop_reason == "end_turn"
    assert second.usage.input_tokens > first.usage.input_tokens > 0
    assert second.usage.output_tokens_details.thinking_tokens == 3
    assert simulation.refused == 0
    assert simulation.connections_opened == 1


@pytest.mark.anyio
async def test_a_stream_and_a_whole_answer_say_the_same():
    async with talking() as (client, _):
        one, other = await whole(client, [QUESTION]), await streamed(client, [QUESTION])
    skipped = {"id"}
    assert one.model_dump(exclude=skipped) == other.model_dump(exclude=skipped)


@pytest.mark.anyio
async def test_a_stream_has_the_documented_events():
    async with talking() as (client, _):
        stream = await client.messages.create(**ASKED, messages=[QUESTION], stream=True)
        events = [event async for event in stream]
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    deltas = [event.delta.type for event in events if event.type == "content_block_delta"]
    assert deltas[:2] == ["thinking_delta", "signature_delta"]
    assert deltas.count("input_json_delta") > 3
    starts = [event.index for event in events if event.type == "content_block_start"]
    stops = [event.index for event in events if event.type == "content_block_stop"]
    assert starts == stops == [0, 1]


@pytest.mark.anyio
async def test_a_broken_rule_is_an_error_with_its_words():
    async with talking() as (client, simulation):
        with pytest.raises(anthropic.BadRequestError) as raised:
            await client.messages.create(**ASKED, messages=[])
    assert raised.value.api_message == "messages: at least one message is required"
    assert raised.value.type == "invalid_request_error"
    assert raised.value.request_id == "req_sim_00000000"
    assert [each.refusal is not None for each in simulation.exchanges] == [True]


STATUSES: list[tuple[Failing, int, str]] = [
    ("authentication", 401, "authentication_error"),
    ("quota", 402, "billing_error"),
    ("permission", 403, "permission_error"),
    ("not_found", 404, "not_found_error"),
    ("rate_limit", 429, "rate_limit_error"),
    ("server", 500, "api_error"),
    ("unavailable", 503, "api_error"),
    ("timeout", 504, "timeout_error"),
    ("overloaded", 529, "overloaded_error"),
]


@pytest.mark.anyio
@pytest.mark.parametrize("say", [whole, streamed])
async def test_each_failure_has_its_status_and_type(say: Any):
    async with talking(*(Fails(failure=failure) for failure, _, _ in STATUSES)) as (client, _):
        for failure, status, kind in STATUSES:
            with pytest.raises(anthropic.APIStatusError) as raised:
                await say(client, [QUESTION])
            assert (failure, raised.value.status_code, raised.value.type) == (failure, status, kind)


@pytest.mark.anyio
async def test_overload_in_mid_stream_has_status_200():
    async with talking(Fails(failure="overloaded", after_events=3)) as (client, _):
        with pytest.raises(anthropic.APIStatusError) as raised:
            await streamed(client, [QUESTION])
    assert raised.value.status_code == 200
    assert raised.value.type == "overloaded_error"


@pytest.mark.anyio
async def test_a_cut_stream_never_looks_whole():
    # The SDK does not wrap what its transport raises in mid-stream.
    async with talking(CutsOff(after_bytes=900)) as (client, _):
        with pytest.raises(httpx2.RemoteProtocolError):
            await streamed(client, [QUESTION])


# On trio the SDK leaves generators behind here, which trio warns of.
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_garbled_stream_never_looks_whole():
    async with talking(Garbles(event=3)) as (client, _):
        with pytest.raises(ValueError, match=r"JSON|Expecting|Unterminated"):
            await streamed(client, [QUESTION])


@pytest.mark.anyio
async def test_a_key_can_be_taken_away():
    async with talking(None, Revokes()) as (client, _):
        await whole(client, [QUESTION])
        for _ in range(2):
            with pytest.raises(anthropic.AuthenticationError):
                await whole(client, [QUESTION])
        renewed = client.with_options(api_key="second-key-of-acme")
        assert (await whole(renewed, [QUESTION])).stop_reason == "tool_use"


@pytest.mark.anyio
async def test_a_wrong_key_is_refused():
    async with talking(key="key-of-nobody") as (client, _):
        with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
            await whole(client, [QUESTION])
        with pytest.raises(anthropic.AuthenticationError):
            await client.models.retrieve("claude-opus-5-5")


@pytest.mark.anyio
async def test_a_model_says_what_it_can_do():
    async with talking() as (client, _):
        model = await client.models.retrieve("claude-opus-5-5")
        names = [each.id async for each in client.models.list()]
        with pytest.raises(anthropic.NotFoundError):
            await client.models.retrieve("claude-1")
    assert model.max_input_tokens == 1_000_000
    assert model.max_tokens == 128_000
    assert "simulated" in model.display_name
    assert model.capabilities is not None
    thinking = model.capabilities.thinking.types
    assert (thinking.adaptive.supported, thinking.enabled.supported) == (True, False)
    assert model.capabilities.effort.max.supported
    assert {"claude-opus-5-5", "claude-haiku-4-5"} < set(names)


@pytest.mark.anyio
async def test_dropped_thinking_is_reported_under_the_beta():
    beta = "thinking-binding-controls-2026-08-01"
    binding = {"prefix_mismatch_behavior": "drop_block"}
    fields = ASKED | {"thinking": {"type": "adaptive", "block_binding": binding}}
    async with talking() as (client, _):
        first = await whole(client, [QUESTION])
        changed: dict[str, Any] = fields | {"system": "Be long.", "messages": asks_again(first)}
        create: Any = client.beta.messages.create
        second = await create(**changed, betas=[beta])
    (report,) = second.input_transformations
    assert report.type == "thinking_dropped"
    assert (report.path, report.reason) == ("messages.1.content.0", "prefix_binding_mismatch")
