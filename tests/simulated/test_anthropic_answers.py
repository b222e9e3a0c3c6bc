"""What the simulated Messages API makes of a script's turn, and how it counts tokens."""

from dataclasses import replace
from typing import Any

import pytest
from simulated_world import (
    ACME,
    CLOSED,
    LOOK,
    MARK,
    answered,
    asked,
    call,
    form,
    image,
    message_of,
    received,
    said,
    text,
    tool_result,
)

from cascade.errors import ConfigError
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.received import Account, Call, Offered, Result, ToolChoice
from cascade.simulated.script import Calls, Turn
from cascade.simulated.usage import PromptCache

BUDGET = {"type": "enabled", "budget_tokens": 1024}


def test_a_script_sees_the_conversation():
    wire = AnthropicMessages()
    request = received(
        asked(
            said("user", text("One."), image()),
            said("user", "Two."),
            said("assistant", text("Let me see."), call(input={"query": "rain"})),
            said("user", tool_result("call_1", [text("wet"), image()], is_error=True)),
            system=[text("Be kind."), text("Be brief.")],
            output_config=form({"type": "object", **CLOSED}),
            tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        )
    )
    assert wire.refuse(request) is None
    seen = wire.conversation(request)
    assert seen.system == "Be kind.\n\nBe brief."
    assert [said.role for said in seen.turns] == ["user", "assistant", "user"]
    assert seen.turns[0].text == "One.Two."
    assert [said.images for said in seen.turns] == [1, 0, 1]
    assert seen.calls == (Call(id="call_1", name="look", arguments={"query": "rain"}),)
    assert seen.results == (Result(call_id="call_1", text="wet", is_error=True),)
    assert seen.tools == (
        Offered(name="look", description="Looks something up.", schema=LOOK["input_schema"]),
    )
    assert seen.schema == {"type": "object", "additionalProperties": False}
    assert (seen.tool_choice.mode, seen.tool_choice.parallel) == ("auto", False)
    assert seen.thinks
    assert seen.request is request


SAYS = Turn(thinking="hm", text="I look.", calls=(Calls(name="look"), Calls(name="look")))


@pytest.mark.parametrize(
    ("fields", "kinds", "stop_reason"),
    [
        ({}, ["thinking", "thinking", "tool_use", "tool_use"], "tool_use"),
        (
            {"model": "claude-opus-5"},
            ["thinking", "text", "tool_use", "tool_use"],
            "tool_use",
        ),
        (
            {"model": "claude-opus-5", "thinking": {"type": "disabled"}},
            ["text", "tool_use", "tool_use"],
            "tool_use",
        ),
        (
            {"model": "claude-sonnet-5-5", "thinking": {"type": "between_tools"}},
            ["thinking", "tool_use", "tool_use"],
            "tool_use",
        ),
        (
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
            ["thinking", "thinking", "tool_use"],
            "tool_use",
        ),
        ({"tool_choice": {"type": "none"}}, ["thinking", "text"], "end_turn"),
        ({"model": "claude-opus-4-8", "stop_sequences": ["look"]}, ["text"], "stop_sequence"),
        ({"model": "claude-opus-4-8", "max_tokens": 1}, ["text"], "max_tokens"),
        ({"max_tokens": 0}, [], "max_tokens"),
    ],
)
def test_the_request_shapes_the_answer(fields: dict[str, Any], kinds: list[str], stop_reason: str):
    answer = message_of(AnthropicMessages(), asked(**fields), SAYS)
    assert [block["type"] for block in answer["content"]] == kinds
    assert answer["stop_reason"] == stop_reason
    assert answer["usage"]["output_tokens"] <= fields.get("max_tokens", 2000)


def test_thinking_is_empty_unless_it_is_asked_to_be_shown():
    shown = {"type": "adaptive", "display": "summarized"}
    turn = Turn(thinking="a long thought", text="rain")
    blocks = [
        message_of(AnthropicMessages(), asked(**fields), turn)["content"][0]
        for fields in ({}, {"thinking": shown}, {"model": "claude-sonnet-4-5", "thinking": BUDGET})
    ]
    assert [block["thinking"] for block in blocks] == ["", "a long thought", "a long thought"]


def test_with_a_budget_a_tool_loop_always_begins_with_thinking():
    wire, body = AnthropicMessages(), asked(model="claude-sonnet-4-5", thinking=BUDGET)
    first = message_of(wire, body, Turn(calls=(Calls(name="look"),)))
    assert [block["type"] for block in first["content"]] == ["thinking", "tool_use"]
    result = said("user", tool_result(first["content"][1]["id"]))
    body["messages"] += [answered(first), result]
    second = message_of(wire, body, Turn(text="rain"))
    assert [block["type"] for block in second["content"]] == ["text"]


def test_call_identities_differ_from_request_to_request():
    wire = AnthropicMessages()
    answers = [message_of(wire, asked(said("user", word)), SAYS) for word in ("one", "two")]
    ids = [block["id"] for answer in answers for block in answer["content"] if "id" in block]
    assert len(set(ids)) == 4


LONG = "word" * 1000


def usage(wire: AnthropicMessages, body: dict[str, Any], account: Account = ACME) -> dict[str, int]:
    found = message_of(wire, body, Turn(text="fine"), account=account)["usage"]
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return {name.removesuffix("input_tokens"): found[name] for name in names}


def test_tokens_are_in_three_buckets_that_do_not_overlap():
    wire, body = AnthropicMessages(), asked(said("user", LONG), cache_control=MARK, tools=...)
    assert usage(wire, body) == {"": 0, "cache_creation_": 1000, "cache_read_": 0}
    body["messages"] += [said("assistant", "fine"), said("user", "And" * 4)]
    assert usage(wire, body) == {"": 0, "cache_creation_": 4, "cache_read_": 1000}
    del body["cache_control"]
    assert usage(wire, body) == {"": 1004, "cache_creation_": 0, "cache_read_": 0}


def test_a_cached_prefix_is_one_of_its_account_model_and_content():
    wire = AnthropicMessages()
    system = [text(LONG, cache_control=MARK | {"ttl": "1h"})]
    body = asked(said("user", "word"), system=system, tools=...)
    assert usage(wire, body) == {"": 1, "cache_creation_": 1000, "cache_read_": 0}
    assert usage(wire, asked(said("user", "more"), system=system, tools=...))["cache_read_"] == 1000
    other = Account(name="somebody", keys=())
    for changed, account in [
        (body | {"model": "claude-fable-5-1"}, ACME),
        (body | {"system": [text(LONG + "!", cache_control=MARK)]}, ACME),
        (body | {"tools": [LOOK]}, ACME),
        (body, other),
    ]:
        assert usage(wire, changed, account)["cache_read_"] == 0


def test_other_settings_leave_the_system_text_in_the_cache_and_not_the_conversation():
    wire = AnthropicMessages()
    body = asked(
        said("user", text(LONG, cache_control=MARK)),
        system=[text(LONG, cache_control=MARK | {"ttl": "1h"})],
        tools=...,
    )
    created = message_of(wire, body, Turn(text="fine"))["usage"]["cache_creation"]
    assert created == {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 1000}
    body["thinking"] = {"type": "adaptive", "display": "summarized"}
    assert usage(wire, body) == {"": 0, "cache_creation_": 1000, "cache_read_": 1000}


def test_a_short_prefix_is_not_cached():
    wire, body = (
        AnthropicMessages(),
        asked(said("user", "word" * 511), cache_control=MARK, tools=...),
    )
    assert usage(wire, body) == {"": 511, "cache_creation_": 0, "cache_read_": 0}
    body["messages"][0]["content"] = "word" * 512
    assert usage(wire, body) == {"": 0, "cache_creation_": 512, "cache_read_": 0}


def test_a_cache_forgets_what_was_not_used_for_longest():
    cache = PromptCache(most=2)
    for number, prefix in enumerate("abacad"):
        cache.put(prefix, number)
    assert [cache.length(prefix) for prefix in "abcd"] == [4, None, None, 5]


def test_redacted_thinking_streams_as_one_block():
    wire, request = AnthropicMessages(), received(asked())
    assert wire.refuse(request) is None
    answer = wire.answer(request, Turn(thinking="hm", redacted=True, text="rain"))
    events = [event.data for event in wire.events(request, answer)]
    blocks = [event for event in events if isinstance(event, dict) and event.get("index") == 0]
    assert [block["type"] for block in blocks] == ["content_block_start", "content_block_stop"]
    assert blocks[0]["content_block"] == answer["content"][0]
    assert answer["content"][0]["type"] == "redacted_thinking"


def test_arguments_that_are_no_object_cannot_be_said():
    with pytest.raises(ConfigError, match="as an object, not as text"):
        message_of(AnthropicMessages(), asked(), Turn(calls=(Calls(name="look", arguments="{"),)))


def test_only_a_checked_request_is_answered():
    wire = AnthropicMessages()
    with pytest.raises(LookupError, match="request 0 was not checked"):
        wire.conversation(received(asked()))
    nobody = replace(received(asked()), account=None)
    refusal = wire.refuse(nobody)
    assert refusal is not None
    assert refusal.message == "x-api-key header is required"


@pytest.mark.parametrize(
    ("choice", "seen"),
    [
        (..., ToolChoice()),
        ({"type": "none"}, ToolChoice(mode="none")),
        ({"type": "any"}, ToolChoice(mode="any")),
        ({"type": "tool", "name": "look"}, ToolChoice(mode="tool", name="look")),
    ],
)
def test_a_script_sees_whether_a_tool_has_to_be_called(choice: Any, seen: ToolChoice):
    wire, request = (
        AnthropicMessages(),
        received(asked(model="claude-opus-4-6", tool_choice=choice)),
    )
    assert wire.refuse(request) is None
    assert wire.conversation(request).tool_choice == seen
