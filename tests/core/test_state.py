from collections.abc import Sequence
from operator import attrgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation import AT, Simulation, draft, started

from cascade import facts
from cascade.errors import BackendError, BackendUnavailable, TraceError
from cascade.events import (
    Drafted,
    Event,
    Failed,
    Interrupted,
    Resumed,
    Scored,
    Started,
    ToolFinished,
)
from cascade.exchange import Draft, Usage
from cascade.fold import fold, fold_all
from cascade.messages import Text, ToolResult
from cascade.policy import Budget, Policy, Retries
from cascade.state import EMPTY, State

DOWN = BackendUnavailable("down", backend="scripted")

REPLIES: list[Draft | BackendError] = [
    draft("look"),
    draft("look", "write"),
    draft("look", "unknown", "look", text="thinking"),
    draft(problem="unreadable"),
    DOWN,
]
replies = st.lists(st.sampled_from(REPLIES), max_size=8)


def log_of(script: Sequence[Draft | BackendError]) -> list[Event]:
    policy = Policy(budget=Budget(tool_calls=8), retries=Retries(on_a_lane=3), max_redrafts=2)
    simulation = Simulation([*script, draft(text="the answer")] * 2, policy)
    simulation.run()
    return simulation.events


@given(replies.map(log_of), st.data())
def test_folding_a_prefix_and_then_the_rest_is_folding_all(log: list[Event], data: st.DataObject):
    whole = fold_all(log)
    cut = data.draw(st.integers(0, len(log)))
    prefix = fold_all(log[:cut])
    assert fold_all(log[cut:], prefix) == whole
    # Once more from the same prefix: what was folded onto it before left it as it was.
    assert fold_all(log[cut:], prefix) == whole


@given(replies.map(log_of))
def test_the_ledger_is_the_sum_over_the_events(log: list[Event]):
    ledger = fold_all(log).ledger
    drafts = [event.draft.usage for event in log if isinstance(event, Drafted)]
    spent = drafts + [event.usage for event in log if isinstance(event, Failed | Interrupted)]
    total = Usage()
    for usage in spent:
        total += usage
    assert ledger.total.usage == total
    assert ledger.total.hops == len(spent)
    assert sum(spend.hops for spend in ledger.accounts.values()) == len(spent)


@given(replies.map(log_of))
def test_one_event_copies_nothing_that_grows_with_the_trajectory(log: list[Event]):
    items = attrgetter("_items")
    state = fold(EMPTY, log[0])
    for event in log[1:]:
        successor = fold(state, event)
        assert items(successor.transcript) is items(state.transcript)
        state = successor


def test_a_gap_in_the_log_is_refused():
    state = fold(EMPTY, started())
    with pytest.raises(TraceError, match="event 3 follows event 1"):
        fold(state, Resumed(seq=3, at=AT))


def test_a_log_begins_with_started():
    with pytest.raises(TraceError, match="begins with a `resumed`"):
        fold(EMPTY, Resumed(seq=1, at=AT))


def test_a_second_head_is_refused():
    state = fold(EMPTY, started())
    with pytest.raises(TraceError, match="second `started`"):
        fold(state, started().model_copy(update={"seq": 2}))


def result(seq: int, call_id: str) -> ToolFinished:
    return ToolFinished(
        seq=seq,
        at=AT,
        step=1,
        outcome="ok",
        result=ToolResult(call_id=call_id, name="look", parts=(Text(text=""),)),
        duration_s=0,
    )


def pending_state() -> State:
    simulation = Simulation([draft("look", "write"), draft(text="end")])
    simulation.run()
    drafted = next(i for i, event in enumerate(simulation.events) if event.kind == "drafted")
    return fold_all(simulation.events[: drafted + 1])


def test_a_result_that_nobody_waits_for_is_refused():
    with pytest.raises(TraceError, match="nobody waits for"):
        fold(fold(EMPTY, started()), result(2, "call_x"))


def test_a_second_result_of_one_call_is_refused():
    state = pending_state()
    call = state.pending[0].call
    state = fold(state, result(state.seq + 1, call.id))
    with pytest.raises(TraceError, match="nobody waits for"):
        fold(state, result(state.seq + 1, call.id))


def test_only_a_score_follows_the_end():
    simulation = Simulation([draft(text="end")])
    state = simulation.run()
    scored = Scored(seq=state.seq + 1, at=AT, success=True, reward=1, source="me")
    state = fold(state, scored)
    assert state.scores == (scored,)
    with pytest.raises(TraceError, match="follows the end"):
        fold(state, Resumed(seq=state.seq + 1, at=AT))


def test_results_stand_in_the_order_of_the_calls():
    state = pending_state()
    first, second = (entry.call for entry in state.pending)
    state = fold(state, result(state.seq + 1, second.id))
    assert state.step == 1
    state = fold(state, result(state.seq + 1, first.id))
    assert state.step == 2
    message = state.transcript[-1]
    assert message.role == "tool"
    assert [part.call_id for part in message.parts] == [first.id, second.id]


def test_time_between_stop_and_resume_does_not_count():
    head = started()
    state = fold(EMPTY, head)
    later = AT.replace(year=2027)
    state = fold(state, facts.resumed(state, later))
    assert state.elapsed_s == 0


def test_a_clock_that_goes_back_takes_nothing_away():
    state = fold(EMPTY, started())
    state = fold(state, facts.interrupted(state, AT.replace(year=2025), usage=None))
    assert state.elapsed_s == 0


def test_an_empty_log_has_no_head():
    with pytest.raises(TraceError, match="the log is empty"):
        EMPTY.head()
    assert EMPTY.outcome is None


def test_a_head_is_an_event_like_others():
    state = fold(EMPTY, started())
    assert isinstance(state.head(), Started)
    assert state.transcript[0] == state.head().task
