"""The simulated Responses API holds input items to OpenAI's rules, in OpenAI's words."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from openai_world import (
    Broken,
    Served,
    assert_refused,
    call,
    output,
    said,
    serving,
    talk,
)

from cascade.simulated.openai_responses import OpenAIResponses

LOST = (
    "Item with id '{}' not found. Items are not persisted when `store` is set to false. Try again "
    "with `store` set to true, or remove this item from your input."
)


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


ITEMS = (
    Broken(
        rule="items have known types",
        body=said({"type": "tool_use", "id": "toolu_1"}),
        message="Invalid value: 'tool_use'. Supported values are: 'message', 'function_call'...",
        param="input[1].type",
        code="invalid_value",
    ),
    Broken(
        rule="a call needs its output",
        body=said(call()),
        message="No tool output found for function call call_1.",
        param="input",
    ),
    Broken(
        rule="an output needs its call",
        body=said(output()),
        message="No tool call found for function call output with call_id call_1.",
        param="input",
    ),
    Broken(
        rule="an output stands behind its call",
        body=said(output(), call()),
        message="No tool call found for function call output with call_id call_1.",
        param="input",
    ),
    Broken(
        rule="each of parallel calls needs an output",
        body=said(call(), call("call_2"), output("call_2")),
        message="No tool output found for function call call_1.",
        param="input",
    ),
    Broken(
        rule="a call stands once",
        body=said(call(), output(), call(), output()),
        message="Duplicate item found with id call_1. Remove duplicate items from your input and "
        "try "
        "again.",
        param="input",
    ),
    Broken(
        rule="an output stands once",
        body=said(call(), output(), output()),
        message="Duplicate item found with id call_1. Remove duplicate items from your input and "
        "try "
        "again.",
        param="input",
    ),
    Broken(
        rule="a call's identity is short",
        body=said(call("c" * 65), output("c" * 65)),
        message="Invalid 'input[1].call_id': string too long. Expected a string with maximum "
        "length "
        "64, but got a string with length 65 instead.",
        param="input[1].call_id",
        code="string_above_max_length",
    ),
    Broken(
        rule="an item's identifier begins with its kind",
        body=said(call(id="call_1"), output()),
        message="Invalid 'input[1].id': 'call_1'. Expected an ID that begins with 'fc'.",
        param="input[1].id",
        code="invalid_value",
    ),
    Broken(
        rule="an item's identifier is the server's own",
        body=said(call(id="fc_1"), output()),
        message=LOST.format("fc_1"),
        param="input",
        status=404,
    ),
    Broken(
        rule="a reference refers to nothing",
        body=said({"type": "item_reference", "id": "rs_1"}),
        message=LOST.format("rs_1"),
        param="input",
        status=404,
    ),
    Broken(
        rule="reasoning without its block is lost",
        body=said({"type": "reasoning", "id": "rs_1", "summary": []}),
        message=LOST.format("rs_1"),
        param="input",
        status=404,
    ),
    Broken(
        rule="reasoning has a summary, if only an empty one",
        body=said({"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA"}),
        message="Missing required parameter: 'input[1].summary'.",
        param="input[1].summary",
        code="missing_required_parameter",
    ),
    Broken(
        rule="reasoning may not stand alone",
        body=said({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}),
        message="Item 'rs_1' of type 'reasoning' was provided without its required following item.",
        param="input",
    ),
    Broken(
        rule="arguments are a text",
        body=said(call(arguments={}), output()),
        message="Invalid type for 'input[1].arguments': expected a string, but got an object "
        "instead.",
        param="input[1].arguments",
        code="invalid_type",
    ),
    Broken(
        rule="an output is required",
        body=said(call(), {"type": "function_call_output", "call_id": "call_1"}),
        message="Missing required parameter: 'input[2].output'.",
        param="input[2].output",
        code="missing_required_parameter",
    ),
    Broken(
        rule="what a user says is not empty",
        body=said({"role": "user", "content": ""}),
        message="Invalid 'input[1].content': empty string. Expected a string with minimum length "
        "1, "
        "but got an empty string instead.",
        param="input[1].content",
        code="empty_string",
    ),
    Broken(
        rule="a content is not empty",
        body=said({"role": "user", "content": []}),
        message="Invalid 'input[1].content': empty array. Expected an array with minimum length 1, "
        "but got an empty array instead.",
        param="input[1].content",
        code="empty_array",
    ),
    Broken(
        rule="an assistant's text is an output",
        body=said({"role": "assistant", "content": [{"type": "input_text", "text": "Hi"}]}),
        message="Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
        param="input[1].content[0]",
        code="invalid_value",
    ),
    Broken(
        rule="a user's text is an input",
        body=said({"role": "user", "content": [{"type": "text", "text": "Hi"}]}),
        message="Invalid value: 'text'. Supported values are: 'input_text', 'input_image', and "
        "'input_file'.",
        param="input[1].content[0]",
        code="invalid_value",
    ),
    Broken(
        rule="there is no role for tools",
        body=said({"role": "tool", "content": "fair"}),
        message="Invalid value: 'tool'. Supported values are: 'assistant', 'system', 'developer', "
        "and "
        "'user'.",
        param="input[1].role",
        code="invalid_value",
    ),
    Broken(
        rule="thinking of another provider is no field",
        body=said({"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}),
        message="Unknown parameter: 'input[1].reasoning_content'.",
        param="input[1].reasoning_content",
        code="unknown_parameter",
    ),
    Broken(
        rule="a phase is one of two",
        body=said({"role": "assistant", "content": "Hi", "phase": "final"}),
        message="Invalid value: 'final'. Supported values are: 'commentary' and 'final_answer'.",
        param="input[1].phase",
        code="invalid_value",
    ),
)


@pytest.mark.parametrize("broken", ITEMS, ids=lambda broken: broken.rule)
def test_a_broken_rule_is_refused_in_the_provider_s_words(client: Any, broken: Broken):
    assert_refused(client, "/responses", broken)
