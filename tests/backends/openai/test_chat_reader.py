"""Answers of Chat Completions."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json
from remote_lanes import LOOK_UP, ORIGIN, asked, shown

from cascade.backends.openai.chat_calls import CallPieces
from cascade.backends.openai.chat_messages import ChatMessages
from cascade.backends.openai.chat_reader import ChatReader
from cascade.errors import BackendError, BackendUnavailable
from cascade.exchange import Draft, Timing, ToolSpec, Usage
from cascade.messages import AssistantMessage, Reasoning, Text

VIEW, REQUEST = shown(), asked(3)
IDS = [REQUEST.call_id(VIEW, index) for index in range(3)]
COUNTS: dict[str, Any] = {
    "choices": [],
    "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
}


def reader(answer_tool: str | None = None) -> ChatReader:
    return ChatReader(ORIGIN, "openai", VIEW, REQUEST, answer_tool)


def chunk(finish: str | None = None, log: Any = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": log}
    return {"id": "c1", "model": "m-2", "choices": [choice]}


def read(*chunks: dict[str, Any], answer_tool: str | None = None) -> Draft:
    taker = reader(answer_tool)
    for each in chunks:
        list(taker.event("", to_json(each)))
    list(taker.event("", b"[DONE]"))
    assert taker.is_complete
    return taker.draft(Timing())


def whole(message: dict[str, Any], finish: str = "stop", **fields: Any) -> Draft:
    taker = reader()
    choice = {"index": 0, "message": message, "finish_reason": finish}
    taker.whole(
        to_json(
            {"id": "c1", "model": "m-2", "choices": [choice], **COUNTS, **fields}
            | {"choices": [choice]}
        )
    )
    return taker.draft(Timing())


def call(index: int | None = 0, **fields: Any) -> dict[str, Any]:
    function = {key: fields.pop(key) for key in ("name", "arguments") if key in fields}
    named: dict[str, Any] = {} if index is None else {"index": index}
    return chunk(tool_calls=[{**named, **fields, "function": function}])


def test_text_comes_in_pieces():
    draft = read(
        chunk(role="assistant", content=""), chunk(content="a"), chunk("stop", content="b"), COUNTS
    )
    assert draft.message.parts == (Text(text="ab"),)
    assert (draft.finish_reason, draft.served_model, draft.response_id) == ("stop", "m-2", "c1")
    assert draft.usage == Usage(input_tokens=9, output_tokens=4)


def test_calls_come_in_pieces_and_get_our_ids():
    draft = read(
        chunk(content="so"),
        call(0, id="theirs", name="look_up", arguments=""),
        call(0, arguments='{"ke'),
        call(1, id="other", name="look_up", arguments='{"key":"b"}'),
        call(0, arguments='y":"a"}'),
        chunk("tool_calls"),
    )
    assert [(each.id, each.arguments) for each in draft.message.calls] == [
        (IDS[0], {"key": "a"}),
        (IDS[1], {"key": "b"}),
    ]
    assert draft.finish_reason == "tool_calls"


@pytest.mark.parametrize("index", [0, None])
def test_calls_that_all_have_the_same_index_or_none_are_told_apart_by_id(index: int | None):
    draft = read(
        call(index, id="one", name="look_up", arguments='{"key":"a"}'),
        call(index, id="two", name="look_up", arguments='{"key":"b"}'),
        chunk("stop"),
    )
    assert [each.arguments for each in draft.message.calls] == [{"key": "a"}, {"key": "b"}]
    assert draft.finish_reason == "tool_calls"


def test_a_name_that_is_said_again_or_in_pieces_is_one_name():
    pieces = CallPieces()
    for name in ("look", "_up", "look_up"):
        pieces.add(0, {"index": 0, "function": {"name": name}})
    assert [each.name for each in pieces.all] == ["look_up"]


def test_a_call_without_arguments_has_none_and_one_with_an_object_has_that():
    draft = read(
        call(0, id="a", name="look_up", arguments=""),
        call(1, id="b", name="look_up", arguments={"key": "x"}),
        call(2, id="c", name="look_up"),
        chunk("tool_calls"),
    )
    assert [each.arguments for each in draft.message.calls] == [{}, {"key": "x"}, {}]


def test_tools_get_their_own_names_back():
    tool = ToolSpec(name="files.read", description="", parameters={"type": "object"})
    view = shown(tools=(LOOK_UP, tool))
    message = AssistantMessage.model_validate(
        {"parts": [{"kind": "tool_call", "id": "c", "name": "files.read", "arguments": {}}]}
    )
    sent = ChatMessages(ORIGIN, replay="never", images=False).encoded(message, plain=False)
    name = from_json(sent.fragments[0])["tool_calls"][0]["function"]["name"]
    taker = ChatReader(ORIGIN, "openai", view, REQUEST, None)
    taker.event("", to_json(call(0, id="a", name=name, arguments="{}")))
    taker.event("", to_json(chunk("tool_calls")))
    assert taker.draft(Timing()).message.calls[0].name == "files.read"


@pytest.mark.parametrize("written", ['{"key":', "[1]", "NaN", '{"key":NaN}', "text"])
def test_a_call_that_cannot_be_read_stops_all_calls_of_its_message(written: str):
    draft = read(
        call(0, id="a", name="look_up", arguments='{"key":"a"}'),
        call(1, id="b", name="look_up", arguments=written),
        chunk("tool_calls"),
    )
    assert draft.message.calls == ()
    assert draft.problem is not None
    assert draft.problem.startswith("The arguments of its call of 'look_up' could not be read: ")
    assert draft.message.text == f'look_up({{"key":"a"}})\nlook_up({written})'


def test_a_call_without_a_name_cannot_be_read():
    draft = read(call(0, id="a", arguments="{}"), chunk("tool_calls"))
    assert draft.problem is not None


def test_a_call_that_was_cut_off_is_no_mistake_of_the_models():
    draft = read(call(0, id="a", name="look_up", arguments='{"ke'), chunk("length"))
    assert (draft.finish_reason, draft.problem) == ("length", None)


@pytest.mark.parametrize(
    ("finish", "delta", "reason"),
    [
        ("stop", {"content": "a"}, "stop"),
        ("length", {"content": "a"}, "length"),
        ("content_filter", {"content": ""}, "refusal"),
        ("stop", {"refusal": "I will not"}, "refusal"),
        ("eos", {"content": "a"}, "stop"),
    ],
)
def test_each_way_to_end_has_its_name(finish: str, delta: dict[str, Any], reason: str):
    draft = read(chunk(finish, **delta))
    assert draft.finish_reason == reason
    assert draft.message.text == (delta.get("content") or delta.get("refusal") or "")


def test_a_whole_answer_reads_like_a_streamed_one():
    function = {"name": "look_up", "arguments": '{"key":"a"}'}
    message = {
        "content": "so",
        "reasoning_content": "hm",
        "tool_calls": [{"id": "t", "function": function}, {"id": "u", "function": function}],
    }
    streamed = read(
        chunk(reasoning_content="h"),
        chunk(reasoning_content="m", content="so"),
        call(0, id="t", **function),
        call(1, id="u", **function),
        chunk("tool_calls"),
        COUNTS,
    )
    assert whole(message, "tool_calls") == streamed


@pytest.mark.parametrize(
    ("counts", "timings", "usage"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4}, {}, Usage(input_tokens=9, output_tokens=4)),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
            },
            {},
            Usage(input_tokens=1, cache_read_tokens=5, cache_write_tokens=3, output_tokens=4),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_cache_hit_tokens": 8},
            {},
            Usage(input_tokens=1, cache_read_tokens=8, output_tokens=4),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None},
            {"cache_n": 6},
            Usage(input_tokens=3, cache_read_tokens=6, output_tokens=4),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 20},
            {},
            Usage(input_tokens=9, output_tokens=11),
        ),
        (
            {"prompt_tokens": 2, "prompt_tokens_details": {"cached_tokens": 7}},
            {},
            Usage(cache_read_tokens=2),
        ),
    ],
)
def test_counts_fall_into_buckets_that_do_not_overlap(
    counts: dict[str, Any], timings: dict[str, Any], usage: Usage
):
    draft = read(chunk("stop", content="a"), {"choices": [], "usage": counts, "timings": timings})
    assert draft.usage == usage


def test_what_nobody_counted_is_reckoned():
    taker = reader()
    assert taker.usage == Usage()
    taker.event("", to_json(chunk(content="12345678", reasoning="1234")))
    taker.event("", to_json(call(0, id="a", name="look", arguments="1234")))
    assert taker.usage == Usage(output_tokens=5, estimated=True)


def test_a_server_that_leaves_the_end_out_has_ended_with_its_counts():
    taker = reader()
    taker.event("", to_json(chunk("stop", content="a")))
    assert not taker.is_complete
    taker.event("", to_json(COUNTS))
    assert taker.is_complete


def test_reasoning_is_kept_with_where_it_came_from():
    draft = read(chunk(reasoning="h"), chunk(reasoning="m"), chunk("stop", content="a"))
    (part, text) = draft.message.parts
    assert isinstance(part, Reasoning)
    assert isinstance(text, Text)
    assert part.text == "hm"
    assert part.artefact is not None
    assert (part.artefact.origin, part.artefact.raw) == (ORIGIN, {"reasoning": "hm"})


def test_signed_details_come_together_and_so_do_signatures_of_calls():
    first = {"type": "reasoning.text", "index": 0, "text": "h", "signature": None}
    second = {"type": "reasoning.text", "index": 0, "text": "m", "signature": "sig"}
    draft = read(
        chunk(reasoning_details=[first]),
        chunk(reasoning_details=[second]),
        call(0, id="a", name="look_up", arguments="{}"),
        call(1, id="b", name="look_up", arguments="{}", extra_content={"google": {"sig": "s"}}),
        chunk("tool_calls"),
    )
    part = draft.message.parts[0]
    assert isinstance(part, Reasoning)
    assert part.artefact is not None
    assert part.artefact.raw == {
        "reasoning_details": [
            {"type": "reasoning.text", "index": 0, "text": "hm", "signature": "sig"}
        ],
        "extra_content": [None, {"google": {"sig": "s"}}],
    }


def test_thoughts_among_parts_of_content_are_reasoning():
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "so"},
    ]
    draft = read(chunk("stop", content=content))
    assert draft.message.text == "so"
    assert [part.text for part in draft.message.parts if isinstance(part, Reasoning)] == ["hm"]


def test_the_tool_that_stands_for_the_answer_is_no_call():
    answer = call(0, id="a", name="final", arguments='{"x":1}')
    draft = read(answer, chunk("tool_calls"), answer_tool="final")
    assert (draft.message.text, draft.message.calls) == ('{"x":1}', ())
    assert draft.finish_reason == "stop"
    both = call(1, id="b", name="look_up", arguments="{}")
    draft = read(answer, both, chunk("tool_calls"), answer_tool="final")
    assert [each.name for each in draft.message.calls] == ["look_up"]
    assert draft.message.text == ""


def logged(token: str, logprob: float | None, *others: tuple[str, float]) -> dict[str, Any]:
    top = [{"token": name, "logprob": value} for name, value in others]
    return {"token": token, "logprob": logprob, "bytes": None, "top_logprobs": top}


def test_log_probabilities_become_statistics():
    half = math.log(0.5)
    log = {
        "content": [
            logged("a", half, ("a", half), ("b", math.log(0.25))),
            logged("c", math.log(0.1), ("d", math.log(0.9))),
        ]
    }
    draft = read(chunk("stop", content="ac", log=log))
    tokens = draft.tokens
    assert tokens is not None
    assert tokens.logprobs == pytest.approx((half, math.log(0.1)))
    assert tokens.runner_up_logprobs == pytest.approx((math.log(0.25), math.log(0.9)))
    # The quarter that no token was named for counts as one.
    assert tokens.entropies[0] == pytest.approx(0.5 * math.log(2) + 2 * 0.25 * math.log(4))
    assert [(span.kind, span.start, span.end) for span in tokens.spans] == [("answer", 0, 2)]


def test_where_calls_were_made_no_token_is_known_to_be_the_answers():
    log = {"content": [logged("a", -0.1, ("b", -3.0))]}
    draft = read(
        chunk(content="a", log=log),
        call(0, id="a", name="look_up", arguments="{}"),
        chunk("tool_calls"),
    )
    assert draft.tokens is not None
    assert draft.tokens.spans == ()


@pytest.mark.parametrize("log", [None, {}, {"content": None}, {"content": [logged("a", -0.1)]}])
def test_without_anything_to_choose_from_there_are_no_statistics(log: Any):
    assert read(chunk("stop", content="a", log=log)).tokens is None


def test_numbers_that_are_none_stand_for_the_least_probable():
    log = {"content": [logged("a", None, ("b", -0.0001), ("c", 0.5))]}
    tokens = read(chunk("stop", content="a", log=log)).tokens
    assert tokens is not None
    assert tokens.logprobs == (-9999.0,)
    assert tokens.runner_up_logprobs == (0.0,)


def test_of_a_certain_token_the_entropy_is_zero_without_a_sign():
    log = {"content": [logged("a", 0.0, ("b", -9999.0))]}
    tokens = read(chunk("stop", content="a", log=log)).tokens
    assert tokens is not None
    assert str(tokens.entropies[0]) == "0.0"


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b"null",
        b'{"choices":[3]}',
        b'{"choices":{"a":1}}',
        b'{"choices":[{"delta":{"tool_calls":[{"function":{"name":5}}]}}]}',
        b'{"choices":[{"delta":{"content":[5]}}]}',
        b'{"choices":[{"delta":{},"logprobs":{"content":[5]}}]}',
        b'{"choices":[],"usage":[5]}',
    ],
)
def test_what_is_of_another_form_is_a_failure_of_the_protocol(data: bytes):
    with pytest.raises(BackendUnavailable) as caught:
        reader().event("", data)
    assert caught.value.failure == "protocol"
    with pytest.raises(BackendError):
        reader().whole(data)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(["", "a", "stop", "thinking"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "content",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "index",
                    "id",
                    "usage",
                    "logprobs",
                    "top_logprobs",
                    "token",
                    "logprob",
                    "reasoning_details",
                    "type",
                    "text",
                    "thinking",
                    "prompt_tokens",
                    "prompt_tokens_details",
                    "cached_tokens",
                    "finish_reason",
                    "refusal",
                    "extra_content",
                    "timings",
                    "error",
                    "model",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    payloads=st.lists(
        st.fixed_dictionaries({"choices": st.lists(ANYTHING, max_size=1)}) | ANYTHING, max_size=3
    )
)
def test_whatever_comes_it_is_a_draft_or_a_failure_of_ours(payloads: list[Any]):
    taker = reader()
    try:
        for payload in payloads:
            list(taker.event("", to_json(payload)))
        _ = taker.usage
        taker.draft(Timing())
    except BackendError:
        pass


def test_an_answer_without_a_reason_to_end_is_a_failure_of_the_protocol():
    taker = reader()
    taker.event("", to_json(chunk(content="a")))
    taker.event("", b"[DONE]")
    with pytest.raises(BackendUnavailable, match="without a finish_reason"):
        taker.draft(Timing())


def test_an_error_in_the_place_of_an_answer_is_one():
    with pytest.raises(BackendUnavailable) as caught:
        reader().whole(b'{"error":{"message":"no","code":"rate_limit_exceeded"}}')
    assert caught.value.failure == "rate_limit"
    with pytest.raises(BackendUnavailable, match="in mid-answer: no"):
        reader().event("error", b'{"message":"no"}')


def test_names_that_are_no_text_are_left_out():
    draft = read(chunk("stop", content="a") | {"id": 5, "model": 6})
    assert (draft.response_id, draft.served_model) == (None, ORIGIN.model)
