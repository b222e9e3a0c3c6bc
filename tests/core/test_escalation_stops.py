"""What a used-up budget, a stop or a new beginning must not do to a step that is under way."""

from short_runs import FINAL, GONE, HOME, TOP, Gate, Sees, answer, call, hops, played, ran
from simulation import Simulation

from cascade import facts
from cascade.controller import CallLane, ResetWorld
from cascade.events import Drafted, Event, Finished
from cascade.evidence import rules_of
from cascade.fold import fold_all
from cascade.messages import Artefact, AssistantMessage, Origin, Reasoning, UserMessage
from cascade.monitors.milestones import Milestones
from cascade.policy import (
    Budget,
    Escalating,
    Gating,
    JudgeSettings,
    MilestoneSettings,
    Monitoring,
    Policy,
    Redacting,
)
from cascade.rules import Rules


def test_a_token_budget_is_not_spent_on_opinions_of_a_draft():
    policy = Policy(
        budget=Budget(tokens=100),
        gates=Gating(judge=JudgeSettings(enabled=True)),
    )
    run = played(call("look"), policy=policy, rules=Rules(gates=(Gate({1: 0.4}),)))
    assert hops(run) == ["local"]
    assert (run.state.outcome, ran(run)) == ("budget_exhausted", ["look"])


def test_a_used_up_budget_lets_nothing_final_through_unreviewed():
    run = played(call("send"), policy=Policy(budget=Budget(tokens=100)), rules=FINAL)
    assert (run.state.outcome, ran(run)) == ("budget_exhausted", [])


def test_a_question_is_refused_once_the_budget_is_used_up():
    policy = Policy(budget=Budget(tokens=100))
    run = played(call("ask_expert", question="?"), policy=policy)
    assert hops(run) == ["local"]
    assert run.state.outcome == "budget_exhausted"


def test_a_task_that_begins_anew_elsewhere_is_redacted_there_as_ever():
    policy = Policy(
        redaction=Redacting(enabled=True, recognisers=("contacts",)),
        escalation=Escalating(nudge=False, restart=True),
    )
    rules = Rules(monitors=(Sees(lambda prefix: ["s"] if prefix.step == 2 else []),))
    run = played(
        call("look"), answer(), policy=policy, rules=rules, resettable=True,
        task=UserMessage.of("Write to jane.roe@example.com."),
    )  # fmt: skip
    assert hops(run) == ["local", "top"]
    assert any(isinstance(action, ResetWorld) for action in run.actions)
    last = [action for action in run.actions if isinstance(action, CallLane)][-1]
    assert "jane.roe" not in str(list(last.view.messages))


def test_a_stop_before_the_world_is_reset_does_not_lose_the_new_beginning():
    policy = Policy(escalation=Escalating(nudge=False, restart=True))
    rules = Rules(monitors=(Sees(lambda prefix: ["s"] if prefix.step == 2 else []),))
    run = played(call("look"), answer(), policy=policy, rules=rules, resettable=True)
    begun = next(n for n, event in enumerate(run.events) if event.kind == "restarted")
    state = fold_all(run.events[:begun])
    again = Simulation([answer()], policy=policy, lanes=(HOME, TOP), rules=rules)
    again.state, again.events = state, list(run.events[:begun])
    again.append(facts.resumed(state, again.now()))
    again.go_on()
    assert [type(action).__name__ for action in again.actions].count("ResetWorld") == 1
    assert again.state.spans == 1
    assert again.state.outcome == "completed"


def test_a_wish_to_hand_over_that_was_granted_is_not_refused_after_a_stop():
    rules = Rules(gates=(Gate({}),))
    run = played(call("escalate"), call("look"), answer(), rules=rules, policy=Policy())
    made = next(n for n, e in enumerate(run.events) if isinstance(e, Drafted) and e.lane == "top")
    state = fold_all(run.events[:made])
    again = Simulation([call("look"), answer()], lanes=(HOME, TOP), rules=rules)
    again.state, again.events = state, list(run.events[:made])
    again.append(facts.resumed(state, again.now()))
    again.go_on()
    assert hops(again)[0] == "top"
    assert again.state.questions == 1


def test_a_home_lane_that_stands_in_sees_the_conversation_that_it_knows():
    rules = Rules(monitors=(Sees(lambda prefix: ["s"] if prefix.step == 3 else []),))
    policy = Policy(escalation=Escalating(nudge=False))
    run = played(call("look"), call("look"), GONE, answer(), policy=policy, rules=rules)
    assert hops(run) == ["local", "local", "top", "local"]
    calls = [action for action in run.actions if isinstance(action, CallLane)]
    seen = list(calls[1].view.messages)
    assert list(calls[-1].view.messages)[: len(seen)] == seen


def test_a_stand_in_from_below_is_judged_though_a_span_is_under_way():
    rules = Rules(
        monitors=(Milestones(MilestoneSettings()), Sees(lambda p: ["s"] if p.step == 1 else [])),
        gates=(Gate({}),),
    )
    policy = Policy(escalation=Escalating(nudge=False))
    run = played(GONE, call("send"), GONE, GONE, policy=policy, rules=rules)
    assert hops(run)[:3] == ["top", "local", "top:review"]
    assert ran(run) == []


def finished(run: Simulation) -> Finished:
    """How it ended."""
    last: Event = run.events[-1]
    assert isinstance(last, Finished)
    return last


def test_a_draft_that_is_still_open_at_the_end_is_charged_as_rejected():
    run = played(call("send"), GONE, rules=FINAL)
    assert finished(run).outcome == "halted"
    assert {account.cause for account in run.state.ledger.accounts} == {"rejected", "failed"}


def test_a_monitoring_setting_reaches_the_detector():
    policy = Policy(
        escalation=Escalating(nudge=False),
        monitors=Monitoring(stuck={"enabled": False}),  # pyright: ignore[reportArgumentType] - validated
    )
    same = [call("look", key="a")] * 6
    run = played(*same, answer(), policy=policy, rules=rules_of(policy))
    assert set(hops(run)) == {"local"}


def test_a_lane_that_stood_in_sees_the_same_conversation_when_a_step_is_handed_up_to_it():
    home = HOME.model_copy(update={"fallbacks": ("top",)})
    rules = Rules(gates=(Gate({3: 0.9}),))
    run = played(
        call("look"), GONE, call("look"), call("look"), call("look"), answer(),
        lanes=(home, TOP), rules=rules,
    )  # fmt: skip
    assert hops(run) == ["local", "local", "top", "local", "top", "local"]
    views = [
        list(action.view.messages)
        for action in run.actions
        if isinstance(action, CallLane) and action.lane.name == "top"
    ]
    assert views[1][: len(views[0])] == views[0]


def test_signed_reasoning_of_a_draft_that_stood_follows_what_it_was_signed_over():
    artefact = Artefact(origin=Origin(provider="p", model="m"), raw={"signature": "s"})
    thought = Reasoning(text="hm", artefact=artefact)
    looked = call("look").message
    signed = call("look").model_copy(
        update={"message": looked.model_copy(update={"parts": (thought, *looked.parts)})}
    )
    broken = answer("?").model_copy(update={"problem": "It is broken."})
    run = played(
        signed,
        broken,
        answer(),
        policy=Policy(max_redrafts=0),
        rules=Rules(gates=(Gate({1: 0.9}),)),
    )
    assert hops(run) == ["local", "top", "local"]
    first, _, last = (action for action in run.actions if isinstance(action, CallLane))
    seen = list(first.view.messages)
    after = list(last.view.messages)
    assert after[: len(seen)] == seen
    message = after[len(seen)]
    assert isinstance(message, AssistantMessage)
    assert message.parts[0] == thought
