"""Who is served when, and what happens when there is more to hold than room."""

from typing import Any

import anyio
import pytest
from engine_requests import ask, prompt_of

from cascade.backends.llama.engine import Generation, TokenInfo
from cascade.errors import ModelError

pytestmark = pytest.mark.anyio

MakeEngine = Any


async def test_a_long_prompt_and_generating_sequences_share_the_decodes(make_engine: MakeEngine):
    """Nine chunks of prompt go by while the other sequence gets a token from each decode."""
    engine = make_engine(sequences=2, context_tokens=512, batch_tokens=34)
    order: list[str] = []

    def note(name: str) -> Any:
        def take(_token: TokenInfo) -> bool:
            order.append(name)
            if name == "short" and len(order) == 3:
                engine.stream  # noqa: B018 - the engine stays usable from a callback
            return False

        return take

    short, long = prompt_of(engine, "hi")[:8], prompt_of(engine, "refund " * 80)[:300]

    async def run(prompt: list[int], name: str, tokens: int) -> None:
        await ask(engine, prompt, key=name, max_tokens=tokens, on_token=note(name))

    async with anyio.create_task_group() as group:
        group.start_soon(run, long, "long", 2)
        group.start_soon(run, short, "short", 6)
    assert order.index("long") > 4
    assert order[:4] == ["short"] * 4
    # 300 prompt tokens in chunks of at most 34, the short sequence's tokens in the same decodes.
    assert engine.statistics().decodes <= 300 // 25 + 3


async def test_requests_of_one_key_never_overlap(make_engine: MakeEngine):
    engine = make_engine(sequences=4, draft_tokens=0)
    prompt = prompt_of(engine, "name")
    running: list[str] = []

    def take(_token: TokenInfo) -> bool:
        running.append("token")
        return False

    answers: list[Generation] = []

    async def one() -> None:
        answers.append(await ask(engine, prompt, on_token=take))
        running.append("end")

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(one)
    assert len({answer.token_ids for answer in answers}) == 1
    assert engine.statistics().tokens_sampled == 24
    assert engine.statistics().decodes == 24  # no two of them shared a batch


async def test_more_requests_than_slots_are_all_served(make_engine: MakeEngine):
    engine = make_engine(sequences=2, share_tokens=1000)
    prompts = [prompt_of(engine, f"order {index} file") for index in range(9)]
    answers: dict[int, Generation] = {}

    async def one(index: int) -> None:
        for _ in range(2):
            answers[index] = await ask(engine, prompts[index], key=f"key {index}", max_tokens=4)

    async with anyio.create_task_group() as group:
        for index in range(9):
            group.start_soon(one, index)
    alone = make_engine(sequences=1)
    for index, prompt in enumerate(prompts):
        expected = await ask(alone, prompt, key=f"{index}", max_tokens=4)
        assert answers[index].token_ids == expected.token_ids
    totals = engine.statistics()
    assert (totals.sequences_active, totals.requests_waiting) == (0, 0)
    assert totals.evictions >= 7


async def test_an_evicted_sequence_is_restored_without_evaluating_it_again(make_engine: MakeEngine):
    engine = make_engine(sequences=1, share_tokens=1000)
    first, second = prompt_of(engine, "the first order"), prompt_of(engine, "a second name")
    answer = await ask(engine, first, key="first", max_tokens=4)
    await ask(engine, second, key="second", max_tokens=4)
    assert engine.statistics().cache_bytes > 0
    grown = [*first, *answer.token_ids, *second]
    back = await ask(engine, grown, key="first", max_tokens=4)
    assert back.restored
    assert (back.cached_tokens, back.recomputed_tokens) == (len(first) + 3, 0)
    fresh = await ask(make_engine(sequences=1), grown, max_tokens=4)
    assert back.token_ids == fresh.token_ids


async def test_without_cache_memory_an_evicted_sequence_is_computed_again_and_says_so(
    make_engine: MakeEngine,
):
    engine = make_engine(sequences=1, cache_bytes=0, share_tokens=1000)
    prompt = prompt_of(engine, "the first order")
    answer = await ask(engine, prompt, key="first", max_tokens=4)
    await ask(engine, prompt_of(engine, "a second name"), key="second", max_tokens=4)
    back = await ask(engine, [*prompt, *answer.token_ids, 5], key="first", max_tokens=4)
    assert not back.restored
    assert back.recomputed_tokens == len(prompt) + 3
    assert engine.statistics().cache_bytes == 0


async def test_saved_sequences_stay_within_their_bytes(make_engine: MakeEngine):
    probe = make_engine(sequences=1, share_tokens=1000)
    for index in range(2):
        await ask(probe, prompt_of(probe, f"order {index}"), key=f"{index}")
    one = probe.statistics().cache_bytes
    engine = make_engine(sequences=1, share_tokens=1000, cache_bytes=3 * one + one // 2)
    for index in range(8):
        await ask(engine, prompt_of(engine, f"order {index}"), key=f"{index}")
    assert 2 * one < engine.statistics().cache_bytes <= 3 * one + one // 2
    assert (await ask(engine, prompt_of(engine, "order 6"), key="6")).restored
    assert not (await ask(engine, prompt_of(engine, "order 0"), key="0")).restored


async def test_a_small_unified_buffer_serves_all_in_turn(make_engine: MakeEngine):
    engine = make_engine(
        sequences=8, context_tokens=256, kv_unified=True, kv_tokens=512, share_tokens=1000
    )
    prompts = [prompt_of(engine, f"{index} " + "order " * 20)[:100] for index in range(8)]
    answers: dict[int, Generation] = {}

    async def one(index: int) -> None:
        answers[index] = await ask(engine, prompts[index], key=f"{index}", max_tokens=60)

    async with anyio.create_task_group() as group:
        for index in range(8):
            group.start_soon(one, index)
    assert all(len(answers[index].tokens) == 60 for index in range(8))
    assert engine.statistics().sequences_active == 0


async def test_a_prompt_that_can_never_fit_says_so_and_harms_nobody(make_engine: MakeEngine):
    engine = make_engine(sequences=2, context_tokens=256)
    with pytest.raises(ModelError, match=r"256.*raise `context_tokens`"):
        await ask(engine, [5] * 256)
    with pytest.raises(ModelError, match="empty"):
        await ask(engine, [])
    assert (await ask(engine, [5] * 255, max_tokens=9)).finish_reason == "context"
