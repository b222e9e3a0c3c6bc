"""One policy taken apart into arms."""

import pytest

from cascade.errors import ConfigError
from cascade.evaluation.arms import ALL_ARMS, ArmPlan, Rates, arm_names, arm_plan, is_baseline
from cascade.policy import (
    AgreementSettings,
    AtRandom,
    Every,
    First,
    Gating,
    JudgeSettings,
    MilestoneSettings,
    Monitoring,
    Policy,
    Routing,
    SelfEscalation,
)

RICH = Policy(
    monitors=Monitoring(milestones=MilestoneSettings(claims=True), extra=("own:monitor",)),
    gates=Gating(
        agreement=AgreementSettings(enabled=True),
        judge=JudgeSettings(enabled=True),
        extra=("own:gate",),
        on_no_evidence="escalate",
    ),
    routing=Routing(mode="difficulty"),
)


def kinds_of_evidence(policy: Policy) -> set[str]:
    gates, monitors = policy.gates, policy.monitors
    milestones = monitors.milestones
    on = {
        "stuck": monitors.stuck.enabled,
        "milestones": milestones.claims or milestones.irreversible,
        "confidence": gates.confidence.enabled,
        "agreement": gates.agreement.enabled,
        "judge": gates.judge.enabled,
        "no evidence": gates.on_no_evidence == "escalate",
        "own gates": bool(gates.extra),
        "own monitors": bool(monitors.extra),
        "asking": policy.escalation.self_escalation.enabled,
        "difficulty": policy.routing.mode != "baseline",
        "schedule": policy.schedule is not None,
    }
    return {name for name, is_on in on.items() if is_on}


def plan(name: str, **rates: Rates) -> ArmPlan:
    return arm_plan(name, RICH, rates, router="module:gate")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("stuck_only", {"stuck"}),
        ("milestone_only", {"milestones"}),
        ("gate_only", {"confidence", "agreement", "judge", "no evidence", "own gates"}),
        ("ask_only", {"asking"}),
        ("random@0.3", {"schedule"}),
        ("every@3", {"schedule"}),
        ("first@1", {"schedule"}),
        ("oracle_router", {"own gates"}),
    ],
)
def test_an_arm_keeps_its_own_evidence_and_no_other(name: str, kept: set[str]):
    made = plan(name)
    assert made.ladder == "both"
    assert kinds_of_evidence(made.policy) == kept


def test_the_cascade_is_the_policy_as_it_is():
    assert plan("cascade") == ArmPlan(name="cascade", ladder="both", policy=RICH)


def test_an_arm_of_one_kind_of_evidence_turns_it_on():
    silent = RICH.model_copy(
        update={
            "escalation": RICH.escalation.model_copy(
                update={"self_escalation": SelfEscalation(enabled=False)}
            )
        }
    )
    assert kinds_of_evidence(arm_plan("ask_only", silent, {}).policy) == {"asking"}


def test_one_lane_alone_has_one_lane_and_no_evidence():
    assert plan("local").ladder == "home"
    assert plan("frontier").ladder == "frontier"
    assert not kinds_of_evidence(plan("local").policy)


def test_schedules_are_as_they_were_asked_for():
    assert plan("random@0.25").policy.schedule == AtRandom(rate=0.25)
    assert plan("random@0.25").asked_rate == 0.25
    assert plan("every@4").policy.schedule == Every(steps=4)
    assert plan("first@2").policy.schedule == First(steps=2)


def test_an_arm_at_the_rate_of_another_hands_up_at_least_as_much():
    rates = Rates(frontier_steps=5, steps=(4, 4, 4, 8))
    assert rates.share == 0.25
    assert plan("random@cascade", cascade=rates).policy.schedule == AtRandom(rate=0.25)
    # Every fourth step is 1 + 1 + 1 + 2 of them; every fifth only 1.
    assert plan("every@cascade", cascade=rates).policy.schedule == Every(steps=4)
    # The first step of each is 4 of them; the first two are 8.
    assert plan("first@cascade", cascade=rates).policy.schedule == First(steps=2)


def test_an_arm_that_handed_nothing_up_is_matched_by_nothing():
    rates = Rates(frontier_steps=0, steps=(4, 4))
    assert plan("random@cascade", cascade=rates).policy.schedule == AtRandom(rate=0)
    assert plan("first@cascade", cascade=rates).policy.schedule == First(steps=0)


def test_arms_at_the_rate_of_another_come_after_it():
    assert arm_names(["random@cascade,local", "cascade"], oracle=True) == (
        "local",
        "cascade",
        "random@cascade",
    )


def test_all_stands_for_the_usual_ones_and_needs_an_oracle_for_the_router():
    assert arm_names(["all"], oracle=True) == (*ALL_ARMS[:7], "oracle_router", *ALL_ARMS[7:10])
    assert "oracle_router" not in arm_names(["all"], oracle=False)


def test_an_arm_that_is_named_twice_is_run_once():
    assert arm_names(["local", "local,frontier"], oracle=True) == ("local", "frontier")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sometimes", "there is no such arm; there are: local"),
        ("random@often", "there is no arm 'often' in this run"),
        ("random@1.5", "a share from 0 to 1"),
        ("every@0", "a whole number of steps above 0"),
        ("every@0.3", "a whole number of steps above 0"),
        ("first@-1", "a whole number of steps above 0"),
        ("random@", "there is no such arm"),
        ("never@3", "there is no such arm"),
    ],
)
def test_what_cannot_be_an_arm_is_told(name: str, said: str):
    with pytest.raises(ConfigError, match=said):
        arm_names([name], oracle=True)


def test_no_arm_takes_the_rate_of_one_that_takes_a_rate():
    with pytest.raises(ConfigError, match="no arm 'random@cascade'"):
        arm_names(["cascade", "random@cascade", "every@random@cascade"], oracle=True)


def test_a_router_needs_an_oracle():
    with pytest.raises(ConfigError, match="only for tasks of the suite `desk`"):
        arm_plan("oracle_router", RICH, {})


def test_baselines_are_those_without_evidence():
    assert [name for name in ALL_ARMS if is_baseline(name)] == [
        "local",
        "frontier",
        "random@cascade",
        "every@cascade",
        "first@cascade",
    ]
