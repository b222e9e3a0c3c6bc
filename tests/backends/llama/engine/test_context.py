"""The thin layer over llama.cpp, and the worker's answer to its failures."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from cascade.backends.llama.engine import EngineSettings, GenerateRequest, Generation, Model
from cascade.backends.llama.engine.context import Context
from cascade.backends.llama.engine.jobs import Job
from cascade.backends.llama.engine.settings import complete_settings
from cascade.backends.llama.engine.worker import Worker
from cascade.errors import BackendUnavailable, ModelError


@pytest.fixture
def settings(model: Model) -> EngineSettings:
    return complete_settings(EngineSettings(sequences=3, context_tokens=256, threads=1), model)


@pytest.fixture
def context(model: Model, settings: EngineSettings) -> Iterator[Context]:
    made = Context(model, settings)
    yield made
    made.close()
    made.close()


def put(context: Context, tokens: list[int], *, sequence: int = 0, start: int = 0) -> int:
    """Fill the batch with one sequence's tokens and return their number."""
    count = len(tokens)
    context.tokens[:count] = tokens
    context.positions[:count] = range(start, start + count)
    context.sequences[:count] = sequence
    context.outputs[:count] = 0
    context.outputs[count - 1] = 1
    return count


def test_a_set_abort_flag_stops_a_decode_and_a_cleared_one_does_not(context: Context):
    count = put(context, [5, 6, 7])
    context.abort.set()
    assert context.decode(count) == 2
    assert context.length(0) == 0
    context.abort.clear()
    assert context.decode(count) == 0
    assert context.length(0) == 3


def test_a_saved_sequence_goes_on_in_another_slot_with_the_same_logits(context: Context):
    assert context.decode(put(context, [5, 6, 7])) == 0
    state = context.save(0)
    assert context.restore(2, state)
    assert context.length(2) == 3
    assert context.decode(put(context, [8], start=3)) == 0
    expected = context.logits(1).copy()
    assert context.decode(put(context, [8], sequence=2, start=3)) == 0
    assert abs(context.logits(1) - expected).max() < 1e-3


def test_removing_from_a_position_keeps_what_is_before_it(context: Context):
    context.decode(put(context, [5, 6, 7, 8]))
    assert context.remove(0, 2)
    assert context.length(0) == 2
    assert context.remove(0)
    assert context.length(0) == 0


def test_rows_of_logits_keep_the_batch_order_whatever_the_order_of_the_sequences(
    context: Context,
):
    """The composer puts sequences of unequal lengths in descending order."""
    parts = {0: [5, 6, 7], 1: [9], 2: [4, 8]}
    expected: dict[int, NDArray[np.float32]] = {}
    for sequence, tokens in parts.items():
        assert context.decode(put(context, tokens, sequence=sequence)) == 0
        expected[sequence] = context.logits(1)[0].copy()
        assert context.remove(sequence)
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        at = 0
        for sequence in order:
            end = at + len(parts[sequence])
            context.tokens[at:end] = parts[sequence]
            context.positions[at:end] = range(end - at)
            context.sequences[at:end] = sequence
            context.outputs[at:end] = 0
            context.outputs[end - 1] = 1
            at = end
        assert context.decode(at) == 0
        for row, sequence in zip(context.logits(3), order, strict=True):
            assert abs(row - expected[sequence]).max() < 1e-3
        for sequence in order:
            assert context.remove(sequence)


class FailingContext(Context):
    """Answers the first decodes with codes that a test sets."""

    codes: tuple[int, ...] = ()

    def decode(self, count: int) -> int:
        if not self.codes:
            return super().decode(count)
        code, self.codes = self.codes[0], self.codes[1:]
        return code


async def answers(
    model: Model, settings: EngineSettings, codes: tuple[int, ...], requests: int
) -> list[Generation | Exception]:
    """Run requests on a worker whose first decodes fail with the codes."""

    def make(model: Model, settings: EngineSettings) -> Context:
        context = FailingContext(model, settings)
        context.codes = codes
        return context

    worker = Worker(model, settings, make)
    jobs = [
        Job(GenerateRequest(key=f"{index}", prompt=list(range(5 + index, 60)), max_tokens=3))
        for index in range(requests)
    ]
    for job in jobs:
        worker.submit(job)
    results: list[Generation | Exception] = []
    for job in jobs:
        await job.finished.wait()
        try:
            results.append(job.result())
        except ModelError as problem:
            results.append(problem)
    worker.close()
    with pytest.raises(BackendUnavailable):
        worker.submit(jobs[0])
    return results


@pytest.mark.anyio
async def test_without_room_chunks_shrink_and_nobody_fails(model: Model, settings: EngineSettings):
    calm = await answers(model, settings, (), 2)
    tight = await answers(model, settings, (1, 1, 1), 2)
    assert [token_ids(result) for result in tight] == [token_ids(result) for result in calm]


@pytest.mark.anyio
async def test_if_there_is_never_room_each_request_fails_alone(
    model: Model, settings: EngineSettings
):
    results = await answers(model, settings, (1,) * 30, 2)
    assert "no room for" in str(results[0])
    assert isinstance(results[0], ModelError)


@pytest.mark.anyio
async def test_an_aborted_decode_is_repeated(model: Model, settings: EngineSettings):
    calm = await answers(model, settings, (), 1)
    aborted = await answers(model, settings, (2,), 1)
    assert token_ids(aborted[0]) == token_ids(calm[0])


@pytest.mark.anyio
async def test_a_failed_decode_fails_its_requests_with_a_reason(
    model: Model, settings: EngineSettings
):
    results = await answers(model, settings, (-3,), 1)
    assert isinstance(results[0], ModelError)
    assert "failed to decode (-3)" in str(results[0])


@pytest.mark.anyio
async def test_tokens_outside_the_vocabulary_are_refused(model: Model, settings: EngineSettings):
    worker = Worker(model, settings)
    for wrong in (-1, model.vocabulary_size):
        job = Job(GenerateRequest(key="k", prompt=[1, wrong]))
        worker.submit(job)
        await job.finished.wait()
        with pytest.raises(ModelError, match="vocabulary"):
            job.result()
    worker.close()


def token_ids(result: Generation | Exception) -> tuple[int, ...]:
    assert isinstance(result, Generation)
    return result.token_ids
