from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation import LANE, Simulation, draft, started

from cascade import facts
from cascade.controller import (
    INTERRUPTED_CALL,
    CallLane,
    Record,
    RunTools,
    Stop,
    decide,
)
from cascade.errors import BackendError, BackendRefused, BackendUnavailable, ConfigError
from cascade.events import BudgetReached, Decided, Event, Finished, ToolFinished
from cascade.exchange import Draft, Usage
from cascade.fold import fold, fold_all
from cascade.lanes import Lane, Prices, home_lane
from cascade.policy import Budget, Policy
from cascade.state import EMPTY, State

DOWN = BackendUnavailable("it is down", backend="scripted")
REFUSED = BackendRefused("no such parameter", backend="scripted")
UNREADABLE = draft(problem="It was no call.")
END = draft(text="the answer")


def spent(tools: list[str], text: str, prompt: int, output: int) -> Draft:
    return draft(*tools, text=text, usage=Usage(input_tokens=prompt, output_tokens=output))


spending = st.lists(
    st.builds(
        spent,
        st.lists(st.sampled_from(["look", "write"]), max_size=4),
        st.sampled_from(["", "a word"]),
        st.integers(0, 100),
        st.integers(0, 50),
    ),
    min_size=1,
    max_size=6,
)
budgets = st.builds(
    Budget,
    steps=st.none() | st.integers(1, 6),
    tool_calls=st.none() | st.integers(0, 8),
    tokens=st.none() | st.integers(1, 400),
    usd=st.none() | st.decimals(0, "0.002", places=6),
    wall_s=st.none() | st.floats(0.5, 60),
)


def finished(state: State) -> Finished:
    assert state.finished is not None
    return state.finished


@given(spending, budgets)
def test_no_budget_is_overshot_by_more_than_the_last_action(script: list[Draft], budget: Budget):
    simulation = Simulation([*script, *[END] * 30], Policy(budget=budget, max_redrafts=20))
    state = simulation.run()
    calls = [event for event in simulation.events if event.kind == "drafted"]
    last = calls[-1] if calls else None
    spent = state.ledger.total
    before = fold_all(
        simulation.events[: last.seq - 1] if last is not None else simulation.events
    ).ledger.total
    if budget.steps is not None:
        assert state.steps_done <= budget.steps
    if budget.tool_calls is not None:
        assert state.tool_calls <= budget.tool_calls
    if budget.tokens is not None and last is not None:
        assert before.usage.total_tokens < budget.tokens
    if budget.usd is not None and last is not None:
        assert before.cost_usd is not None
        assert before.cost_usd < budget.usd or not before.cost_usd
    assert spent.hops == len(calls)
    _ends_as_it_should(simulation, state)


def _ends_as_it_should(simulation: Simulation, state: State) -> None:
    """A limit is an outcome with its event; an answer that was given is never thrown away."""
    reached = [event for event in simulation.events if isinstance(event, BudgetReached)]
    end = finished(state)
    if state.final_text is not None:
        assert end.outcome == "completed"
        assert end.answer == state.final_text
        assert not reached
    else:
        assert (end.outcome == "budget_exhausted") == bool(reached)
    assert simulation.events[-1] == end


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(steps=2), "steps"),
        (Budget(tool_calls=1), "tool_calls"),
        (Budget(tokens=20), "tokens"),
        (Budget(usd=Decimal("0.00005")), "usd"),
        (Budget(wall_s=5), "wall_s"),
    ],
)
def test_each_limit_ends_the_run_with_what_it_has(budget: Budget, limit: str):
    look = draft("look", text="let me see")
    simulation = Simulation([look] * 10, Policy(budget=budget))
    state = simulation.run()
    end, reached = finished(state), simulation.events[-2]
    assert isinstance(reached, BudgetReached)
    assert reached.limit == limit
    assert reached.used >= reached.allowed or limit == "tool_calls"
    assert end.outcome == "budget_exhausted"
    assert limit in end.reason
    assert end.answer == "let me see"


@pytest.mark.parametrize(
    "budget",
    [Budget(steps=1), Budget(tokens=1), Budget(usd=Decimal("0.000001")), Budget(wall_s=2.5)],
)
def test_an_answer_that_reaches_a_limit_still_counts(budget: Budget):
    end = finished(Simulation([END], Policy(budget=budget)).run())
    assert (end.outcome, end.answer) == ("completed", "the answer")


def test_a_message_with_more_calls_than_are_left_runs_none_of_them():
    simulation = Simulation([draft("look", "look")], Policy(budget=Budget(tool_calls=1)))
    state = simulation.run()
    assert state.tool_calls == 0
    assert finished(state).outcome == "budget_exhausted"


def test_a_budget_of_nothing_allows_what_costs_nothing():
    free = LANE.model_copy(update={"prices": Prices.free()})
    budget = Budget(usd=Decimal(0))
    end = finished(Simulation([END], Policy(budget=budget), lanes=(free,)).run())
    assert end.outcome == "completed"


def test_a_budget_of_money_cannot_be_kept_where_prices_are_unknown():
    unpriced = LANE.model_copy(update={"prices": None})
    simulation = Simulation(
        [draft("look"), END], Policy(budget=Budget(usd=Decimal(0))), lanes=(unpriced,)
    )
    state = simulation.run()
    assert finished(state).outcome == "completed"
    assert state.ledger.total.cost_usd is None


def test_an_answer_cut_short_is_missing_where_nothing_was_said():
    end = finished(Simulation([draft("look")], Policy(budget=Budget(steps=1))).run())
    assert end.answer is None


def test_a_call_may_write_no_more_than_the_budget_leaves():
    simulation = Simulation([draft("look"), END], Policy(budget=Budget(tokens=100)))
    simulation.run()
    most = [a.request.max_output_tokens for a in simulation.actions if isinstance(a, CallLane)]
    assert most == [100, 88]


def test_one_redraft_and_then_the_run_has_failed():
    simulation = Simulation([UNREADABLE, UNREADABLE])
    state = simulation.run()
    assert finished(state).outcome == "failed"
    assert finished(state).reason == "no usable draft for step 1: It was no call."
    roles = [e.decision.role for e in simulation.events if isinstance(e, Decided)]
    assert roles == ["draft", "redraft"]
    assert {account.cause for account in state.ledger.accounts} == {"rejected"}


def test_a_redraft_sees_what_was_wrong_and_the_step_after_it_does_not():
    simulation = Simulation([UNREADABLE, draft("look"), END])
    simulation.run()
    first, second, third = (a.view for a in simulation.actions if isinstance(a, CallLane))
    assert len(first.messages) == 1
    told = second.messages[-1]
    assert told.role == "user"
    assert "It was no call." in told.text
    assert [message.role for message in second.messages] == ["user", "assistant", "user"]
    assert second.messages[0] == first.messages[0]
    assert [message.role for message in third.messages] == ["user", "assistant", "tool"]


def test_a_failure_that_may_pass_is_tried_once_more():
    simulation = Simulation([DOWN, END])
    state = simulation.run()
    assert finished(state).outcome == "completed"
    reasons = [e.decision.reasons for e in simulation.events if isinstance(e, Decided)]
    assert "retry" not in reasons[0]
    assert "retry" in reasons[1]
    assert {account.cause: spend.hops for account, spend in state.ledger.accounts.items()} == {
        "failed": 1,
        "accepted": 1,
    }


@pytest.mark.parametrize(
    ("replies", "hops"), [([DOWN, DOWN], 2), ([REFUSED], 1)], ids=["down twice", "refused"]
)
def test_a_failure_that_stays_ends_the_run(replies: list[BackendError], hops: int):
    state = Simulation(replies).run()
    assert finished(state).outcome == "failed"
    assert type(replies[0]).__name__ in finished(state).reason
    assert str(replies[0]) in finished(state).reason
    assert state.ledger.total.hops == hops


def test_the_same_state_always_gives_the_same_action():
    simulation = Simulation([draft("look", "write"), END])
    simulation.run()
    state = EMPTY
    for event in simulation.events:
        state = fold(state, event)
        now = event.at + timedelta(seconds=1)
        assert decide(state, now) == decide(state, now)


def test_a_finished_trajectory_stops():
    state = Simulation([END]).run()
    assert state.at is not None
    assert decide(state, state.at) == Stop()


def cut_after(kind: str, script: list[Draft]) -> tuple[State, list[Event]]:
    simulation = Simulation(script)
    simulation.run()
    index = next(i for i, event in enumerate(simulation.events) if event.kind == kind)
    state = fold_all(simulation.events[: index + 1])
    return fold(state, facts.resumed(state, simulation.now())), simulation.events


def test_a_write_that_a_crash_cut_short_is_reported_and_not_repeated():
    state, _ = cut_after("tool_started", [draft("write"), END])
    assert state.at is not None
    action = decide(state, state.at)
    assert isinstance(action, Record)
    assert isinstance(action.event, ToolFinished)
    assert action.event.outcome == "interrupted"
    assert action.event.result.is_error
    assert action.event.result.text == INTERRUPTED_CALL


def test_a_read_that_a_crash_cut_short_is_run_again():
    state, events = cut_after("tool_started", [draft("look"), END])
    assert state.at is not None
    action = decide(state, state.at)
    assert isinstance(action, RunTools)
    assert [call.name for call in action.calls] == ["look"]
    assert action.remaining_s is None
    assert events[0].seq == 1


def test_a_call_made_again_after_a_crash_samples_as_the_lost_one_would_have():
    simulation = Simulation([draft("look"), END])
    simulation.run()
    seeds = [a.request.seed for a in simulation.actions if isinstance(a, CallLane)]
    state, _ = cut_after("decided", [draft("look"), END])
    assert state.at is not None
    again = decide(state, state.at)
    assert isinstance(again, Record)
    state = fold(state, again.event)
    assert state.at is not None
    call = decide(state, state.at)
    assert isinstance(call, CallLane)
    assert call.request.hop == 2
    assert call.request.seed == seeds[0]
    assert len(set(seeds)) == 2


def test_the_home_lane_is_the_lowest_or_the_named_one():
    high = LANE.model_copy(update={"name": "high", "tier": 1})
    assert home_lane((high, LANE), None) is LANE
    assert home_lane((high, LANE), "high") is high


@pytest.mark.parametrize(
    ("lanes", "name", "said"), [((), None, "none at all"), ((LANE,), "nope", "'local'")]
)
def test_a_home_lane_that_is_not_there_is_an_error(
    lanes: tuple[Lane, ...], name: str | None, said: str
):
    with pytest.raises(ConfigError, match=said):
        home_lane(lanes, name)


def test_a_decision_says_why_and_what_else_there_was():
    high = LANE.model_copy(update={"name": "high", "tier": 1})
    simulation = Simulation([draft("look"), END], Policy(home_lane="local"), lanes=(LANE, high))
    simulation.run()
    first, second = (e.decision for e in simulation.events if isinstance(e, Decided))
    assert first.reasons == ("home_lane", "policy_home")
    assert [(c.lane, c.excluded) for c in first.candidates] == [
        ("local", None),
        ("high", "not_home"),
    ]
    assert first.estimated_cost_usd is None
    assert second.estimated_cost_usd == Decimal("0.00003")
    assert first.policy_digest == started(Policy(home_lane="local")).policy_digest


def test_a_lane_that_is_alone_is_chosen_for_that():
    simulation = Simulation([END])
    simulation.run()
    decided = next(event for event in simulation.events if isinstance(event, Decided))
    assert "only_candidate" in decided.decision.reasons
