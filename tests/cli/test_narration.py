"""Events as lines."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import log
from typing import Any

import pytest

from cascade.cli.narration import Narration, confidence
from cascade.cli.summary import TrajectorySummary, totals
from cascade.cli.wording import (
    dollars,
    one_line,
    printable,
)
from cascade.events import (
    BudgetReached,
    Drafted,
    Event,
    Failed,
    Finished,
    Interrupted,
    Resumed,
    Scored,
    Started,
    ToolFinished,
)
from cascade.exchange import Draft, Timing, TokenSpan, TokenStatistics, Usage
from cascade.fold import fold
from cascade.lanes import Lane
from cascade.messages import (
    AssistantMessage,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    UserMessage,
)
from cascade.policy import Policy
from cascade.state import EMPTY

AT = datetime(2026, 1, 1, tzinfo=UTC)
STATISTICS = TokenStatistics(
    logprobs=(log(0.1), log(0.9), log(0.5), log(0.8)),
    runner_up_logprobs=(-1.0,) * 4,
    entropies=(0.5,) * 4,
    spans=(
        TokenSpan(kind="grammar", call=0, start=0, end=1),
        TokenSpan(kind="name", call=0, start=1, end=2),
        TokenSpan(kind="value", call=0, start=2, end=4),
    ),
)


def said(event: Event, *, full: bool = False) -> str:
    return "\n".join(line.plain for line in Narration(full=full).lines(event))


def drafted(*parts: Any, accepted: bool = True, **changes: Any) -> Drafted:
    draft = Draft(
        message=AssistantMessage(parts=parts),
        finish_reason="stop",
        usage=Usage(input_tokens=30, output_tokens=12),
        timing=Timing(total_s=0.5),
        served_model="m",
        tokens=changes.pop("tokens", None),
    )
    settled: dict[str, Any] = {"role": "draft", "cost_usd": None, **changes}
    return Drafted(
        seq=2, at=AT, step=3, hop=4, lane="local", draft=draft, accepted=accepted, **settled
    )


def test_a_step_shows_lane_tokens_speed_and_how_sure_the_model_was():
    line = said(drafted(ToolCall(id="c", name="look", arguments={}), tokens=STATISTICS))
    assert line == "step 3  local · 12 tokens · 0.50 s · 24 tokens/s · confidence 0.50\n  → look()"


def test_confidence_is_the_least_probable_token_of_names_and_arguments():
    assert confidence(STATISTICS) == pytest.approx(0.5)


def test_without_calls_confidence_is_that_of_the_answer():
    answer = STATISTICS.model_copy(update={"spans": (TokenSpan(kind="answer", start=0, end=2),)})
    assert confidence(answer) == pytest.approx(0.1)


@pytest.mark.parametrize("tokens", [None, STATISTICS.model_copy(update={"spans": ()})])
def test_confidence_is_unknown_without_statistics(tokens: TokenStatistics | None):
    assert confidence(tokens) is None


def test_a_step_shows_reasoning_words_and_calls_with_their_arguments():
    parts = (
        Reasoning(text="hm"),
        Text(text="one\n\ntwo"),
        ToolCall(id="c", name="f", arguments={"x": [1, "é"]}),
    )
    text = said(drafted(*parts), full=True)
    assert text.splitlines()[1:] == ["  hm", "  one", "  two", '  → f(x=[1, "é"])']


def test_a_rejected_draft_shows_what_was_said_and_why_it_cannot_be_used():
    event = drafted(Text(text="<tool"), accepted=False, rejection="It broke off.", role="redraft")
    assert said(event).startswith("step 3  local redraft · ")
    assert said(event).endswith("\n  <tool\n  draft rejected: It broke off.")


def tool_finished(outcome: Any, text: str) -> ToolFinished:
    result = ToolResult(
        call_id="c", name="look", parts=(Text(text=text),), is_error=outcome != "ok"
    )
    return ToolFinished(seq=2, at=AT, step=1, outcome=outcome, result=result, duration_s=1.25)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (tool_finished("ok", "42"), "  ← look: 42  1.25 s"),
        (tool_finished("timeout", "timed out"), "  ✗ look: timed out  1.25 s"),
        (
            BudgetReached(seq=2, at=AT, limit="steps", allowed=Decimal(3), used=Decimal(3)),
            "  limit reached: steps 3 of 3",
        ),
        (
            Failed(
                seq=2,
                at=AT,
                step=1,
                hop=1,
                lane="local",
                role="draft",
                error="BackendTimeout",
                message="too slow",
                failure="timeout",
                usage=Usage(),
                cost_usd=None,
            ),
            "  model call failed on local: BackendTimeout: too slow",
        ),
        (
            Interrupted(
                seq=2, at=AT, step=1, hop=None, lane=None, role=None, usage=Usage(), cost_usd=None
            ),
            "  interrupted",
        ),
        (Resumed(seq=2, at=AT), "  resumed"),
        (
            Finished(seq=2, at=AT, outcome="budget_exhausted", reason="3 steps", answer=None),
            "budget exhausted: 3 steps",
        ),
        (
            Finished(seq=2, at=AT, outcome="completed", reason="", answer="Yes,\nit is."),
            "completed\nanswer  Yes,\nit is.",
        ),
        (
            Scored(seq=2, at=AT, success=False, reward=0.25, source="desk", reason="wrong id"),
            "not solved (reward 0.25, desk): wrong id",
        ),
    ],
)
def test_each_kind_of_event_has_its_line(event: Event, line: str):
    assert said(event) == line


def test_long_texts_are_shortened_unless_they_are_asked_for():
    event = tool_finished("ok", "x" * 500)
    assert "x" * 199 + "…" in said(event)
    assert "x" * 500 in said(event, full=True)


def test_control_characters_are_replaced_and_line_breaks_kept():
    assert printable("a\x1b[31m\x9b\x00\tb\r\nc") == "a�[31m��    b\nc"
    assert one_line("a\nb", 10) == "a ⏎ b"


@pytest.mark.parametrize(
    ("cost_usd", "words"),
    [
        (None, "cost unknown"),
        (Decimal(0), "$0"),
        (Decimal("0.0001200"), "$0.00012"),
        (Decimal("12.346"), "$12.35"),
    ],
)
def test_an_unknown_cost_is_never_shown_as_nothing(cost_usd: Decimal | None, words: str):
    assert dollars(cost_usd) == words


def test_the_summary_of_an_unfinished_trajectory_has_no_outcome():
    started = Started(
        seq=1,
        at=AT,
        trajectory_id="t",
        task=UserMessage.of("go"),
        system=None,
        tools=(),
        policy=Policy(),
        policy_digest="",
        lanes=(Lane(name="local", backend="b", model="m", locality="local"),),
        seed=1,
    )
    state = fold(fold(EMPTY, started), drafted(Text(text="x")).model_copy(update={"seq": 2}))
    state = fold(state, Resumed(seq=3, at=AT + timedelta(seconds=5)))
    summary = TrajectorySummary.of(state, None)
    assert (summary.outcome, summary.answer, summary.trace) == (None, None, None)
    assert summary.cost_usd is None
    assert summary.accounts[0].usage.output_tokens == 12
    assert "cost unknown" in totals(state).plain
