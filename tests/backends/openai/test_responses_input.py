"""What the Responses codec makes of messages."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from openai.types.responses import ResponseInputParam
from pydantic import JsonValue, TypeAdapter
from pydantic_core import from_json, to_json
from responses_wire import (
    LANE,
    ORIGIN,
    answer,
    call_item,
    codec_for,
    message_item,
    read_whole,
    reasoning_item,
)

from cascade.backends.remote.names import wire_name
from cascade.backends.remote.placeholders import EMPTY, NO_PICTURE
from cascade.exchange import Dropped
from cascade.messages import (
    Artefact,
    AssistantMessage,
    AssistantPart,
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

PIXEL = Image(media_type="image/png", data="AAAA")
INPUT: TypeAdapter[Any] = TypeAdapter(ResponseInputParam)
BLIND = LANE.model_copy(
    update={"capabilities": LANE.capabilities.model_copy(update={"images": False})}
)


def items_of(message: Message, *, plain: bool = False, blind: bool = False) -> list[Any]:
    codec = codec_for(BLIND if blind else LANE)
    return [from_json(each) for each in codec.message(message, plain=plain).fragments]


def test_a_user_message_has_its_texts_and_images_in_order():
    message = UserMessage(parts=(Text(text="See:"), PIXEL, Text(text=""), Text(text="Well?")))
    assert items_of(message) == [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "See:"},
                {
                    "type": "input_image",
                    "detail": "auto",
                    "image_url": "data:image/png;base64,AAAA",
                },
                {"type": "input_text", "text": "Well?"},
            ],
        }
    ]


def test_images_are_named_as_dropped_where_the_model_cannot_see():
    user = UserMessage(parts=(Text(text="See:"), PIXEL, PIXEL))
    encoded = codec_for(BLIND).message(user, plain=False)
    assert b"base64" not in encoded.fragments[0]
    assert encoded.dropped == (Dropped(what="image", why="not_supported", count=2),)
    results = ToolMessage(parts=(result("c1", PIXEL), result("c2", Text(text="b"), PIXEL)))
    encoded = codec_for(BLIND).message(results, plain=False)
    assert encoded.dropped == (Dropped(what="image", why="not_supported", count=2),)
    outputs = [from_json(each)["output"] for each in encoded.fragments]
    assert outputs == [NO_PICTURE, "b"]
    (only_image,) = items_of(UserMessage(parts=(PIXEL,)), blind=True)
    assert only_image["content"][0]["text"] == NO_PICTURE


def test_empty_texts_are_never_sent():
    (user,) = items_of(UserMessage.of(" "))
    assert user["content"] == [{"type": "input_text", "text": EMPTY}]
    (output,) = items_of(ToolMessage(parts=(result("c1", Text(text="")),)))
    assert output["output"] == EMPTY
    assert items_of(AssistantMessage(parts=(Text(text=""),))) == []


def result(call_id: str, *parts: Text | Image) -> ToolResult:
    return ToolResult(call_id=call_id, name="look_up", parts=parts)


def test_each_result_is_an_item_and_images_make_a_list_of_it():
    message = ToolMessage(parts=(result("c1", Text(text="one")), result("c2", PIXEL)))
    first, second = items_of(message)
    assert first == {"type": "function_call_output", "call_id": "c1", "output": "one"}
    assert second["output"][0]["type"] == "input_image"


FOREIGN = AssistantMessage(
    parts=(
        Reasoning(text="A secret thought."),
        Text(text="First, "),
        Text(text="this."),
        ToolCall(id="c1", name="look_up", arguments={"key": "ä"}),
        ToolCall(id="c2", name="files.read", arguments={}),
        Text(text="Then that."),
    ),
    artefact=Artefact(origin=Origin(provider="llama_cpp", model="m"), raw={"text": "A secret"}),
)


def test_a_foreign_turn_is_written_anew_in_order_without_its_reasoning():
    encoded = codec_for().message(FOREIGN, plain=False)
    assert [from_json(each) for each in encoded.fragments] == [
        {"type": "message", "role": "assistant", "content": "First, this."},
        {"type": "function_call", "call_id": "c1", "name": "look_up", "arguments": '{"key":"ä"}'},
        {
            "type": "function_call",
            "call_id": "c2",
            "name": wire_name("files.read"),
            "arguments": "{}",
        },
        {"type": "message", "role": "assistant", "content": "Then that."},
    ]
    assert encoded.dropped == (Dropped(what="reasoning", why="foreign_origin", count=1),)
    assert codec_for().message(FOREIGN, plain=True) == encoded


OWN_ITEMS = (
    reasoning_item("1", summary="Look."),
    message_item("2", "I look.", phase="commentary"),
    call_item("3", "look_up", '{"key": "a"}'),
    reasoning_item("4"),
    call_item("5", "look_up", '{ "key" : "\\u00e9" }'),
)


def test_an_own_turn_goes_back_byte_for_byte():
    message = read_whole(answer(*OWN_ITEMS)).message
    encoded = codec_for().message(message, plain=False)
    assert encoded.fragments == tuple(to_json(item) for item in OWN_ITEMS)
    assert encoded.dropped == ()


def test_an_own_turn_survives_the_log():
    message = read_whole(answer(*OWN_ITEMS)).message
    reread = AssistantMessage.model_validate_json(message.model_dump_json())
    assert codec_for().message(reread, plain=False) == codec_for().message(message, plain=False)


@pytest.mark.parametrize("field", ["provider", "model", "endpoint", "account"])
def test_a_turn_from_almost_the_same_place_is_foreign(field: str):
    elsewhere = ORIGIN.model_copy(update={field: "another"})
    message = read_whole(answer(*OWN_ITEMS), codec=codec_for(LANE, elsewhere)).message
    encoded = codec_for().message(message, plain=False)
    sent = b"".join(encoded.fragments)
    assert not re.search(rb"encrypted|gAAAAA|rs_|msg_|fc_|commentary", sent)
    assert encoded.dropped == (Dropped(what="reasoning", why="foreign_origin", count=2),)


def test_a_plain_view_shows_an_own_turn_without_anything_opaque():
    message = read_whole(answer(*OWN_ITEMS)).message
    encoded = codec_for().message(message, plain=True)
    sent = b"".join(encoded.fragments)
    assert not re.search(rb"encrypted|gAAAAA|rs_|msg_|fc_|commentary", sent)
    assert [from_json(each)["type"] for each in encoded.fragments] == [
        "message",
        "function_call",
        "function_call",
    ]
    assert encoded.dropped == (Dropped(what="reasoning", why="not_accepted", count=2),)


def test_reasoning_that_nothing_followed_is_not_sent():
    message = read_whole(answer(message_item("1", "So."), reasoning_item("2"))).message
    encoded = codec_for().message(message, plain=False)
    assert encoded.fragments == (to_json(message_item("1", "So.")),)
    assert encoded.dropped == (Dropped(what="reasoning", why="not_accepted", count=1),)
    alone = read_whole(answer(reasoning_item("1"))).message
    assert codec_for().message(alone, plain=False).fragments == ()


def test_an_own_turn_with_a_replaced_id_goes_back_with_the_new_one():
    odd = call_item("1", "look_up", "{}", call_id="0")
    message = read_whole(answer(odd)).message
    (call,) = message.calls
    assert items_of(message) == [odd | {"call_id": call.id}]


def test_a_turn_whose_calls_were_changed_is_written_anew():
    message = read_whole(answer(*OWN_ITEMS)).message
    fewer = message.model_copy(update={"parts": message.parts[:3]})
    assert [item["type"] for item in items_of(fewer)] == ["message", "function_call"]


def test_an_artefact_of_another_wire_format_is_not_sent():
    artefact = Artefact(origin=ORIGIN, raw={"role": "assistant", "content": "Secret form."})
    message = AssistantMessage(parts=(Text(text="Hello."),), artefact=artefact)
    assert items_of(message) == [{"type": "message", "role": "assistant", "content": "Hello."}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message of a random conversation, and the items in which this lane wrote it."""

    message: Message
    own: tuple[dict[str, Any], ...] | None = None


ELSEWHERE = (
    Origin(provider="openai", model="gpt-6-luna", endpoint=ORIGIN.endpoint, account="a1"),
    Origin(provider="openai", model="gpt-6.1-sol", endpoint=ORIGIN.endpoint, account="a2"),
    Origin(provider="openai", model="gpt-6.1-sol", endpoint="https://eu.example/v1", account="a1"),
)
MARK = "FOREIGN"
"""Stands in everything that must not leave for this lane."""


@st.composite
def responses_turns(draw: DrawFn, number: int) -> Said:
    """A turn that came over the Responses API, from here or from elsewhere."""
    is_own = draw(st.booleans())
    name = f"{'own' if is_own else MARK}{number}x"
    items: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 2))):
        if draw(st.booleans()):
            items.append(
                reasoning_item(f"{name}{index}r", summary=draw(st.sampled_from(["", MARK])))
            )
        if draw(st.booleans()):
            items.append(message_item(f"{name}{index}m", draw(words)))
        else:
            plain_id = f"call_{number:012d}{index:012d}"
            call_id = draw(st.sampled_from([plain_id, f"{number}-{index}-{MARK}-" + "y" * 40]))
            items.append(call_item(f"{name}{index}c", "look_up", "{}", call_id=call_id))
    origin = ORIGIN if is_own else draw(st.sampled_from(ELSEWHERE))
    message = read_whole(answer(*items), codec=codec_for(LANE, origin)).message
    return Said(message=message, own=tuple(items) if is_own else None)


@st.composite
def other_turns(draw: DrawFn, number: int) -> Said:
    """A turn of Anthropic's or of a local model."""
    origin = Origin(provider=draw(st.sampled_from(["anthropic", "llama_cpp"])), model="m")
    parts: list[AssistantPart] = []
    if draw(st.booleans()):
        block: JsonValue = {"type": "thinking", "thinking": MARK, "signature": MARK}
        parts.append(Reasoning(text=MARK, artefact=Artefact(origin=origin, raw=block)))
    parts.append(Text(text=draw(words)))
    if draw(st.booleans()):
        parts.append(ToolCall(id=f"call_local_{number}", name="look_up", arguments={"n": number}))
    artefact = Artefact(origin=origin, raw={"text": MARK, "output": [{"type": "message"}]})
    return Said(message=AssistantMessage(parts=tuple(parts), artefact=artefact))


words = st.text("ab ", max_size=4)


@st.composite
def conversations(draw: DrawFn) -> list[Said]:
    """A task, then turns of many models with the results of their calls."""
    said = [Said(message=UserMessage.of("The task."))]
    for number in range(draw(st.integers(0, 6))):
        turn = draw(responses_turns(number) | other_turns(number))
        said.append(turn)
        assert isinstance(turn.message, AssistantMessage)
        if turn.message.calls:
            results = tuple(result(call.id, Text(text="ok")) for call in turn.message.calls)
            said.append(Said(message=ToolMessage(parts=results)))
        elif draw(st.booleans()):
            said.append(Said(message=UserMessage.of("And?")))
    return said


@given(conversations())
def test_encoding_only_ever_appends(said: list[Said]):
    def fragments(until: int) -> list[bytes]:
        codec = codec_for()
        return [
            each
            for one in said[:until]
            for each in codec.message(one.message, plain=False).fragments
        ]

    whole = fragments(len(said))
    for until in range(len(said)):
        begun = fragments(until)
        assert whole[: len(begun)] == begun


@given(conversations(), st.booleans())
def test_no_foreign_block_or_id_ever_leaks(said: list[Said], plain: bool):  # noqa: FBT001 - drawn
    for one in said:
        if one.own is not None and not plain:
            continue
        sent = b"".join(codec_for().message(one.message, plain=plain).fragments)
        assert MARK.encode() not in sent
        assert not re.search(rb'"id"|encrypted_content|phase|signature', sent)


@given(conversations())
def test_own_turns_go_back_as_they_came(said: list[Said]):
    for one in said:
        if one.own is None:
            continue
        assert isinstance(one.message, AssistantMessage)
        ids = iter(one.message.calls)
        expected = [
            item | {"call_id": next(ids).id} if item["type"] == "function_call" else item
            for item in one.own
        ]
        assert items_of(one.message) == expected


@given(conversations(), st.integers(0, 12))
def test_what_is_sent_pairs_calls_with_results_and_reasoning_with_what_follows(
    said: list[Said], plain_until: int
):
    items = [
        item
        for index, one in enumerate(said)
        for item in items_of(one.message, plain=index < plain_until)
    ]
    INPUT.validate_python(items)
    waiting: set[str] = set()
    before = ""
    for item in items:
        match item["type"]:
            case "function_call":
                assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", item["call_id"])
                assert item["call_id"] not in waiting
                waiting.add(item["call_id"])
            case "function_call_output":
                waiting.remove(item["call_id"])
            case _:
                pass
        assert before != "reasoning" or item["type"] in {"message", "function_call"}
        before = item["type"]
    assert waiting == set()
    assert before != "reasoning"
