"""Answers of the Messages API become drafts."""

import json
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic_wire import (
    TOOL,
    answer,
    block_lists,
    codec_for,
    events_of,
    read,
    request_of,
    tool_use,
    view_of,
)
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import (
    BackendError,
    BackendRefused,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
)
from cascade.exchange import Dropped, Timing, Usage, View
from cascade.messages import Reasoning, Text, ToolCall, UserMessage

THOUGHT = {"type": "thinking", "thinking": "Look at A first.", "signature": "sig=="}
SAID = {"type": "text", "text": "One moment."}


def _raw(draft: Any) -> Any:
    return json.loads(draft.message.artefact.raw["content"])


def _stream(*events: dict[str, Any]) -> list[tuple[str, bytes]]:
    return [(event["type"], json.dumps(event).encode()) for event in events]


@given(blocks=block_lists(), piece=st.integers(1, 9))
def test_a_stream_and_the_same_answer_in_one_piece_make_the_same_draft(
    blocks: list[dict[str, Any]], piece: int
):
    message = answer(*blocks)
    streamed, whole = read(events_of(message, piece)), read(message)
    assert streamed.model_copy(update={"message": whole.message}) == whole
    assert streamed.message.parts == whole.message.parts
    if whole.message.artefact is not None:
        assert _raw(streamed) == _raw(whole) == blocks


def test_parts_come_in_the_order_in_which_they_were_written():
    draft = read(events_of(answer(THOUGHT, SAID, tool_use(key="A"), THOUGHT, tool_use(2, key="B"))))
    kinds = [part.kind for part in draft.message.parts]
    assert kinds == ["reasoning", "text", "tool_call", "reasoning", "tool_call"]
    assert [call.arguments for call in draft.message.calls] == [{"key": "A"}, {"key": "B"}]
    assert draft.finish_reason == "tool_calls"
    assert draft.response_id == "msg_01"
    assert draft.problem is None


def test_a_thought_says_which_of_the_kept_blocks_it_is():
    draft = read(answer(THOUGHT, SAID, {"type": "redacted_thinking", "data": "x"}, tool_use()))
    thoughts = [part for part in draft.message.parts if isinstance(part, Reasoning)]
    assert [thought.text for thought in thoughts] == ["Look at A first.", ""]
    assert [thought.artefact.raw for thought in thoughts if thought.artefact] == [
        {"block": 0},
        {"block": 2},
    ]
    assert draft.message.artefact is not None
    assert draft.message.artefact.origin.account == "c0ffee00"


def test_texts_alone_are_kept_once():
    draft = read(answer(SAID, {"type": "text", "text": "Done."}))
    assert draft.message.artefact is None
    assert read(answer(SAID, tool_use())).message.artefact is not None
    cited = SAID | {"citations": [{"cited_text": "A"}]}
    assert read(answer(cited)).message.artefact is not None


def test_a_thought_behind_a_text_that_cannot_be_sent_does_not_go_back():
    blank = {"type": "text", "text": "\n"}
    assert read(answer(THOUGHT, blank, tool_use(1))).message.artefact is not None
    assert read(answer(THOUGHT, blank, THOUGHT, tool_use(1))).message.artefact is None


def test_members_and_blocks_that_nobody_has_heard_of_survive():
    call = tool_use() | {"caller": {"type": "direct"}}
    strange = {"type": "crystal_ball", "seen": [1, {"deep": None}]}
    draft = read(events_of(answer(strange, call)))
    assert _raw(draft) == [strange, call]
    assert [part.kind for part in draft.message.parts] == ["tool_call"]


def test_arguments_are_kept_as_they_were_written():
    block: dict[str, Any] = tool_use() | {"input": {}}
    spelt = '{"amount": 1.50, "count": 1e2, "key": "\\u00e9"}'
    draft = read(
        _stream(
            {"type": "message_start", "message": answer()},
            {"type": "content_block_start", "index": 0, "content_block": THOUGHT},
            {"type": "content_block_stop", "index": 0},
            {"type": "content_block_start", "index": 1, "content_block": block},
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": spelt},
            },
            {"type": "content_block_stop", "index": 1},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}},
            {"type": "message_stop"},
        )
    )
    assert draft.message.calls[0].arguments == {"amount": 1.5, "count": 100.0, "key": "é"}
    assert draft.message.artefact is not None
    raw: Any = draft.message.artefact.raw
    assert f'"input":{spelt}' in raw["content"]


def test_an_answer_in_one_piece_is_kept_as_it_was_written():
    codec = codec_for()
    reader = codec.reader(view_of(), request_of())
    block = '{ "type":"thinking", "thinking":"caf\\u00e9 \\ud83d\\ude00", "signature":"s" }'
    call = '{"type" : "tool_use","id":"toolu_0123456789abcdef","name":"look_up","input":{"n":1.0}}'
    body = answer() | {"content": "HERE", "stop_reason": "tool_use"}
    text = json.dumps(body).replace('"HERE"', f"[ {block} ,\n{call} ]")
    reader.whole(text.encode())
    draft = reader.draft(Timing())
    assert draft.message.artefact is not None
    assert draft.message.artefact.raw == {"content": f"[{block},{call}]"}
    (thought, _) = draft.message.parts
    assert isinstance(thought, Reasoning)
    assert thought.text == "café 😀"


def test_citations_are_put_together():
    cited = {"type": "char_location", "cited_text": "A", "document_index": 0}
    draft = read(
        _stream(
            {"type": "message_start", "message": answer()},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": "", "citations": None},
            },
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": "A."},
            },
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "citations_delta", "citation": cited},
            },
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
            {"type": "message_stop"},
        )
    )
    assert _raw(draft) == [{"type": "text", "text": "A.", "citations": [cited]}]
    assert draft.message.text == "A."


def test_a_block_that_grew_in_an_unknown_way_does_not_go_back_half_built():
    odd = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "aura_delta", "aura": "x"}}
    ]
    events = events_of(answer(THOUGHT, SAID))
    events[2:2] = _stream(*odd)
    draft = read(events)
    assert draft.message.artefact is None
    assert draft.message.text == "One moment."


def test_an_empty_text_is_no_part_and_is_not_kept():
    blank = {"type": "text", "text": " \n"}
    draft = read(events_of(answer(THOUGHT, blank, tool_use())))
    assert [part.kind for part in draft.message.parts] == ["reasoning", "tool_call"]
    assert _raw(draft) == [THOUGHT, tool_use()]


def test_a_turn_that_ends_in_a_thought_is_not_kept_as_none_may_end_so():
    draft = read(answer(SAID, THOUGHT, stop_reason="max_tokens"))
    assert draft.message.artefact is None
    assert all(getattr(part, "artefact", None) is None for part in draft.message.parts)
    assert draft.finish_reason == "length"


class TestDeltas:
    def test_texts_are_given_out_as_they_come_and_thoughts_are_not(self):
        reader = codec_for().reader(view_of(), request_of())
        message = answer(THOUGHT, {"type": "text", "text": "Hello there"}, tool_use())
        deltas = [d for name, data in events_of(message, 4) for d in reader.event(name, data)]
        assert [delta.text for delta in deltas] == ["Hell", "o th", "ere"]

    def test_a_text_that_comes_with_its_block_is_given_out_too(self):
        reader = codec_for().reader(view_of(), request_of())
        start = {"type": "content_block_start", "index": 0, "content_block": SAID}
        assert [d.text for n, data in _stream(start) for d in reader.event(n, data)] == [
            "One moment."
        ]

    def test_nothing_is_made_where_nobody_listens(self):
        reader = codec_for().reader(view_of(), request_of(stream=False))
        assert not [d for name, data in events_of(answer(SAID)) for d in reader.event(name, data)]


class TestUsage:
    counts = {  # noqa: RUF012 - never changed
        "input_tokens": 10,
        "cache_read_input_tokens": 200,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 7,
    }

    @pytest.mark.parametrize("streamed", [True, False])
    def test_buckets_do_not_overlap(self, *, streamed: bool):
        message = answer(SAID, usage=self.counts)
        draft = read(events_of(message) if streamed else message)
        assert draft.usage == Usage(
            input_tokens=10, cache_read_tokens=200, cache_write_tokens=30, output_tokens=7
        )
        assert draft.usage.prompt_tokens == 240

    def test_counts_of_the_end_replace_those_of_the_start(self):
        events = events_of(answer(SAID, usage=self.counts))
        end = {"stop_reason": "end_turn"}
        late = {"input_tokens": 11, "cache_read_input_tokens": None, "output_tokens": 9}
        events[-2:-1] = _stream({"type": "message_delta", "delta": end, "usage": late})
        usage = read(events).usage
        assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (11, 200, 9)

    def test_what_broke_off_is_reckoned_from_what_came(self):
        reader = codec_for().reader(view_of(), request_of())
        assert reader.usage == Usage()
        message = answer(
            {"type": "thinking", "thinking": "x" * 70, "signature": "s"},
            {"type": "text", "text": "y" * 35},
            usage=self.counts,
        )
        for name, data in events_of(message)[:-2]:
            list(reader.event(name, data))
        assert not reader.is_complete
        assert reader.usage == Usage(
            input_tokens=10,
            cache_read_tokens=200,
            cache_write_tokens=30,
            output_tokens=30,
            estimated=True,
        )
        with pytest.raises(BackendUnavailable, match="broke off after 2 blocks") as caught:
            reader.draft(Timing())
        assert caught.value.failure == "protocol"

    def test_a_server_that_counts_nothing_is_reckoned(self):
        draft = read(answer({"type": "text", "text": "y" * 35}, usage={}))
        assert draft.usage.estimated
        assert draft.usage.output_tokens >= 10


class TestEnds:
    @pytest.mark.parametrize(
        ("stop_reason", "finish_reason"),
        [
            ("end_turn", "stop"),
            ("stop_sequence", "stop"),
            ("max_tokens", "length"),
            ("refusal", "refusal"),
            ("pause_turn", "stopped"),
            ("something_new", "stop"),
        ],
    )
    def test_each_reason_has_its_counterpart(self, stop_reason: str, finish_reason: str):
        assert read(answer(SAID, stop_reason=stop_reason)).finish_reason == finish_reason

    def test_a_refusal_says_why(self):
        details = {"type": "refusal", "category": "cyber", "explanation": "Not that."}
        message = answer(SAID, stop_reason="refusal", stop_details=details)
        for draft in (read(message), read(events_of(message))):
            assert draft.problem == "The provider declined to answer: Not that."

    def test_a_full_window_is_no_answer(self):
        message = answer(SAID, stop_reason="model_context_window_exceeded")
        with pytest.raises(ContextExceeded, match="12 tokens of prompt and 34 of output"):
            read(message)

    def test_an_end_without_a_reason_is_a_contradiction(self):
        events = [event for event in events_of(answer(SAID)) if event[0] != "message_delta"]
        with pytest.raises(BackendUnavailable, match="without a reason"):
            read(events)

    def test_a_block_that_never_ended_is_a_contradiction(self):
        events = [event for event in events_of(answer(SAID)) if event[0] != "content_block_stop"]
        with pytest.raises(BackendUnavailable, match="broke off"):
            read(events)

    def test_blocks_that_the_provider_left_out_are_told(self):
        dropped = {
            "type": "thinking_dropped",
            "path": "messages.1.content.0",
            "reason": "prefix_binding_mismatch",
        }
        allowed = dropped | {"type": "thinking_mismatch_allowed"}
        message = answer(SAID, input_transformations=[dropped, allowed])
        for draft in (read(message), read(events_of(message))):
            assert draft.dropped == (Dropped(what="reasoning", why="not_accepted", count=1),)


class TestProblems:
    def _cut(self, text: str, stop_reason: str) -> list[tuple[str, bytes]]:
        start = {"type": "content_block_start", "index": 1, "content_block": tool_use()}
        delta = {"type": "input_json_delta", "partial_json": text}
        return _stream(
            {"type": "message_start", "message": answer()},
            {"type": "content_block_start", "index": 0, "content_block": THOUGHT},
            {"type": "content_block_stop", "index": 0},
            start,
            {"type": "content_block_delta", "index": 1, "delta": delta},
            {"type": "content_block_stop", "index": 1},
            {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": {}},
            {"type": "message_stop"},
        )

    def test_a_call_that_was_cut_off_is_no_call(self):
        draft = read(self._cut('{"key": "A', "max_tokens"))
        assert draft.problem == "Its call of look_up was cut off at the limit of 2048 tokens."
        assert not draft.message.calls
        assert draft.message.text == 'look_up({"key": "A)'
        assert draft.message.artefact is None

    @pytest.mark.parametrize("text", ['{"key": A}', '["A"]', "3", '{"key": NaN}'])
    def test_arguments_that_are_no_object_are_told_to_the_model(self, text: str):
        draft = read(self._cut(text, "tool_use"))
        assert draft.problem is not None
        assert draft.problem.startswith(
            "The arguments of its call of 'look_up' could not be read: "
        )
        assert not draft.message.calls

    def test_half_of_an_escaped_pair_is_no_reason_to_lose_a_call(self):
        draft = read(self._cut('{"key": "\\ud83d"}', "tool_use"))
        assert draft.problem is None
        assert draft.message.calls[0].arguments == {"key": "\ud83d"}

    def test_one_bad_call_takes_the_good_one_with_it(self):
        events = events_of(answer(tool_use(1), tool_use(2)))
        bad = {"type": "input_json_delta", "partial_json": "]"}
        at = max(i for i, (name, _) in enumerate(events) if name == "content_block_delta")
        events[at + 1 : at + 1] = _stream({"type": "content_block_delta", "index": 1, "delta": bad})
        draft = read(events)
        assert draft.problem is not None
        assert not draft.message.calls

    def test_a_call_without_arguments_has_none(self):
        empty = answer({"type": "tool_use", "id": tool_use()["id"], "name": "now", "input": {}})
        assert read(events_of(empty)).message.calls[0].arguments == {}


class TestCallIds:
    def test_the_providers_own_ids_stay(self):
        draft = read(answer(tool_use(7)))
        assert draft.message.calls[0].id == f"toolu_01{7:022d}"

    @pytest.mark.parametrize("identity", ["call_0", "toolu_1", "ü", "x" * 64, "", None, 5])
    def test_others_are_replaced_in_the_kept_blocks_as_well(self, identity: Any):
        view, request = view_of(), request_of(hop=3)
        blocks = (THOUGHT, tool_use() | {"id": identity})
        for message in (answer(*blocks), events_of(answer(*blocks))):
            draft = read(message, view=view, request=request)
            assert draft.message.calls[0].id == request.call_id(view, 0)
            assert _raw(draft)[1] == tool_use() | {"id": request.call_id(view, 0)}

    def test_the_second_of_two_equal_ids_is_replaced(self):
        draft = read(answer(tool_use(1, key="A"), tool_use(1, key="B")))
        first, second = draft.message.calls
        assert first.id != second.id


def test_tools_with_names_that_may_not_be_sent_are_called_by_their_own():
    tool = TOOL.model_copy(update={"name": "files.read"})
    codec, view = codec_for(), view_of(tools=(tool,))
    body = json.loads(codec.body([], view, request_of()))
    sent = body["tools"][0]["name"]
    assert sent != "files.read"
    assert "." not in sent
    draft = read(answer(tool_use(name=sent)), codec=codec, view=view)
    assert draft.message.calls[0].name == "files.read"
    again = codec.message(draft.message, plain=True)
    assert json.loads(again.fragments[0])["content"][0]["name"] == sent


class TestFailures:
    @pytest.mark.parametrize(
        ("kind", "failure", "error"),
        [
            ("overloaded_error", "overloaded", BackendUnavailable),
            ("rate_limit_error", "rate_limit", BackendUnavailable),
            ("api_error", "server", BackendUnavailable),
            ("timeout_error", "timeout", BackendTimeout),
            ("authentication_error", "auth", BackendRefused),
            ("billing_error", "quota", BackendUnavailable),
            ("invalid_request_error", "request", BackendRefused),
            ("never_heard_of_error", "server", BackendUnavailable),
        ],
    )
    def test_an_error_in_mid_stream_is_told_by_its_type(
        self, kind: str, failure: str, error: type[BackendError]
    ):
        reader = codec_for().reader(view_of(), request_of())
        said = {"type": "error", "error": {"type": kind, "message": "Words."}}
        with pytest.raises(error, match=r"Words\.") as caught:
            reader.event("error", json.dumps(said).encode())
        assert caught.value.failure == failure

    def test_an_error_in_one_piece_is_told_by_its_type(self):
        reader = codec_for().reader(view_of(), request_of())
        said = {"type": "error", "error": {"type": "overloaded_error", "message": "Full."}}
        with pytest.raises(BackendUnavailable, match=r"Full\.") as caught:
            reader.whole(json.dumps(said).encode())
        assert caught.value.failure == "overloaded"

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"not json",
            b"[]",
            b'"text"',
            b'{"type":"message_start"}',
            b'{"type":"message_start","message":[]}',
            b'{"type":"content_block_start","index":0}',
            b'{"type":"content_block_start","index":0,"content_block":3}',
            b'{"type":"content_block_delta","index":4,"delta":{"type":"text_delta","text":"a"}}',
            b'{"type":"content_block_stop","index":4}',
            b'{"type":"message_delta"}',
            b'{"type":"message_delta","delta":{},"usage":{"output_tokens":"many"}}',
        ],
    )
    def test_an_event_of_another_form_is_a_broken_protocol(self, data: bytes):
        reader = codec_for().reader(view_of(), request_of())
        with pytest.raises(BackendUnavailable, match="documents") as caught:
            reader.event("message", data)
        assert caught.value.failure == "protocol"

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"content": 5}'])
    def test_a_body_of_another_form_is_a_broken_protocol(self, body: bytes):
        reader = codec_for().reader(view_of(), request_of())
        with pytest.raises(BackendUnavailable, match="documents") as caught:
            reader.whole(body)
        assert caught.value.failure == "protocol"

    def test_a_block_that_begins_twice_is_a_broken_protocol(self):
        reader = codec_for().reader(view_of(), request_of())
        start = {"type": "content_block_start", "index": 0, "content_block": SAID}
        (event,) = _stream(start)
        reader.event(*event)
        with pytest.raises(BackendUnavailable, match="documents"):
            reader.event(*event)

    def test_a_piece_that_is_no_text_is_a_broken_protocol(self):
        events = events_of(answer(SAID))
        wrong = {"type": "text_delta", "text": 5}
        events[2:2] = _stream({"type": "content_block_delta", "index": 0, "delta": wrong})
        with pytest.raises(BackendUnavailable, match="documents"):
            read(events)

    def test_events_that_nobody_has_heard_of_mean_nothing(self):
        events = [("ping", b'{"type":"ping"}'), ("gong", b"{}"), *events_of(answer(SAID))]
        assert read(events).message.parts == (Text(text="One moment."),)


def test_the_sdk_puts_the_same_message_together():
    message = answer(THOUGHT, SAID, tool_use(key="A"), {"type": "redacted_thinking", "data": "d"})
    message["content"].append(tool_use(2, key="B"))
    assert _sdk_content(events_of(message)) == _raw(read(events_of(message)))


def _sdk_content(events: list[tuple[str, bytes]]) -> Any:
    body = b"".join(b"event: %s\ndata: %s\n\n" % (name.encode(), data) for name, data in events)

    def respond(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=body, headers={"content-type": "text/event-stream"})

    with anthropic.Anthropic(
        api_key="k",
        open_telemetry=False,
        http_client=httpx2.Client(transport=httpx2.MockTransport(respond)),
    ) as client:
        asked: Any = [{"role": "user", "content": "?"}]
        with client.messages.stream(model="m", max_tokens=9, messages=asked) as stream:
            content: Any = stream.get_final_message().to_dict()["content"]
    return [
        {name: value for name, value in block.items() if value is not None and name != "citations"}
        for block in content
    ]


def test_reading_does_not_look_at_earlier_turns():
    """A call's id must not cost a walk over the conversation."""

    class Untouchable(tuple[UserMessage, ...]):
        __slots__ = ()

        def __iter__(self) -> Any:
            raise AssertionError("it was looked at")

    view = View(
        trajectory_id="t",
        system=None,
        messages=Untouchable((UserMessage.of("?"),)),
        tools=(TOOL,),
    )
    draft = read(answer(THOUGHT, tool_use()), view=view)
    assert isinstance(draft.message.parts[1], ToolCall)
