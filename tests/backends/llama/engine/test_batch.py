"""In which order sequences are put into a batch."""

from typing import Any, cast

import numpy as np
import pytest

from cascade.backends.llama.engine import EngineSettings
from cascade.backends.llama.engine.batch import Batch, Composer, Pace
from cascade.backends.llama.engine.costs import Work
from cascade.backends.llama.engine.lookup import Lookup
from cascade.backends.llama.engine.sequences import Sequence


class FakeRun:
    """A run whose prompt is waiting to be evaluated."""

    is_generating = False
    drafts = ()

    def __init__(self, slot: int, tokens: int) -> None:
        self.sequence = Sequence(f"slot {slot}")
        self.sequence.slot = slot
        self.prompt = np.arange(tokens, dtype=np.int32)
        self.next_cut = tokens


class FakeContext:
    """Batch arrays alone."""

    def __init__(self) -> None:
        self.tokens = np.zeros(64, dtype=np.int32)
        self.positions = np.zeros(64, dtype=np.int32)
        self.sequences = np.zeros(64, dtype=np.int32)
        self.outputs = np.zeros(64, dtype=np.int8)


def compose(shares: list[tuple[int, int]], *, unified: bool) -> tuple[Batch, list[int]]:
    """Compose prompts of these slots and lengths; return the batch and the slot of each token."""
    context = cast("Any", FakeContext())
    lookup = Lookup(EngineSettings(sequences=8), 100, frozenset())
    composer = Composer(context, Pace(64), lookup, unified=unified)
    batch = composer.compose(cast("Any", [FakeRun(slot, tokens) for slot, tokens in shares]))
    return batch, context.sequences[: batch.count].tolist()


@pytest.mark.parametrize(
    ("shares", "slots", "expected"),
    [
        ([(0, 2), (1, 2), (2, 2)], [0, 0, 1, 1, 2, 2], Work(0, 1, 3, 6)),
        ([(0, 1), (1, 3), (2, 1)], [2, 1, 1, 1, 0], Work(2, 1, 3, 5)),
        ([(0, 1), (1, 1), (2, 2), (3, 2)], [2, 2, 3, 3, 0, 1], Work(0, 2, 4, 6)),
    ],
)
def test_neighbours_of_unequal_lengths_are_kept_apart(
    shares: list[tuple[int, int]], slots: list[int], expected: Work
):
    batch, found = compose(shares, unified=False)
    assert found == slots
    assert batch.work == expected
    assert [run.sequence.slot for run in batch.outputs] == list(dict.fromkeys(slots))


def test_one_buffer_is_gone_over_once_in_any_order():
    batch, found = compose([(0, 1), (1, 3), (2, 1)], unified=True)
    assert found == [0, 1, 1, 1, 2]
    assert batch.work == Work(0, 1, 3, 5)
