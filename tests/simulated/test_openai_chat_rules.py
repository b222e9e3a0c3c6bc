"""The simulated Chat Completions API holds its clients to OpenAI's rules, in OpenAI's words."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from openai_world import (
    ASK,
    SCHEMA,
    Broken,
    Served,
    assert_refused,
    calling,
    chat,
    result,
    serving,
    talk,
)

from cascade.simulated.openai_chat import OpenAIChat

UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
    "'tool_call_id'. The following tool_call_ids did not have response messages: {}"
)
WITH_TOOLS = (
    "Function tools with reasoning_effort are not supported for {} in /v1/chat/completions. To use "
    "function tools, use /v1/responses or set reasoning_effort to 'none'."
)


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


def tool(**changes: Any) -> dict[str, Any]:
    function = {"name": "weather", "parameters": SCHEMA} | changes
    return chat(tools=[{"type": "function", "function": function}])


MESSAGES = [
    Broken(
        rule="messages are required",
        body=chat(messages=...),
        message="Missing required parameter: 'messages'.",
        param="messages",
        code="missing_required_parameter",
    ),
    Broken(
        rule="messages are not empty",
        body=chat(messages=[]),
        message="Invalid 'messages': empty array. Expected an array with minimum length 1, but got "
        "an empty array instead.",
        param="messages",
        code="empty_array",
    ),
    Broken(
        rule="roles are known",
        body=chat({"role": "model", "content": "Hi"}),
        message="Invalid value: 'model'. Supported values are: 'system', 'assistant', 'user', "
        "'function', 'tool', and 'developer'.",
        param="messages[1].role",
        code="invalid_value",
    ),
    Broken(
        rule="calls are answered before anything else is said",
        body=chat(calling("call_1", "call_2"), result("call_2"), ASK, result("call_1")),
        message=UNANSWERED.format("call_1"),
        param="messages.[3].role",
    ),
    Broken(
        rule="calls at the end are answered",
        body=chat(calling("call_1", "call_2")),
        message=UNANSWERED.format("call_1, call_2"),
        param="messages.[1].role",
    ),
    Broken(
        rule="a result follows its call",
        body=chat(result("call_1")),
        message="Invalid parameter: messages with role 'tool' must be a response to a preceeding "
        "message with 'tool_calls'.",
        param="messages.[1].role",
    ),
    Broken(
        rule="a result follows its call at once",
        body=chat(calling("call_1"), result("call_1"), ASK, result("call_1")),
        message="Invalid parameter: messages with role 'tool' must be a response to a preceeding "
        "message with 'tool_calls'.",
        param="messages.[4].role",
    ),
    Broken(
        rule="a result is of a call of the message before",
        body=chat(calling("call_1"), result("call_2")),
        message="Invalid parameter: 'tool_call_id' of 'call_2' not found in 'tool_calls' of "
        "previous message.",
        param="messages.[2].tool_call_id",
    ),
    Broken(
        rule="a call is answered once",
        body=chat(calling("call_1"), result("call_1"), result("call_1")),
        message="Invalid parameter: 'tool_call_id' of 'call_1' not found in 'tool_calls' of "
        "previous message.",
        param="messages.[3].tool_call_id",
    ),
    Broken(
        rule="a result names its call",
        body=chat(calling("call_1"), {"role": "tool", "content": "fair"}),
        message="Missing parameter 'tool_call_id': messages with role 'tool' must have a "
        "'tool_call_id'.",
        param="messages.[2].tool_call_id",
    ),
    Broken(
        rule="a call's identity is short",
        body=chat(calling("c" * 41), result("c" * 41)),
        message="Invalid 'messages[1].tool_calls[0].id': string too long. Expected a string with "
        "maximum length 40, but got a string with length 41 instead.",
        param="messages[1].tool_calls[0].id",
        code="string_above_max_length",
    ),
    Broken(
        rule="two calls of a message have two identities",
        body=chat(calling("call_1", "call_1"), result("call_1"), result("call_1")),
        message="Invalid 'messages[1].tool_calls[1].id': the id 'call_1' is already taken by "
        "another tool call of the message.",
        param="messages[1].tool_calls[1].id",
        code="invalid_value",
    ),
    Broken(
        rule="a list of calls is not empty",
        body=chat({"role": "assistant", "content": "Hi", "tool_calls": []}),
        message="Invalid 'messages[1].tool_calls': empty array. Expected an array with minimum "
        "length 1, but got an empty array instead.",
        param="messages[1].tool_calls",
        code="empty_array",
    ),
    Broken(
        rule="an assistant says something",
        body=chat({"role": "assistant", "content": None}),
        message="Invalid value for 'content': expected a string, got null.",
        param="messages.[1].content",
    ),
    Broken(
        rule="a user says something",
        body=chat({"role": "user", "content": ""}),
        message="Invalid 'messages[1].content': empty string. Expected a string with minimum "
        "length 1, but got an empty string instead.",
        param="messages[1].content",
        code="empty_string",
    ),
    Broken(
        rule="arguments are a text",
        body=chat(
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "b", "arguments": {}}}
                ],
            },
        ),
        message="Invalid type for 'messages[1].tool_calls[0].function.arguments': expected a "
        "string, but got an object instead.",
        param="messages[1].tool_calls[0].function.arguments",
        code="invalid_type",
    ),
    Broken(
        rule="results hold no pictures",
        body=chat(
            calling("call_1"),
            result("call_1", content=[{"type": "image_url", "image_url": {"url": "data:image/"}}]),
        ),
        message="Invalid value: 'image_url'. Supported values are: 'text'.",
        param="messages[2].content[0].type",
        code="invalid_value",
    ),
    Broken(
        rule="reasoning is not sent",
        body=chat({"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}),
        message="Unknown parameter: 'messages[1].reasoning_content'.",
        param="messages[1].reasoning_content",
        code="unknown_parameter",
    ),
]

PARAMETERS = [
    Broken(
        rule="the model is required",
        body=chat(model=...),
        message="you must provide a model parameter",
    ),
    Broken(
        rule="the model has to exist",
        body=chat(model="gpt-9"),
        message="The model `gpt-9` does not exist or you do not have access to it.",
        code="model_not_found",
        status=404,
    ),
    Broken(
        rule="unknown parameters are refused",
        body=chat(top_k=40, min_p=0.1),
        message="Unrecognized request arguments supplied: top_k, min_p",
    ),
    Broken(
        rule="gpt-5.6 takes no tools while it reasons",
        body=chat(model="gpt-5.6-sol"),
        message=WITH_TOOLS.format("gpt-5.6-sol"),
        param="reasoning_effort",
    ),
    Broken(
        rule="gpt-5.4 takes no tools with an effort",
        body=chat(model="gpt-5.4", reasoning_effort="low"),
        message=WITH_TOOLS.format("gpt-5.4"),
        param="reasoning_effort",
    ),
    Broken(
        rule="efforts depend on the model",
        body=chat(model="gpt-5.1", reasoning_effort="minimal"),
        message="Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. "
        "Supported values are: 'none', 'low', 'medium', and 'high'.",
        param="reasoning_effort",
        code="unsupported_value",
    ),
    Broken(
        rule="models that do not reason take no effort",
        body=chat(reasoning_effort="low"),
        message="Unrecognized request argument supplied: reasoning_effort",
    ),
    Broken(
        rule="reasoning models have another maximum",
        body=reasoning(max_tokens=100),
        message="Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        param="max_tokens",
        code="unsupported_parameter",
    ),
    Broken(
        rule="reasoning models have one temperature",
        body=reasoning(temperature=0.2),
        message="Unsupported value: 'temperature' does not support 0.2 with this model. Only the "
        "default (1) value is supported.",
        param="temperature",
        code="unsupported_value",
    ),
    Broken(
        rule="reasoning models have no log-probabilities",
        body=reasoning(logprobs=True),
        message="Unsupported parameter: 'logprobs' is not supported with this model.",
        param="logprobs",
        code="unsupported_parameter",
    ),
    Broken(
        rule="reasoning models do not stop at texts",
        body=reasoning(stop=["\n"]),
        message="Unsupported parameter: 'stop' is not supported with this model.",
        param="stop",
        code="unsupported_parameter",
    ),
    Broken(
        rule="a maximum has a maximum",
        body=chat(max_tokens=40_000),
        message="max_tokens is too large: 40000. This model supports at most 32768 completion "
        "tokens, whereas you provided 40000.",
        param="max_tokens",
    ),
    Broken(
        rule="runners-up need log-probabilities",
        body=chat(top_logprobs=5),
        message="The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
        param="top_logprobs",
    ),
    Broken(
        rule="options of a stream need a stream",
        body=chat(stream_options={"include_usage": True}),
        message="The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        param="stream_options",
    ),
    Broken(
        rule="a list of tools is not empty",
        body=chat(tools=[]),
        message="Invalid 'tools': empty array. Expected an array with minimum length 1, but got an "
        "empty array instead.",
        param="tools",
        code="empty_array",
    ),
    Broken(
        rule="a tool choice needs tools",
        body=chat(tools=..., tool_choice="auto"),
        message="Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are "
        "specified.",
        param="tool_choice",
    ),
    Broken(
        rule="parallel calls need tools",
        body=chat(tools=..., parallel_tool_calls=True),
        message="Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed "
        "when 'tools' are specified.",
        param="parallel_tool_calls",
    ),
    Broken(
        rule="only an offered tool can be forced",
        body=chat(tool_choice={"type": "function", "function": {"name": "news"}}),
        message="Tool choice 'news' not found in 'tools' parameter.",
        param="tool_choice",
    ),
    Broken(
        rule="a strict tool's schema is closed",
        body=tool(strict=True, parameters=SCHEMA | {"additionalProperties": True}),
        message="Invalid schema for function 'weather': In context=(), 'additionalProperties' is "
        "required to be supplied and to be false.",
        param="tools[0].function.parameters",
        code="invalid_function_parameters",
    ),
    Broken(
        rule="a strict format's schema requires all of its properties",
        body=chat(
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "a", "strict": True, "schema": SCHEMA | {"required": []}},
            }
        ),
        message="Invalid schema for response_format 'a': In context=(), 'required' is required to "
        "be supplied and to be an array including every key in properties. Missing 'city'.",
        param="response_format",
    ),
    Broken(
        rule="the old JSON mode has to be announced",
        body=chat(response_format={"type": "json_object"}),
        message="'messages' must contain the word 'json' in some form, to use 'response_format' of "
        "type 'json_object'.",
        param="messages",
    ),
]


@pytest.mark.parametrize("broken", [*MESSAGES, *PARAMETERS], ids=lambda broken: broken.rule)
def test_a_broken_rule_is_refused_in_the_provider_s_words(client: Any, broken: Broken):
    assert_refused(client, "/chat/completions", broken)


@pytest.mark.parametrize(
    "body",
    [
        chat({"role": "developer", "content": "It is Friday."}, tools=...),
        chat(calling("call_1", "call_2"), result("call_2"), result("call_1", content="")),
        chat(calling("call_1"), result("call_1"), calling("call_1"), result("call_1")),
        chat({"role": "assistant", "content": ""}, ASK),
        chat(tool_choice="required", parallel_tool_calls=False, temperature=0, max_tokens=16),
        chat(model="gpt-5.6-sol", reasoning_effort="none", max_completion_tokens=100),
        chat(model="gpt-5.4"),
        reasoning(temperature=1),
    ],
    ids=range(8),
)
def test_a_request_within_the_rules_is_answered(client: Any, body: dict[str, Any]):
    assert client.chat.completions.create(**body).object == "chat.completion"
