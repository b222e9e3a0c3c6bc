"""From a generation to a draft: parts, reasons, and which tokens mean something."""

from dataclasses import replace

import pytest

from cascade.backends.llama.chat import ParsedCall, ParsedOutput, Span
from cascade.backends.llama.drafts import draft_of, token_statistics
from cascade.backends.llama.engine import FinishReason, Generation, Timing, TokenInfo
from cascade.exchange import Request, TokenSpan, View
from cascade.messages import Reasoning, Text, ToolCall, UserMessage

VIEW = View(trajectory_id="t", system=None, messages=(UserMessage.of("go"),), tools=())
REQUEST = Request(hop=3, max_output_tokens=9, seed=1)


def generation(
    *pieces: str, finish_reason: FinishReason = "stop", constrained: frozenset[int] = frozenset()
) -> Generation:
    """A generation of these pieces, the last of which ends it."""
    tokens = tuple(
        TokenInfo(index, piece.encode(), -0.1 * index, 0, -2.0, 0.5, index in constrained)
        for index, piece in enumerate(pieces)
    )
    shown = pieces[:-1] if finish_reason == "stop" else pieces
    return Generation(
        tokens=tokens,
        text="".join(shown),
        finish_reason=finish_reason,
        prompt_tokens=10,
        cached_tokens=7,
        evaluated_tokens=3,
        shared_tokens=0,
        restored=False,
        recomputed_tokens=0,
        timing=Timing(queue_s=0.1, prefill_s=0.2, decode_s=0.3),
    )


def parsed(
    content: str = "",
    *,
    reasoning: str = "",
    calls: tuple[ParsedCall, ...] = (),
    problem: str | None = None,
) -> ParsedOutput:
    unread = "" if problem is None else "<tool_call>{"
    return ParsedOutput(
        content=content, reasoning=reasoning, calls=calls, problem=problem, unread=unread
    )


def test_a_draft_holds_thoughts_text_and_calls_in_that_order() -> None:
    call = ParsedCall(name="look", arguments={"at": 1}, id=None, spans=())
    made = draft_of(
        generation("x", "<end>"),
        parsed(" hello ", reasoning="hm", calls=(call,)),
        view=VIEW,
        request=REQUEST,
        model="m",
    )
    kinds = [type(part) for part in made.message.parts]
    assert kinds == [Reasoning, Text, ToolCall]
    assert made.message.text == "hello"
    assert made.message.calls[0].id == REQUEST.call_id(VIEW, 0)
    assert made.finish_reason == "tool_calls"
    assert made.message.artefact is not None
    assert made.message.artefact.raw == {"text": "x"}


def test_usage_tells_what_was_evaluated_from_what_was_cached() -> None:
    made = draft_of(generation("x", "<end>"), parsed("x"), view=VIEW, request=REQUEST, model="m")
    usage = made.usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (3, 7, 2)
    assert made.timing.first_token_s == pytest.approx(0.3)
    assert made.timing.total_s == pytest.approx(0.6)


def test_what_cannot_be_read_is_kept_as_text_with_the_reason() -> None:
    call = ParsedCall(name="look", arguments={}, id=None, spans=())
    made = draft_of(
        generation("<tool_call>{", "<end>"),
        parsed("", reasoning="hm", calls=(call,), problem="the JSON is cut short"),
        view=VIEW,
        request=REQUEST,
        model="m",
    )
    assert made.problem == "It could not be read: the JSON is cut short."
    assert made.message.text == "<tool_call>{"
    assert [type(part) for part in made.message.parts] == [Reasoning, Text]
    assert made.message.calls == ()


@pytest.mark.parametrize(
    ("engine", "ours"),
    [
        ("stop", "stop"),
        ("stop_string", "stop"),
        ("length", "length"),
        ("context", "length"),
        ("deadline", "deadline"),
        ("callback", "stopped"),
    ],
)
def test_the_engines_reasons_become_ours(engine: FinishReason, ours: str) -> None:
    made = draft_of(
        generation("x", finish_reason=engine),
        parsed("x"),
        view=VIEW,
        request=REQUEST,
        model="m",
    )
    assert made.finish_reason == ours


def test_spans_name_the_tokens_that_hold_name_argument_and_value() -> None:
    # Characters:  0123456789...  the é takes two bytes, so that bytes and characters differ.
    pieces = ("é{", '"look', '", ', '"at": "', "do", 'or"', "}", "<end>")
    text = "".join(pieces[:-1])
    spans = (
        Span(kind="name", start=text.index("look"), end=text.index("look") + 4),
        Span(kind="key", start=text.index("at"), end=text.index("at") + 2),
        Span(kind="value", start=text.index("door"), end=text.index("door") + 4),
    )
    call = ParsedCall(name="look", arguments={"at": "door"}, id=None, spans=spans)
    made = token_statistics(generation(*pieces), parsed(calls=(call,)))
    assert made.spans == (
        TokenSpan(kind="name", call=0, start=1, end=2),
        TokenSpan(kind="key", call=0, start=3, end=4),
        TokenSpan(kind="value", call=0, start=4, end=6),
    )
    assert len(made.logprobs) == len(made.entropies) == len(made.runner_up_logprobs) == len(pieces)


def test_an_empty_value_has_an_empty_span() -> None:
    call = ParsedCall(
        name="look", arguments={}, id=None, spans=(Span(kind="value", start=2, end=2),)
    )
    made = token_statistics(generation("ab", "cd", "<end>"), parsed(calls=(call,)))
    assert made.spans[0].start == made.spans[0].end


def test_an_answer_is_marked_without_the_thoughts_before_it() -> None:
    made = token_statistics(
        generation("<think>", "hm", "</think>", "yes", " sir", "<end>"),
        parsed("yes sir", reasoning="hm"),
    )
    assert made.spans == (TokenSpan(kind="answer", start=3, end=5),)


def test_tokens_under_a_grammar_are_marked_as_such() -> None:
    made = token_statistics(
        generation("a", "b", "c", "d", "e", constrained=frozenset({1, 2, 4})), parsed("?")
    )
    grammar = [(span.start, span.end) for span in made.spans if span.kind == "grammar"]
    assert grammar == [(1, 3), (4, 5)]


def test_spans_are_right_behind_bytes_that_are_no_text() -> None:
    tokens = [b"\xff\xfe", b'"look', b'"']
    made = generation("x", "y", "z")
    pieces = tuple(
        info._replace(piece=piece) for info, piece in zip(made.tokens, tokens, strict=True)
    )
    text = b"".join(tokens).decode("utf-8", errors="replace")
    spans = (Span(kind="name", start=text.index("look"), end=text.index("look") + 4),)
    call = ParsedCall(name="look", arguments={}, id=None, spans=spans)
    got = token_statistics(replace(made, tokens=pieces, text=text), parsed(calls=(call,)))
    assert got.spans == (TokenSpan(kind="name", call=0, start=1, end=2),)
