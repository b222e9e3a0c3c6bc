"""The simulated Messages API refuses options and headers that the real one refuses."""

from typing import Any

import pytest
from simulated_world import (
    CLOSED,
    LOOK,
    MARK,
    USER,
    asked,
    call,
    form,
    refused,
    said,
    text,
    tool_result,
)

from cascade.simulated.anthropic import AnthropicMessages

ADAPT = (
    ' is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to '
    "control thinking behavior."
)
CLOSE_IT = "For 'object' type, 'additionalProperties' must be explicitly set to false"
NESTED = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1, "maximum": 2}}}

OPTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("no model", {"model": ...}, "model: Field required"),
    ("no limit", {"max_tokens": ...}, "max_tokens: Field required"),
    ("no messages", {"messages": ...}, "messages: Field required"),
    (
        "a negative limit",
        {"max_tokens": -1},
        "max_tokens: Input should be greater than or equal to 0",
    ),
    ("a limit as text", {"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
    (
        "too high a limit",
        {"max_tokens": 128_001},
        (
            "max_tokens: 128001 > 128000, which is the maximum allowed number of output tokens for "
            "claude-opus-5-5"
        ),
    ),
    ("temperature", {"temperature": 1.0}, "temperature: Extra inputs are not permitted"),
    ("top_p", {"top_p": 1.0}, "top_p: Extra inputs are not permitted"),
    ("top_k", {"top_k": 5}, "top_k: Extra inputs are not permitted"),
    (
        "a field of another API",
        {"parallel_tool_calls": True},
        "parallel_tool_calls: Extra inputs are not permitted",
    ),
    ("an empty system text", {"system": ""}, "system: text content blocks must be non-empty"),
    (
        "a blank system text",
        {"system": [text("  ")]},
        "system: text content blocks must contain non-whitespace text",
    ),
    (
        "a budget",
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        f'"thinking.type.enabled"{ADAPT}',
    ),
    ("thinking off", {"thinking": {"type": "disabled"}}, f'"thinking.type.disabled"{ADAPT}'),
    (
        "thinking between tools",
        {"thinking": {"type": "between_tools"}},
        f'"thinking.type.between_tools"{ADAPT}',
    ),
    (
        "a budget where none is",
        {"thinking": {"type": "adaptive", "budget_tokens": 1024}},
        "thinking.adaptive.budget_tokens: Extra inputs are not permitted",
    ),
    (
        "binding without its beta",
        {"thinking": {"type": "adaptive", "block_binding": {}}},
        "thinking.adaptive.block_binding: Extra inputs are not permitted",
    ),
    (
        "another effort",
        {"output_config": {"effort": "minimal"}},
        "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
    ),
    (
        "an open schema",
        {"output_config": form({"type": "object", "properties": {}})},
        (
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be "
            "explicitly set to false"
        ),
    ),
    (
        "a schema with limits",
        {"output_config": form(NESTED | CLOSED)},
        (
            "output_config.format.schema: For 'integer' type, properties maximum, minimum are not "
            "supported"
        ),
    ),
    (
        "no schema",
        {"output_config": form({"type": "thing"})},
        "output_config.format.schema: Invalid schema",
    ),
    (
        "an odd tool name",
        {"tools": [LOOK | {"name": "look.up"}]},
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    (
        "a tool of the other vendor",
        {"tools": [{"type": "function", "function": LOOK}]},
        "tools.0.custom.type: Input should be 'custom'",
    ),
    ("two tools of one name", {"tools": [LOOK, LOOK]}, "tools: Tool names must be unique."),
    (
        "a tool without schema",
        {"tools": [{"name": "look"}]},
        "tools.0.custom.input_schema: Field required",
    ),
    (
        "a tool schema without type",
        {"tools": [LOOK | {"input_schema": {}}]},
        "tools.0.custom.input_schema.type: Field required",
    ),
    (
        "a tool schema of another type",
        {"tools": [LOOK | {"input_schema": {"type": "string"}}]},
        "tools.0.custom.input_schema.type: Input should be 'object'",
    ),
    (
        "a tool schema with choices",
        {"tools": [LOOK | {"input_schema": {"type": "object", "anyOf": []}}]},
        (
            "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at "
            "the top level"
        ),
    ),
    (
        "an unsound tool schema",
        {"tools": [LOOK | {"input_schema": {"type": "object", "properties": {"a": "text"}}}]},
        (
            "tools.0.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft "
            "2020-12 (https://json-schema.org/draft/2020-12). Learn more about tool use at "
            "https://docs.claude.com/en/docs/tool-use."
        ),
    ),
    (
        "an open strict tool",
        {"tools": [LOOK | {"strict": True}]},
        "tools.0.custom: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    (
        "calls without tools",
        {
            "tools": ...,
            "messages": [USER, said("assistant", call()), said("user", tool_result("call_1"))],
        },
        "Requests which include `tool_use` or `tool_result` blocks must define tools",
    ),
    (
        "a choice without tools",
        {"tools": ..., "tool_choice": {"type": "auto"}},
        "tool_choice may only be specified while providing tools",
    ),
    (
        "a forced tool",
        {"tool_choice": {"type": "tool", "name": "look"}},
        '"tool_choice.type.tool" is not supported for this model.',
    ),
    (
        "any tool",
        {"tool_choice": {"type": "any"}},
        '"tool_choice.type.any" is not supported for this model.',
    ),
    (
        "an unknown tool",
        {"tool_choice": {"type": "tool", "name": "find"}},
        "Tool 'find' not found in provided tools",
    ),
    (
        "a choice without name",
        {"tool_choice": {"type": "tool"}},
        "tool_choice.tool.name: Field required",
    ),
    (
        "a choice as text",
        {"tool_choice": "auto"},
        "tool_choice: Input should be a valid dictionary or object to extract fields from",
    ),
    (
        "five breakpoints",
        {
            "tools": [LOOK | {"cache_control": MARK}],
            "system": [text(cache_control=MARK)],
            "messages": [said("user", *[text(cache_control=MARK)] * 2)],
            "cache_control": MARK,
        },
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (
        "an hour after five minutes",
        {
            "system": [text(cache_control=MARK)],
            "messages": [said("user", text(cache_control=MARK | {"ttl": "1h"}))],
        },
        (
            "messages.0.content.0.cache_control.ttl: a ttl='1h' cache_control block must not come "
            "after a ttl='5m' cache_control block. Note that blocks are processed in the "
            "following order: `tools`, `system`, `messages`."
        ),
    ),
    (
        "another time to live",
        {"cache_control": MARK | {"ttl": "1d"}},
        "cache_control.ttl: Input should be '5m' or '1h'",
    ),
    (
        "too long a prompt",
        {"model": "claude-haiku-4-5", "messages": [said("user", "word" * 200_001)], "tools": ...},
        "prompt is too long: 200001 tokens > 200000 maximum",
    ),
]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}},
        {"type": "object", "properties": {"a": True}, "additionalProperties": False},
        {"type": "object", "properties": {"a": {"type": "array", "items": {"enum": ["b", 1]}}}},
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]},
    ],
)
def test_sound_tool_schemas_are_taken(schema: dict[str, Any]):
    assert refused(asked(tools=[LOOK | {"input_schema": schema}])) is None


def closed(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), **CLOSED}


STRING = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (closed("a", a={"not": STRING}), "not is not supported"),
        (
            closed("a", a=STRING | {"format": "phone"}),
            "For 'string' type, format 'phone' is not supported",
        ),
        (
            closed("a", a={"type": "array", "items": STRING, "minItems": 2}),
            "For 'array' type, 'minItems' values other than 0 or 1 are not supported",
        ),
        (
            closed("a", a={"$ref": "https://example.org/schema"}),
            "Only references within the schema are supported",
        ),
        (closed("a", a=closed() | {"additionalProperties": True}), CLOSE_IT),
    ],
)
def test_what_output_cannot_be_held_to_is_refused(schema: dict[str, Any], message: str):
    found = refused(asked(output_config=form(schema)))
    assert found == (400, "invalid_request_error", f"output_config.format.schema: {message}")


def strict(number: int, schema: dict[str, Any]) -> dict[str, Any]:
    return LOOK | {"name": f"look{number}", "strict": True, "input_schema": schema}


def optional(count: int) -> dict[str, Any]:
    return closed(**{f"field{number}": STRING for number in range(count)})


def unions(count: int) -> dict[str, Any]:
    names = [f"field{number}" for number in range(count)]
    return closed(*names, **{name: {"type": ["string", "null"]} for name in names})


@pytest.mark.parametrize(
    ("tools", "answer", "message"),
    [
        ([strict(number, closed()) for number in range(20)], closed(), None),
        (
            [strict(number, closed()) for number in range(21)],
            closed(),
            (
                "Too many strict tools (21). The maximum number of strict tools supported is 20. "
                "Try reducing the number of tools marked as strict."
            ),
        ),
        ([strict(0, optional(12)), LOOK], optional(12), None),
        (
            [strict(0, optional(12)), strict(1, optional(12))],
            optional(1),
            (
                "Schemas contains too many optional parameters (25), which would make grammar "
                "compilation inefficient. Reduce the number of optional parameters in your tool "
                "schemas (limit: 24)."
            ),
        ),
        ([strict(0, unions(16))], closed(), None),
        (
            [strict(0, unions(16))],
            unions(1),
            (
                "Schemas contains too many parameters with union types (17 parameters with type "
                "arrays or anyOf) which would cause exponential compilation cost. Reduce the "
                "number of parameters with unions (limit: 16)."
            ),
        ),
    ],
)
def test_only_so_much_can_be_held_to(tools: list[Any], answer: dict[str, Any], message: str | None):
    found = refused(asked(tools=tools, output_config=form(answer)))
    assert (None if found is None else found[2]) == message


def test_a_closed_schema_is_taken_for_output_and_strict_tools():
    inner = {"type": "object", "properties": {"b": {"type": "string"}}, **CLOSED}
    schema = {"type": "object", "properties": {"a": {"anyOf": [inner]}}, **CLOSED}
    strict = LOOK | {"strict": True, "input_schema": schema}
    assert refused(asked(output_config=form(schema), tools=[strict])) is None


@pytest.mark.parametrize(
    ("fields", "message"), [row[1:] for row in OPTIONS], ids=[row[0] for row in OPTIONS]
)
def test_options_that_break_a_rule_are_refused(fields: dict[str, Any], message: str):
    assert refused(asked(**fields)) == (400, "invalid_request_error", message)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"anthropic-version": ""}, "anthropic-version: header is required"),
        (
            {"anthropic-version": "2024-01-01"},
            'anthropic-version: "2024-01-01" is not a valid version',
        ),
        ({"content-type": "text/plain"}, "content-type: must be application/json"),
        (
            {"anthropic-beta": "thinking-binding-controls-2026-08-01,what-2020"},
            (
                "Unexpected value(s) `what-2020` for the `anthropic-beta` header. Please consult "
                "our documentation at https://docs.anthropic.com/en/api/versioning or try again "
                "without the header."
            ),
        ),
    ],
)
def test_headers_have_to_be_there_and_to_mean_something(headers: dict[str, str], message: str):
    assert refused(asked(), **headers) == (400, "invalid_request_error", message)


def test_a_body_has_to_be_an_object_of_bearable_size():
    assert refused([1]) == (400, "invalid_request_error", "The request body is not valid JSON")
    found = refused(asked(said("user", "x" * (32 * 1024 * 1024))))
    assert found == (413, "request_too_large", "Request exceeds the maximum size")


def test_a_model_that_is_not_there_is_not_found():
    found = refused(asked(model="claude-1"))
    assert found == (404, "not_found_error", "model: claude-1")


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"authorization": "Bearer one"}, "one"),
        ({"authorization": "bearer one", "x-api-key": "two"}, "one"),
        ({"x-api-key": "two"}, "two"),
        ({"authorization": "Basic three"}, None),
        ({}, None),
    ],
)
def test_the_key_comes_in_either_header(headers: dict[str, str], key: str | None):
    assert AnthropicMessages().key(headers) == key
