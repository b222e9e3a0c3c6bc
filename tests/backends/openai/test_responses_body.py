"""What the Responses codec says around the messages."""

from dataclasses import replace
from typing import Any, get_type_hints

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import JsonValue, TypeAdapter
from pydantic_core import from_json
from responses_wire import LANE, REQUEST, codec_for, view_of

from cascade.errors import ConfigError
from cascade.exchange import Dropped, OutputSchema, Request, Sampling, ToolSpec, View
from cascade.lanes import Lane, StructuredOutput
from cascade.messages import UserMessage

PARAMETERS: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsStreaming)
LOOK_UP = ToolSpec(
    name="look_up",
    description="Looks a key up.",
    parameters={
        "type": "object",
        "properties": {"key": {"type": "string"}},
        "required": ["key"],
    },
)
LIMITED = ToolSpec(
    name="search",
    description="Searches.",
    parameters={"type": "object", "properties": {"limit": {"type": "integer", "default": 3}}},
)
ANSWER = OutputSchema(
    name="verdict",
    definition={"type": "object", "properties": {"good": {"type": "boolean", "default": True}}},
)


def lane_with(lane: Lane = LANE, **capabilities: Any) -> Lane:
    changed = lane.capabilities.model_copy(update=capabilities)
    return lane.model_copy(update={"capabilities": changed})


def body_of(view: View | None = None, request: Request = REQUEST, lane: Lane = LANE) -> Any:
    codec = codec_for(lane)
    view = view or view_of()
    fragments = [
        each for message in view.messages for each in codec.message(message, plain=False).fragments
    ]
    body = from_json(codec.body(fragments, view, request))
    PARAMETERS.validate_python(body | {"stream": True})
    assert body.keys() <= get_type_hints(ResponseCreateParamsStreaming).keys()
    return body


def test_a_body_says_that_nothing_is_to_be_stored_or_cut():
    body = body_of()
    key = body.pop("prompt_cache_key")
    assert body == {
        "model": "gpt-6.1-sol",
        "store": False,
        "stream": True,
        "truncation": "disabled",
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 500,
        "instructions": "Be brief.",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "What is a?"}],
            }
        ],
    }
    assert len(key) == 32
    assert "t-1" not in key


def test_a_trajectory_keeps_its_cache_key_and_no_other_has_it():
    other = View(trajectory_id="t-2", system=None, messages=(UserMessage.of("Hm?"),), tools=())
    assert body_of()["prompt_cache_key"] == body_of()["prompt_cache_key"]
    assert body_of()["prompt_cache_key"] != body_of(other)["prompt_cache_key"]


def test_trajectories_of_one_agent_can_share_a_cache_key():
    lane = LANE.model_copy(update={"settings": {"cache_key": "agent"}})
    one, same = view_of(), replace(view_of(), trajectory_id="t-2")
    other = replace(view_of(), system="Be long.")
    key = body_of(one, lane=lane)["prompt_cache_key"]
    assert body_of(same, lane=lane)["prompt_cache_key"] == key
    assert body_of(other, lane=lane)["prompt_cache_key"] != key


def test_without_a_system_text_there_are_no_instructions():
    assert "instructions" not in body_of(view_of(system=None))
    assert "instructions" not in body_of(view_of(system=""))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_messages_stand_in_their_order_however_many(count: int):
    fragments = [b'{"n":%d}' % number for number in range(count)]
    body = from_json(codec_for().body(fragments, view_of(), REQUEST))
    assert body["input"] == [{"n": number} for number in range(count)]


def test_tools_are_strict_where_they_can_be():
    body = body_of(view_of(tools=[LOOK_UP, LIMITED]))
    assert body["tools"] == [
        {
            "type": "function",
            "name": "look_up",
            "description": "Looks a key up.",
            "parameters": {
                "type": "object",
                "properties": {"key": {"type": "string"}},
                "required": ["key"],
                "additionalProperties": False,
            },
            "strict": True,
        },
        {
            "type": "function",
            "name": "search",
            "description": "Searches.",
            "parameters": LIMITED.parameters,
            "strict": False,
        },
    ]
    assert body["tool_choice"] == "auto"
    assert body["parallel_tool_calls"] is True


def test_one_call_at_a_time_where_the_lane_wants_that():
    body = body_of(view_of(tools=[LOOK_UP]), lane=lane_with(parallel_tools=False))
    assert body["parallel_tool_calls"] is False


def test_tools_are_written_the_same_each_time_and_kept_apart():
    codec = codec_for()
    view, other = view_of(tools=[LOOK_UP]), view_of(tools=[LIMITED])
    first = codec.body([], view, REQUEST)
    between = codec.body([], other, REQUEST)
    assert codec.body([], view, REQUEST) == first
    assert between != first


def test_more_tools_than_are_remembered_are_all_written():
    codec = codec_for()
    tools = [
        ToolSpec(name=f"tool_{number}", description="", parameters={}) for number in range(600)
    ]
    body = from_json(codec.body([], view_of(tools=tools), REQUEST))
    assert [each["name"] for each in body["tools"]] == [each.name for each in tools]


def test_effort_is_sent_where_the_model_has_that_level():
    request = Request(hop=1, max_output_tokens=100, seed=1, effort="low")
    assert body_of(request=request)["reasoning"] == {"effort": "low"}
    assert codec_for().dropped(view_of(), request) == ()
    other = Request(hop=1, max_output_tokens=100, seed=1, effort="enormous")
    assert "reasoning" not in body_of(request=other)
    assert codec_for().dropped(view_of(), other) == (Dropped(what="effort", why="not_supported"),)


def test_the_effort_of_a_model_that_nobody_described_is_believed():
    request = Request(hop=1, max_output_tokens=100, seed=1, effort="low")
    unknown = lane_with(LANE.model_copy(update={"model": "my-own"}), efforts=())
    assert body_of(request=request, lane=unknown)["reasoning"] == {"effort": "low"}
    older = lane_with(LANE.model_copy(update={"model": "gpt-4.1"}), efforts=())
    assert "reasoning" not in body_of(request=request, lane=older)


def test_the_lanes_own_effort_stands_in():
    lane = LANE.model_copy(update={"effort": "high"})
    assert body_of(lane=lane)["reasoning"] == {"effort": "high"}


def test_settings_add_to_the_body_and_change_nothing_else():
    settings: dict[str, JsonValue] = {
        "stream": False,
        "reasoning": {"summary": "auto"},
        "body": {"service_tier": "flex"},
    }
    body = body_of(lane=LANE.model_copy(update={"settings": settings}))
    assert body.pop("stream") is False
    assert body.pop("reasoning") == {"summary": "auto"}
    assert body.pop("service_tier") == "flex"
    plain = body_of()
    del plain["stream"]
    assert body == plain


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strem": True}, "'strem'"),
        ({"stream": "perhaps"}, "'stream'"),
        ({"body": {"store": True}}, "store cannot be set there"),
    ],
)
def test_wrong_settings_are_one_clear_error(settings: dict[str, JsonValue], words: str):
    with pytest.raises(ConfigError, match=words):
        codec_for(LANE.model_copy(update={"settings": settings}))


def test_the_least_output_that_the_api_takes_is_asked_for():
    request = Request(hop=1, max_output_tokens=1, seed=1)
    assert body_of(request=request)["max_output_tokens"] == 16


SAMPLED = Request(
    hop=1, max_output_tokens=99, seed=1, sampling=Sampling(temperature=0.7, top_p=0.9)
)


def test_sampling_goes_to_models_that_take_it():
    lane = lane_with(sampling=True)
    body = body_of(request=SAMPLED, lane=lane)
    assert (body["temperature"], body["top_p"]) == (0.7, 0.9)
    assert codec_for(lane).dropped(view_of(), SAMPLED) == ()
    assert body_of(lane=lane)["temperature"] == 0.0
    assert "top_p" not in body_of(lane=lane)


def test_sampling_is_named_as_dropped_where_it_is_refused():
    body = body_of(request=SAMPLED)
    assert not body.keys() & {"temperature", "top_p"}
    gone = (Dropped(what="sampling", why="not_supported"),)
    assert codec_for().dropped(view_of(), SAMPLED) == gone
    assert codec_for().dropped(view_of(), REQUEST) == ()


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(top_k=4),
        Sampling(min_p=0.1),
        Sampling(stop=("END",)),
        Sampling(repeat_penalty=1.1),
        Sampling(frequency_penalty=0.1),
        Sampling(presence_penalty=0.1),
    ],
)
def test_sampling_that_the_api_does_not_know_is_named_as_dropped(sampling: Sampling):
    request = Request(hop=1, max_output_tokens=99, seed=1, sampling=sampling)
    dropped = codec_for(lane_with(sampling=True)).dropped(view_of(), request)
    assert dropped == (Dropped(what="sampling", why="not_supported"),)


def test_log_probabilities_are_asked_for_where_there_are_some():
    body = body_of(lane=lane_with(log_probabilities=True))
    assert body["include"] == ["reasoning.encrypted_content", "message.output_text.logprobs"]
    assert body["top_logprobs"] == 5


def test_models_that_do_not_reason_are_not_asked_for_reasoning():
    lane = lane_with(LANE.model_copy(update={"model": "gpt-4.1-mini"}), efforts=())
    assert "include" not in body_of(lane=lane)
    unknown = lane_with(LANE.model_copy(update={"model": "my-own"}), efforts=())
    assert body_of(lane=unknown)["include"] == ["reasoning.encrypted_content"]


def test_an_answers_form_is_asked_for_natively():
    body = body_of(view_of(output=ANSWER))
    assert body["text"] == {
        "format": {
            "type": "json_schema",
            "name": "verdict",
            "schema": {
                "type": "object",
                "properties": {"good": {"type": "boolean"}},
                "required": ["good"],
                "additionalProperties": False,
            },
            "strict": True,
        }
    }
    assert body["instructions"] == "Be brief."


def test_an_answers_form_without_a_strict_form_is_asked_for_leniently():
    free = OutputSchema(
        name="map", definition={"type": "object", "additionalProperties": {"type": "string"}}
    )
    form = body_of(view_of(output=free))["text"]["format"]
    assert form["strict"] is False
    assert form["schema"] == free.definition


@pytest.mark.parametrize("way", [None, "forced_tool"])
@pytest.mark.parametrize("system", [None, "Be brief."])
def test_an_answers_form_is_asked_for_in_words_where_there_is_no_other_way(
    way: StructuredOutput | None, system: str | None
):
    body = body_of(view_of(output=ANSWER, system=system), lane=lane_with(structured_output=way))
    assert "text" not in body
    assert body["instructions"].startswith(system or "Write the final answer")
    assert '"good"' in body["instructions"]
