"""Messages in the form of Chat Completions."""

from typing import Any

import pytest
from pydantic import JsonValue
from pydantic_core import from_json
from remote_lanes import CALL, ORIGIN, STEP

from cascade.backends.openai.chat_messages import ChatMessages
from cascade.backends.openai.quirks import ReasoningReplay
from cascade.exchange import Dropped
from cascade.messages import (
    Artefact,
    AssistantMessage,
    Image,
    Message,
    Origin,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)

PICTURE = Image(media_type="image/png", data="aGk=")
ADDRESS = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
ELSEWHERE = ORIGIN.model_copy(update={"model": "other"})


def encoded(
    message: Message,
    *,
    plain: bool = False,
    replay: ReasoningReplay = "never",
    images: bool = False,
) -> tuple[list[Any], tuple[Dropped, ...]]:
    made = ChatMessages(ORIGIN, replay=replay, images=images).encoded(message, plain=plain)
    return [from_json(fragment) for fragment in made.fragments], made.dropped


def thought(raw: JsonValue, origin: Origin = ORIGIN) -> Reasoning:
    return Reasoning(text="hm", artefact=Artefact(origin=origin, raw=raw))


def said(*parts: Any) -> AssistantMessage:
    return AssistantMessage(parts=parts)


def test_text_is_text():
    assert encoded(UserMessage.of("hi")) == ([{"role": "user", "content": "hi"}], ())
    assert encoded(said(Text(text="a"), Text(text="b")))[0] == [
        {"role": "assistant", "content": "ab"}
    ]


def test_nothing_is_ever_empty_where_a_server_might_mind():
    assert encoded(UserMessage.of(""))[0] == [{"role": "user", "content": "(empty)"}]
    assert encoded(said())[0] == [{"role": "assistant", "content": "(empty)"}]
    assert encoded(said(Text(text=" \n")))[0] == [{"role": "assistant", "content": "(empty)"}]
    message = UserMessage(parts=(Text(text=""), PICTURE))
    assert encoded(message, images=True)[0] == [{"role": "user", "content": [ADDRESS]}]


def test_calls_and_results_go_by_our_ids():
    calls, _ = encoded(STEP[0])
    assert calls[0]["tool_calls"] == [
        {
            "id": "call_x_1_0",
            "type": "function",
            "function": {"name": "look_up", "arguments": '{"key":"a"}'},
        }
    ]
    assert calls[0]["content"] == "First a."
    assert encoded(said(CALL))[0][0]["content"] is None
    assert encoded(STEP[1])[0] == [{"role": "tool", "tool_call_id": "call_x_1_0", "content": "1"}]


def test_a_tool_whose_name_is_not_allowed_has_a_likeness():
    call = ToolCall(id="c", name="files.read", arguments={})
    function = encoded(said(call))[0][0]["tool_calls"][0]["function"]
    assert function["name"].startswith("files_read_")


def test_pictures_go_to_models_that_see():
    message = UserMessage(parts=(Text(text="look"), PICTURE))
    assert encoded(message, images=True) == (
        [{"role": "user", "content": [{"type": "text", "text": "look"}, ADDRESS]}],
        (),
    )


def test_pictures_are_named_where_they_cannot_be_seen():
    items, dropped = encoded(UserMessage(parts=(Text(text="look "), PICTURE, PICTURE)))
    assert items[0]["content"].startswith("look (a picture")
    assert dropped == (Dropped(what="image", why="not_supported", count=2),)


def test_pictures_of_results_follow_all_results():
    results = ToolMessage(
        parts=(
            ToolResult(call_id="c1", name="look_up", parts=(Text(text="see"), PICTURE)),
            ToolResult(call_id="c2", name="look_up", parts=(Text(text="2"),)),
        )
    )
    items, dropped = encoded(results, images=True)
    assert [item["role"] for item in items] == ["tool", "tool", "user"]
    assert items[2]["content"][1:] == [ADDRESS]
    assert dropped == ()
    items, dropped = encoded(results)
    assert [item["role"] for item in items] == ["tool", "tool"]
    assert "picture" in items[0]["content"]
    assert dropped == (Dropped(what="image", why="not_supported"),)


OWN: JsonValue = {"reasoning_content": "I think"}


@pytest.mark.parametrize(
    ("replay", "part", "plain", "shown", "why"),
    [
        ("never", thought(OWN), False, None, "not_supported"),
        ("own", thought(OWN), False, "I think", None),
        ("own", thought(OWN, ELSEWHERE), False, None, "foreign_origin"),
        ("own", Reasoning(text="hm"), False, None, "foreign_origin"),
        ("own", thought(OWN), True, None, "not_accepted"),
        ("own", thought("text"), False, None, "foreign_origin"),
        ("demanded", thought(OWN), False, "I think", None),
        ("demanded", thought(OWN, ELSEWHERE), False, " ", "foreign_origin"),
        ("demanded", thought(OWN), True, " ", "not_accepted"),
        ("demanded", Text(text="no thought"), False, " ", None),
    ],
)
def test_reasoning_goes_back_to_those_who_want_it_and_only_home(
    *, replay: ReasoningReplay, part: Any, plain: bool, shown: str | None, why: Any
):
    items, dropped = encoded(said(part, CALL), replay=replay, plain=plain)
    assert items[0].get("reasoning_content") == shown
    assert dropped == (() if why is None else (Dropped(what="reasoning", why=why),))
    assert "hm" not in str(items)


def test_the_field_goes_back_under_the_name_it_came_by():
    items, _ = encoded(said(thought({"reasoning": "I think"}), CALL), replay="demanded")
    assert items[0]["reasoning"] == "I think"
    assert "reasoning_content" not in items[0]


def test_signed_details_and_signed_calls_go_home_whatever_the_family():
    details: JsonValue = [{"type": "reasoning.encrypted", "data": "xx"}]
    signed: JsonValue = [{"google": {"sig": "s"}}]
    raw: JsonValue = {"reasoning_details": details, "extra_content": signed}
    items, dropped = encoded(said(thought(raw), CALL))
    assert items[0]["reasoning_details"] == details
    assert items[0]["tool_calls"][0]["extra_content"] == {"google": {"sig": "s"}}
    assert dropped == ()
    items, dropped = encoded(said(thought(raw), CALL), plain=True)
    assert "reasoning_details" not in items[0]
    assert "extra_content" not in items[0]["tool_calls"][0]
    assert dropped == (Dropped(what="reasoning", why="not_accepted"),)


def test_another_providers_form_of_a_message_is_named_as_dropped():
    artefact = Artefact(origin=ELSEWHERE, raw={"text": "<think>"})
    message = AssistantMessage(parts=(Text(text="a"),), artefact=artefact)
    items, dropped = encoded(message)
    assert items == [{"role": "assistant", "content": "a"}]
    assert dropped == (Dropped(what="message_form", why="foreign_origin"),)


def test_half_of_a_surrogate_pair_does_not_stop_a_message():
    assert encoded(UserMessage.of("x\ud83d"))[0][0]["content"] == "x?"


def test_a_message_is_the_same_bytes_each_time():
    messages = ChatMessages(ORIGIN, replay="own", images=True)
    for message in STEP:
        first = messages.encoded(message, plain=False)
        assert messages.encoded(message, plain=False) == first
