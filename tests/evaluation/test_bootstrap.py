"""Intervals against cases whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.evaluation.bootstrap import Figure, figure_of, weights

shares = st.integers(2, 60).flatmap(
    lambda tasks: st.lists(st.booleans(), min_size=tasks, max_size=tasks)
)


def test_the_first_row_takes_each_task_once_and_every_draw_as_many_tasks():
    drawn = weights(7, rounds=50)
    assert drawn.shape == (51, 7)
    assert (drawn[0] == 1).all()
    assert (drawn.sum(axis=1) == 7).all()


def test_the_same_seed_draws_the_same():
    assert (weights(9, seed=3) == weights(9, seed=3)).all()
    assert (weights(9, seed=3) != weights(9, seed=4)).any()


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide():
    rng = np.random.default_rng(0)
    values = rng.normal(5.0, 2.0, 400)
    figure = figure_of(weights(400) @ values / 400)
    assert figure is not None
    error = values.std() / np.sqrt(400)
    assert figure.value == pytest.approx(values.mean())
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_runs_of_one_task_that_agree_are_worth_one_run():
    rng = np.random.default_rng(1)
    solved = rng.random(60) < 0.5
    alone = figure_of(weights(60) @ solved / 60)
    thrice = figure_of((weights(60) @ (3 * solved)) / (weights(60) @ np.full(60, 3)))
    assert alone == thrice


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(2)
    held = 0
    drawn = weights(80, rounds=400)
    for _ in range(300):
        figure = figure_of(drawn @ (rng.random(80) < 0.7) / 80)
        assert figure is not None
        held += figure.low <= 0.7 <= figure.high
    assert 0.90 <= held / 300 <= 0.98


@settings(max_examples=40, deadline=None)
@given(shares)
def test_a_share_and_its_interval_stay_between_0_and_1(solved: list[bool]):
    figure = figure_of(weights(len(solved), rounds=200) @ np.array(solved) / len(solved))
    assert figure is not None
    assert 0 <= figure.low <= figure.high <= 1
    assert figure.value == sum(solved) / len(solved)


@settings(max_examples=40, deadline=None)
@given(shares)
def test_the_difference_of_an_arm_to_itself_is_nothing_in_every_draw(solved: list[bool]):
    sums = weights(len(solved), rounds=100) @ np.array(solved, dtype=float)
    assert figure_of(sums - sums) == Figure(value=0, low=0, high=0)


def test_what_is_not_defined_over_all_tasks_is_no_figure():
    assert figure_of(np.array([np.nan, 1.0, 2.0])) is None


def test_draws_in_which_it_is_not_defined_are_left_out():
    assert figure_of(np.array([1.0, np.nan, 1.0, np.inf])) == Figure(value=1, low=1, high=1)
    assert figure_of(np.array([1.0, np.nan])) == Figure(value=1, low=1, high=1)


def test_an_interval_excludes_zero_only_if_it_lies_on_one_side():
    assert Figure(value=1, low=0.1, high=2).excludes_zero
    assert Figure(value=-1, low=-2, high=-0.1).excludes_zero
    assert not Figure(value=1, low=0, high=2).excludes_zero
