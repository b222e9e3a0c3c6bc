"""What is in memory is not evaluated again, whoever put it there."""

from typing import Any

import anyio
import pytest
from engine_requests import ask, prompt_of

from cascade.backends.llama.engine import Engine, GenerateRequest, Generation

pytestmark = pytest.mark.anyio

MakeEngine = Any


def shared_prompts(engine: Engine, count: int) -> tuple[int, list[list[int]]]:
    """Prompts with a common head: its length, and the prompts."""
    head = engine.tokenize("<|im_start|>system\nread the file and name the status<|im_end|>\n")
    head = head * 2
    return len(head), [[*head, *engine.tokenize(f"{index} customer")] for index in range(count)]


async def ask_all(engine: Engine, prompts: list[list[int]], **options: Any) -> list[Generation]:
    answers: dict[int, Generation] = {}

    async def one(index: int) -> None:
        answers[index] = await ask(engine, prompts[index], key=f"key {index}", **options)

    async with anyio.create_task_group() as group:
        for index in range(len(prompts)):
            group.start_soon(one, index)
    return [answers[index] for index in range(len(prompts))]


async def test_a_longer_prompt_evaluates_only_what_is_new(engine: Engine):
    prompt = prompt_of(engine, "the order")
    new = engine.tokenize("\n<|im_start|>user\nnot there yet")
    total = len(prompt)
    for _ in range(4):
        generation = await ask(engine, prompt, max_tokens=6)
        prompt = [*prompt, *generation.token_ids, *new]
        total += 6 + len(new)
    last = await ask(engine, prompt, max_tokens=1)
    # The newest sampled token of each answer was never in memory: it comes with the next prompt.
    assert last.evaluated_tokens == len(new) + 1
    assert last.cached_tokens == len(prompt) - len(new) - 1
    totals = engine.statistics()
    assert totals.prompt_tokens_evaluated + totals.tokens_decoded == total
    assert totals.prompt_tokens_recomputed == 0


async def test_a_prompt_that_departs_keeps_the_common_part(engine: Engine):
    first = prompt_of(engine, "the order of the customer was shipped")
    answer = await ask(engine, first, max_tokens=4)
    other = [*first[:-5], *engine.tokenize("refund"), *first[-5:]]
    departed = await ask(engine, other)
    assert departed.cached_tokens == len(first) - 5
    fresh = await ask(engine, other, key="fresh")
    assert departed.token_ids == fresh.token_ids
    back = await ask(engine, first, max_tokens=4)
    assert back.token_ids == answer.token_ids


async def test_the_same_prompt_again_evaluates_one_token(engine: Engine):
    prompt = prompt_of(engine, "status")
    first = await ask(engine, prompt)
    second = await ask(engine, prompt)
    assert (second.evaluated_tokens, second.recomputed_tokens) == (1, 0)
    assert second.token_ids == first.token_ids


@pytest.mark.parametrize("unified", [False, True])
async def test_a_shared_prefix_is_computed_once_for_requests_of_the_same_moment(
    make_engine: MakeEngine,
    *,
    unified: bool,
):
    engine = make_engine(sequences=16, context_tokens=256, kv_unified=unified)
    head, prompts = shared_prompts(engine, 16)
    together = await ask_all(engine, prompts, max_tokens=4)
    assert sum(answer.evaluated_tokens for answer in together) <= head + sum(
        len(prompt) - head for prompt in prompts
    )
    assert sorted(answer.shared_tokens for answer in together)[:2] == [0, head]
    alone = make_engine(sequences=1, share_tokens=10_000)
    for prompt, answer in zip(prompts, together, strict=True):
        assert (await ask(alone, prompt, max_tokens=4)).token_ids == answer.token_ids


async def test_a_sequence_in_the_middle_of_its_answer_lends_its_prompt(engine: Engine):
    head, prompts = shared_prompts(engine, 2)
    request = GenerateRequest(key="first", prompt=prompts[0], max_tokens=200)
    async with engine.stream(request) as stream:
        async for _ in stream:
            break
        second = await ask(engine, prompts[1], key="second")
    assert second.shared_tokens == head
    fresh = await ask(engine, prompts[1], key="second", max_tokens=8)
    assert fresh.token_ids == second.token_ids


async def test_a_released_sequence_hands_its_slot_to_the_next_with_its_prefix(engine: Engine):
    head, prompts = shared_prompts(engine, 6)
    for index, prompt in enumerate(prompts):
        generation = await ask(engine, prompt, key=f"task {index}", max_tokens=3)
        assert generation.shared_tokens == (head if index else 0)
        engine.release(f"task {index}")
    totals = engine.statistics()
    assert (totals.evictions, totals.restores, totals.cache_bytes) == (0, 0, 0)


async def test_a_prefix_outlives_the_sequences_that_had_it(make_engine: MakeEngine):
    engine = make_engine(sequences=2)
    head, prompts = shared_prompts(engine, 4)
    await ask_all(engine, prompts[:2])
    for index in range(2):
        await ask(engine, prompt_of(engine, f"else {index}"), key=f"else {index}")
        engine.release(f"key {index}")
    again = await ask(engine, prompts[3], key="again")
    assert again.shared_tokens == head


async def test_a_prefix_that_is_too_short_is_not_shared(make_engine: MakeEngine):
    engine = make_engine(sequences=2, share_tokens=100)
    _, prompts = shared_prompts(engine, 2)
    answers = await ask_all(engine, prompts)
    assert [answer.shared_tokens for answer in answers] == [0, 0]


@pytest.mark.parametrize("cache_bytes", [0, 1 << 24])
@pytest.mark.parametrize("released", [False, True])
async def test_a_lender_that_has_to_make_room_in_a_unified_buffer_lends_only_what_is_left(
    make_engine: MakeEngine,
    *,
    cache_bytes: int,
    released: bool,
):
    engine = make_engine(
        sequences=4, context_tokens=400, kv_unified=True, kv_tokens=400, cache_bytes=cache_bytes
    )
    head, prompts = shared_prompts(engine, 2)
    await ask(engine, prompts[0], key="lender", max_tokens=200)
    if released:
        engine.release("lender")
    answer = await ask(engine, prompts[1], key="other", max_tokens=200)
    assert engine.statistics().evictions == 1
    assert answer.shared_tokens == (head if cache_bytes and not released else 0)
    fresh = await ask(make_engine(sequences=1), prompts[1], max_tokens=200)
    assert answer.token_ids == fresh.token_ids
