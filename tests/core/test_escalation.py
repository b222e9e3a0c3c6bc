"""The controller with evidence: who drafts a step, and what becomes of a doubtful draft."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

import pytest
from simulation import LANE, Simulation, started
from simulation import draft as plain_draft

from cascade.controller import CallLane
from cascade.errors import BackendUnavailable, MonitorError
from cascade.events import (
    Advised,
    Decided,
    Directed,
    Drafted,
    Judged,
    Restarted,
    Reviewed,
    Signalled,
    ToolFinished,
)
from cascade.exchange import Draft, Timing, ToolSpec, Usage
from cascade.lanes import Lane, Prices
from cascade.ledger import Account
from cascade.messages import AssistantMessage, Message, Text, ToolCall, UserMessage
from cascade.policy import (
    AgreementSettings,
    AtRandom,
    ConfidenceSettings,
    Damage,
    Escalating,
    Every,
    First,
    Gating,
    HandingOver,
    JudgeSettings,
    Policy,
    Reviewing,
    Routing,
)
from cascade.rules import Rules
from cascade.signals import Signal
from cascade.steps import Prefix
from cascade.verdicts import Verdict

E = TypeVar("E")

HOME = LANE.model_copy(update={"prices": Prices.free()})
TOP = Lane(
    name="top",
    backend="scripted",
    model="large",
    tier=1,
    locality="remote",
    prices=Prices(
        input_usd=Decimal(2),
        output_usd=Decimal(10),
        cache_read_usd=Decimal("0.2"),
        cache_write_usd=Decimal(0),
    ),
)
LADDER = (HOME, TOP)
TOOLS = (
    ToolSpec(name="look", description="", parameters={"type": "object"}, side_effect="read"),
    ToolSpec(
        name="send", description="", parameters={"type": "object"}, side_effect="irreversible"
    ),
)


def call(name: str, **arguments: str) -> Draft:
    """A draft that makes one call."""
    part = ToolCall(id="c", name=name, arguments=dict(arguments))
    return saying(part)


def saying(*parts: ToolCall | Text) -> Draft:
    """A draft of these parts."""
    return Draft(
        message=AssistantMessage(parts=parts),
        finish_reason="stop",
        usage=Usage(input_tokens=100, output_tokens=10),
        timing=Timing(),
        served_model="script",
    )


def answer(text: str = "All done.") -> Draft:
    """A draft that answers."""
    return saying(Text(text=text))


def review(*, on_track: bool, correction: str = "") -> Draft:
    """A reviewer's verdict."""
    said = {"milestone": "m", "on_track": on_track, "reason": "because", "correction": correction}
    return answer(json.dumps(said))


@dataclass
class Scores:
    """A gate that gives drafts these probabilities of being wrong, in order; then 0."""

    p_fail: list[float]
    name: str = "confidence"
    seen: dict[int, float] = field(default_factory=dict[int, float])

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:
        """The score of the step; the same one for all of its drafts."""
        del draft, lane
        p_fail = self.seen.setdefault(prefix.step, self.p_fail.pop(0) if self.p_fail else 0.0)
        return Verdict(gate=self.name, passed=p_fail < 0.5, reason="by script", p_fail=p_fail)


@dataclass
class Stuck:
    """A monitor that signals in these steps."""

    steps: tuple[int, ...]
    hard: bool = True
    name: str = "script"

    def watch(self, prefix: Prefix) -> tuple[Signal, ...]:
        """The signal of the step under way."""
        if prefix.draft is not None or prefix.step not in self.steps:
            return ()
        said = f"stuck in step {prefix.step}"
        return (Signal(monitor=self.name, kind="stuck", code="s", hard=self.hard, evidence=said),)


class Milestones:
    """A monitor of answers and irreversible calls."""

    name = "milestones"

    def watch(self, prefix: Prefix) -> tuple[Signal, ...]:
        """What the draft is."""
        if prefix.draft is None:
            return ()
        effects = {tool.name: tool.side_effect for tool in prefix.tools}
        code = "" if prefix.draft.calls else "claim"
        if any(effects.get(each.name) == "irreversible" for each in prefix.draft.calls):
            code = "irreversible_call"
        if not code:
            return ()
        return (Signal(monitor=self.name, kind="milestone", code=code, hard=True, evidence=code),)


def played(
    *replies: Draft | Exception,
    policy: Policy | None = None,
    rules: Rules | None = None,
    lanes: tuple[Lane, ...] = LADDER,
    **head: object,
) -> Simulation:
    """A trajectory that was played to its end."""
    policy = policy or Policy()
    first = started(policy, lanes).model_copy(update={"tools": TOOLS, **head})
    simulation = Simulation(
        list(replies),  # pyright: ignore[reportArgumentType] - errors of backends only
        policy=policy,
        lanes=lanes,
        rules=rules or Rules(),
        head=first,
    )
    simulation.run()
    return simulation


def of(simulation: Simulation, kind: type[E]) -> list[E]:
    """The events of one kind."""
    return [event for event in simulation.events if isinstance(event, kind)]


def text_of(message: Message) -> str:
    """What a user message says."""
    assert isinstance(message, UserMessage)
    return message.text


def lanes_of(simulation: Simulation) -> list[str]:
    """Lane and purpose of each model call, in order."""
    return [
        f"{action.lane.name}"
        if action.purpose == "draft"
        else f"{action.lane.name}:{action.purpose}"
        for action in simulation.actions
        if isinstance(action, CallLane)
    ]


def test_a_draft_that_is_worth_it_goes_up_for_one_step():
    run = played(
        call("look"), call("look"), call("look"), answer(),
        rules=Rules(gates=(Scores([0.9, 0.0]),)),
    )  # fmt: skip
    assert lanes_of(run) == ["local", "top", "local", "local"]
    held, *_ = of(run, Drafted)
    assert held.accepted is None
    decision = of(run, Decided)[1].decision
    assert decision.reasons == ("low_confidence", "worth_it")
    assert decision.comparison is not None
    assert decision.comparison.p_fail == 0.9
    assert decision.comparison.calibration is None
    assert decision.scope == "step"
    assert run.state.outcome == "completed"
    assert run.state.ledger.accounts[Account("local", "draft", "rejected")].hops == 1
    assert not any(account.cause == "held" for account in run.state.ledger.accounts)


def test_a_doubtful_draft_that_is_not_worth_the_price_stands():
    policy = Policy(escalation=Escalating(damage={"read_usd": Decimal(0)}))  # pyright: ignore[reportArgumentType] - validated
    run = played(call("look"), answer(), policy=policy, rules=Rules(gates=(Scores([0.9]),)))
    assert lanes_of(run) == ["local", "local"]
    first = of(run, Drafted)[0]
    assert first.accepted
    assert first.comparison is not None
    assert not first.comparison.worth_it


def test_a_doubtful_draft_stands_where_nobody_can_take_the_step():
    gone = BackendUnavailable("no network", backend="scripted")
    run = played(call("look"), gone, gone, answer(), rules=Rules(gates=(Scores([0.9]),)))
    assert lanes_of(run) == ["local", "top", "top", "local"]
    judged = of(run, Judged)[0]
    assert judged.accepted
    assert "no network" in judged.reason
    assert run.state.outcome == "completed"


def test_a_stuck_lane_is_nudged_once_and_then_hands_over_a_span():
    policy = Policy(escalation=Escalating(span_steps=2))
    run = played(
        call("look"), call("look"), call("look"), call("look"), call("look"), answer(),
        policy=policy, rules=Rules(monitors=(Stuck((2, 3)),)),
    )  # fmt: skip
    assert lanes_of(run) == ["local", "local", "top", "top", "local", "local"]
    decisions = [event.decision for event in of(run, Decided)]
    assert "nudge" in decisions[1].reasons
    assert "stuck in step 2" in decisions[1].note
    assert decisions[2].scope == "span"
    assert decisions[2].span_steps == 2
    assert decisions[3].reasons == ("span",)
    assert decisions[4].reasons == ("home_lane",)
    assert run.state.since == 5
    shown = next(a for a in run.actions if isinstance(a, CallLane) and a.lane.name == "top")
    assert "stuck in step 3" in text_of(shown.view.messages[0])


def test_a_soft_signal_has_to_come_twice():
    policy = Policy(escalation=Escalating(nudge=False))
    run = played(
        call("look"), call("look"), call("look"), call("look"), answer(),
        policy=policy, rules=Rules(monitors=(Stuck((1, 3, 4), hard=False),)),
    )  # fmt: skip
    assert lanes_of(run)[:4] == ["local", "local", "local", "top"]


def test_after_the_last_span_the_higher_lane_stays():
    policy = Policy(escalation=Escalating(nudge=False, span_steps=1, spans=1, cool_down_steps=0))
    run = played(
        call("look"), call("look"), call("look"), call("look"), answer(),
        policy=policy, rules=Rules(monitors=(Stuck((1, 2, 3)),)),
    )  # fmt: skip
    assert lanes_of(run) == ["top", "top", "top", "top", "top"]
    assert of(run, Decided)[1].decision.reasons == ("stuck", "worth_it", "latched")


def test_a_higher_lane_that_cannot_serve_leaves_a_stuck_step_to_the_home_lane():
    policy = Policy(escalation=Escalating(nudge=False))
    gone = BackendUnavailable("no network", backend="scripted")
    run = played(gone, gone, answer(), policy=policy, rules=Rules(monitors=(Stuck((1,)),)))
    assert lanes_of(run) == ["top", "top", "local"]
    assert run.state.outcome == "completed"


def test_an_irreversible_call_is_reviewed_and_goes_on_when_it_is_right():
    good = review(on_track=True)
    run = played(call("send"), good, answer(), good, rules=Rules(monitors=(Milestones(),)))
    assert lanes_of(run)[:2] == ["local", "top:review"]
    assert of(run, Reviewed)[0].codes == ("irreversible_call",)
    assert run.state.anchor >= 1


def test_a_wrong_irreversible_call_goes_up_with_the_correction_and_is_never_run():
    run = played(
        call("send"), review(on_track=False, correction="look first"), call("look"), answer(),
        review(on_track=True), rules=Rules(monitors=(Milestones(),)),
    )  # fmt: skip
    assert lanes_of(run)[:3] == ["local", "top:review", "top"]
    assert [event.result.name for event in of(run, ToolFinished)] == ["look"]
    top = [a for a in run.actions if isinstance(a, CallLane) and a.purpose == "draft"][1]
    assert "look first" in text_of(top.view.messages[0])


def test_a_review_without_verdict_fails_closed_before_what_cannot_be_undone():
    run = played(
        call("send"), answer("hm"), call("look"), answer(), answer("hm"),
        rules=Rules(monitors=(Milestones(),)),
    )  # fmt: skip
    assert lanes_of(run)[:3] == ["local", "top:review", "top"]
    assert of(run, Decided)[2].decision.reasons == ("review_unknown",)


def test_a_review_that_cannot_be_had_stops_for_a_person_before_what_cannot_be_undone():
    gone = BackendUnavailable("no network", backend="scripted")
    run = played(call("send"), gone, gone, gone, gone, rules=Rules(monitors=(Milestones(),)))
    assert run.state.outcome == "halted"
    assert not of(run, ToolFinished)


def test_a_claim_is_reviewed_at_most_so_often():
    policy = Policy(escalation=Escalating(review=Reviewing(on_failure="correct")))
    no = review(on_track=False, correction="more")
    run = played(
        answer("1"), no, answer("2"), no, answer("3"), no, answer("4"),
        policy=policy, rules=Rules(monitors=(Milestones(),)),
    )  # fmt: skip
    assert lanes_of(run) == ["local", "top:review"] * 3 + ["local"]
    assert [event.codes for event in of(run, Reviewed)] == [("claim",)] * 3
    assert run.state.outcome == "completed"
    assert run.state.final_text == "4"


def test_a_question_is_answered_and_the_advice_stays_in_the_conversation():
    run = played(
        call("ask_expert", question="what now?"),
        answer("Call look with {}."),
        call("look"),
        answer(),
    )
    assert lanes_of(run) == ["local", "top:advice", "local", "local"]
    advised = of(run, Advised)[0]
    assert (advised.question, advised.advice) == ("what now?", "Call look with {}.")
    result = of(run, ToolFinished)[0].result
    assert (result.name, result.text, result.is_error) == (
        "ask_expert",
        "Call look with {}.",
        False,
    )
    assert of(run, Drafted)[1].advice_followed
    assert run.state.questions == 1


def test_nobody_asks_twice_in_a_row():
    run = played(
        call("ask_expert", question="a"), answer("Call look."), call("ask_expert", question="b"),
        call("look"), answer(),
    )  # fmt: skip
    assert lanes_of(run).count("top:advice") == 1
    assert [event.outcome for event in of(run, ToolFinished)] == ["ok", "refused", "ok"]


def test_a_lane_that_hands_over_is_relieved():
    rules = Rules(gates=(Scores([]),))
    policy = Policy(escalation=Escalating(span_steps=1))
    run = played(
        call("escalate", reason="too hard"), call("look"), answer(), policy=policy, rules=rules
    )
    assert lanes_of(run) == ["local", "top", "local"]
    assert of(run, Decided)[1].decision.because == "too hard"
    assert [event.result.name for event in of(run, ToolFinished)] == ["look"]


def test_what_may_not_leave_is_refused_help_and_told_so():
    policy = Policy(routing=Routing(execution="local_only"))
    run = played(call("ask_expert", question="a"), call("look"), answer(), policy=policy)
    assert lanes_of(run) == ["local", "local", "local"]
    assert "must not leave this machine" in of(run, ToolFinished)[0].result.text


def test_a_class_of_data_that_no_lane_may_see_stops_for_a_person():
    closed = tuple(each.model_copy(update={"data_classes": ("public",)}) for each in LADDER)
    run = played(lanes=closed, data_classes=("health",))
    assert run.state.outcome == "halted"
    assert run.state.finished is not None
    assert "top (data_class)" in run.state.finished.reason
    decision = of(run, Decided)[0].decision
    assert decision.scope == "halt"
    assert not any(isinstance(action, CallLane) for action in run.actions)


def test_what_a_tool_brings_in_keeps_the_task_at_home_from_then_on():
    secret = TOOLS[0].model_copy(update={"data_classes": ("health",)})
    top = TOP.model_copy(update={"data_classes": ()})
    run = played(
        call("look"), call("look"), call("look"), answer(),
        lanes=(HOME, top), tools=(secret,), rules=Rules(gates=(Scores([0.9, 0.9]),)),
    )  # fmt: skip
    assert lanes_of(run) == ["local", "top", "local", "local"]


def test_a_policy_that_only_decides_calls_nobody():
    run = played(policy=Policy(routing=Routing(execution="decision_only")))
    assert run.state.outcome == "decided"
    assert len(of(run, Decided)) == 1
    assert not any(isinstance(action, CallLane) for action in run.actions)


def test_a_pinned_lane_is_never_left():
    policy = Policy(routing=Routing(pin="top"))
    rules = Rules(monitors=(Stuck((1, 2)),), gates=(Scores([0.9, 0.9]),))
    run = played(call("look"), answer(), policy=policy, rules=rules)
    assert lanes_of(run) == ["top", "top"]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (First(steps=2), ["top", "top", "local", "local"]),
        (Every(steps=2), ["local", "top", "local", "top"]),
        (AtRandom(rate=1.0), ["top"] * 4),
        (AtRandom(rate=0.0), ["local"] * 4),
    ],
)
def test_a_schedule_goes_by_the_step(schedule: First, expected: list[str]):
    run = played(
        call("look"), call("look"), call("look"), answer(), policy=Policy(schedule=schedule)
    )
    assert lanes_of(run) == expected


def test_a_random_schedule_logs_its_propensities():
    run = played(
        *[call("look") for _ in range(20)], answer(),
        policy=Policy(schedule=AtRandom(rate=0.25)),
    )  # fmt: skip
    for event in of(run, Decided):
        went_up = event.decision.lane == "top"
        assert event.decision.propensity == (0.25 if went_up else 0.75)


def test_borderline_drafts_are_compared_with_samples():
    policy = Policy(gates=Gating(agreement=AgreementSettings(enabled=True, samples=2)))
    run = played(
        call("look"), call("send"), call("send"), call("look"), answer(),
        policy=policy, rules=Rules(gates=(Scores([0.4]),)),
    )  # fmt: skip
    assert lanes_of(run) == ["local", "local:sample", "local:sample", "top", "local"]
    assert of(run, Decided)[3].decision.reasons == ("disagreement", "worth_it")
    sampled = next(a for a in run.actions if isinstance(a, CallLane) and a.purpose == "sample")
    assert sampled.request.sampling.temperature > 0


def test_a_judge_has_the_last_word():
    policy = Policy(gates=Gating(judge=JudgeSettings(enabled=True)))
    run = played(
        call("look"), answer("yes"), answer(), policy=policy, rules=Rules(gates=(Scores([0.2]),))
    )
    assert lanes_of(run)[:2] == ["local", "top:judge"]


def test_a_stuck_task_begins_anew_where_its_world_can_be_reset():
    policy = Policy(escalation=Escalating(nudge=False, restart=True))
    run = played(
        call("look"), call("look"), answer(),
        policy=policy, rules=Rules(monitors=(Stuck((2,)),)), resettable=True,
    )  # fmt: skip
    assert lanes_of(run) == ["local", "top", "top"]
    assert len(of(run, Restarted)) == 1
    last = [action for action in run.actions if isinstance(action, CallLane)][1]
    assert len(last.view.messages) == 1


def test_a_lane_that_is_called_again_sees_its_own_turns_and_what_was_done_since():
    policy = Policy(schedule=Every(steps=2), handoff=HandingOver())
    run = played(*[call("look", at=str(n)) for n in range(5)], answer(), policy=policy)
    views = [a.view.messages for a in run.actions if isinstance(a, CallLane) and a.lane == TOP]
    first, second, third = (list(each) for each in views)
    assert second[: len(first)] == first
    assert third[: len(second)] == second
    assert [message.role for message in second] == ["user", "assistant", "tool", "user"]
    assert '"at": "2"' in text_of(second[-1])
    home = [a.view.messages for a in run.actions if isinstance(a, CallLane) and a.lane == HOME]
    assert [message.role for message in home[-1]] == ["user"] + ["assistant", "tool"] * 4


def test_a_digest_can_stand_for_what_the_higher_lane_did():
    policy = Policy(schedule=Every(steps=2), handoff=HandingOver(down="digest"))
    run = played(*[call("look", at=str(n)) for n in range(3)], answer(), policy=policy)
    home = [a.view.messages for a in run.actions if isinstance(a, CallLane) and a.lane == HOME]
    assert [each.role for each in home[-1]] == ["user", "assistant", "tool", "user"]


def test_the_controller_lane_directs():
    policy = Policy(routing=Routing(mode="controller", controller="local", controller_every=2))
    go_up = {"reason": "hard", "lane": "top", "scope": "step", "steps": 1, "effort": "default"}
    run = played(
        answer(json.dumps(go_up)), call("look"), call("look"), answer("nonsense"), answer(),
        policy=policy,
    )  # fmt: skip
    assert lanes_of(run) == ["local:directive", "top", "local", "local:directive", "local"]
    first, second = of(run, Directed)
    assert first.directive is not None
    assert second.directive is None
    assert second.reason


def test_a_step_has_a_cap_on_all_its_calls():
    policy = Policy(
        gates=Gating(agreement=AgreementSettings(enabled=True, samples=50)),
        escalation=Escalating(calls_on_a_step=5),
    )
    run = played(*[call("look")] * 5, answer(), policy=policy, rules=Rules(gates=(Scores([0.4]),)))
    assert lanes_of(run) == ["local"] + ["local:sample"] * 4 + ["local"]


def test_what_was_said_to_a_listener_is_not_said_again():
    policy = Policy(commit_deltas=True)
    run = played(call("look"), answer(), policy=policy, rules=Rules(gates=(Scores([0.9]),)))
    assert lanes_of(run) == ["local", "top"]
    simulation = Simulation(
        [call("look"), answer()],
        policy=policy,
        lanes=LADDER,
        rules=Rules(gates=(Scores([0.9]),)),
        said=True,
    )
    simulation.run()
    assert lanes_of(simulation) == ["local", "local"]
    unusable = Simulation([plain_draft(problem="broken")], policy=policy, said=True)
    assert unusable.run().outcome == "failed"


def test_a_replay_decides_the_same():
    rules = Rules(monitors=(Stuck((3,)), Milestones()))
    replies = [
        call("look"), call("look"), call("look"), call("look"), call("send"),
        review(on_track=True), answer(), review(on_track=True),
    ]  # fmt: skip
    one = played(*replies, rules=rules)
    other = played(*replies, rules=rules)
    assert one.events == other.events
    assert one.state == other.state


def test_a_draft_that_was_stopped_goes_up_and_leaves_no_trace_in_the_view():
    stopped = call("look").model_copy(update={"finish_reason": "stopped"})
    policy = Policy(gates=Gating(confidence=ConfidenceSettings(while_generating=True)))
    run = played(
        stopped, call("look"), answer(), policy=policy, rules=Rules(gates=(Scores([0.9]),))
    )
    assert lanes_of(run) == ["local", "top", "local"]
    calls = [action for action in run.actions if isinstance(action, CallLane)]
    assert calls[0].request.stop_below is not None
    assert calls[1].request.stop_below is None
    assert len(calls[1].view.messages) == 1


def test_a_draft_that_was_stopped_is_written_to_its_end_where_it_may_as_well_be_wrong():
    stopped = call("look").model_copy(update={"finish_reason": "stopped"})
    policy = Policy(
        gates=Gating(confidence=ConfidenceSettings(while_generating=True)),
        escalation=Escalating(damage=Damage(read_usd=Decimal(0))),
    )
    run = played(
        stopped, call("look"), answer(), policy=policy, rules=Rules(gates=(Scores([0.9]),))
    )
    assert lanes_of(run) == ["local", "local", "local"]
    calls = [action for action in run.actions if isinstance(action, CallLane)]
    assert [each.request.stop_below is None for each in calls] == [False, True, False]
    assert len(calls[1].view.messages) == 1


class Broken:
    """A monitor that raises."""

    name = "broken"

    def watch(self, prefix: Prefix) -> tuple[Signal, ...]:
        """Never comes to an end."""
        raise LookupError(f"nothing to see in step {prefix.step}")


def test_a_monitor_that_raises_stops_the_run_or_is_told_of_as_the_policy_says():
    with pytest.raises(MonitorError, match="nothing to see in step 1"):
        played(answer(), rules=Rules(monitors=(Broken(),)))
    run = played(answer(), rules=Rules(monitors=(Broken(), Stuck((1,))), goes_on=True))
    first, *_ = of(run, Signalled)
    assert first.signal.kind == "blind"
    assert "LookupError" in first.signal.evidence
    assert run.state.outcome == "completed"
    assert "nudge" in of(run, Decided)[0].decision.reasons


def test_a_step_that_the_higher_lane_cannot_make_comes_back():
    bad = plain_draft(problem="broken")
    run = played(bad, bad, call("look"), answer(), policy=Policy(schedule=First(steps=1)))
    assert lanes_of(run) == ["top", "top", "local", "local"]
    assert "no_usable_draft" in of(run, Decided)[2].decision.reasons


def test_a_stopped_draft_goes_up_by_its_probability_where_prices_are_not_known():
    stopped = call("look").model_copy(update={"finish_reason": "stopped"})
    policy = Policy(gates=Gating(confidence=ConfidenceSettings(while_generating=True)))
    lanes = (HOME, TOP.model_copy(update={"prices": None}))
    run = played(
        stopped, call("look"), answer(), policy=policy, lanes=lanes,
        rules=Rules(gates=(Scores([0.9]),)),
    )  # fmt: skip
    assert of(run, Decided)[1].decision.reasons == ("low_confidence", "over_threshold")
