"""The small values of the core: money, messages, policies, views, errors and facts."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from event_strategies import usages
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from simulation import AT, LANE, Simulation, draft, started

from cascade import facts
from cascade.errors import BackendUnavailable, CascadeError, TraceError
from cascade.exchange import Draft, Request, Usage, View
from cascade.fold import fold
from cascade.ledger import Account, Ledger, Spend
from cascade.messages import (
    Artefact,
    AssistantMessage,
    Origin,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    UserMessage,
    well_formed,
)
from cascade.policy import Policy
from cascade.state import EMPTY, Rejected, State
from cascade.views import lane_view

ACCEPTED = Account("local", "draft", "accepted")


@given(st.lists(st.tuples(usages, st.none() | st.decimals(0, 100, places=4)), max_size=6))
def test_a_ledger_is_the_sum_of_its_charges(charges: list[tuple[Usage, Decimal | None]]):
    ledger = Ledger()
    for usage, cost in charges:
        ledger = ledger.charge(ACCEPTED, usage, cost)
    known = [cost for _, cost in charges if cost is not None]
    assert ledger.total.hops == len(charges)
    assert ledger.total.usage.total_tokens == sum(usage.total_tokens for usage, _ in charges)
    assert ledger.total.cost_usd == (sum(known) if len(known) == len(charges) else None)
    assert ledger.accounts == ({ACCEPTED: ledger.total} if charges else {})


def test_a_ledger_keeps_accounts_apart():
    other = ACCEPTED._replace(cause="rejected")
    ledger = Ledger()
    for account, tokens in ((ACCEPTED, 1), (ACCEPTED, 2), (other, 4), (ACCEPTED, 8)):
        ledger = ledger.charge(account, Usage(input_tokens=tokens), Decimal(tokens))
    sums = {account: spend.usage.input_tokens for account, spend in ledger.accounts.items()}
    assert sums == {ACCEPTED: 11, other: 4}
    assert ledger.total == Spend(4, Usage(input_tokens=15), Decimal(15))


def test_a_charge_leaves_the_ledger_before_it_as_it_was():
    before = Ledger()
    before.charge(ACCEPTED, Usage(input_tokens=1), Decimal(1))
    assert before == Ledger()
    assert Spend().cost_usd == 0


def test_prices_are_for_a_million_tokens_by_bucket():
    usage = Usage(input_tokens=10, output_tokens=20, cache_read_tokens=30, cache_write_tokens=40)
    assert LANE.cost_usd(usage) == Decimal("0.000263")
    assert usage.prompt_tokens == 80
    assert usage.total_tokens == 100
    assert LANE.model_copy(update={"prices": None}).cost_usd(usage) is None


def test_tokens_cannot_be_negative():
    with pytest.raises(ValidationError):
        Usage(input_tokens=-1)


def test_values_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        LANE.name = "other"  # pyright: ignore[reportAttributeAccessIssue] - that is the test


def test_a_message_tells_text_and_calls_apart():
    call = ToolCall(id="a", name="n", arguments={})
    message = AssistantMessage(
        parts=(Reasoning(text="hm"), Text(text="one "), call, Text(text="two"))
    )
    assert message.text == "one two"
    assert message.calls == (call,)
    assert UserMessage.of("hello").text == "hello"


def test_half_of_an_escaped_pair_becomes_a_question_mark():
    call = ToolCall(id="a", name="n", arguments={"deep": [{"key": "x\ud800y"}, 1, None]})
    message = AssistantMessage(parts=(Text(text="fine"), call))
    cleaned = well_formed(message)
    assert cleaned.calls[0].arguments == {"deep": [{"key": "x?y"}, 1, None]}
    assert cleaned.text == "fine"
    assert well_formed(cleaned) is cleaned


def test_a_policy_is_known_by_what_it_says():
    assert Policy().digest == Policy().digest
    assert Policy(max_redrafts=2).digest != Policy().digest
    assert len(Policy().digest) == 16


def test_call_ids_are_unique_and_repeatable_and_hide_the_owner():
    view = View(trajectory_id="a rather long name / with ü", system=None, messages=(), tools=())
    request = Request(hop=12, max_output_tokens=1, seed=0)
    ids = [request.call_id(view, index) for index in range(3)]
    assert len(set(ids)) == 3
    assert ids == [request.call_id(view, index) for index in range(3)]
    assert all(ToolCall(id=call_id, name="n", arguments={}) for call_id in ids)


def test_the_view_is_the_transcript_itself_while_nothing_was_rejected():
    state = fold(EMPTY, started())
    view = lane_view(state, "local")
    assert view.messages is state.transcript
    assert view.trajectory_id == "t"


@pytest.mark.parametrize(
    ("finish_reason", "rejection"),
    [("length", "cut off after 2"), ("deadline", "cut off")],
)
def test_a_draft_that_was_cut_off_is_rejected(finish_reason: str, rejection: str):
    cut = draft(text="half of").model_copy(update={"finish_reason": finish_reason})
    event = facts.drafted(deciding(), cut, AT)
    assert not event.accepted
    assert rejection in (event.rejection or "")


@pytest.mark.parametrize(
    ("made", "rejection"),
    [
        (draft(text="  \n"), "neither text nor a tool call"),
        (draft(problem="no JSON"), "no JSON"),
        (
            draft("look").model_copy(
                update={
                    "message": AssistantMessage(
                        parts=(ToolCall(id="a", name="n", arguments={}),) * 2
                    )
                }
            ),
            "same id",
        ),
    ],
)
def test_a_draft_that_cannot_be_used_is_rejected(made: Draft, rejection: str):
    event = facts.drafted(deciding(), made, AT)
    assert not event.accepted
    assert rejection in (event.rejection or "")


def test_a_draft_with_half_of_an_escaped_pair_can_be_recorded():
    call = ToolCall(id="a", name="look", arguments={"key": "\udc00"})
    made = draft().model_copy(update={"message": AssistantMessage(parts=(call,))})
    event = facts.drafted(deciding(), made, AT)
    assert event.accepted
    assert event.draft.message.calls[0].arguments == {"key": "?"}


def test_an_error_with_an_odd_message_can_be_recorded():
    error = BackendUnavailable("at \ud800", backend="x")
    event = facts.failed(deciding(), error, AT, usage=Usage())
    assert event.message == "at ?"


def deciding() -> State:
    """The state in which the first model call is outstanding."""
    simulation = Simulation([draft(text="end")])
    simulation.run()
    state = fold(EMPTY, simulation.events[0])
    return fold(state, simulation.events[1])


def test_a_draft_without_a_decision_is_refused():
    with pytest.raises(TraceError, match="follows a decision"):
        facts.drafted(fold(EMPTY, started()), draft(text="x"), AT)


def test_a_decision_for_a_lane_that_is_not_there_is_refused():
    other = LANE.model_copy(update={"name": "other"})
    head = started(lanes=(other,))
    decided = Simulation([draft(text="x")])
    decided.run()
    state = fold(fold(EMPTY, head), decided.events[1])
    with pytest.raises(TraceError, match="'local', which the trajectory does not have"):
        facts.outstanding(state)


def test_an_interrupted_call_is_charged_and_one_between_calls_is_not():
    state = deciding()
    usage = Usage(input_tokens=5, output_tokens=1)
    during = facts.interrupted(state, AT, usage=usage)
    assert (during.hop, during.lane, during.usage) == (1, "local", usage)
    assert fold(state, during).ledger.total.usage == usage
    between = facts.interrupted(state, AT, usage=None)
    assert (between.hop, between.lane, between.cost_usd) == (None, None, None)
    assert fold(state, between).ledger == Ledger()


def test_an_unknown_tool_does_nothing_to_the_world():
    state = fold(EMPTY, started())
    assert facts.side_effect_of(state, "write") == "write"
    assert facts.side_effect_of(state, "invented") == "read"


def test_a_result_reads_as_its_parts_joined():
    result = ToolResult(call_id="a", name="n", parts=(Text(text="x"), Text(text="y")))
    assert result.text == "xy"


def test_errors_say_where():
    assert str(TraceError("broken")) == "broken"
    assert str(TraceError("broken", path=Path("a.jsonl"))) == "a.jsonl: broken"
    assert str(TraceError("broken", path=Path("a.jsonl"), line=3)) == "a.jsonl, line 3: broken"
    down = BackendUnavailable("down", backend="b", request_id="r", retry_after_s=2.0)
    assert (down.backend, down.request_id, down.retry_after_s) == ("b", "r", 2.0)
    assert isinstance(down, CascadeError)


def test_a_rejected_call_is_shown_as_text_since_it_will_never_have_a_result() -> None:
    call = ToolCall(id="c", name="look", arguments={})
    raw = Artefact(origin=Origin(provider="p", model="m"), raw={"text": "<call>look"})
    state = fold(EMPTY, started())
    for message, said in (
        (AssistantMessage(parts=(call,), artefact=raw), "<call>look"),
        (AssistantMessage(parts=(Text(text="Let me see."), call)), "Let me see."),
        (AssistantMessage(parts=(call,)), "(a tool call)"),
    ):
        shown = replace(
            state, rejected=(Rejected(message=message, reason="It was cut off.", lane="local"),)
        )
        _, draft, request = lane_view(shown, "local").messages
        assert draft.role == "assistant"
        assert draft.calls == ()
        assert draft.text == said
        assert request.role == "user"
        assert "It was cut off." in request.text
