"""What the simulated Responses API answers: streams, usage, failures, and what its model sees."""

from collections.abc import Iterator
from typing import Any, Literal

import httpx2
import openai
import pytest
from openai_world import (
    ASK,
    REASONER,
    Served,
    first_turn,
    output,
    removed,
    request,
    serving,
    talk,
)

from cascade.simulated.faults import Failing, Fails, Revokes, at_requests
from cascade.simulated.openai_models import OPENAI_MODELS, openai_model
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.received import Account, Conversation
from cascade.simulated.script import Turn


@pytest.fixture(scope="module")
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client() as found:
        yield found


@pytest.fixture(scope="module")
def served(http: httpx2.Client) -> Iterator[Served]:
    with serving(http, OpenAIResponses(), talk) as found:
        yield found


@pytest.fixture
def client(served: Served) -> Any:
    return served.client()


def test_the_stream_of_an_answer_has_every_event_in_order(client: Any):
    reasoning = {"effort": "low", "summary": "auto"}
    with client.responses.stream(**request(reasoning=reasoning)) as stream:
        events = list(stream)
        final = stream.get_final_response()
    kinds = [event.type.removeprefix("response.") for event in events]
    message = ["output_item.added", "content_part.added", "output_text.delta", "output_text.done"]
    message += ["content_part.done", "output_item.done"]
    tool_call = ["output_item.added", "function_call_arguments.delta"]
    tool_call += ["function_call_arguments.done", "output_item.done"]
    part = "reasoning_summary_part"
    text = "reasoning_summary_text"
    thought = ["output_item.added", f"{part}.added", f"{text}.delta", f"{text}.delta"]
    thought += [f"{text}.done", f"{part}.done", "output_item.done"]
    assert kinds == [
        "created",
        "in_progress",
        *thought,
        *message,
        *tool_call,
        *tool_call,
        "completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert final.output_text == "Looking."
    assert [item.arguments for item in final.output[2:]] == ['{"city":"Oslo"}', '{"city":"Rome"}']
    assert final.output[0].summary[0].text == "Two cities to look at."


def test_a_streamed_answer_can_be_sent_back(client: Any):
    with client.responses.stream(**request()) as stream:
        answer = stream.get_final_response()
    items: list[dict[str, Any]] = [item.to_dict() for item in answer.output]
    for item in items:
        item.pop("parsed_arguments", None)
        for part in item["content"] if item["type"] == "message" else ():
            part.pop("parsed", None)
    items.insert(0, ASK)
    items += [output(item["call_id"]) for item in items if item.get("type") == "function_call"]
    assert removed(client, items) == []


def test_the_readable_summary_comes_only_on_demand(client: Any):
    assert first_turn(client)[1]["summary"] == []


def test_an_answer_without_room_is_incomplete(http: httpx2.Client):
    with serving(http, OpenAIResponses(), lambda _: Turn(text="It is", finish="length")) as cut:
        client = cut.client()
        answer = client.responses.create(**request())
        assert answer.status == "incomplete"
        assert answer.incomplete_details.reason == "max_output_tokens"
        events = list(client.responses.create(**request(stream=True)))
    assert events[-1].type == "response.incomplete"


def test_a_refusal_is_a_part_of_its_own(http: httpx2.Client):
    with serving(http, OpenAIResponses(), lambda _: Turn(text="No.", finish="refusal")) as found:
        client = found.client()
        events = list(client.responses.create(**request(stream=True)))
    assert {"response.refusal.delta", "response.refusal.done"} < {event.type for event in events}
    assert events[-1].response.output[0].content[0].refusal == "No."


def test_log_probabilities_come_for_models_that_do_not_reason(client: Any):
    asked = {"include": ["message.output_text.logprobs"], "top_logprobs": 3}
    body = request(model="gpt-4.1", tools=..., **asked)
    part = client.responses.create(**body).output[0].content[0]
    assert "".join(entry.token for entry in part.logprobs) == part.text
    assert {len(entry.top_logprobs) for entry in part.logprobs} == {3}
    deltas = [
        event
        for event in client.responses.create(**body, stream=True)
        if event.type == "response.output_text.delta"
    ]
    assert [event.delta for event in deltas] == [event.logprobs[0].token for event in deltas]


def test_the_prompt_counts_cached_tokens_in(client: Any):
    long = request(instructions="Mind the gap. " * 1000, prompt_cache_key="one")
    cold = client.responses.create(**long).usage
    assert cold.input_tokens > 3000
    assert cold.input_tokens_details.cached_tokens == 0
    assert cold.input_tokens_details.cache_write_tokens == cold.input_tokens
    warm = client.responses.create(**long).usage
    assert warm.input_tokens == cold.input_tokens
    assert warm.input_tokens_details.cached_tokens == cold.input_tokens // 128 * 128
    other = client.responses.create(**long | {"prompt_cache_key": "two"}).usage
    assert other.input_tokens_details.cached_tokens == 0


def test_reasoning_is_counted_as_output(client: Any):
    usage = client.responses.create(**request()).usage
    thought = usage.output_tokens_details.reasoning_tokens
    assert thought == 6
    assert usage.output_tokens > thought
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


def test_a_prompt_longer_than_the_window_is_refused(http: httpx2.Client):
    small = openai_model(REASONER)
    assert small is not None
    models = (small.model_copy(update={"context_tokens": 50}),)
    with serving(http, OpenAIResponses(models), talk) as found:
        client = found.client()
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(**request(input="long " * 100))
    error: Any = caught.value
    assert (error.code, error.param) == ("context_length_exceeded", "input")
    assert error.body["message"] == (
        "Your input exceeds the context window of this model. Please adjust your input and try "
        "again."
    )


def test_images_are_seen_and_counted(client: Any):
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    text = {"type": "input_text", "text": "What is it?"}
    content = [text, picture]
    with_picture = client.responses.create(**request(input=[{"role": "user", "content": content}]))
    without = client.responses.create(**request(input=[{"role": "user", "content": [text]}]))
    assert with_picture.usage.input_tokens - without.usage.input_tokens == 765


def test_a_wrong_key_is_shown_only_in_part(served: Served):
    wrong = Account(name="nobody", keys=("sk-proj-canary-canary-abcd",))
    with pytest.raises(openai.AuthenticationError) as caught:
        served.client(wrong).responses.create(**request())
    error: Any = caught.value
    assert error.code == "invalid_api_key"
    assert error.body["message"] == (
        "Incorrect API key provided: sk-proj-**************abcd. You can find your API key at "
        "https://platform.openai.com/account/api-keys."
    )


FAILURES: tuple[tuple[Failing, int, str, str | None], ...] = (
    ("permission", 403, "invalid_request_error", "model_not_found"),
    ("not_found", 404, "invalid_request_error", "model_not_found"),
    ("rate_limit", 429, "requests", "rate_limit_exceeded"),
    ("quota", 429, "insufficient_quota", "insufficient_quota"),
    ("server", 500, "server_error", None),
    ("unavailable", 503, "server_error", "server_is_overloaded"),
    ("timeout", 504, "server_error", None),
)


@pytest.mark.parametrize(("failure", "status", "kind", "code"), FAILURES)
def test_a_failure_has_the_provider_s_status_type_and_code(
    http: httpx2.Client, failure: Failing, status: int, kind: str, code: str | None
):
    faults = at_requests({0: Fails(failure=failure, retry_after_s=2)})
    with serving(http, OpenAIResponses(), talk, faults=faults) as found:
        client = found.client()
        with pytest.raises(openai.APIStatusError) as caught:
            client.responses.create(**request())
        client.responses.create(**request())
    error: Any = caught.value
    assert (error.status_code, error.body["type"], error.code) == (status, kind, code)
    assert error.response.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("breaks_with", "kind"), [("failed", "response.failed"), ("error", "error")]
)
def test_a_failure_in_mid_stream_is_an_event(
    http: httpx2.Client, breaks_with: Literal["failed", "error"], kind: str
):
    faults = at_requests({0: Fails(failure="overloaded", after_events=4)})
    wire = OpenAIResponses(breaks_with=breaks_with)
    with serving(http, wire, talk, faults=faults) as found:
        client = found.client()
        events = list(client.responses.create(**request(stream=True)))
    assert [event.type for event in events[-1:]] == [kind]
    assert len(events) == 5
    last = events[-1]
    assert last.sequence_number > events[-2].sequence_number
    code = last.code if kind == "error" else last.response.error.code
    assert code == "server_is_overloaded"


def test_a_revoked_key_is_refused_from_then_on(http: httpx2.Client):
    with serving(http, OpenAIResponses(), talk, faults=at_requests({1: Revokes()})) as found:
        client = found.client()
        client.responses.create(**request())
        for _ in range(2):
            with pytest.raises(openai.AuthenticationError):
                client.responses.create(**request())


def test_the_models_are_listed_without_their_windows(client: Any):
    assert [model.id for model in client.models.list()] == [model.id for model in OPENAI_MODELS]
    found = client.models.retrieve(REASONER).to_dict()
    assert set(found) == {"id", "object", "created", "owned_by"}
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-9")


def test_the_model_is_shown_the_whole_conversation(http: httpx2.Client):
    seen: list[Conversation] = []

    def remember(conversation: Conversation) -> Turn:
        seen.append(conversation)
        return talk(conversation)

    with serving(http, OpenAIResponses(), remember) as found:
        client = found.client()
        items = first_turn(client, instructions="Be brief.")
        client.responses.create(**request(input=items, instructions="Be brief."))
        assert found.simulation.refusals == []
    last = seen[-1]
    assert (last.system, last.tools[0].name, last.thinks) == ("Be brief.", "weather", True)
    assert [turn.role for turn in last.turns] == ["user", "assistant", "user"]
    assert [dict(call.arguments) for call in last.calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert [result.call_id for result in last.results] == [call.id for call in last.calls]
    assert last.tool_choice.mode == "auto"
