"""What follows a failed call: here again, elsewhere, later, or not at all."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation import AT, LANE, Simulation, draft

from cascade import facts
from cascade.controller import CallLane, Record, Wait, decide
from cascade.errors import BackendError, BackendUnavailable, ContextExceeded, FailureKind
from cascade.events import Decided, Failed, Finished
from cascade.exchange import Draft, Usage
from cascade.failover import REMEDIES
from cascade.fold import fold_all
from cascade.lanes import Lane
from cascade.messages import Artefact, AssistantMessage, Origin, Reasoning, Text, ToolCall
from cascade.policy import Budget, Policy, Retries
from cascade.state import Rejected, State
from cascade.views import lane_view

END = draft(text="the answer")


def remote(name: str, *fallbacks: str, endpoint: str = "", **changes: object) -> Lane:
    """A lane at a server of its own, unless another is given."""
    return LANE.model_copy(
        update={
            "name": name,
            "model": f"model of {name}",
            "locality": "remote",
            "endpoint": endpoint or f"https://{name}.example",
            "fallbacks": fallbacks,
            **changes,
        }
    )


ONE, TWO, THREE = remote("one", "two", "three"), remote("two"), remote("three")
CHAIN = (ONE, TWO, THREE)


def failing(kind: FailureKind, retry_after_s: float | None = None) -> BackendError:
    return BackendUnavailable(
        f"it failed by {kind}", backend="x", failure=kind, retry_after_s=retry_after_s
    )


def played(
    *replies: Draft | BackendError, lanes: tuple[Lane, ...] = CHAIN, policy: Policy | None = None
) -> Simulation:
    simulation = Simulation(replies, policy=policy or Policy(), lanes=lanes)
    simulation.run()
    return simulation


def called(simulation: Simulation) -> list[str]:
    return [action.lane.name for action in simulation.actions if isinstance(action, CallLane)]


def waits(simulation: Simulation) -> list[Wait]:
    return [action for action in simulation.actions if isinstance(action, Wait)]


def end(simulation: Simulation) -> Finished:
    assert simulation.state.finished is not None
    return simulation.state.finished


@pytest.mark.parametrize("kind", [kind for kind, what in REMEDIES.items() if what == "retry"])
def test_what_may_pass_is_tried_again_here_and_then_elsewhere(kind: FailureKind):
    simulation = played(failing(kind), failing(kind), END)
    assert called(simulation) == ["one", "one", "two"]
    assert end(simulation).outcome == "completed"
    assert len(waits(simulation)) <= 1


@pytest.mark.parametrize("kind", [kind for kind, what in REMEDIES.items() if what == "fail_over"])
def test_what_will_not_pass_goes_elsewhere_at_once(kind: FailureKind):
    simulation = played(failing(kind), END)
    assert called(simulation) == ["one", "two"]
    assert waits(simulation) == []


def test_a_wrong_request_ends_the_trajectory_with_its_reason():
    simulation = played(failing("request"))
    assert called(simulation) == ["one"]
    assert end(simulation).outcome == "failed"
    assert "it failed by request" in end(simulation).reason


def test_the_next_step_begins_on_the_first_lane_again():
    simulation = played(failing("quota"), draft("look"), END)
    assert called(simulation) == ["one", "two", "one"]


def test_a_stand_in_is_recorded_as_one_with_what_was_excluded_and_what_is_left():
    simulation = played(failing("auth"), END)
    decisions = [event.decision for event in simulation.events if isinstance(event, Decided)]
    assert [decision.role for decision in decisions] == ["draft", "failover"]
    assert [decision.fallback for decision in decisions] == ["two", "three"]
    assert "failover" in decisions[1].reasons
    excluded = {candidate.lane: candidate.excluded for candidate in decisions[1].candidates}
    assert excluded == {"one": "failed", "two": None, "three": None}
    accounts = simulation.state.ledger.accounts
    assert {(account.lane, account.role, account.cause) for account in accounts} == {
        ("one", "draft", "failed"),
        ("two", "failover", "accepted"),
    }


def test_a_lane_at_the_same_endpoint_is_no_stand_in_for_what_the_server_itself_suffers_from():
    near = remote("near", endpoint=ONE.endpoint)
    first = remote("one", "near", "two")
    lanes = (first, near, TWO)
    assert called(played(failing("auth"), END, lanes=lanes)) == ["one", "two"]
    assert called(played(failing("not_found"), END, lanes=lanes)) == ["one", "near"]


def test_the_same_model_at_the_same_endpoint_is_never_a_stand_in():
    twin = remote("twin", endpoint=ONE.endpoint, model=ONE.model)
    first = remote("one", "twin")
    simulation = played(failing("not_found"), lanes=(first, twin))
    assert called(simulation) == ["one"]
    assert end(simulation).outcome == "failed"


def test_a_prompt_that_is_too_long_goes_only_where_there_is_more_room():
    first = remote("one", "two", "three", context_tokens=1000)
    second, third = remote("two", context_tokens=1000), remote("three", context_tokens=2000)
    too_long = ContextExceeded("1,200 tokens", backend="x")
    assert called(played(too_long, END, lanes=(first, second, third))) == ["one", "three"]
    nowhere = played(too_long, lanes=(first, second))
    assert end(nowhere).outcome == "budget_exhausted"


def test_a_wait_that_is_asked_for_is_kept_and_one_that_is_too_long_is_not():
    asked = played(failing("rate_limit", 30.0), END)
    [wait] = waits(asked)
    failed = next(event for event in asked.events if isinstance(event, Failed))
    assert wait.until == failed.at + timedelta(seconds=30)
    second = [event.decision for event in asked.events if isinstance(event, Decided)][1]
    assert second.waited_s >= 30
    assert called(played(failing("rate_limit", 3000.0), END)) == ["one", "two"]


def test_when_all_lanes_rest_the_first_to_recover_is_waited_for():
    resting = (failing("cooling", 50.0), failing("cooling", 20.0), failing("cooling", 90.0))
    simulation = played(*resting, END)
    assert called(simulation) == ["one", "two", "three", "two"]
    assert simulation.state.ledger.total.hops == 1, "nothing was sent to a lane that rests"


def test_waiting_ends_where_the_time_does():
    policy = Policy(budget=Budget(wall_s=15))
    resting = (failing("cooling", 50.0), failing("cooling", 20.0), failing("cooling", 90.0))
    simulation = played(*resting, policy=policy)
    assert end(simulation).outcome == "failed"
    assert "lane two can serve again in" in end(simulation).reason


def test_an_outage_that_lasts_too_long_ends_the_trajectory_naming_every_lane():
    resting = (failing("cooling", 500.0), failing("busy", 600.0), failing("auth"))
    simulation = played(*resting)
    assert end(simulation).outcome == "failed"
    for name in ("one", "two", "three"):
        assert f"on lane {name}" in end(simulation).reason


def test_one_step_makes_no_more_calls_than_it_may_whatever_the_lanes():
    policy = Policy(retries=Retries(on_a_lane=5, on_a_step=4))
    simulation = played(*[failing("server")] * 4, policy=policy)
    assert called(simulation) == ["one"] * 4
    assert "4 calls were made for this step" in end(simulation).reason


def test_a_failure_after_committed_text_is_not_repeated():
    policy = Policy(commit_deltas=True)
    simulation = Simulation([failing("connection")], policy=policy, lanes=CHAIN, said=True)
    simulation.run()
    assert called(simulation) == ["one"]
    assert end(simulation).outcome == "failed"
    loose = Simulation([failing("connection"), END], lanes=CHAIN, said=True)
    assert loose.run().outcome == "completed"


@given(
    st.lists(st.sampled_from(list(REMEDIES)), min_size=1, max_size=30),
    st.lists(st.none() | st.floats(0, 1000), min_size=30, max_size=30),
)
def test_any_run_of_failures_ends_and_none_is_waited_for_beyond_what_is_allowed(
    kinds: list[FailureKind], asked: list[float | None]
):
    failures = [failing(kind, wait) for kind, wait in zip(kinds, asked, strict=False)]
    simulation = played(*failures, *[END] * 60)
    assert simulation.state.finished is not None
    sent = [event for event in simulation.events if isinstance(event, Failed) and event.sent]
    assert len(sent) <= Retries().on_a_step
    for wait, after in zip(waits(simulation), waits(simulation)[1:], strict=False):
        assert wait.until <= after.until
    assert all(
        wait.until - AT <= timedelta(seconds=Retries().longest_outage_s + 300)
        for wait in waits(simulation)
    )


def signed(text: str, *calls: str) -> Draft:
    origin = Origin(provider="anthropic", model="model of one", endpoint=ONE.endpoint)
    block = Artefact(origin=origin, raw={"type": "thinking", "signature": "s"})
    parts = (
        Reasoning(text="I think", artefact=block),
        *((Text(text=text),) if text else ()),
        *(ToolCall(id=f"id_{name}", name=name, arguments={}) for name in calls),
    )
    return draft(text="x").model_copy(update={"message": AssistantMessage(parts=parts)})


def test_a_refused_signature_is_left_out_once_and_remembered():
    simulation = played(signed("", "look"), failing("signature"), draft("look"), END)
    assert called(simulation) == ["one"] * 4
    views = [action.view for action in simulation.actions if isinstance(action, CallLane)]
    assert [view.plain_until for view in views] == [0, 0, 3, 3]
    reasons = [event.decision.reasons for event in simulation.events if isinstance(event, Decided)]
    assert "without_signatures" in reasons[2]


def test_a_lane_that_refuses_signatures_twice_in_a_step_is_left():
    simulation = played(signed("", "look"), failing("signature"), failing("signature"), END)
    assert called(simulation) == ["one", "one", "one", "two"]


def test_a_refused_signature_of_a_rejected_draft_is_left_out_too():
    cut = signed("half").model_copy(update={"finish_reason": "length"})
    simulation = played(signed("", "look"), cut, failing("signature"), END)
    views = [action.view for action in simulation.actions if isinstance(action, CallLane)]
    assert views[3].plain_until == len(views[3].messages)


def test_redrafts_count_among_the_calls_of_a_step():
    policy = Policy(max_redrafts=9, retries=Retries(on_a_lane=2, on_a_step=5))
    broken = draft(problem="It was no call.")
    replies = [broken, failing("server")] * 5
    simulation = played(*replies, policy=policy)
    assert len(called(simulation)) <= 6
    assert end(simulation).outcome == "failed"


def test_what_failed_before_a_resume_does_not_count_after_it():
    simulation = Simulation([failing("busy", 2.0)], lanes=(ONE,))
    with pytest.raises(StopIteration):
        simulation.run()
    later = facts.resumed(simulation.state, AT + timedelta(days=1))
    simulation.append(later)
    simulation.replies = [END]
    resumed = decide(simulation.state, AT + timedelta(days=1, seconds=1))
    assert isinstance(resumed, Record)
    assert isinstance(resumed.event, Decided)


def test_the_exact_text_of_a_local_model_is_shown_to_itself_only():
    raw = "<think>secret</think><tool_call>{"
    artefact = Artefact(origin=Origin(provider="llama_cpp", model="m"), raw={"text": raw})
    broken = draft("look", text="Let me look.", problem="It was no call.")
    message = broken.message.model_copy(update={"artefact": artefact})
    rejected = Rejected(message=message, reason="It was no call.", lane="one")
    shown = [rejected.shown(lane)[0] for lane in ("one", "two")]
    assert [message.text for message in shown if isinstance(message, AssistantMessage)] == [
        raw,
        "Let me look.",
    ]


def test_a_lane_keeps_the_rejected_draft_that_its_signature_was_made_after():
    broken = draft(problem="It was no call.")
    simulation = played(broken, signed("", "look"), failing("quota"), END)
    views = [action for action in simulation.actions if isinstance(action, CallLane)]
    seen_by_one, seen_by_two = views[2].view.messages, views[3].view.messages
    assert list(views[1].view.messages) == list(seen_by_one)[: len(views[1].view.messages)]
    assert len(seen_by_one) == len(seen_by_two) + 2
    assert isinstance(seen_by_two[1], AssistantMessage)
    assert seen_by_two[1].calls


def test_without_signatures_a_rejected_draft_leaves_no_trace_in_the_view():
    broken = draft(problem="It was no call.")
    simulation = played(broken, draft("look"), END)
    last = [action for action in simulation.actions if isinstance(action, CallLane)][-1]
    assert len(last.view.messages) == 3


def test_the_estimate_for_another_lane_counts_the_whole_prompt_as_new():
    usage = Usage(input_tokens=10, cache_read_tokens=990, output_tokens=0)
    first = draft("look").model_copy(update={"usage": usage})
    simulation = played(first, failing("quota"), END)
    estimates = [
        event.decision.estimated_cost_usd
        for event in simulation.events
        if isinstance(event, Decided)
    ]
    assert estimates[1] is not None
    assert estimates[2] is not None
    assert estimates[2] > estimates[1]


def test_folding_the_log_again_gives_the_same_state():
    simulation = played(
        signed("", "look"), failing("signature"), failing("rate_limit", 3.0), draft("look"), END
    )
    again: State = fold_all(simulation.events)
    assert again == simulation.state
    assert lane_view(again, "one") == lane_view(simulation.state, "one")
