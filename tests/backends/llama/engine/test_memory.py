"""What is copied to give a sequence its first tokens, and what is not."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from cascade.backends.llama.engine import EngineSettings, Model
from cascade.backends.llama.engine.context import Context, State
from cascade.backends.llama.engine.memory import Claim, Memory
from cascade.backends.llama.engine.settings import complete_settings
from cascade.backends.llama.engine.statistics import Counters

SETTINGS = EngineSettings(sequences=2, threads=1, share_tokens=4, cache_bytes=1 << 24)
LENDER_TOKENS = 400


class CountingContext(Context):
    """Counts how many states were saved."""

    saved = 0

    def save(self, sequence: int) -> State:
        self.saved += 1
        return super().save(sequence)


class Bench:
    """Requests without an engine: claimed, evaluated, settled."""

    def __init__(self, model: Model, settings: EngineSettings) -> None:
        complete = complete_settings(settings, model)
        self.context = CountingContext(model, complete)
        self.memory = Memory(self.context, complete, Counters(), rolls_back=True)

    def run(self, key: str, prompt: list[int]) -> Claim:
        claim = self.memory.claim(key, np.array(prompt, dtype=np.int32), len(prompt) + 1, [])
        assert isinstance(claim, Claim)
        new = np.array(prompt[claim.cached :], dtype=np.int32)
        context, count = self.context, len(new)
        context.tokens[:count] = new
        context.positions[:count] = np.arange(claim.cached, len(prompt))
        context.sequences[:count] = claim.sequence.slot
        context.outputs[:count] = 0
        assert context.decode(count) == 0
        claim.sequence.extend(new)
        self.memory.settle(claim.sequence)
        return claim


@pytest.fixture
def make_bench(model: Model) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**settings: int) -> Bench:
        made.append(Bench(model, replace(SETTINGS, **settings)))  # type: ignore[arg-type] - names are checked at run time
        return made[-1]

    yield make
    for bench in made:
        bench.context.close()


def sharing(count: int) -> list[int]:
    """A short prompt that has `count` tokens in common with the lender's."""
    return [*range(count), *[250] * 5]


def lender() -> list[int]:
    return [index % 200 for index in range(LENDER_TOKENS)]


@pytest.mark.parametrize(("common", "shared"), [(10, 0), (20, 20)])
def test_a_long_sequence_is_copied_only_for_enough_of_it(
    make_bench: Callable[..., Bench], common: int, shared: int
):
    bench = make_bench()
    bench.run("lender", lender())
    assert bench.run("other", sharing(common)).shared == shared
    assert (bench.context.saved > 0) == (shared > 0)


def test_a_long_saved_state_is_restored_only_for_enough_of_it(make_bench: Callable[..., Bench]):
    bench = make_bench(sequences=1)
    bench.run("lender", lender())
    assert bench.run("other", sharing(10)).shared == 0
    assert bench.run("third", [*range(20), 251]).shared == 20


def test_a_state_that_ends_with_the_prefix_is_taken_however_short(
    make_bench: Callable[..., Bench],
):
    bench = make_bench()
    head = bench.run("lender", lender()[:10])
    bench.memory.checkpoint(head.sequence, shared=True)
    bench.run("lender", lender())
    assert bench.run("other", sharing(10)).shared == 10


def test_a_released_lender_hands_its_slot_over_however_long_it_is(
    make_bench: Callable[..., Bench],
):
    bench = make_bench()
    bench.run("lender", lender())
    bench.memory.release("lender")
    assert bench.run("other", sharing(10)).shared == 10
    assert bench.context.saved == 0


def test_a_state_that_would_not_be_kept_is_not_saved(make_bench: Callable[..., Bench]):
    bench = make_bench(sequences=1, cache_bytes=1000)
    first = bench.run("first", lender())
    bench.memory.checkpoint(first.sequence, shared=True)
    bench.run("second", [250, 251, 252])
    assert not first.sequence.is_resident
    assert bench.context.saved == 0
