"""Choices of lane and what was thought of drafts, as lines and in sentences."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cascade.cli.narration import Narration
from cascade.cli.wording import briefly_weighed, extra_cost, probability, roughly, weighed
from cascade.decision import Comparison, Decision
from cascade.events import (
    Advised,
    Consulted,
    Decided,
    Directed,
    Drafted,
    Event,
    Judged,
    Restarted,
    Reviewed,
    Signalled,
)
from cascade.exchange import Draft, Timing, Usage
from cascade.messages import AssistantMessage, Text, ToolCall
from cascade.opinions import Review
from cascade.routing.directives import Directive
from cascade.signals import Signal
from cascade.verdicts import Verdict

AT = datetime(2026, 1, 1, tzinfo=UTC)


def said(event: Event) -> str:
    return "\n".join(line.plain for line in Narration().lines(event))


def drafted(*parts: Any, **changes: Any) -> Drafted:
    draft = Draft(
        message=AssistantMessage(parts=parts),
        finish_reason="stop",
        usage=Usage(input_tokens=30, output_tokens=12),
        timing=Timing(total_s=0.5),
        served_model="m",
    )
    settled: dict[str, Any] = {"role": "draft", "cost_usd": None, "accepted": True, **changes}
    return Drafted(seq=2, at=AT, step=3, hop=4, lane="local", draft=draft, **settled)


def decided(**changes: Any) -> Decided:
    settled: dict[str, Any] = {
        "lane": "gpt",
        "model": "m",
        "scope": "step",
        "role": "draft",
        "effort": None,
        "reasons": ("stuck",),
        "candidates": (),
        "locality_reason": "",
        "redaction_required": False,
        "evidence_required": False,
        "fallback": None,
        "estimated_cost_usd": None,
        "propensity": 1.0,
        "policy_version": "1",
        "policy_digest": "",
        "created_at": AT,
    }
    return Decided(seq=2, at=AT, step=4, hop=5, decision=Decision(**(settled | changes)))


def compared(**changes: Any) -> Comparison:
    settled: dict[str, Any] = {
        "p_fail": 0.41,
        "damage_usd": Decimal("0.05"),
        "extra_cost_usd": Decimal("0.0031"),
        "cold_tokens": 1204,
        "threshold": 0.062,
        "worth_it": True,
    }
    return Comparison(**(settled | changes))


@pytest.mark.parametrize(
    "plain",
    [
        {"lane": "local", "reasons": ("home_lane",)},
        {"lane": "local", "reasons": ("home_lane", "policy_home")},
        {"lane": "local", "reasons": ("home_lane", "redraft")},
        {"lane": "local", "reasons": ("only_candidate", "retry")},
        {"scope": "span", "reasons": ("span",)},
        {"scope": "span", "reasons": ("latched",)},
        {"reasons": ("pinned",)},
        {"scope": "halt", "reasons": ("no_eligible_lane",)},
    ],
)
def test_a_choice_that_the_step_itself_shows_has_no_line(plain: dict[str, Any]):
    assert said(decided(**plain)) == ""


@pytest.mark.parametrize(
    ("choice", "line"),
    [
        (
            {
                "because": "the same call 3 times",
                "comparison": compared(p_fail=0.9, threshold=0.12),
            },
            (
                "→ step 4 goes to lane gpt: stuck (the same call 3 times); p_fail 0.90 against "
                "0.12; about $0.0031 more"
            ),
        ),
        (
            {"scope": "span", "span_steps": 5, "reasons": ("review_failed",)},
            "→ step 4 goes to lane gpt, for 5 steps: review failed",
        ),
        (
            {"scope": "span", "reasons": ("stuck", "latched"), "because": "again"},
            "→ step 4 and all that follow go to lane gpt: stuck (again)",
        ),
        (
            {"scope": "restart", "reasons": ("stuck", "restart")},
            "→ the task begins anew on lane gpt: stuck",
        ),
        (
            {"lane": "local", "reasons": ("home_lane", "nudge"), "because": "the same call"},
            "→ lane local is told that it is stuck, and makes step 4: the same call",
        ),
        (
            {"purpose": "advice", "scope": "advise", "reasons": ("asked_for_advice",)},
            "→ lane gpt is asked for advice",
        ),
        (
            {"purpose": "review", "scope": "review", "reasons": ("claim",), "because": "it ends"},
            "→ lane gpt reviews: claim (it ends)",
        ),
        (
            {"purpose": "judge", "scope": "review", "reasons": ("borderline",)},
            "→ lane gpt judges the draft of step 4: borderline",
        ),
        (
            {"purpose": "sample", "lane": "local", "reasons": ("borderline",)},
            "→ lane local drafts step 4 once more, to compare: borderline",
        ),
        (
            {"purpose": "directive", "scope": "advise", "reasons": ("directive_due",)},
            "→ lane gpt is asked how to go on",
        ),
        ({"reasons": ("failover",)}, "→ step 4 goes to lane gpt: failover"),
    ],
)
def test_a_choice_of_another_lane_says_where_it_goes_and_why(choice: dict[str, Any], line: str):
    assert said(decided(**choice)) == line


def test_what_speaks_against_a_held_draft_is_shown_with_it():
    doubt = Verdict(gate="confidence", passed=False, reason="0.41 is too much", p_fail=0.41)
    fine = Verdict(gate="schema", passed=True, reason="fits")
    call = ToolCall(id="c", name="pay", arguments={})
    event = drafted(call, accepted=None, verdicts=(fine, doubt), comparison=compared())
    assert said(event).splitlines()[-1] == (
        "  draft held: confidence: 0.41 is too much; p_fail 0.41 against 0.06; about $0.0031 more"
    )
    assert said(drafted(call, accepted=None)).endswith("\n  draft held")


@pytest.mark.parametrize(("followed", "words"), [(True, "followed"), (False, "not followed")])
def test_a_draft_after_advice_says_whether_it_followed(followed: bool, words: str):  # noqa: FBT001 - a parameter of the test
    event = drafted(ToolCall(id="c", name="pay", arguments={}), advice_followed=followed)
    assert said(event).splitlines()[0].endswith(f" · advice {words}")


def reviewed(review: Review | None, **changes: Any) -> Reviewed:
    settled: dict[str, Any] = {"lane": "gpt", "codes": ("irreversible_call",), **changes}
    return Reviewed(seq=2, at=AT, step=1, review=review, **settled)


def directed(directive: Directive | None, reason: str = "") -> Directed:
    return Directed(seq=2, at=AT, step=1, lane="boss", directive=directive, reason=reason)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            Signalled(
                seq=2,
                at=AT,
                step=1,
                signal=Signal(monitor="stuck", kind="stuck", code="monologue", evidence="3 times"),
            ),
            "  stuck: 3 times",
        ),
        (
            Signalled(
                seq=2,
                at=AT,
                step=1,
                signal=Signal(monitor="m", kind="milestone", code="first_write", evidence=""),
            ),
            "  milestone: first write",
        ),
        (
            Judged(
                seq=2,
                at=AT,
                step=1,
                accepted=None,
                verdicts=(Verdict(gate="judge", passed=None, reason=""),),
            ),
            "  judge: nothing to go by",
        ),
        (Judged(seq=2, at=AT, step=1, accepted=True), "  draft accepted"),
        (
            Judged(
                seq=2,
                at=AT,
                step=1,
                accepted=True,
                reason="asked too often",
                verdicts=(Verdict(gate="judge", passed=True, reason=""),),
            ),
            "  judge: passed\n  draft accepted: asked too often",
        ),
        (
            reviewed(Review(milestone="m", on_track=True, reason="all paid", correction="")),
            "  review of irreversible call (gpt): on track: all paid",
        ),
        (
            reviewed(Review(milestone="m", on_track=False, reason="too much", correction="Pay 3.")),
            "  review of irreversible call (gpt): not on track: too much; instead: Pay 3.",
        ),
        (
            reviewed(None, lane=None, codes=()),
            "  review of the work (nobody to ask): no verdict",
        ),
        (
            directed(Directive(lane="gpt", scope="span", steps=3, effort="high", reason="hard")),
            "  lane boss directs: span on gpt for 3 steps, effort high: hard",
        ),
        (
            directed(None, "The answer holds no JSON object."),
            "  lane boss gives no directive that can be followed: The answer holds no JSON object.",
        ),
        (
            Restarted(seq=2, at=AT, step=1),
            "  the world is as it was at first; the task begins anew",
        ),
        # The result of the call that asked says it.
        (Advised(seq=2, at=AT, step=1, lane="gpt", call_id="c", question="?", advice="!"), ""),
        (
            Consulted(
                seq=2,
                at=AT,
                step=1,
                hop=2,
                lane="gpt",
                role="review",
                purpose="review",
                draft=drafted(Text(text="{}")).draft,
                cost_usd=None,
            ),
            "  gpt review · 12 tokens · 0.50 s · 24 tokens/s",
        ),
    ],
)
def test_each_kind_of_evidence_and_opinion_has_its_line(event: Event, line: str):
    assert said(event) == line


def test_the_comparison_is_told_in_a_sentence():
    assert weighed(compared(), "lane gpt") == (
        "a wrong step here costs $0.05; it is wrong with probability 0.41 (uncalibrated), so "
        "$0.0205 is at stake; lane gpt costs $0.0031 more, 1,204 tokens of it cold: worth it"
    )


def test_the_sentence_says_how_far_the_higher_lane_helps():
    comparison = compared(
        p_rescue=0.5, p_harm=0.1, calibration="desk", cold_tokens=0, worth_it=False
    )
    told = weighed(comparison, "lane gpt", is_step=False)
    assert "a task that fails costs $0.05; as it goes it fails with probability 0.41" in told
    assert "(calibrated by desk)" in told
    assert "puts it right with probability 0.50 and spoils what was right with probability" in told
    assert "0.10, which averts $0.0073; lane gpt costs $0.0031 more: not worth it" in told
    assert "which adds $0.0295" in weighed(compared(p_rescue=0.0, p_harm=1.0), "lane gpt")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"extra_cost_usd": None, "threshold": 0.5}, "costs besides is not known, and 0.50 is eno"),
        ({"extra_cost_usd": None, "threshold": None}, "is not known, and no probability is enough"),
        ({"extra_cost_usd": Decimal(0)}, "lane gpt costs no more, 1,204 tokens"),
        ({"extra_cost_usd": Decimal("-0.2")}, "lane gpt costs $0.20 less, 1,204 tokens"),
    ],
)
def test_the_sentence_says_what_is_known_of_the_cost(changes: dict[str, Any], words: str):
    assert words in weighed(compared(**changes), "lane gpt")


@pytest.mark.parametrize(
    ("cost_usd", "words"),
    [
        (None, "prices not known"),
        (Decimal(0), "at no extra cost"),
        (Decimal("0.0031491"), "about $0.00315 more"),
        (Decimal("-12.5"), "about $12.50 less"),
    ],
)
def test_what_a_lane_costs_over_another_is_told(cost_usd: Decimal | None, words: str):
    assert extra_cost(cost_usd) == words


def test_what_is_never_worth_it_says_so():
    told = briefly_weighed(compared(threshold=None))
    assert told == "p_fail 0.41 against nothing, as it never is worth it; about $0.0031 more"


def test_estimates_are_rounded_and_what_is_hardly_anything_is_not_nothing():
    assert (roughly(Decimal("0.1")), roughly(Decimal(0)), roughly(None)) == (
        "$0.10", "$0", "cost unknown",
    )  # fmt: skip
    assert (probability(0.0), probability(0.004), probability(0.005)) == (
        "0.00", "under 0.01", "0.01",
    )  # fmt: skip
