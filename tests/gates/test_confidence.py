"""The confidence gate: a probability that says what it is the probability of, and who says so."""

import math

import pytest
from gate_drafts import LANE, a_call, a_prefix, a_step, an_answer, spans, statistics

from cascade.exchange import Draft
from cascade.gates.confidence import ConfidenceGate, default_p_fail, p_fail
from cascade.gates.features import features
from cascade.policy.gating import Calibration, ConfidenceSettings

DIGEST = "ab" * 32


def draft(probability: float, *, under_grammar: bool = False) -> Draft:
    places = {"name": (0, 1), "value": (2, 3)}
    if under_grammar:
        places["grammar"] = (0, 4)
    return a_call(tokens=statistics([0.99, 0.99, probability, 0.99], spans(**places)))


def calibration(**changes: object) -> Calibration:
    fields: dict[str, object] = {
        "name": "tiny",
        "model": DIGEST,
        "intercept": 0.0,
        "weights": {"call.min": -1.0},
    }
    return Calibration.model_validate(fields | changes)


def gate(made: Calibration | None = None, most: float = 0.5) -> ConfidenceGate:
    return ConfidenceGate(ConfidenceSettings(calibration=made, max_p_fail=most))


def test_a_lane_without_log_probabilities_gets_no_verdict_and_is_told_why() -> None:
    verdict = gate().judge(a_prefix(), a_call(), LANE)
    assert (verdict.passed, verdict.p_fail, verdict.basis) == (None, None, None)
    assert verdict.reason == "lane 'local' gives no log-probabilities of its tokens"


@pytest.mark.parametrize(("probability", "passed"), [(0.8, True), (0.3, False)])
def test_without_a_calibration_the_least_probability_counts_and_the_verdict_says_so(
    probability: float, *, passed: bool
) -> None:
    verdict = gate().judge(a_prefix(), draft(probability), LANE)
    assert verdict.passed is passed
    assert verdict.p_fail == pytest.approx(1 - probability, abs=1e-3)
    assert verdict.calibration is None
    assert "uncalibrated, as no calibration is set" in verdict.reason
    assert verdict.features["call.min"] == pytest.approx(
        math.log(probability / (1 - probability)), abs=1e-3
    )


def test_a_probability_at_the_threshold_does_not_pass() -> None:
    exact = gate(calibration(weights={}), most=0.5).judge(
        a_prefix(), draft(0.9), LANE.model_copy(update={"model_digest": DIGEST})
    )
    assert (exact.p_fail, exact.passed) == (0.5, False)


@pytest.mark.parametrize(
    ("model", "digest"), [("bundled:desk", None), ("other.gguf", DIGEST)], ids=["name", "digest"]
)
def test_a_calibration_of_the_lanes_model_is_used_and_named(model: str, digest: str | None) -> None:
    lane = LANE.model_copy(update={"model": model, "model_digest": digest})
    made = calibration(model=model if digest is None else DIGEST)
    verdict = gate(made).judge(a_prefix(), draft(0.8), lane)
    assert verdict.calibration == "tiny"
    assert verdict.p_fail == pytest.approx(0.2, abs=1e-3)
    assert "calibrated by 'tiny'" in verdict.reason
    assert set(verdict.features) == {"call.min"}


def test_a_calibration_of_another_model_is_not_used_and_the_verdict_says_so() -> None:
    verdict = gate(calibration()).judge(a_prefix(), draft(0.8), LANE)
    assert verdict.calibration is None
    assert f"'tiny' is of model {DIGEST}, not of bundled:desk (no digest)" in verdict.reason


@pytest.mark.parametrize("grammar", [True, False])
def test_a_calibration_under_a_grammar_is_not_used_without_one_nor_the_other_way_round(
    *, grammar: bool
) -> None:
    made = calibration(model=LANE.model, grammar=grammar)
    fitting = gate(made).judge(a_prefix(), draft(0.8, under_grammar=grammar), LANE)
    misfit = gate(made).judge(a_prefix(), draft(0.8, under_grammar=not grammar), LANE)
    assert (fitting.calibration, fitting.basis) == ("tiny", "grammar" if grammar else "free")
    assert misfit.calibration is None
    assert "under a grammar" in misfit.reason


def test_knots_are_joined_by_lines_and_level_at_the_ends() -> None:
    made = calibration(weights={"x": 1.0}, knots=((0.2, 0.1), (0.4, 0.5), (0.8, 0.9)))

    def at(logistic: float) -> float:
        return p_fail(made, {"x": math.log(logistic / (1 - logistic))})

    assert at(0.05) == 0.1
    assert at(0.3) == pytest.approx(0.3)
    assert at(0.4) == pytest.approx(0.5)
    assert at(0.6) == pytest.approx(0.7)
    assert at(0.99) == 0.9


def test_what_surrounds_the_draft_counts_where_the_calibration_weighs_it() -> None:
    made = calibration(model=LANE.model, weights={"call.repeats": 2.0})
    fresh = gate(made).judge(a_prefix(), draft(0.9), LANE)
    again = gate(made).judge(a_prefix(a_step(1)), draft(0.9), LANE)
    assert fresh.p_fail == 0.5
    assert again.p_fail == pytest.approx(1 / (1 + math.exp(-2)), abs=1e-4)


def test_extreme_weights_stay_probabilities() -> None:
    assert p_fail(calibration(weights={"x": 1e6}), {"x": 1.0}) == 1.0
    assert p_fail(calibration(weights={"x": -1e6}), {"x": 1.0}) == 0.0


def test_a_call_that_the_grammar_wrung_from_the_model_is_at_least_as_likely_wrong_as_right() -> (
    None
):
    tokens = statistics([0.99, 0.9], spans(name=(0, 1), value=(1, 2)), runners_up=[0.01, 0.95])
    assert default_p_fail(features(a_call(tokens=tokens))) == 0.5


def test_one_doubtful_word_in_a_long_answer_is_not_held_against_it() -> None:
    each = [0.99] * 30
    each[12] = 0.2
    verdict = gate().judge(a_prefix(), an_answer("Done.", tokens=statistics(each)), LANE)
    assert verdict.passed is True
    assert verdict.basis == "free"


def test_a_draft_that_was_stopped_never_passes_and_is_not_calibrated() -> None:
    stopped = draft(0.9).model_copy(update={"finish_reason": "stopped"})
    verdict = gate(calibration(model=LANE.model)).judge(a_prefix(), stopped, LANE)
    assert (verdict.passed, verdict.calibration) == (False, None)
    assert "and stopped while it was written" in verdict.reason
    assert "calibrations are of whole ones" in verdict.reason
