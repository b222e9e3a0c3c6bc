"""Signed turns go back only behind the conversation that they were signed over."""

from collections.abc import Sequence
from typing import Any

from anthropic_wire import (
    TOOL,
    answer,
    codec_for,
    read,
    request_of,
    results_for,
    tool_use,
    unmarked,
    view_of,
)
from pydantic_core import from_json

from cascade.backends.anthropic import MessagesCodec
from cascade.exchange import Dropped, View
from cascade.lanes import Capabilities
from cascade.messages import AssistantMessage, Message, UserMessage

THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
LEGACY = "claude-sonnet-4-5"
QUESTION = UserMessage.of("What is known of A?")
ASIDE = UserMessage.of("Be quick.")
TWIN = Capabilities(structured_output="forced_tool")


def fragments(codec: MessagesCodec, view: View) -> Sequence[bytes]:
    return [
        fragment
        for index, message in enumerate(view.messages)
        for fragment in codec.message(message, plain=index < view.plain_until).fragments
    ]


def body(codec: MessagesCodec, view: View, hop: int = 1) -> Any:
    return from_json(codec.body(fragments(codec, view), view, request_of(hop=hop)))


def said_after(codec: MessagesCodec, *messages: Message, number: int = 1) -> AssistantMessage:
    """A signed turn in answer to these messages."""
    view = view_of(*messages)
    body(codec, view)
    return read(answer(THOUGHT, tool_use(number)), codec=codec, view=view).message


def kinds(sent: Any) -> list[list[str]]:
    """The blocks of each turn of the model."""
    turns = [turn for turn in sent["messages"] if turn["role"] == "assistant"]
    return [[block["type"] for block in turn["content"]] for turn in turns]


SIGNED, PLAIN = ["thinking", "tool_use"], ["tool_use"]


def test_a_turn_goes_back_behind_what_it_was_signed_over_whatever_the_cache_is_told():
    codec = codec_for()
    said = said_after(codec, QUESTION)
    view = view_of(QUESTION, said, results_for(said))
    assert kinds(body(codec, view)) == [SIGNED]
    assert kinds(body(codec_for(cache_ttl="off"), view)) == [SIGNED]
    assert codec.dropped(view, request_of()) == ()


def test_behind_other_tools_or_messages_it_is_shown_like_one_from_elsewhere():
    codec = codec_for()
    said = said_after(codec, QUESTION)
    after = (said, results_for(said))
    lost = Dropped(what="reasoning", why="foreign_origin", count=1)
    for reader, view in (
        (codec_for(capabilities=TWIN), view_of(QUESTION, *after)),
        (codec, view_of(QUESTION, *after, tools=(TOOL, TOOL.model_copy(update={"name": "b"})))),
        (codec, view_of(QUESTION, *after, system="Other.")),
        (codec, view_of(QUESTION, ASIDE, *after)),
    ):
        assert kinds(body(reader, view)) == [PLAIN]
        assert reader.dropped(view, request_of()) == (lost,)


def test_what_is_signed_over_strangers_is_good_behind_them_alone():
    own, twin = codec_for(), codec_for(capabilities=TWIN)
    first = said_after(own, QUESTION)
    begun = (QUESTION, first, results_for(first))
    second = said_after(twin, *begun, number=2)
    view = view_of(*begun, second, results_for(second))
    assert kinds(body(twin, view)) == [PLAIN, SIGNED]
    assert kinds(body(own, view)) == [SIGNED, PLAIN]


def test_what_is_signed_over_refused_turns_is_foreign_to_lanes_that_show_them():
    one, other = codec_for(), codec_for()
    first = said_after(one, QUESTION)
    begun = (QUESTION, first, results_for(first))
    plain = view_of(*begun, plain_until=3)
    body(one, plain)
    second = read(answer(THOUGHT, tool_use(2)), codec=one, view=plain).message
    both = (*begun, second, results_for(second))
    assert kinds(body(one, view_of(*both, plain_until=3))) == [PLAIN, SIGNED]
    assert kinds(body(other, view_of(*both))) == [SIGNED, PLAIN]


def test_a_round_that_begins_with_a_stranger_goes_on_with_thinking_off():
    codec = codec_for(LEGACY, thinking="enabled")
    said = said_after(codec, QUESTION)
    own, strange = (
        view_of(*before, said, results_for(said)) for before in ((QUESTION,), (QUESTION, ASIDE))
    )
    assert body(codec, own)["thinking"]["type"] == "enabled"
    assert body(codec, strange)["thinking"] == {"type": "disabled"}


def test_turns_without_thoughts_or_without_a_mark_go_back_wherever_they_stand():
    codec = codec_for()
    view = view_of(QUESTION)
    body(codec, view)
    called = read(
        answer(tool_use(1) | {"caller": {"type": "direct"}}), codec=codec, view=view
    ).message
    recorded = unmarked(said_after(codec, QUESTION, number=2))
    for said, shown in ((called, PLAIN), (recorded, SIGNED)):
        sent = body(codec, view_of(QUESTION, ASIDE, said, results_for(said)))
        assert kinds(sent) == [shown]
    assert unmarked(called) == called
    sent = body(codec, view_of(QUESTION, ASIDE, called, results_for(called)))
    assert "caller" in sent["messages"][2]["content"][0]


def test_calls_without_an_end_are_forgotten_in_time():
    codec, view = codec_for(), view_of(QUESTION)
    encoded = fragments(codec, view)
    for hop in range(1, 4200):
        codec.body(encoded, view, request_of(hop=hop))
    first, last = (
        read(answer(THOUGHT, tool_use()), codec=codec, view=view, request=request_of(hop=hop))
        for hop in (1, 4199)
    )
    assert unmarked(first.message) == first.message
    assert unmarked(last.message) != last.message
