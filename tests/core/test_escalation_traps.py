"""What went wrong in agents of this kind, each as a trajectory in which it must not."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import pytest
from short_runs import (
    BROKEN,
    FINAL,
    GONE,
    HOME,
    TOP,
    Gate,
    Sees,
    answer,
    call,
    hops,
    played,
    ran,
    review,
    said,
)

from cascade.errors import BackendRefused
from cascade.events import Decided, Judged, Signalled, ToolFinished
from cascade.evidence import rules_of
from cascade.messages import Text
from cascade.monitors.milestones import Milestones
from cascade.policy import (
    Damage,
    Escalating,
    Gating,
    JudgeSettings,
    MilestoneSettings,
    Policy,
    Reviewing,
    Routing,
)
from cascade.rules import Rules
from cascade.steps import Prefix


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


@pytest.mark.parametrize("dead_end", ["go_on", "halt"])
@pytest.mark.parametrize("drafted", ["send", "look"])
def test_a_dead_end_stops_for_a_person_where_the_policy_wants_that(dead_end: str, drafted: str):
    escalation = Escalating.model_validate({"dead_end": dead_end})
    policy = Policy(routing=Routing(execution="local_only"), escalation=escalation)
    scores = Gate({1: 0.9 if drafted == "look" else 0.0})
    rules = Rules(monitors=(Milestones(MilestoneSettings()),), gates=(scores,))
    run = played(call(drafted), answer(), policy=policy, rules=rules)
    assert run.state.finished is not None
    if dead_end == "go_on":
        assert (run.state.outcome, ran(run)) == ("completed", [drafted])
    else:
        assert (run.state.outcome, ran(run)) == ("halted", [])
        assert "nobody may take it" in run.state.finished.reason
