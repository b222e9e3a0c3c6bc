"""What the simulated Chat Completions API of OpenAI answers: streams, usage, failures."""

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai_world import (
    Served,
    chat,
    request,
    result,
    serving,
    talk,
)

from cascade.simulated.faults import Failing, Fails, at_requests
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.received import Account
from cascade.simulated.script import Turn
from cascade.simulated.server import served as served_at
from cascade.simulated.simulation import Simulation


@pytest.fixture(scope="module")
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client() as found:
        yield found


@pytest.fixture(scope="module")
def served(http: httpx2.Client) -> Iterator[Served]:
    with serving(http, OpenAIChat(), talk) as found:
        yield found


@pytest.fixture
def client(served: Served) -> Any:
    return served.client()


def reasoning(**changes: Any) -> dict[str, Any]:
    return chat(model="gpt-5.6-sol", tools=..., **changes)


def test_an_answer_can_be_sent_back_as_it_came(client: Any):
    said = client.chat.completions.create(**chat()).choices[0]
    assert said.finish_reason == "tool_calls"
    message = said.message.to_dict()
    results = [result(call["id"]) for call in message["tool_calls"]]
    final = client.chat.completions.create(**chat(message, *results)).choices[0]
    assert (final.finish_reason, final.message.content) == ("stop", "It is fair in both.")


def test_a_stream_says_what_the_whole_answer_says(client: Any):
    with client.chat.completions.stream(**chat(), stream_options={"include_usage": True}) as stream:
        answer = stream.get_final_completion()
    message = answer.choices[0].message
    assert message.content == "Looking."
    assert [call.function.arguments for call in message.tool_calls] == [
        '{"city":"Oslo"}',
        '{"city":"Rome"}',
    ]
    assert answer.usage.completion_tokens > 0


def test_a_stream_ends_in_its_mark_and_counts_only_when_asked(served: Served, http: httpx2.Client):
    address = f"{served.address}/v1/chat/completions"
    headers = {"authorization": "Bearer sk-home-0123456789abcdef"}
    plain = http.post(address, json=chat(stream=True), headers=headers).text
    assert plain.endswith("data: [DONE]\n\n")
    assert '"usage"' not in plain
    options = {"include_usage": True}
    body = chat(stream=True, stream_options=options)
    counted = http.post(address, json=body, headers=headers).text.split("\n\n")
    assert '"choices":[],"usage":{"prompt_tokens"' in counted[-3]
    assert all('"usage":null' in chunk for chunk in counted[:-3])


def test_log_probabilities_are_those_of_the_text(client: Any):
    body = chat(tools=..., logprobs=True, top_logprobs=2)
    choice = client.chat.completions.create(**body).choices[0]
    entries = choice.logprobs.content
    assert "".join(entry.token for entry in entries) == choice.message.content
    assert {len(entry.top_logprobs) for entry in entries} == {2}
    assert all(entry.logprob < 0 for entry in entries)


def test_a_refusal_is_not_the_content(http: httpx2.Client):
    wire = OpenAIChat()
    with serving(http, wire, lambda _: Turn(text="No.", finish="refusal")) as found:
        message = found.client().chat.completions.create(**chat()).choices[0].message
    assert (message.content, message.refusal) == (None, "No.")


def test_hidden_reasoning_is_counted(client: Any):
    answer = client.chat.completions.create(**reasoning())
    assert answer.usage.completion_tokens_details.reasoning_tokens == 6
    assert "reasoning" not in answer.choices[0].message.to_dict()


def test_the_prompt_counts_cached_tokens_in(client: Any):
    long = chat({"role": "user", "content": "Mind the gap. " * 1000})
    cold = client.chat.completions.create(**long).usage
    warm = client.chat.completions.create(**long).usage
    assert cold.prompt_tokens_details.cached_tokens == 0
    assert warm.prompt_tokens == cold.prompt_tokens
    assert warm.prompt_tokens_details.cached_tokens == cold.prompt_tokens // 128 * 128


def test_a_missing_key_is_told_so(served: Served, http: httpx2.Client):
    answer = http.post(f"{served.address}/v1/chat/completions", json=chat())
    assert answer.status_code == 401
    assert answer.json()["error"]["message"].startswith("You didn't provide an API key.")


def test_a_wrong_key_is_shown_only_in_part(served: Served):
    nobody = served.client(Account(name="nobody", keys=("sk-proj-canary-canary-abcd",)))
    with pytest.raises(openai.AuthenticationError) as caught:
        nobody.chat.completions.create(**chat())
    assert "canary" not in str(caught.value)


FAILURES: list[tuple[Failing, int, str | None]] = [
    ("rate_limit", 429, "rate_limit_exceeded"),
    ("quota", 429, "insufficient_quota"),
    ("server", 500, None),
    ("overloaded", 503, "server_is_overloaded"),
]


@pytest.mark.parametrize(("failure", "status", "code"), FAILURES)
def test_a_failure_comes_before_the_answer_or_within(
    http: httpx2.Client, failure: Failing, status: int, code: str | None
):
    broken = {0: Fails(failure=failure), 1: Fails(failure=failure, after_events=2)}
    with serving(http, OpenAIChat(), talk, faults=at_requests(broken)) as found:
        client = found.client()
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(**chat())
        with pytest.raises(openai.APIError) as within:
            list(client.chat.completions.create(**chat(stream=True)))
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert not isinstance(within.value, openai.APIStatusError)
    assert within.value.code == code


def test_one_server_speaks_both_formats(http: httpx2.Client):
    simulation = Simulation(wires=[OpenAIResponses(), OpenAIChat()], script=talk)
    with served_at(simulation) as address:
        client: Any = Served(address=address, simulation=simulation, http=http).client()
        spoken = client.responses.create(**request()).output_text
        written = client.chat.completions.create(**chat()).choices[0].message.content
    assert spoken == written == "Looking."
    assert simulation.refusals == []
