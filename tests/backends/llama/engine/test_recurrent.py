"""Models whose memory cannot be rolled back: states saved at the borders of requests stand in."""

from typing import Any

import anyio
import pytest
from engine_requests import ask, prompt_of

from cascade.backends.llama.engine import Engine, Generation, Model

pytestmark = pytest.mark.anyio


@pytest.fixture
def recurrent(make_engine: Any, mamba: Model) -> Engine:
    return make_engine(mamba, sequences=4)


async def test_the_model_is_recognised(model: Model, mamba: Model):
    assert (model.rolls_back, mamba.rolls_back) == (True, False)


async def test_growing_prompts_are_pure_extension(recurrent: Engine):
    prompt = prompt_of(recurrent, "the order")
    for step in range(4):
        generation = await ask(recurrent, prompt)
        assert generation.recomputed_tokens == 0
        assert generation.evaluated_tokens == (len(prompt) if step == 0 else 4)
        prompt = [*prompt, *generation.token_ids, 5, 6, 7]
    assert recurrent.statistics().restores == 0


async def test_a_prompt_that_departs_goes_back_to_the_last_saved_state(
    recurrent: Engine, make_engine: Any, mamba: Model
):
    prompt = prompt_of(recurrent, "the order of the customer")
    first = await ask(recurrent, prompt)
    # Another view of the answer: its tokens are not what the next prompt holds.
    changed = [*prompt, *recurrent.tokenize("file"), *first.token_ids]
    second = await ask(recurrent, changed)
    assert second.restored
    assert second.cached_tokens == len(prompt) - 1
    assert second.recomputed_tokens == 1
    fresh = await ask(make_engine(mamba, sequences=1), changed)
    assert second.token_ids == fresh.token_ids


async def test_without_a_saved_state_it_is_computed_again_and_says_so(
    make_engine: Any, mamba: Model
):
    engine = make_engine(mamba, sequences=2, cache_bytes=0)
    prompt = prompt_of(engine, "the order of the customer")
    await ask(engine, prompt)
    other = await ask(engine, [*prompt, 5, 6, 7])
    assert (other.cached_tokens, other.recomputed_tokens) == (0, len(prompt))


async def test_a_stopped_request_can_be_repeated(recurrent: Engine):
    prompt = prompt_of(recurrent, "refund")
    expected = await ask(recurrent, prompt, key="reference")
    seen: list[int] = []

    def third(_token: object) -> bool:
        seen.append(1)
        return len(seen) == 3

    stopped = await ask(recurrent, prompt, on_token=third)
    assert stopped.finish_reason == "callback"
    again = await ask(recurrent, prompt)
    assert again.token_ids == expected.token_ids
    assert again.evaluated_tokens == 1


async def test_a_common_prefix_is_computed_once_here_too(recurrent: Engine):
    head = recurrent.tokenize("<|im_start|>system\nread the file and name the status<|im_end|>\n")
    prompts = [[*head, *recurrent.tokenize(f"{index} customer")] for index in range(4)]
    answers: dict[int, Generation] = {}

    async def one(index: int) -> None:
        answers[index] = await ask(recurrent, prompts[index], key=f"{index}")

    async with anyio.create_task_group() as group:
        for index in range(4):
            group.start_soon(one, index)
    assert sorted(answer.shared_tokens for answer in answers.values()) == [0, *[len(head)] * 3]


async def test_one_after_another_they_share_from_the_third_on(recurrent: Engine):
    """The second finds the common part, the state of which nobody saved; it saves it."""
    head = recurrent.tokenize("<|im_start|>system\nread the file and name the status<|im_end|>\n")
    shared: list[int] = []
    for index in range(4):
        prompt = [*head, *recurrent.tokenize(f"{index} customer")]
        shared.append((await ask(recurrent, prompt, key=f"{index}")).shared_tokens)
        recurrent.release(f"{index}")
    assert shared == [0, 0, len(head), len(head)]


async def test_evicted_states_come_back(make_engine: Any, mamba: Model):
    engine = make_engine(mamba, sequences=1, share_tokens=1000)
    prompt = prompt_of(engine, "name")
    answer = await ask(engine, prompt, key="first")
    await ask(engine, prompt_of(engine, "file"), key="second")
    back = await ask(engine, [*prompt, *answer.token_ids, 5], key="first")
    assert back.restored
    assert back.recomputed_tokens == 0
