"""What the Responses codec makes of answers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from pydantic_core import from_json, to_json
from responses_wire import (
    LANE,
    ORIGIN,
    REQUEST,
    TIMING,
    answer,
    call_item,
    codec_for,
    events_of,
    message_item,
    read_stream,
    read_whole,
    reasoning_item,
    view_of,
)

from cascade.errors import BackendError, BackendRefused, ContextExceeded
from cascade.exchange import Dropped, Request, TokenSpan, ToolSpec, Usage
from cascade.messages import AssistantMessage, Reasoning, Text, ToolCall, well_formed

WHOLE_TURN = answer(
    reasoning_item("1", summary="Two things to look up."),
    message_item("2", "I look both up.", phase="commentary"),
    call_item("3", "look_up", '{"key": "a"}'),
    call_item("4", "look_up", '{"key": "b"}'),
)


def test_the_streams_of_these_tests_are_what_the_sdk_expects():
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for name, data in events_of(WHOLE_TURN):
        assert adapter.validate_json(data).type == name


def test_a_stream_and_a_whole_answer_give_the_same_draft():
    streamed, pieces = read_stream(WHOLE_TURN)
    assert streamed == read_whole(WHOLE_TURN)
    assert "".join(piece.text for piece in pieces) == "I look both up."


def test_parts_come_in_order_with_parallel_calls_under_the_providers_ids():
    draft, _ = read_stream(WHOLE_TURN)
    thought, text, *calls = draft.message.parts
    assert isinstance(thought, Reasoning)
    assert thought.text == "Two things to look up."
    assert thought.artefact is not None
    assert text == Text(text="I look both up.")
    assert calls == [
        ToolCall(id=f"call_{'3':0>24}", name="look_up", arguments={"key": "a"}),
        ToolCall(id=f"call_{'4':0>24}", name="look_up", arguments={"key": "b"}),
    ]
    assert draft.finish_reason == "tool_calls"
    assert draft.problem is None


def test_the_artefact_holds_the_finished_items_as_they_came():
    draft, _ = read_stream(WHOLE_TURN)
    artefact = draft.message.artefact
    assert artefact is not None
    assert artefact.origin == ORIGIN
    assert artefact.raw == {"output": WHOLE_TURN["output"]}


def test_an_answer_says_who_gave_it():
    draft, _ = read_stream(WHOLE_TURN)
    assert draft.served_model == "gpt-6.1-sol-2026-09-01"
    assert draft.response_id == "resp_1"
    assert draft.timing == TIMING


def test_nobody_is_told_pieces_when_nobody_listens():
    request = Request(hop=1, max_output_tokens=10, seed=1)
    reader = codec_for().reader(view_of(), request)
    told = [piece for name, data in events_of(WHOLE_TURN) for piece in reader.event(name, data)]
    assert told == []
    assert reader.draft(TIMING).message.text == "I look both up."


def test_unknown_events_and_a_done_mark_say_nothing():
    reader = codec_for().reader(view_of(), REQUEST)
    events = events_of(WHOLE_TURN)
    events.insert(1, ("response.mood.changed", b'{"type": "response.mood.changed", "mood": 3}'))
    events.append(("", b"[DONE]"))
    for name, data in events:
        list(reader.event(name, data))
    assert reader.draft(TIMING) == read_whole(WHOLE_TURN)


def test_items_that_only_the_last_event_shows_are_taken_from_there():
    reader = codec_for().reader(view_of(), REQUEST)
    for name, data in events_of(WHOLE_TURN):
        if name != "response.output_item.done":
            list(reader.event(name, data))
    assert reader.draft(TIMING) == read_whole(WHOLE_TURN)


def test_the_last_event_does_not_overwrite_finished_items():
    shown = [item | {"encrypted_content": None} for item in WHOLE_TURN["output"][:1]]
    events = events_of(WHOLE_TURN)
    events[-1] = (
        "response.completed",
        to_json({"type": "response.completed", "response": WHOLE_TURN | {"output": shown}}),
    )
    reader = codec_for().reader(view_of(), REQUEST)
    for name, data in events:
        list(reader.event(name, data))
    assert reader.draft(TIMING) == read_whole(WHOLE_TURN)


@pytest.mark.parametrize("place", ["none", "from one", "with gaps"])
def test_a_server_that_numbers_items_its_own_way_loses_and_doubles_no_call(place: str):
    turn = answer(call_item("a", "look", '{"key": "a"}'), call_item("b", "look", '{"key": "b"}'))
    reader = codec_for().reader(view_of(), REQUEST)
    for name, data in events_of(turn):
        payload = from_json(data)
        index = payload.pop("output_index", None)
        if index is not None and place != "none":
            payload["output_index"] = index + 1 if place == "from one" else index * 2
        list(reader.event(name, to_json(payload)))
    calls = reader.draft(TIMING).message.calls
    assert [call.arguments for call in calls] == [{"key": "a"}, {"key": "b"}]


@given(
    whole=st.integers(0, 10**6),
    cached=st.integers(0, 10**6),
    written=st.integers(0, 10**6),
    output=st.integers(0, 10**6),
)
def test_the_buckets_sum_to_what_the_provider_counted(
    whole: int, cached: int, written: int, output: int
):
    count = {
        "input_tokens": whole,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens": output,
        "total_tokens": whole + output,
    }
    usage = read_whole(answer(message_item("1", "Yes."), usage=count)).usage
    assert usage.total_tokens == whole + output
    assert usage.prompt_tokens == whole
    assert not usage.estimated
    if cached + written <= whole:
        assert (usage.cache_read_tokens, usage.cache_write_tokens) == (cached, written)


def test_usage_is_nothing_before_the_answer_and_reckoned_when_it_breaks_off():
    reader = codec_for().reader(view_of(), REQUEST)
    assert reader.usage == Usage()
    for name, data in events_of(WHOLE_TURN)[:-1]:
        list(reader.event(name, data))
    assert not reader.is_complete
    assert reader.usage.estimated
    written = len("Two things to look up.I look both up.") + 2 * len('{"key": "a"}')
    assert reader.usage.output_tokens == -(-written // 4)
    with pytest.raises(BackendError, match="broke off") as caught:
        reader.draft(TIMING)
    assert caught.value.failure == "protocol"


def test_an_answer_without_a_count_has_an_estimate():
    draft, _ = read_stream(answer(message_item("1", "Certainly so."), usage=None))
    assert draft.usage.estimated
    assert draft.usage.output_tokens == 4


def test_an_answer_cut_at_its_length_is_not_kept_in_its_own_form():
    details = {"reason": "max_output_tokens"}
    cut = answer(
        reasoning_item("1"),
        message_item("2", "It is") | {"status": "incomplete"},
        status="incomplete",
        incomplete_details=details,
    )
    draft, _ = read_stream(cut)
    assert draft.finish_reason == "length"
    assert draft.message == AssistantMessage(parts=(Reasoning(text=""), Text(text="It is")))


def test_a_call_cut_at_the_length_limit_is_no_call():
    cut = answer(
        call_item("1", "look_up", '{"key": "a') | {"status": "incomplete"},
        status="incomplete",
        incomplete_details={"reason": "max_output_tokens"},
    )
    draft, _ = read_stream(cut)
    assert draft.finish_reason == "length"
    assert draft.problem is None
    assert draft.message.calls == ()


def test_filtered_content_is_a_refusal():
    cut = answer(
        message_item("1", "It"),
        status="incomplete",
        incomplete_details={"reason": "content_filter"},
    )
    assert read_stream(cut)[0].finish_reason == "refusal"


def test_a_refusal_part_is_a_refusal_that_can_be_read():
    item = message_item("1", "") | {"content": [{"type": "refusal", "refusal": "I may not."}]}
    draft, pieces = read_stream(answer(item))
    assert draft.finish_reason == "refusal"
    assert draft.message.text == "I may not."
    assert "".join(piece.text for piece in pieces) == "I may not."


def test_a_failure_by_policy_is_a_refusal_that_was_paid_for():
    error = {"code": "bio_policy", "message": "Not about this."}
    draft, _ = read_stream(answer(status="failed", error=error))
    assert draft.finish_reason == "refusal"
    assert draft.usage.total_tokens == 120


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ({"code": "server_error", "message": "Oops."}, "server"),
        ({"code": "rate_limit_exceeded", "message": "Slower."}, "rate_limit"),
        ({"code": "insufficient_quota", "message": "Pay."}, "quota"),
        ({"code": "server_is_overloaded", "message": "Busy."}, "overloaded"),
        ({"code": "slow_down", "message": "Busy."}, "overloaded"),
        ({"code": "invalid_prompt", "message": "No."}, "request"),
        ({"code": "unsupported_image_media_type", "message": "No."}, "request"),
        ({"code": "context_length_exceeded", "message": "Long."}, "context"),
        ({"code": "invalid_encrypted_content", "message": "Whose?"}, "signature"),
        ({"code": "brand_new_code", "message": "What?"}, "server"),
        ({"code": None, "type": "invalid_request_error", "message": "No."}, "request"),
    ],
)
def test_failures_inside_an_answer_are_told_by_code(error: dict[str, Any], failure: str):
    failed = answer(status="failed", error=error)
    flat = to_json({"type": "error", "sequence_number": 1} | error)
    nested = to_json({"type": "error", "error": error})
    nameless = to_json({"error": error})
    for name, data in [
        ("response.failed", to_json({"type": "response.failed", "response": failed})),
        ("error", nested),
        ("", nameless),
    ] + ([] if "type" in error else [("error", flat)]):
        with pytest.raises(BackendError, match=str(error["message"])) as caught:
            list(codec_for().reader(view_of(), REQUEST).event(name, data))
        assert caught.value.failure == failure
        assert caught.value.backend == "openai"
    with pytest.raises(BackendError) as caught:
        codec_for().reader(view_of(), REQUEST).whole(to_json(failed))
    assert caught.value.failure == failure


def test_failures_are_of_the_class_that_fits():
    kinds = {"context_length_exceeded": ContextExceeded, "invalid_prompt": BackendRefused}
    for code, kind in kinds.items():
        reader = codec_for().reader(view_of(), REQUEST)
        with pytest.raises(kind):
            list(reader.event("error", to_json({"type": "error", "code": code, "message": ""})))


def test_a_failure_without_a_reason_is_the_servers():
    reader = codec_for().reader(view_of(), REQUEST)
    with pytest.raises(BackendError) as caught:
        reader.whole(to_json(answer(status="failed")))
    assert caught.value.failure == "server"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("response.created", b'{"type": "response.cre'),
        ("response.created", b"[]"),
        ("response.created", b'{"type": "response.created"}'),
        ("response.completed", b'{"type": "response.completed", "response": 3}'),
        ("response.output_item.done", b'{"type": "response.output_item.done", "item": null}'),
    ],
)
def test_what_is_not_of_the_documented_form_is_a_fault_of_the_protocol(name: str, data: bytes):
    with pytest.raises(BackendError) as caught:
        list(codec_for().reader(view_of(), REQUEST).event(name, data))
    assert caught.value.failure == "protocol"


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"status": "queued"}', b"7"])
def test_a_body_that_is_no_finished_response_is_a_fault_of_the_protocol(body: bytes):
    with pytest.raises(BackendError) as caught:
        codec_for().reader(view_of(), REQUEST).whole(body)
    assert caught.value.failure == "protocol"


def test_an_error_body_with_status_200_is_what_it_says():
    reader = codec_for().reader(view_of(), REQUEST)
    with pytest.raises(BackendError) as caught:
        reader.whole(b'{"error": {"code": "insufficient_quota", "message": "Pay."}}')
    assert caught.value.failure == "quota"


def test_text_that_no_item_holds_is_a_contradiction():
    reader = codec_for().reader(view_of(), REQUEST)
    for name, data in events_of(answer(message_item("1", "Lost words."))):
        payload = from_json(data)
        if name == "response.completed":
            payload["response"]["output"] = []
        if name != "response.output_item.done":
            list(reader.event(name, to_json(payload)))
    with pytest.raises(BackendError, match="none of its items") as caught:
        reader.draft(TIMING)
    assert caught.value.failure == "protocol"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('{"key": ', "could not be read"),
        ("[1, 2]", "not a JSON object"),
        ('{"key": "a", "key": "b"}', "'key' is given twice"),
        ('{"key": NaN}', "NaN is no JSON number"),
        ('{"key": 1e999}', "1e999 is too large"),
        ("[" * 100_000, "could not be read"),
    ],
)
def test_arguments_that_cannot_be_read_are_a_problem_in_words(arguments: str, words: str):
    draft = read_whole(answer(reasoning_item("1"), call_item("2", "look_up", arguments)))
    assert draft.problem is not None
    assert words in draft.problem
    assert "'look_up'" in draft.problem
    assert draft.message.calls == ()
    assert draft.message.text == f"look_up({arguments})"
    assert draft.message.artefact is None
    assert draft.message.parts[0] == Reasoning(text="")


def test_the_first_unreadable_call_is_the_problem_and_none_of_the_calls_is_made():
    draft = read_whole(
        answer(
            call_item("1", "look_up", '{"x": 1.5}'),
            call_item("2", "look_up", "{"),
            call_item("3", "ping", "}"),
        )
    )
    assert draft.problem is not None
    assert "'look_up'" in draft.problem
    assert draft.message.calls == ()
    assert draft.message.text == 'look_up({"x":1.5})look_up({)ping(})'


def test_half_a_character_in_an_argument_harms_nobody():
    draft = read_whole(answer(call_item("1", "look_up", '{"key": "\\ud800"}')))
    message = well_formed(draft.message)
    assert codec_for().message(message, plain=False).fragments
    assert codec_for().message(message, plain=True).fragments


def test_items_of_tools_that_run_over_there_take_the_turns_own_form_away():
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    draft = read_whole(answer(reasoning_item("1"), search, message_item("2", "Found.")))
    assert draft.message == AssistantMessage(parts=(Reasoning(text=""), Text(text="Found.")))


@pytest.mark.parametrize("arguments", ["", "  ", "{}"])
def test_no_arguments_are_an_empty_object(arguments: str):
    draft = read_whole(answer(call_item("1", "ping", arguments)))
    assert [call.arguments for call in draft.message.calls] == [{}]


@pytest.mark.parametrize("call_id", ["call_0", "", "fc-1|2", "call_" + "x" * 60, "weiß_" * 5])
def test_ids_that_are_not_fit_to_be_ours_are_replaced(call_id: str):
    draft = read_whole(answer(call_item("1", "ping", "{}") | {"call_id": call_id}))
    assert [call.id for call in draft.message.calls] == [REQUEST.call_id(view_of(), 0)]


def test_an_id_that_came_twice_is_replaced_the_second_time():
    twice = "call_" + "a" * 24
    draft = read_whole(
        answer(
            call_item("1", "ping", "{}", call_id=twice),
            call_item("2", "ping", "{}", call_id=twice),
        )
    )
    assert [call.id for call in draft.message.calls] == [twice, REQUEST.call_id(view_of(), 1)]


def test_a_tool_whose_name_the_api_does_not_allow_is_called_by_its_own_name():
    tool = ToolSpec(name="files.read", description="", parameters={"type": "object"})
    view = view_of(tools=[tool])
    body = from_json(codec_for().body([], view, REQUEST))
    name = body["tools"][0]["name"]
    assert name != "files.read"
    draft = read_whole(answer(call_item("1", name, "{}")), view=view)
    assert [call.name for call in draft.message.calls] == ["files.read"]


def test_reasoning_without_its_block_takes_the_turns_own_form_away():
    draft = read_whole(answer(reasoning_item("1", encrypted=None), message_item("2", "Yes.")))
    assert draft.message == AssistantMessage(parts=(Reasoning(text=""), Text(text="Yes.")))


def test_reasoning_that_the_provider_removed_is_named():
    removed = {"id": "rs_9", "action": "removed", "reason": "model_mismatch", "type": "reasoning"}
    draft, _ = read_stream(
        answer(message_item("1", "Yes."), input_transformations=[removed, removed])
    )
    assert draft.dropped == (Dropped(what="reasoning", why="not_accepted", count=2),)


def test_log_probabilities_become_statistics_and_do_not_go_back():
    capabilities = LANE.capabilities.model_copy(update={"log_probabilities": True})
    lane = LANE.model_copy(update={"capabilities": capabilities})
    tokens = [
        {
            "token": "Yes",
            "logprob": -0.5,
            "top_logprobs": [
                {"token": "Yes", "logprob": -0.5},
                {"token": "No", "logprob": -1.5},
            ],
        },
        {"token": ".", "logprob": 0.0, "top_logprobs": [{"token": "!", "logprob": -9999.0}]},
    ]
    item = message_item("1", "Yes.")
    item["content"][0]["logprobs"] = tokens
    with_call = read_whole(answer(item, call_item("2", "ping", "{}")), codec=codec_for(lane))
    assert with_call.tokens is not None
    assert with_call.tokens.spans == ()
    draft = read_whole(answer(item), codec=codec_for(lane))
    assert draft.tokens is not None
    assert draft.tokens.logprobs == (-0.5, 0.0)
    assert draft.tokens.runner_up_logprobs == (-1.5, -9999.0)
    # 0.6065, 0.2231 and the rest, 0.1703
    assert draft.tokens.entropies == pytest.approx((0.93945, 0.0), abs=1e-5)
    assert draft.tokens.spans == (TokenSpan(kind="answer", start=0, end=2),)
    assert draft.message.artefact is not None
    assert draft.message.artefact.raw == {"output": [message_item("1", "Yes.")]}
    assert read_whole(answer(item)).tokens is None
