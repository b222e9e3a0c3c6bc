"""Fitting finds what was put in, and the measures are the textbook's."""

import math
import random

import pytest

from cascade.errors import ConfigError
from cascade.gates.confidence import p_fail
from cascade.gates.fitting import auroc, calibration_error, fit, interval_by_task, reliability
from cascade.policy.gating import Calibration

Rows = list[tuple[dict[str, float], bool]]


def rows(count: int, seed: int) -> Rows:
    """Wrong with a probability whose log-odds are 2 x - 1; `noise` says nothing."""
    rng = random.Random(seed)
    made: Rows = []
    for _ in range(count):
        x = rng.gauss(0, 1.5)
        was_wrong = rng.random() < 1 / (1 + math.exp(1 - 2 * x))
        made.append(({"x": x, "noise": rng.gauss(0, 1), "same": 3.0}, was_wrong))
    return made


def fitted(made: Rows, *, l2: float = 1.0, most_knots: int = 24) -> Calibration:
    return fit(made, name="t", model="m", fitted_on="made-up data", l2=l2, most_knots=most_knots)


def test_the_weights_that_made_the_data_are_found_again() -> None:
    made = fitted(rows(4000, 1), l2=0)
    assert made.weights["x"] == pytest.approx(2.0, abs=0.15)
    assert made.weights["noise"] == pytest.approx(0.0, abs=0.1)
    assert made.intercept == pytest.approx(-1.0, abs=0.15)
    assert "same" not in made.weights
    assert (made.name, made.model, made.fitted_on, made.drafts) == ("t", "m", "made-up data", 4000)


def test_on_fresh_data_the_probabilities_are_shares() -> None:
    made = fitted(rows(4000, 1))
    scored = [(p_fail(made, found), was_wrong) for found, was_wrong in rows(4000, 2)]
    assert calibration_error(scored) < 0.03
    assert auroc(scored) > 0.85


def test_the_knots_rise_and_are_no_more_than_asked_for() -> None:
    knots = fitted(rows(2000, 3), most_knots=6).knots
    assert 2 <= len(knots) <= 6
    assert list(knots) == sorted(knots)
    assert [share for _, share in knots] == sorted(share for _, share in knots)
    assert knots[0][1] > 0
    assert knots[-1][1] < 1


def test_a_feature_that_separates_all_drafts_gives_a_finite_weight() -> None:
    perfect: Rows = [({"x": float(at)}, at >= 50) for at in range(100)]
    made = fitted(perfect)
    assert math.isfinite(made.weights["x"])
    assert p_fail(made, {"x": 0.0}) < 0.05
    assert p_fail(made, {"x": 99.0}) > 0.95


def test_a_fit_that_has_no_end_is_cut_short() -> None:
    made = fitted([({"x": float(at)}, at >= 50) for at in range(100)], l2=0)
    assert p_fail(made, {"x": 0.0}) < 0.05
    assert p_fail(made, {"x": 99.0}) > 0.95


def test_features_that_repeat_each_other_do_no_harm() -> None:
    twice: Rows = [({**found, "again": found["x"]}, wrong) for found, wrong in rows(500, 4)]
    made = fitted(twice, l2=0)
    assert made.weights["x"] + made.weights["again"] == pytest.approx(2.0, abs=0.5)


@pytest.mark.parametrize("was_wrong", [True, False])
def test_drafts_of_one_kind_only_cannot_be_fitted(*, was_wrong: bool) -> None:
    with pytest.raises(ConfigError, match="needs right and wrong drafts"):
        fitted([({"x": 1.0}, was_wrong)] * 10)


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    scored = [(0.1, False), (0.4, True), (0.4, False), (0.8, True)]
    pairs = [(1.0 if w > r else 0.5 if w == r else 0.0) for w in (0.4, 0.8) for r in (0.1, 0.4)]
    assert auroc(scored) == sum(pairs) / len(pairs)
    assert math.isnan(auroc([(0.5, True)]))


def test_the_calibration_error_is_the_mean_distance_over_bins() -> None:
    scored = [(0.2, at < 10) for at in range(50)] + [(0.9, at < 40) for at in range(50)]
    assert [(one.p_fail, one.wrong, one.drafts) for one in reliability(scored, bins=2)] == [
        (pytest.approx(0.2), 0.2, 50),
        (pytest.approx(0.9), 0.8, 50),
    ]
    assert calibration_error(scored, bins=2) == pytest.approx(0.05)
    assert math.isnan(calibration_error([]))


def test_equal_probabilities_share_a_bin() -> None:
    scored = [(0.5, False)] * 30 + [(0.7, True)]
    assert [one.drafts for one in reliability(scored, bins=10)] == [30, 1]


def test_the_interval_draws_whole_tasks() -> None:
    def share(scored: object) -> float:
        assert isinstance(scored, list)
        labels: list[bool] = [label for _, label in scored]  # pyright: ignore[reportUnknownVariableType] - what the test made
        return sum(labels) / len(labels)

    tasks = {str(at): [(0.5, at % 2 == 0)] * 50 for at in range(20)}
    low, high = interval_by_task(tasks, share, rounds=400)
    # 20 independent tasks, not 1,000 steps.
    assert low < 0.4
    assert high > 0.6
    assert interval_by_task(tasks, share, rounds=400) == (low, high)
