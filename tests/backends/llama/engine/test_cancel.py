"""Stopping takes effect within one decode, leaves the memory as it was, and harms nobody."""

import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from engine_requests import ask, prompt_of

from cascade.backends.llama.engine import Engine, GenerateRequest, Generation, TokenInfo
from cascade.backends.llama.engine.jobs import loop_scheduler

pytestmark = pytest.mark.anyio

MakeEngine = Any


class CancelAt:
    """An `on_token` that cancels a scope at the n-th token, and waits until that is done."""

    def __init__(self, engine: Engine, number: int) -> None:
        self.scope = anyio.CancelScope()
        self.cancelled = threading.Event()
        self.decodes = -1
        self._engine = engine
        self._number = number
        self._seen = 0
        self._call_soon: Callable[[Callable[[], object]], object] = loop_scheduler()

    def __call__(self, _token: TokenInfo) -> bool:
        self._seen += 1
        if self._seen == self._number:
            self.decodes = self._engine.statistics().decodes
            self._call_soon(self.scope.cancel)
            self.cancelled.wait(20)
        return False


async def cancelled_ask(
    engine: Engine, prompt: list[int], number: int, key: str = "key"
) -> CancelAt:
    cancel = CancelAt(engine, number)
    with cancel.scope:
        try:
            await ask(engine, prompt, key=key, max_tokens=100, on_token=cancel)
        finally:
            cancel.cancelled.set()
    assert cancel.scope.cancelled_caught
    return cancel


async def test_a_cancelled_request_decodes_at_most_once_more(engine: Engine):
    prompt = prompt_of(engine, "the customer")
    for number in (1, 2, 5):
        cancel = await cancelled_ask(engine, prompt, number)
        await ask(engine, prompt_of(engine, "other"), key=f"after {number}", max_tokens=1)
        assert engine.statistics().decodes - cancel.decodes <= 2  # one of them the second request's


async def test_after_a_cancellation_the_memory_is_at_the_requests_start(engine: Engine):
    prompt = prompt_of(engine, "the customer")
    expected = await ask(engine, prompt, key="reference")
    await cancelled_ask(engine, prompt, 4)
    again = await ask(engine, prompt)
    assert (again.cached_tokens, again.recomputed_tokens) == (len(prompt) - 1, 0)
    assert again.token_ids == expected.token_ids


async def test_other_sequences_go_on_as_if_nothing_had_happened(engine: Engine):
    prompt = prompt_of(engine, "message")
    expected = await ask(engine, prompt, key="reference", max_tokens=30)
    answers: list[Generation] = []

    async def other() -> None:
        answers.append(await ask(engine, prompt, key="other", max_tokens=30))

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        await cancelled_ask(engine, prompt_of(engine, "name"), 3)
    assert answers[0].token_ids == expected.token_ids


async def test_a_long_prompt_is_abandoned_in_the_middle(make_engine: MakeEngine):
    engine = make_engine(sequences=2, context_tokens=512, batch_tokens=34)
    long = prompt_of(engine, "refund " * 90)[:400]
    started = CancelAt(engine, 2)
    with anyio.CancelScope() as scope:

        async def short() -> None:
            await ask(engine, prompt_of(engine, "x"), key="short", on_token=started)

        async with anyio.create_task_group() as group:
            group.start_soon(short)
            group.start_soon(lambda: ask(engine, long, key="long"))
            with started.scope:
                await anyio.sleep_forever()
            scope.cancel()
            started.cancelled.set()
    probe = await ask(engine, prompt_of(engine, "y"), key="probe", max_tokens=1)
    assert probe.finish_reason == "length"
    assert engine.statistics().prompt_tokens_evaluated < 300
    again = await ask(engine, long, key="long", max_tokens=3)
    fresh = await ask(make_engine(sequences=1, context_tokens=512), long, max_tokens=3)
    assert again.token_ids == fresh.token_ids
    assert again.recomputed_tokens == 0


async def test_a_waiting_request_can_be_cancelled(make_engine: MakeEngine):
    engine = make_engine(sequences=1)
    prompt = prompt_of(engine, "order")
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            for index in range(5):
                group.start_soon(lambda i=index: ask(engine, prompt, key=f"{i}", max_tokens=50))
            await anyio.lowlevel.checkpoint()
            scope.cancel()
    after = await ask(engine, prompt, key="after", max_tokens=2)
    assert len(after.tokens) == 2
    totals = engine.statistics()
    assert (totals.requests_waiting, totals.sequences_active) == (0, 0)


async def test_a_callback_that_says_stop_rolls_back(engine: Engine):
    prompt = prompt_of(engine, "status")
    seen: list[int] = []

    def third(token: TokenInfo) -> bool:
        seen.append(token.id)
        return len(seen) == 3

    before = engine.statistics()
    stopped = await ask(engine, prompt, on_token=third, max_tokens=50)
    assert (stopped.finish_reason, len(stopped.tokens)) == ("callback", 3)
    after = engine.statistics()
    assert after.decodes - before.decodes == 3 - after.draft_tokens_accepted
    again = await ask(engine, [*prompt, *stopped.token_ids])
    assert again.cached_tokens == len(prompt)


async def test_a_deadline_ends_a_generation_with_what_there_is(engine: Engine):
    prompt = prompt_of(engine, "file")
    ends = threading.Event()

    def slow(_token: TokenInfo) -> bool:
        ends.wait(0.02)
        return False

    generation = await ask(
        engine, prompt, on_token=slow, max_tokens=400, deadline=time.monotonic() + 0.1
    )
    assert generation.finish_reason == "deadline"
    assert 0 < len(generation.tokens) < 400
    again = await ask(engine, prompt, max_tokens=1)
    assert again.cached_tokens == len(prompt) - 1


async def test_a_deadline_in_the_past_ends_a_request_before_it_starts(engine: Engine):
    late = await ask(engine, prompt_of(engine, "x"), deadline=time.monotonic() - 1)
    assert (late.finish_reason, late.tokens, late.evaluated_tokens) == ("deadline", (), 0)
    assert engine.statistics().decodes == 0


async def test_leaving_a_stream_cancels_it(engine: Engine):
    prompt = prompt_of(engine, "read")
    request = GenerateRequest(key="key", prompt=prompt, max_tokens=400)
    async with engine.stream(request) as stream:
        async for _ in stream:
            break
    after = await ask(engine, prompt, max_tokens=1)
    assert after.cached_tokens == len(prompt) - 1
    assert engine.statistics().tokens_sampled < 400
