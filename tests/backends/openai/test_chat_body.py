"""Requests of Chat Completions, by what a lane can do and who serves it."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic_core import from_json
from remote_lanes import LOOK_UP, ORIGIN, STEP, asked, lane, shown

from cascade.backends.openai.chat import ChatCodec
from cascade.backends.openai.quirks import replay_of, takes_tools_only_without_effort
from cascade.errors import ConfigError
from cascade.exchange import Dropped, OutputSchema, Request, Sampling, ToolSpec, View
from cascade.lanes import Capabilities, Lane

OPENAI = "https://api.openai.com/v1"
ANSWER = OutputSchema(
    name="answer",
    definition={"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
)
OPTIONAL = OutputSchema(
    name="answer", definition={"type": "object", "properties": {"x": {"type": "integer"}}}
)
OPEN = OutputSchema(
    name="answer", definition={"type": "object", "additionalProperties": {"type": "integer"}}
)


def body(
    of: Lane | None = None, view: View | None = None, request: Request | None = None
) -> dict[str, Any]:
    codec, view = ChatCodec(of or lane(), ORIGIN), view or shown(*STEP)
    fragments = [
        fragment
        for message in view.messages
        for fragment in codec.message(message, plain=False).fragments
    ]
    return from_json(codec.body(fragments, view, request or asked()))


def dropped(of: Lane, request: Request, view: View | None = None) -> tuple[Dropped, ...]:
    return ChatCodec(of, ORIGIN).dropped(view or shown(), request)


def served_by(server: str, **fields: Any) -> Lane:
    settings: Mapping[str, Any] = fields.pop("settings", {})
    return lane(settings={"server": server, **settings}, **fields)


def able(**fields: Any) -> Capabilities:
    return Capabilities(**fields)


def test_a_request_has_the_whole_conversation_and_asks_for_a_stream_with_its_counts():
    made = body()
    assert [message["role"] for message in made["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]
    assert made["model"] == "m"
    assert made["stream"] is True
    assert made["stream_options"] == {"include_usage": True}
    assert made["tools"][0]["function"]["name"] == "look_up"
    assert made["tools"][0]["function"]["parameters"] == LOOK_UP.parameters


def test_nothing_that_may_not_be_empty_is():
    made = body(view=shown(tools=(), system=""))
    assert [message["role"] for message in made["messages"]] == ["user"]
    assert not {"tools", "parallel_tool_calls", "tool_choice"} & made.keys()
    assert "messages" in body(view=shown(system=None))


def test_a_lane_that_does_not_stream_does_not_ask_for_it():
    assert not {"stream", "stream_options"} & body(lane(settings={"stream": False})).keys()


def test_openai_has_fields_of_its_own_that_no_other_server_is_sent():
    own = body(lane(endpoint=OPENAI))
    assert own["max_completion_tokens"] == 100
    assert own["store"] is False
    assert len(own["prompt_cache_key"]) == 32
    other = body()
    assert other["max_tokens"] == 100
    assert not {"store", "prompt_cache_key", "max_completion_tokens"} & other.keys()
    assert "max_completion_tokens" in body(lane(settings={"limit_field": "max_completion_tokens"}))


def test_a_look_alike_of_openais_host_is_another_server():
    assert "store" not in body(lane(endpoint="https://api.openai.com.evil.example/v1"))


def test_one_call_at_a_time_is_asked_for_where_that_is_known():
    assert body()["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in body(lane(capabilities=able(parallel_tools=True)))
    assert "parallel_tool_calls" not in body(served_by("ollama"))


EVERY = Sampling(
    temperature=0.5,
    top_k=40,
    top_p=0.9,
    min_p=0.1,
    repeat_penalty=1.1,
    frequency_penalty=0.2,
    presence_penalty=0.3,
    stop=("END",),
)
COMMON = {
    "temperature": 0.5,
    "top_p": 0.9,
    "frequency_penalty": 0.2,
    "presence_penalty": 0.3,
    "stop": ["END"],
    "seed": 7,
}


@pytest.mark.parametrize(
    ("of", "sent", "left_out"),
    [
        (lane(), COMMON, 3),
        (
            served_by("vllm"),
            {**COMMON, "top_k": 40, "min_p": 0.1, "repetition_penalty": 1.1},
            0,
        ),
        (
            served_by("llama_server"),
            {**COMMON, "top_k": 40, "min_p": 0.1, "repeat_penalty": 1.1},
            0,
        ),
        (lane(capabilities=able(sampling=False)), {}, 8),
    ],
    ids=["other", "vllm", "llama_server", "none"],
)
def test_sampling_goes_where_it_is_taken(of: Lane, sent: dict[str, Any], left_out: int):
    request = asked(sampling=EVERY)
    names = {*COMMON, "top_k", "min_p", "repeat_penalty", "repetition_penalty"}
    made = body(of, request=request)
    assert {name: made[name] for name in names & made.keys()} == sent
    expected = Dropped(what="sampling", why="not_supported", count=left_out)
    assert dropped(of, request) == ((expected,) if left_out else ())


def test_greedy_needs_no_seed_and_is_nothing_to_miss():
    assert body()["temperature"] == 0.0
    assert "seed" not in body()
    assert dropped(lane(capabilities=able(sampling=False)), asked()) == ()


def test_effort_goes_where_it_is_known():
    knows = able(efforts=("low", "high"))
    assert body(lane(capabilities=knows), request=asked(effort="low"))["reasoning_effort"] == "low"
    assert body(lane(effort="high"))["reasoning_effort"] == "high"
    assert "reasoning_effort" not in body()
    assert "reasoning_effort" not in body(lane(capabilities=knows), request=asked(effort="max"))
    why = (Dropped(what="effort", why="not_supported"),)
    assert dropped(lane(capabilities=knows), asked(effort="max")) == why
    assert dropped(lane(capabilities=knows), asked(effort="low")) == ()


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        ("gpt-6.1-sol", "always"),
        ("gpt-5.6-luna", "always"),
        ("gpt-10", "always"),
        ("gpt-5.5", "when_set"),
        ("gpt-5.4-mini", "when_set"),
        ("gpt-5", "never"),
        ("gpt-4.1-mini", "never"),
        ("gpt-4o", "never"),
        ("o3", "never"),
        ("my-gpt-6", "never"),
    ],
)
def test_openais_newer_models_take_tools_in_chat_only_without_effort(model: str, rule: str):
    assert takes_tools_only_without_effort(model) == rule
    of = lane(endpoint=OPENAI, model=model)
    made = body(of, request=asked(effort="low"))
    expected = {"always": "none", "when_set": None, "never": "low"}[rule]
    assert made.get("reasoning_effort") == expected
    is_dropped = bool(dropped(of, asked(effort="low")))
    assert is_dropped is (rule != "never")
    assert body(of, shown(tools=()), asked(effort="low"))["reasoning_effort"] == "low"
    assert body(lane(model=model), request=asked(effort="low"))["reasoning_effort"] == "low"


LOGGING = able(log_probabilities=True)


@pytest.mark.parametrize(
    ("of", "tools", "sent"),
    [
        (lane(capabilities=LOGGING), True, {"logprobs": True, "top_logprobs": 5}),
        (lane(), True, {}),
        (served_by("llama_server", capabilities=LOGGING), True, {"n_probs": 5}),
        (
            served_by("llama_server", capabilities=LOGGING),
            False,
            {"logprobs": True, "top_logprobs": 5},
        ),
        (
            served_by("llama_server", capabilities=LOGGING, settings={"stream": False}),
            True,
            {"logprobs": True, "top_logprobs": 5},
        ),
        (served_by("ollama", capabilities=LOGGING), True, {}),
        (served_by("ollama", capabilities=LOGGING), False, {"logprobs": True, "top_logprobs": 5}),
        (
            lane(capabilities=LOGGING, settings={"top_log_probabilities": 9}),
            True,
            {"logprobs": True, "top_logprobs": 9},
        ),
    ],
)
def test_log_probabilities_are_asked_for_as_the_server_wants_it(
    *, of: Lane, tools: bool, sent: dict[str, Any]
):
    made = body(of, shown(tools=(LOOK_UP,) if tools else ()))
    names = {"logprobs", "top_logprobs", "n_probs"}
    assert {name: made[name] for name in names & made.keys()} == sent


def test_a_provider_that_can_holds_the_answer_to_its_schema():
    of = lane(endpoint=OPENAI, capabilities=able(structured_output="native"))
    form = body(of, shown(output=ANSWER))["response_format"]
    assert form["type"] == "json_schema"
    assert (form["json_schema"]["name"], form["json_schema"]["strict"]) == ("answer", True)
    assert form["json_schema"]["schema"]["additionalProperties"] is False
    demanded = body(of, shown(output=OPTIONAL))["response_format"]["json_schema"]
    assert demanded["schema"]["required"] == ["x"]
    loose = body(of, shown(output=OPEN))["response_format"]["json_schema"]
    assert loose["strict"] is False
    assert loose["schema"]["additionalProperties"] == {"type": "integer"}


@pytest.mark.parametrize("kind", ["native", "grammar"])
def test_a_grammar_that_would_forbid_calls_is_not_used_beside_tools(kind: str):
    of = served_by("vllm", capabilities=able(structured_output=kind, forced_tool_choice=True))
    assert "response_format" in body(of, shown(output=ANSWER, tools=()))
    made = body(of, shown(output=ANSWER))
    assert "response_format" not in made
    assert [tool["function"]["name"] for tool in made["tools"]] == ["look_up", "final_answer"]
    assert made["tool_choice"] == "required"


def test_a_tool_that_stands_for_the_answer_is_forced_where_that_can_be():
    forced = lane(capabilities=able(structured_output="forced_tool", forced_tool_choice=True))
    assert body(forced, shown(output=ANSWER, tools=()))["tool_choice"] == {
        "type": "function",
        "function": {"name": "final_answer"},
    }
    free = lane(capabilities=able(structured_output="forced_tool"))
    assert body(free, shown(output=ANSWER))["tool_choice"] == "auto"


def test_the_tool_that_stands_for_the_answer_has_a_name_of_its_own():
    tools = tuple(
        ToolSpec(name=name, description="", parameters={"type": "object"})
        for name in ("final_answer", "final_answer_")
    )
    of = lane(capabilities=able(structured_output="forced_tool"))
    names = [
        tool["function"]["name"] for tool in body(of, shown(output=ANSWER, tools=tools))["tools"]
    ]
    assert names == ["final_answer", "final_answer_", "final_answer__"]


def test_where_nothing_else_is_left_the_prompt_asks_for_the_form():
    for of in (lane(), served_by("ollama", capabilities=able(structured_output="native"))):
        made = body(of, shown(output=ANSWER))
        assert "response_format" not in made
        assert len(made["tools"]) == 1
        system = made["messages"][0]["content"]
        assert system.startswith("You look things up.\n\n")
        assert '"x":{"type":"integer"}' in system
    assert body(lane(), shown(output=ANSWER, system=None))["messages"][0]["role"] == "system"


def test_further_fields_of_a_lane_are_sent_and_win():
    of = lane(settings={"body": {"chat_template_kwargs": {"thinking": True}, "temperature": 1}})
    made = body(of)
    assert made["chat_template_kwargs"] == {"thinking": True}
    assert made["temperature"] == 1


@pytest.mark.parametrize(
    "settings",
    [{"steam": True}, {"stream": "perhaps"}, {"server": "x"}, {"top_log_probabilities": 21}],
)
def test_a_setting_that_there_is_not_is_refused_with_those_there_are(settings: dict[str, Any]):
    with pytest.raises(ConfigError, match="The settings are: stream, http2, server"):
        ChatCodec(lane(settings=settings), ORIGIN)


@pytest.mark.parametrize(
    ("model", "replay"),
    [
        ("deepseek-v4-pro", "demanded"),
        ("moonshotai/Kimi-K2.6", "demanded"),
        ("MiMo-v2", "demanded"),
        ("MiniMax-M2.5", "own"),
        ("glm-4.6", "own"),
        ("glm-5", "own"),
        ("glm-4", "never"),
        ("openai/gpt-oss-120b", "own"),
        ("qwen3-32b", "never"),
    ],
)
def test_each_family_has_its_rule_for_earlier_reasoning(model: str, replay: str):
    assert replay_of(model) == replay
    assistant = body(lane(model=model))["messages"][2]
    assert assistant.get("reasoning_content") == (" " if replay == "demanded" else None)
    of = lane(model=model, settings={"reasoning_replay": "never"})
    assert "reasoning_content" not in body(of)["messages"][2]


def test_the_same_view_is_the_same_bytes_and_a_longer_one_begins_alike():
    codec = ChatCodec(lane(), ORIGIN)

    def encoded(view: View) -> bytes:
        fragments = [
            fragment
            for message in view.messages
            for fragment in codec.message(message, plain=False).fragments
        ]
        return codec.body(fragments, view, asked())

    short, long = encoded(shown()), encoded(shown(*STEP))
    assert encoded(shown()) == short
    head = short.partition(b"]")[0]
    assert long.startswith(head)
