"""What went wrong in agents of this kind, each as a trajectory in which it must not."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from simulation import LANE, Simulation, started

from cascade import facts
from cascade.controller import CallLane, ResetWorld
from cascade.errors import BackendError, BackendRefused, BackendUnavailable
from cascade.events import Decided, Drafted, Event, Finished, Judged, Signalled, ToolFinished
from cascade.evidence import rules_of
from cascade.exchange import Draft, Timing, ToolSpec, Usage
from cascade.fold import fold_all
from cascade.lanes import Lane, Prices
from cascade.messages import AssistantMessage, Text, ToolCall, UserMessage
from cascade.monitors.milestones import Milestones
from cascade.policy import (
    Budget,
    Damage,
    Escalating,
    Gating,
    JudgeSettings,
    MilestoneSettings,
    Monitoring,
    Policy,
    Redacting,
    Reviewing,
    Routing,
)
from cascade.rules import Rules
from cascade.signals import Signal
from cascade.steps import Prefix
from cascade.verdicts import Verdict

HOME = LANE.model_copy(update={"prices": Prices.free()})
TOP = HOME.model_copy(update={"name": "top", "tier": 1, "locality": "remote", "model": "large"})
OBJECT: dict[str, Any] = {"type": "object"}
TOOLS = (
    ToolSpec(name="look", description="", parameters=OBJECT, side_effect="read"),
    ToolSpec(name="poll", description="", parameters=OBJECT, side_effect="read", waits=True),
    ToolSpec(name="send", description="", parameters=OBJECT, side_effect="irreversible"),
)
GONE = BackendUnavailable("no route", backend="scripted", failure="quota")
BROKEN = "It is broken."


def said(*parts: ToolCall | Text, problem: str | None = None) -> Draft:
    """A draft of these parts."""
    return Draft(
        message=AssistantMessage(parts=parts),
        finish_reason="stop",
        usage=Usage(input_tokens=100, output_tokens=10),
        timing=Timing(),
        served_model="script",
        problem=problem,
    )


def call(*names: str, **arguments: str) -> Draft:
    """A draft that calls these tools."""
    return said(
        *(ToolCall(id=f"c{n}", name=name, arguments={**arguments}) for n, name in enumerate(names))
    )


def answer(text: str = "All done.") -> Draft:
    """A draft that answers."""
    return said(Text(text=text))


def review(*, on_track: bool) -> Draft:
    """A reviewer's verdict."""
    words = {"milestone": "m", "on_track": on_track, "reason": "r", "correction": "look first"}
    return answer(json.dumps(words))


@dataclass(frozen=True)
class Gate:
    """A gate with these scores by step; `None` refuses the draft outright."""

    scores: dict[int, float | None]
    name: str = "confidence"

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:
        """By the step, drafts of the home lane only."""
        del draft
        p_fail = self.scores.get(prefix.step, 0.0) if lane.tier == 0 else 0.0
        passed = p_fail is not None and p_fail < 0.5
        return Verdict(gate=self.name, passed=passed, reason="by script", p_fail=p_fail)


@dataclass(frozen=True)
class Sees:
    """A monitor that goes by a rule over the steps so far."""

    rule: Callable[[Prefix], Iterable[str]]
    hard: bool = True
    name: str = "sees"

    def watch(self, prefix: Prefix) -> Iterable[Signal]:
        """Before a draft."""
        if prefix.draft is None:
            for words in self.rule(prefix):
                yield Signal(
                    monitor=self.name, kind="stuck", code="s", hard=self.hard, evidence=words
                )


def played(
    *replies: Draft | BackendError,
    policy: Policy | None = None,
    rules: Rules | None = None,
    lanes: tuple[Lane, ...] = (HOME, TOP),
    results: Sequence[str] = (),
    said_aloud: bool = False,
    **head: Any,
) -> Simulation:
    """A trajectory to its end."""
    policy = policy or Policy()
    simulation = Simulation(
        list(replies),
        policy=policy,
        lanes=lanes,
        rules=rules or Rules(),
        head=started(policy, lanes).model_copy(update={"tools": TOOLS, **head}),
        results=results,
        said=said_aloud,
    )
    simulation.run()
    return simulation


def hops(run: Simulation) -> list[str]:
    """Lane and purpose of each model call."""
    calls = [action for action in run.actions if isinstance(action, CallLane)]
    return [
        each.lane.name if each.purpose == "draft" else f"{each.lane.name}:{each.purpose}"
        for each in calls
    ]


def ran(run: Simulation) -> list[str]:
    """The tools that were run, in order."""
    return [
        event.result.name
        for event in run.events
        if isinstance(event, ToolFinished) and event.outcome == "ok"
    ]


FINAL = Rules(monitors=(Milestones(MilestoneSettings()),), gates=(Gate({1: 0.9}),))


def test_a_detector_that_fires_changes_who_drafts_the_next_step():
    policy = Policy(escalation=Escalating(nudge=False))
    same = [call("look", key="a")] * 4
    run = played(*same, call("look", key="b"), answer(), policy=policy, rules=rules_of(policy))
    assert "top" in hops(run)
    assert any(isinstance(event, Signalled) for event in run.events)


def test_words_that_sound_like_failure_in_a_healthy_result_move_nothing():
    lines = [
        f"error: connection refused, actually, {n} retries; all {n} tests pass" for n in range(8)
    ]
    looks = [call("look", key=str(n)) for n in range(8)]
    policy = Policy()
    run = played(*looks, answer(), policy=policy, rules=rules_of(policy), results=lines)
    assert set(hops(run)) == {"local"}
    assert not any(isinstance(event, Signalled) for event in run.events)


def test_polling_is_neither_nudged_nor_handed_up():
    policy = Policy()
    polls = [call("poll", job="7")] * 8
    run = played(
        *polls, answer(), policy=policy, rules=rules_of(policy), results=["running"] * 7 + ["done"]
    )
    assert set(hops(run)) == {"local"}


def test_the_newest_result_counts_for_the_very_next_draft():
    def fatal(prefix: Prefix) -> Iterable[str]:
        newest = prefix.steps[-1].calls[-1].result.text if prefix.steps else ""
        return ["fatal"] if "FATAL" in newest else []

    policy = Policy(escalation=Escalating(nudge=False, span_steps=1))
    run = played(
        call("look"), call("look"), call("look"), answer(), policy=policy,
        rules=Rules(monitors=(Sees(fatal),)), results=["fine", "FATAL", "fine"],
    )  # fmt: skip
    assert hops(run) == ["local", "local", "top", "local"]


def test_a_final_answer_is_gated_like_any_other_step():
    run = played(call("look"), answer("42"), answer("43"), rules=Rules(gates=(Gate({2: 0.9}),)))
    assert hops(run) == ["local", "local", "top"]
    assert run.state.finished is not None
    assert run.state.finished.answer == "43"


def test_a_pinned_lane_that_fails_is_not_left_for_its_fallback():
    top = TOP.model_copy(update={"fallbacks": ("local",)})
    run = played(GONE, policy=Policy(routing=Routing(pin="top")), lanes=(HOME, top))
    assert hops(run) == ["top"]
    assert run.state.outcome == "failed"


@pytest.mark.parametrize(
    ("routing", "classes"),
    [
        (Routing(execution="local_only"), ()),
        (Routing(regions=("eu",)), ()),
        (Routing(unlisted="closed"), ("health",)),
    ],
)
def test_no_failure_brings_back_a_lane_that_the_constraints_leave_out(
    routing: Routing, classes: tuple[str, ...]
):
    home = HOME.model_copy(update={"fallbacks": ("top",)})
    run = played(GONE, policy=Policy(routing=routing), lanes=(home, TOP), data_classes=classes)
    assert hops(run) == ["local"]
    first = next(event.decision for event in run.events if isinstance(event, Decided))
    assert first.fallback is None


def test_a_lane_that_failed_is_tried_again_in_the_next_step():
    home = HOME.model_copy(update={"fallbacks": ("top", "local", "top")})
    run = played(GONE, call("look"), answer(), lanes=(home, TOP))
    assert hops(run) == ["local", "top", "local"]


def test_a_lane_does_not_review_its_own_work_because_the_reviewer_is_gone():
    top = TOP.model_copy(update={"fallbacks": ("local",)})
    rules = Rules(monitors=(Milestones(MilestoneSettings()),), gates=(Gate({}),))
    run = played(call("send"), GONE, GONE, lanes=(HOME, top), rules=rules)
    assert hops(run) == ["local", "top:review", "top"]
    assert (run.state.outcome, ran(run)) == ("halted", [])


def test_a_doubtful_call_that_is_final_is_not_let_through_because_nobody_could_be_asked():
    run = played(call("send"), GONE, rules=FINAL)
    assert hops(run) == ["local", "top"]
    assert (run.state.outcome, ran(run)) == ("halted", [])


def test_a_call_that_is_final_gets_no_cover_from_a_refused_wish_to_hand_over():
    policy = Policy(escalation=Escalating(self_escalation={"questions": 0}))  # pyright: ignore[reportArgumentType] - validated
    rules = Rules(monitors=(Milestones(MilestoneSettings()),), gates=(Gate({}),))
    run = played(
        call("escalate", "send"), review(on_track=False), answer(), policy=policy, rules=rules
    )
    assert hops(run) == ["local", "top:review", "top"]
    assert ran(run) == []


def test_a_refused_wish_to_hand_over_is_told_in_the_result():
    policy = Policy(escalation=Escalating(self_escalation={"questions": 0}))  # pyright: ignore[reportArgumentType] - validated
    run = played(call("escalate"), answer(), policy=policy, rules=Rules(gates=(Gate({}),)))
    finished = [event for event in run.events if isinstance(event, ToolFinished)]
    assert [each.outcome for each in finished] == ["refused"]


@pytest.mark.parametrize("most", [2, 3])
def test_no_limit_on_calls_lets_a_call_through_that_was_found_wrong(most: int):
    correct = Reviewing(on_failure="correct")
    policy = Policy(escalation=Escalating(calls_on_a_step=most, review=correct), max_redrafts=9)
    rules = Rules(monitors=(Milestones(MilestoneSettings()),), gates=(Gate({}),))
    unusable = [call("send").model_copy(update={"problem": BROKEN})] * 9
    run = played(call("send"), review(on_track=False), *unusable, policy=policy, rules=rules)
    assert (run.state.outcome, ran(run)) == ("halted", [])
    assert len(hops(run)) == most


def test_a_higher_lane_whose_drafts_cannot_be_used_is_not_asked_for_ever():
    broken = [said(Text(text="?"), problem=BROKEN)] * 9
    run = played(call("look"), *broken[:2], answer(), rules=Rules(gates=(Gate({1: 0.9}),)))
    assert hops(run) == ["local", "top", "top", "local"]
    judged = next(event for event in run.events if isinstance(event, Judged))
    assert judged.reason == f"nobody could take the step: {BROKEN}"


def test_a_backend_that_stops_every_draft_unasked_comes_to_an_end():
    stopped = [call("look").model_copy(update={"finish_reason": "stopped"})] * 30
    policy = Policy(escalation=Escalating(damage=Damage(read_usd=Decimal(0))))
    run = played(*stopped, policy=policy, rules=Rules(gates=(Gate({1: 0.9}),)))
    assert run.state.outcome == "failed"
    assert len(hops(run)) <= 12


def test_a_refused_signature_where_nothing_was_signed_is_not_sent_again_unchanged():
    refused = BackendRefused("bad signature", backend="scripted", failure="signature")
    rules = Rules(monitors=(Milestones(MilestoneSettings()),), gates=(Gate({}),))
    run = played(call("send"), refused, call("look"), answer(), rules=rules)
    assert hops(run) == ["local", "top:review", "top", "local"]


def test_a_gate_of_the_users_own_is_asked_though_the_score_is_not_worth_a_higher_lane():
    policy = Policy(escalation=Escalating(damage=Damage(read_usd=Decimal(0))))
    gates = (Gate({1: 0.9}), Gate({1: None}, name="own"))
    run = played(call("look"), call("look"), answer(), policy=policy, rules=Rules(gates=gates))
    assert hops(run) == ["local", "top", "local"]
    decision = [event.decision for event in run.events if isinstance(event, Decided)][1]
    assert decision.reasons == ("gate",)


@pytest.mark.parametrize(("word", "expected"), [("yes", "local"), ("no", "top")])
def test_a_judge_without_probabilities_is_taken_at_its_word(word: str, expected: str):
    damage = Damage(read_usd=Decimal(0) if word == "no" else Decimal(1))
    policy = Policy(
        gates=Gating(judge=JudgeSettings(enabled=True)), escalation=Escalating(damage=damage)
    )
    run = played(
        call("look"), answer(word), call("look"), answer(), policy=policy,
        rules=Rules(gates=(Gate({1: 0.4}),)),
    ) if word == "no" else played(
        call("look"), answer(word), answer(), policy=policy, rules=Rules(gates=(Gate({1: 0.4}),))
    )  # fmt: skip
    assert hops(run)[:2] == ["local", "top:judge"]
    assert hops(run)[2] == expected


def test_two_signals_of_one_step_do_not_undo_a_confirmation():
    def twice(prefix: Prefix) -> Iterable[str]:
        return ["one", "two"] if prefix.step in {1, 2} else []

    policy = Policy(escalation=Escalating(nudge=False, soft_confirmations=2, span_steps=1))
    rules = Rules(monitors=(Sees(twice, hard=False),))
    run = played(call("look"), call("look"), answer(), policy=policy, rules=rules)
    assert hops(run) == ["local", "top", "local"]


def test_a_signal_whose_words_change_with_the_time_is_recorded_once():
    def late(prefix: Prefix) -> Iterable[str]:
        return [f"after {prefix.elapsed_s} s"]

    run = played(call("look"), answer(), rules=Rules(monitors=(Sees(late, hard=False),)))
    steps = Counter(event.step for event in run.events if isinstance(event, Signalled))
    assert set(steps.values()) == {1}


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
