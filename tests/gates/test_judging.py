"""A judge's word and how sure it was of it."""

from decimal import Decimal

import pytest
from gate_drafts import an_answer, spans, statistics

from cascade.gates.judging import break_even_share, p_yes, verdict_of


@pytest.mark.parametrize(("text", "expected"), [("Yes", 0.9), ("no, it is not", 0.1)])
def test_the_probability_is_that_of_yes_against_the_runner_up(text: str, expected: float) -> None:
    made = an_answer(
        text, tokens=statistics([0.5, 0.63, 0.9], spans(answer=(1, 3)), runners_up=[0.4, 0.07, 0.1])
    )
    assert p_yes(made) == pytest.approx(expected, abs=1e-3)
    verdict = verdict_of(made, min_p_right=0.5)
    assert verdict.passed is (expected > 0.5)
    assert verdict.p_fail == pytest.approx(1 - expected, abs=1e-3)
    assert verdict.calibration is None


def test_a_yes_that_is_not_likely_enough_does_not_pass() -> None:
    made = an_answer("Yes.", tokens=statistics([0.6], runners_up=[0.4]))
    assert verdict_of(made, min_p_right=0.7).passed is False


@pytest.mark.parametrize(
    ("text", "passed"), [("YES.", True), ("**No**", False), ("Well, no", False)]
)
def test_without_log_probabilities_the_word_counts(text: str, *, passed: bool) -> None:
    verdict = verdict_of(an_answer(text), min_p_right=0.9)
    assert (verdict.passed, verdict.p_fail) == (passed, None)
    assert "without probability" in verdict.reason


def test_a_span_behind_the_last_token_has_no_probability() -> None:
    made = an_answer("yes", tokens=statistics([0.6], spans(answer=(1, 1))))
    assert p_yes(made) is None


def test_a_first_token_that_is_neither_word_has_no_probability() -> None:
    made = an_answer("Well, yes", tokens=statistics([0.6, 0.9, 0.9]))
    verdict = verdict_of(made, min_p_right=0.5)
    assert (verdict.passed, verdict.p_fail) == (True, None)


@pytest.mark.parametrize("text", ["", "Perhaps.", "Yesterday it was known."])
def test_an_answer_without_either_word_is_no_verdict(text: str) -> None:
    verdict = verdict_of(an_answer(text), min_p_right=0.5)
    assert verdict.passed is None
    assert "neither yes nor no" in verdict.reason


def test_an_answer_that_cannot_be_used_is_no_verdict() -> None:
    made = an_answer("yes", problem="It was cut off.")
    assert verdict_of(made, min_p_right=0.5).reason.endswith("It was cut off.")


def test_a_judge_pays_from_the_share_on_where_it_saves_what_it_costs() -> None:
    share = break_even_share(
        judge_usd=Decimal("0.001"), large_usd=Decimal("0.020"), small_usd=Decimal("0.004")
    )
    assert share == Decimal("0.0625")
    assert (
        break_even_share(judge_usd=Decimal(1), large_usd=Decimal(2), small_usd=Decimal(2)) is None
    )
