"""Messages become JSON: each by itself, the same bytes every time, nobody else's blocks in it."""

import json
from typing import Any

import pytest
from anthropic_wire import (
    ORIGIN,
    answer,
    block_lists,
    codec_for,
    events_of,
    foreign_turns,
    read,
    results_for,
    tool_use,
)
from hypothesis import given
from hypothesis import strategies as st

from cascade.backends.remote.codec import Encoded
from cascade.exchange import Dropped
from cascade.lanes import Capabilities
from cascade.messages import (
    Artefact,
    AssistantMessage,
    Image,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)

PICTURE = Image(media_type="image/png", data="iVBORw0KGgo=")
THOUGHT = {"type": "thinking", "thinking": "", "signature": "sig=="}
REDACTED = {"type": "redacted_thinking", "data": "secret=="}


def _turn(encoded: Encoded) -> Any:
    (fragment,) = encoded.fragments
    return json.loads(fragment)


def _encode(message: Message, *, plain: bool = False, **options: Any) -> Encoded:
    return codec_for(**options).message(message, plain=plain)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Turns of this lane, read from its own answers, and of others, each with its results."""
    messages: list[Message] = [UserMessage.of("begin")]
    for turn in range(draw(st.integers(0, 5))):
        if draw(st.booleans()):
            said = read(events_of(answer(*draw(block_lists(turn=turn))))).message
        else:
            said = draw(foreign_turns(turn=turn))
        messages.append(said)
        messages.append(results_for(said) if said.calls else UserMessage.of("go on"))
    return messages


def _fragments(messages: list[Message], *, plain_until: int = 0) -> list[bytes]:
    codec = codec_for()
    return [
        fragment
        for index, message in enumerate(messages)
        for fragment in codec.message(message, plain=index < plain_until).fragments
    ]


@given(messages=conversations())
def test_a_longer_conversation_begins_with_the_bytes_of_a_shorter_one(messages: list[Message]):
    whole = _fragments(messages)
    for end in range(len(messages)):
        shorter = _fragments(messages[:end])
        assert whole[: len(shorter)] == shorter
    # What comes back from a record is other objects with the same content.
    again = [type(message).model_validate_json(message.model_dump_json()) for message in messages]
    assert _fragments(again) == whole


@given(messages=conversations())
def test_no_block_of_another_lane_is_ever_sent(messages: list[Message]):
    assert b"SECRET" not in b"".join(_fragments(messages))


@given(messages=conversations(), data=st.data())
def test_every_turn_holds_something_and_every_call_is_answered_at_once(
    messages: list[Message], data: st.DataObject
):
    plain_until = data.draw(st.integers(0, len(messages)))
    turns = [json.loads(fragment) for fragment in _fragments(messages, plain_until=plain_until)]
    assert turns[0]["role"] == "user"
    asked: list[str] = []
    for turn in turns:
        blocks = turn["content"]
        assert blocks
        assert all(block["text"].strip() for block in blocks if block["type"] == "text")
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert results == asked
        kinds = [block["type"] for block in blocks]
        assert kinds == sorted(kinds, key=lambda kind: kind != "tool_result" and asked != [])
        asked = [block["id"] for block in blocks if block["type"] == "tool_use"]
    assert not asked


@given(messages=conversations())
def test_a_plain_view_holds_nothing_that_only_a_provider_can_read(messages: list[Message]):
    turns = [json.loads(each) for each in _fragments(messages, plain_until=len(messages))]
    kinds = {block["type"] for turn in turns for block in turn["content"]}
    assert kinds <= {"text", "tool_use", "tool_result"}


@given(blocks=block_lists(), piece=st.integers(1, 9))
def test_a_turn_of_this_lane_goes_back_block_for_block(blocks: list[dict[str, Any]], piece: int):
    for message in (answer(*blocks), events_of(answer(*blocks), piece)):
        said = read(message).message
        encoded = _encode(said)
        if said.artefact is not None:
            assert _turn(encoded)["content"] == blocks
        assert encoded.dropped == ()
        assert said.artefact is not None or not any(
            block["type"] in {"thinking", "redacted_thinking"} for block in blocks
        )


def test_a_kept_turn_goes_back_byte_for_byte():
    content = '[{"type": "thinking", "thinking": "\\u00e9", "signature": "s"},  {"type":"text"}]'
    said = AssistantMessage(
        parts=(Text(text="x"),), artefact=Artefact(origin=ORIGIN, raw={"content": content})
    )
    (fragment,) = _encode(said).fragments
    assert fragment == b'{"role":"assistant","content":' + content.encode() + b"}"


@pytest.mark.parametrize("member", ["provider", "model", "endpoint", "account"])
def test_one_difference_in_the_origin_makes_a_turn_foreign(member: str):
    said = read(answer(THOUGHT, REDACTED, {"type": "text", "text": "Hi."})).message
    other = ORIGIN.model_copy(update={member: "other"})
    encoded = _encode(said, origin=other)
    assert _turn(encoded)["content"] == [{"type": "text", "text": "Hi."}]
    assert encoded.dropped == (Dropped(what="reasoning", why="foreign_origin", count=2),)


def test_a_refused_block_is_left_out_of_a_plain_view_and_named():
    said = read(answer(THOUGHT, tool_use() | {"caller": {"type": "direct"}})).message
    encoded = _encode(said, plain=True)
    assert _turn(encoded)["content"] == [tool_use()]
    assert encoded.dropped == (Dropped(what="reasoning", why="not_accepted"),)


def test_a_form_without_thoughts_is_named_as_such():
    said = AssistantMessage(
        parts=(Text(text="4"),),
        artefact=Artefact(
            origin=ORIGIN.model_copy(update={"provider": "llama_cpp"}), raw={"text": "4<end>"}
        ),
    )
    assert _encode(said).dropped == (Dropped(what="message_form", why="foreign_origin"),)


@pytest.mark.parametrize("raw", [None, "text", ["list"], {"text": "x"}, {"content": [1]}])
def test_a_kept_form_that_is_none_of_ours_is_not_sent(raw: Any):
    said = AssistantMessage(parts=(Text(text="seen"),), artefact=Artefact(origin=ORIGIN, raw=raw))
    assert _turn(_encode(said))["content"] == [{"type": "text", "text": "seen"}]


def test_unsigned_thoughts_are_left_out():
    said = AssistantMessage(parts=(Reasoning(text="hm"), Text(text="4")))
    encoded = _encode(said)
    assert _turn(encoded)["content"] == [{"type": "text", "text": "4"}]
    assert encoded.dropped == (Dropped(what="reasoning", why="foreign_origin"),)


@pytest.mark.parametrize(
    "message",
    [
        UserMessage.of(""),
        UserMessage.of(" \n"),
        UserMessage(parts=()),
        UserMessage(parts=(PICTURE,)),
        AssistantMessage(parts=()),
        AssistantMessage(parts=(Reasoning(text="hm"), Text(text="\t"))),
    ],
)
def test_a_turn_that_would_vanish_says_that_it_is_empty(message: Message):
    assert _turn(_encode(message, model="some-model"))["content"] == [
        {"type": "text", "text": "(empty)"}
    ]


def test_empty_texts_beside_others_are_left_out():
    message = UserMessage(parts=(Text(text=" "), Text(text="a"), Text(text="")))
    assert _turn(_encode(message))["content"] == [{"type": "text", "text": "a"}]


def test_texts_of_a_turn_come_before_its_calls():
    call = ToolCall(id="call_1", name="look_up", arguments={"key": "A"})
    said = AssistantMessage(parts=(call, Text(text="after")))
    assert _turn(_encode(said))["content"] == [
        {"type": "text", "text": "after"},
        {"type": "tool_use", "id": "call_1", "name": "look_up", "input": {"key": "A"}},
    ]


def test_all_results_of_a_step_stand_in_one_turn_of_the_user():
    message = ToolMessage(
        parts=(
            ToolResult(call_id="a", name="look_up", parts=(Text(text="1"), PICTURE)),
            ToolResult(call_id="b", name="look_up", parts=(Text(text="2"),), is_error=True),
            ToolResult(call_id="c", name="look_up", parts=(Text(text=" "),)),
            ToolResult(call_id="d", name="look_up", parts=(), is_error=True),
        )
    )
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    assert _turn(_encode(message)) == {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "tool_use_id": "a",
                "content": [{"type": "text", "text": "1"}, {"type": "image", "source": source}],
            },
            {
                "type": "tool_result",
                "tool_use_id": "b",
                "content": [{"type": "text", "text": "2"}],
                "is_error": True,
            },
            {"type": "tool_result", "tool_use_id": "c"},
            {
                "type": "tool_result",
                "tool_use_id": "d",
                "content": [{"type": "text", "text": "(empty)"}],
                "is_error": True,
            },
        ],
    }


def test_pictures_are_named_where_the_model_cannot_see():
    blind = Capabilities(images=False)
    asked = UserMessage(parts=(Text(text="See:"), PICTURE, PICTURE))
    encoded = _encode(asked, capabilities=blind)
    assert _turn(encoded)["content"] == [{"type": "text", "text": "See:"}]
    assert encoded.dropped == (Dropped(what="image", why="not_supported", count=2),)
    result = ToolResult(call_id="a", name="look_up", parts=(PICTURE,))
    encoded = _encode(ToolMessage(parts=(result,)), capabilities=blind)
    assert encoded.dropped == (Dropped(what="image", why="not_supported"),)


@pytest.mark.parametrize("name", ["files.read", "", "Größe", "x" * 65, "a b"])
def test_made_up_names_are_made_to_fit(name: str):
    said = AssistantMessage(parts=(ToolCall(id="call_1", name=name, arguments={}),))
    sent = _turn(_encode(said))["content"][0]["name"]
    assert sent.replace("-", "").replace("_", "").isalnum()
    assert sent.isascii()
    assert len(sent) <= 64
    assert sent != name


def test_names_that_look_alike_stay_apart():
    sent = {
        _turn(_encode(AssistantMessage(parts=(ToolCall(id="c", name=name, arguments={}),))))[
            "content"
        ][0]["name"]
        for name in ("a.b", "a_b", "a b", "a/b")
    }
    assert len(sent) == 4


def test_numbers_that_json_cannot_say_are_left_unsaid():
    call = ToolCall.model_construct(id="c", name="look_up", arguments={"key": float("inf")})
    said = AssistantMessage.model_construct(parts=(call,), artefact=None)
    assert _turn(_encode(said))["content"][0]["input"] == {"key": None}
