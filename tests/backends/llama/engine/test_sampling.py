from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.backends.llama.engine import Sampling
from cascade.backends.llama.engine.sampling import Chooser, RowStatistics

NONE = np.array([], dtype=np.int32)


def logits(
    rows: int, width: int, seed: int = 0
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(0, 3, (rows, width)).astype(np.float32)


@given(st.integers(1, 9), st.sampled_from([2, 7, 300, 20_000]), st.integers(0, 5))
def test_figures_of_a_row_are_those_of_its_softmax(rows: int, width: int, seed: int):
    values = logits(rows, width, seed)
    kept = values.copy()
    figures = RowStatistics(9, width).measure(values)
    np.testing.assert_array_equal(values, kept)
    exact = kept.astype(np.float64)
    logs = exact - np.log(np.exp(exact).sum(axis=1, keepdims=True))
    order = np.argsort(-exact, axis=1)
    assert figures.best == order[:, 0].tolist()
    assert figures.second == order[:, 1].tolist()
    entropy = -(np.exp(logs) * logs).sum(axis=1)
    np.testing.assert_allclose(figures.entropy, entropy, rtol=1e-3, atol=1e-5)
    normaliser = np.array(figures.log_normaliser)
    chosen = np.array(figures.best_logit) - normaliser
    np.testing.assert_allclose(chosen, logs.max(axis=1), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 8])
def test_banned_tokens_leave_the_entropy_finite(rows: int):
    values = logits(rows, 50)
    values[:, 3:] = -np.inf
    figures = RowStatistics(8, 50).measure(values)
    assert all(0 <= entropy <= np.log(3) + 1e-6 for entropy in figures.entropy)


def test_zero_temperature_takes_the_most_likely_token():
    row = logits(1, 100)[0]
    assert Chooser(Sampling(repeat_penalty=1.1)).choose(row) == row.argmax()
    assert not Chooser.needed(Sampling())
    assert Chooser.needed(Sampling(presence_penalty=0.1))


def test_the_same_seed_gives_the_same_tokens_and_another_one_others():
    row = logits(1, 100)[0]

    def draws(seed: int) -> list[int]:
        chooser = Chooser(Sampling(temperature=1.5, seed=seed))
        return [chooser.choose(row) for _ in range(20)]

    assert draws(1) == draws(1) != draws(2)


def test_draws_follow_the_softmax():
    row = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))
    chooser = Chooser(Sampling(temperature=1.0))
    seen = Counter(chooser.choose(row) for _ in range(4000))
    assert [seen[token] / 4000 for token in range(3)] == pytest.approx([0.5, 0.3, 0.2], abs=0.04)


@pytest.mark.parametrize(
    ("sampling", "possible"),
    [
        (Sampling(temperature=9.0, top_k=2), {0, 1}),
        (Sampling(temperature=9.0, top_p=0.6), {0, 1}),
        (Sampling(temperature=9.0, top_p=0.1), {0}),
        (Sampling(temperature=9.0, min_p=0.5), {0, 1}),
        (Sampling(temperature=9.0), {0, 1, 2, 3}),
    ],
)
def test_filters_keep_the_likely_tokens_only(sampling: Sampling, possible: set[int]):
    row = np.log(np.array([0.5, 0.3, 0.15, 0.05], dtype=np.float32))
    chooser = Chooser(sampling)
    assert {chooser.choose(row) for _ in range(300)} == possible


def test_banned_tokens_are_never_drawn():
    row = np.array([-np.inf, 1.0, -np.inf, 1.0], dtype=np.float32)
    chooser = Chooser(Sampling(temperature=5.0))
    assert {chooser.choose(row) for _ in range(100)} == {1, 3}


def test_penalties_count_recent_tokens_only():
    row = np.array([2.0, 2.0, -2.0, 2.0], dtype=np.float32)
    recent = np.array([3, 0, 0, 2], dtype=np.int32)
    adjusted = Chooser(
        Sampling(repeat_penalty=2.0, frequency_penalty=0.25, presence_penalty=0.1, penalty_last_n=3)
    ).adjust(row, recent)
    np.testing.assert_allclose(
        adjusted, [2 / 2 - 0.5 - 0.1, 2.0, -2 * 2 - 0.25 - 0.1, 2.0], rtol=1e-6
    )
    np.testing.assert_array_equal(row, [2.0, 2.0, -2.0, 2.0])


def test_without_penalties_the_row_is_not_copied():
    row = logits(1, 10)[0]
    assert Chooser(Sampling(temperature=1.0)).adjust(row, NONE) is row
