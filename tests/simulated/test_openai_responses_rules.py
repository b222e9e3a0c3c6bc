"""The simulated Responses API refuses parameters and tools by OpenAI's rules, in OpenAI's words."""

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai_world import (
    SCHEMA,
    TOOL,
    Broken,
    Served,
    assert_refused,
    call,
    output,
    request,
    said,
    serving,
    talk,
)

from cascade.simulated.openai_responses import OpenAIResponses


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


def tool(**changes: Any) -> dict[str, Any]:
    fields = TOOL | changes
    return request(tools=[{name: value for name, value in fields.items() if value is not ...}])


PARAMETERS = (
    Broken(
        rule="unknown parameters are refused",
        body=request(max_tokens=100),
        message="Unknown parameter: 'max_tokens'.",
        param="max_tokens",
        code="unknown_parameter",
    ),
    Broken(
        rule="the model is required",
        body=request(model=...),
        message="Missing required parameter: 'model'.",
        param="model",
        code="missing_required_parameter",
    ),
    Broken(
        rule="the model has to exist",
        body=request(model="gpt-9"),
        message="The model `gpt-9` does not exist or you do not have access to it.",
        code="model_not_found",
        status=404,
    ),
    Broken(
        rule="the input is required",
        body=request(input=...),
        message="Missing required parameter: 'input'.",
        param="input",
        code="missing_required_parameter",
    ),
    Broken(
        rule="the input may not be empty",
        body=request(input=[]),
        message="One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' "
        "must "
        "be provided.",
        param="input",
        code="missing_required_parameter",
    ),
    Broken(
        rule="the output has to have room",
        body=request(max_output_tokens=15),
        message="Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, "
        "but got 15 instead.",
        param="max_output_tokens",
        code="integer_below_min_value",
    ),
    Broken(
        rule="a maximum of output is no text",
        body=request(max_output_tokens="100"),
        message="Invalid type for 'max_output_tokens': expected an integer, but got a string "
        "instead.",
        param="max_output_tokens",
        code="invalid_type",
    ),
    Broken(
        rule="reasoning models take no temperature",
        body=request(temperature=0),
        message="Unsupported parameter: 'temperature' is not supported with this model.",
        param="temperature",
        code="unsupported_parameter",
    ),
    Broken(
        rule="reasoning models take no top_p",
        body=request(top_p=0.5),
        message="Unsupported parameter: 'top_p' is not supported with this model.",
        param="top_p",
        code="unsupported_parameter",
    ),
    Broken(
        rule="a temperature has bounds",
        body=request(model="gpt-4.1", temperature=2.5),
        message="Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but "
        "got "
        "2.5 instead.",
        param="temperature",
        code="decimal_above_max_value",
    ),
    Broken(
        rule="efforts depend on the model",
        body=request(model="gpt-5.1", reasoning={"effort": "minimal"}),
        message="Unsupported value: 'minimal' is not supported with the 'gpt-5.1' model. Supported "
        "values are: 'none', 'low', 'medium', and 'high'.",
        param="reasoning.effort",
        code="unsupported_value",
    ),
    Broken(
        rule="gpt-6-astra always reasons",
        body=request(model="gpt-6-astra", reasoning={"effort": "none"}),
        message="Unsupported value: 'none' is not supported with the 'gpt-6-astra' model. "
        "Supported "
        "values are: 'low', 'medium', and 'high'.",
        param="reasoning.effort",
        code="unsupported_value",
    ),
    Broken(
        rule="there is no such effort",
        body=request(reasoning={"effort": "extreme"}),
        message="Invalid value: 'extreme'. Supported values are: 'none', 'minimal', 'low', "
        "'medium', 'high', 'xhigh', and 'max'.",
        param="reasoning.effort",
        code="invalid_value",
    ),
    Broken(
        rule="models that do not reason take no effort",
        body=request(model="gpt-4.1", reasoning={"effort": "low"}),
        message="Unsupported parameter: 'reasoning.effort' is not supported with this model.",
        param="reasoning.effort",
        code="unsupported_parameter",
    ),
    Broken(
        rule="models that do not reason encrypt nothing",
        body=request(model="gpt-4.1", include=["reasoning.encrypted_content"]),
        message="Encrypted content is not supported with this model.",
        param="include",
    ),
    Broken(
        rule="reasoning models have no log-probabilities",
        body=request(include=["message.output_text.logprobs"]),
        message="logprobs are not supported with reasoning models.",
        param="include",
        code="unsupported_parameter",
    ),
    Broken(
        rule="nothing is kept at the server",
        body=request(previous_response_id="resp_1"),
        message="Previous response with id 'resp_1' not found.",
        param="previous_response_id",
        code="previous_response_not_found",
    ),
    Broken(
        rule="options of a stream need a stream",
        body=request(stream_options={"include_obfuscation": False}),
        message="The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        param="stream_options",
    ),
    Broken(
        rule="identifiers of users are short",
        body=request(safety_identifier="u" * 65),
        message="Invalid 'safety_identifier': string too long. Expected a string with maximum "
        "length "
        "64, but got a string with length 65 instead.",
        param="safety_identifier",
        code="string_above_max_length",
    ),
    Broken(
        rule="metadata have sixteen pairs at most",
        body=request(metadata={f"key{number}": "" for number in range(17)}),
        message="Invalid 'metadata': too many properties. Expected an object with at most 16 "
        "properties, but got an object with 17 properties instead.",
        param="metadata",
        code="object_above_max_properties",
    ),
    Broken(
        rule="the old JSON mode has to be announced",
        body=request(text={"format": {"type": "json_object"}}),
        message="Response input messages must contain the word 'json' in some form to use "
        "'text.format' of type 'json_object'.",
        param="input",
    ),
)

TOOLS = (
    Broken(
        rule="a tool's fields are flat",
        body=request(tools=[{"type": "function", "function": TOOL}]),
        message="Missing required parameter: 'tools[0].name'.",
        param="tools[0].name",
        code="missing_required_parameter",
    ),
    Broken(
        rule="a tool's name is plain",
        body=tool(name="get weather"),
        message="Invalid 'tools[0].name': string does not match pattern. Expected a string that "
        "matches the pattern '^[a-zA-Z0-9_-]+$'.",
        param="tools[0].name",
        code="invalid_value",
    ),
    Broken(
        rule="a strict schema is closed",
        body=tool(parameters=SCHEMA | {"additionalProperties": True}),
        message="Invalid schema for function 'weather': In context=(), 'additionalProperties' is "
        "required to be supplied and to be false.",
        param="tools[0].parameters",
        code="invalid_function_parameters",
    ),
    Broken(
        rule="a strict schema requires all of its properties",
        body=tool(parameters=SCHEMA | {"required": []}),
        message="Invalid schema for function 'weather': In context=(), 'required' is required to "
        "be "
        "supplied and to be an array including every key in properties. Missing 'city'.",
        param="tools[0].parameters",
        code="invalid_function_parameters",
    ),
    Broken(
        rule="a strict schema is closed within",
        body=tool(
            parameters=SCHEMA
            | {"properties": {"city": {"type": "object", "properties": {}, "required": []}}}
        ),
        message="Invalid schema for function 'weather': In context=('properties', 'city'), "
        "'additionalProperties' is required to be supplied and to be false.",
        param="tools[0].parameters",
        code="invalid_function_parameters",
    ),
    Broken(
        rule="parameters are an object's",
        body=tool(strict=..., parameters={"type": "array", "items": {}}),
        message="Invalid schema for function 'weather': schema must be a JSON Schema of "
        "'type: \"object\"', got 'type: \"array\"'.",
        param="tools[0].parameters",
        code="invalid_function_parameters",
    ),
    Broken(
        rule="a required call needs tools",
        body=request(tools=..., tool_choice="required"),
        message="Tool choice 'required' must be specified with 'tools' parameter.",
        param="tool_choice",
    ),
    Broken(
        rule="only an offered tool can be forced",
        body=request(tool_choice={"type": "function", "name": "news"}),
        message="Tool choice 'news' not found in 'tools' parameter.",
        param="tool_choice",
    ),
    Broken(
        rule="a tool choice is flat",
        body=request(tool_choice={"type": "function", "function": {"name": "weather"}}),
        message="Unknown parameter: 'tool_choice.function'.",
        param="tool_choice.function",
        code="unknown_parameter",
    ),
    Broken(
        rule="a tool choice is one of three words",
        body=request(tool_choice="any"),
        message="Invalid value: 'any'. Supported values are: 'none', 'auto', and 'required'.",
        param="tool_choice",
        code="invalid_value",
    ),
    Broken(
        rule="a strict format is closed",
        body=request(
            text={
                "format": {
                    "type": "json_schema",
                    "name": "answer",
                    "strict": True,
                    "schema": {"type": "object", "properties": {}},
                }
            }
        ),
        message="Invalid schema for response_format 'answer': In context=(), "
        "'additionalProperties' "
        "is required to be supplied and to be false.",
        param="text.format.schema",
        code="invalid_json_schema",
    ),
    Broken(
        rule="a format has a name",
        body=request(text={"format": {"type": "json_schema", "schema": SCHEMA}}),
        message="Missing required parameter: 'text.format.name'.",
        param="text.format.name",
        code="missing_required_parameter",
    ),
)


@pytest.mark.parametrize("broken", [*PARAMETERS, *TOOLS], ids=lambda broken: broken.rule)
def test_a_broken_rule_is_refused_in_the_provider_s_words(client: Any, broken: Broken):
    assert_refused(client, "/responses", broken)


@pytest.mark.parametrize(
    "body",
    [
        request(input="How is the weather?"),
        request(instructions="Be brief.", reasoning={"effort": "none"}),
        request(tool_choice={"type": "function", "name": "weather"}),
        request(tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [TOOL]}),
        said(call(), call("call_2"), output("call_2"), output()),
        said(call(), {"role": "user", "content": "Hurry."}, output(output="")),
        said({"role": "assistant", "content": [{"type": "output_text", "text": ""}]}),
        said(call(), output(output=[{"type": "input_text", "text": "fair"}])),
        request(text={"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}),
        request(model="gpt-4.1", temperature=0, reasoning=None),
    ],
    ids=range(10),
)
def test_a_request_within_the_rules_is_answered(client: Any, body: dict[str, Any]):
    assert client.responses.create(**body).status == "completed"


def test_a_body_that_is_no_json_is_refused(client: Any):
    with pytest.raises(openai.BadRequestError, match="We could not parse the JSON body"):
        client.post("/responses", cast_to=object, content=b"{")
