"""Guesses are made where they pay: what decodes take, and how often guesses were right."""

import numpy as np
import pytest

from cascade.backends.llama.engine import EngineSettings
from cascade.backends.llama.engine.costs import DecodeCost, Work, work
from cascade.backends.llama.engine.lookup import Lookup
from cascade.backends.llama.engine.sequences import Sequence


def test_work_counts_passes_and_visits():
    assert work([(0, 1)]) == Work(1, 0, 1, 1)
    assert work([(0, 1), (1, 1), (2, 1)]) == Work(0, 1, 3, 3)
    assert work([(0, 4), (1, 1), (2, 4)]) == Work(1, 2, 3, 9)
    assert work([(2, 4), (0, 1), (1, 1)]) == Work(0, 2, 3, 6)
    assert work([(0, 1), (2, 1)]) == Work(2, 0, 2, 2)
    assert work([(0, 2), (1, 1)]) == Work(1, 1, 2, 3)
    assert work([(0, 4), (3, 1)], unified=True) == Work(0, 1, 2, 5)


def test_costs_are_learnt_and_foreseen():
    cost = DecodeCost()
    batches = [
        Work(1, 0, 1, 1),
        Work(0, 1, 1, 30),
        Work(0, 1, 4, 4),
        Work(0, 2, 5, 8),
        Work(0, 1, 1, 4),
    ] * 60
    assert not cost.is_known
    for batch in batches:
        cost.observe(
            batch, 3e-4 * (batch.passes + batch.lone) + 1e-4 * batch.visits + 5e-5 * batch.tokens
        )
    assert cost.seconds(Work(0, 1, 1, 9)) == pytest.approx(8.5e-4, rel=0.05)
    assert cost.seconds(Work(0, 3, 20, 40)) == pytest.approx(4.9e-3, rel=0.05)


def test_guesses_that_do_not_pay_are_not_made():
    """A token that costs as much as a whole decode is guessed only by mistake."""
    chances: list[int] = []
    for fixed_s, token_s in ((1e-3, 1e-5), (1e-5, 1e-3)):
        lookup = Lookup(EngineSettings(sequences=2), 100, frozenset({99}))
        for batch in [Work(1, 0, 1, 1), Work(0, 1, 1, 20)] * 50:
            lookup.cost.observe(
                batch, fixed_s * (batch.passes + batch.lone) + token_s * batch.tokens
            )
        trail = lookup.trail(Sequence("key"))
        assert trail is not None
        trail.begin(np.array([1, 2, 3, 4, 5] * 8, dtype=np.int32), 0, 50)
        seconds = lookup.cost.seconds(Work(0, 1, 1, 1))
        chances.append(len(trail.guess(8, 1, seconds)))
    assert chances[0] > 2
    assert chances[1] == 0


def test_an_end_is_never_drafted_and_no_more_than_can_be_chosen():
    lookup = Lookup(EngineSettings(sequences=2), 100, frozenset({5}))
    for batch in [Work(1, 0, 1, 1), Work(0, 1, 1, 20)] * 50:
        lookup.cost.observe(batch, 1e-3 * (batch.passes + batch.lone) + 1e-6 * batch.tokens)
    trail = lookup.trail(Sequence("key"))
    assert trail is not None
    prompt = np.array([1, 2, 3, 4, 5] * 8 + [1, 2], dtype=np.int32)
    trail.begin(prompt, 0, 50)
    trail.guess(8, 1, 1.0)
    assert trail.draft(8)[:2] == [3, 4]
    trail.begin(prompt, 0, 2)
    assert len(trail.guess(8, 1, 1.0)) == 1
