import importlib
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from engine_requests import ask, prompt_of

from cascade.backends.llama.engine import (
    Engine,
    GenerateRequest,
    Grammar,
    Model,
    Sampling,
    TokenInfo,
)
from cascade.backends.llama.engine.bindings import llama_library

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def reference(llama_path: Path) -> Any:
    """The package's own high-level model, an independent evaluation of the same file."""
    llama_library()
    package: Any = importlib.import_module("llama_cpp")
    return package.Llama(str(llama_path), n_ctx=512, n_threads=1, verbose=False)


async def test_greedy_tokens_and_their_figures_are_the_models(engine: Engine, reference: Any):
    prompt = prompt_of(engine, "the order of the customer")
    generation = await ask(engine, prompt, max_tokens=10)
    reference.reset()
    reference.eval(prompt)
    for token in generation.tokens:
        row = np.ctypeslib.as_array(
            reference._ctx.get_logits_ith(-1), shape=(engine.model.vocabulary_size,)
        ).astype(np.float64)
        logs = row - np.log(np.exp(row).sum())
        second, best = np.argsort(logs)[-2:]
        assert (token.id, token.runner_up_id) == (best, second)
        assert token.logprob == pytest.approx(logs[best], abs=0.05)
        assert token.runner_up_logprob == pytest.approx(logs[second], abs=0.1)
        assert token.entropy == pytest.approx(-(np.exp(logs) * logs).sum(), abs=0.1)
        assert not token.under_grammar
        reference.eval([token.id])


async def test_the_answer_counts_what_it_did(engine: Engine):
    prompt = prompt_of(engine, "status of the order")
    generation = await ask(engine, prompt, max_tokens=5)
    assert generation.finish_reason == "length"
    assert len(generation.tokens) == 5 == len(generation.token_ids)
    assert generation.prompt_tokens == len(prompt) == generation.evaluated_tokens
    assert generation.cached_tokens == generation.shared_tokens == generation.recomputed_tokens == 0
    assert generation.timing.first_token_s > 0
    raw = b"".join(token.piece for token in generation.tokens)
    assert generation.text == raw.decode(errors="replace")
    totals = engine.statistics()
    assert (totals.tokens_sampled, totals.tokens_decoded, totals.requests) == (5, 4, 1)
    assert totals.prompt_tokens_evaluated == len(prompt)
    assert totals.decodes == 5 - totals.draft_tokens_accepted
    assert totals.decode_s > 0


async def test_no_tokens_asked_for_only_warms_the_sequence(engine: Engine):
    prompt = prompt_of(engine, "warm")
    first = await ask(engine, prompt, max_tokens=0)
    assert (first.tokens, first.text, first.finish_reason) == ((), "", "length")
    second = await ask(engine, [*prompt, *prompt], max_tokens=1)
    assert second.cached_tokens == len(prompt)


async def test_requests_in_one_batch_answer_as_alone(engine: Engine):
    prompts = [
        prompt_of(engine, f"{word} order {word}") for word in ("the", "file", "name", "read")
    ]
    alone = [
        await ask(engine, prompt, key=f"alone {index}") for index, prompt in enumerate(prompts)
    ]
    together: dict[int, tuple[int, ...]] = {}

    async def one(index: int) -> None:
        generation = await ask(engine, prompts[index], key=f"together {index}")
        together[index] = generation.token_ids

    async with anyio.create_task_group() as group:
        for index in range(len(prompts)):
            group.start_soon(one, index)
    assert [together[index] for index in range(4)] == [generation.token_ids for generation in alone]


async def test_an_end_token_stops_and_is_no_text(engine: Engine, model: Model):
    """The random model never ends by itself, so its end token is what a grammar leaves it."""
    generation = await ask(
        engine, prompt_of(engine, "x"), grammar=Grammar(gbnf='root ::= "ok"'), max_tokens=20
    )
    assert generation.finish_reason == "stop"
    assert generation.text == "ok"
    assert generation.tokens[-1].id in model.end_tokens


async def test_a_stop_string_split_over_tokens_ends_the_text_before_it(engine: Engine):
    grammar = Grammar(gbnf='root ::= "the order was shipped"')
    stopped = await ask(
        engine,
        prompt_of(engine, "x"),
        grammar=grammar,
        max_tokens=30,
        sampling=Sampling(stop=("r was sh", "never")),
    )
    assert stopped.finish_reason == "stop_string"
    assert stopped.text == "the orde"
    assert len([token for token in stopped.tokens if token.piece.strip()]) > 1


async def test_a_full_context_ends_the_generation(make_engine: Any):
    engine = make_engine(sequences=1, context_tokens=256)
    prompt = prompt_of(engine, "order " * 80)[:240]
    generation = await ask(engine, prompt, max_tokens=1000)
    assert generation.finish_reason == "context"
    assert generation.prompt_tokens + len(generation.tokens) == 256


async def test_penalties_and_temperature_change_the_choice_but_not_the_log_probability(
    engine: Engine,
):
    prompt = prompt_of(engine, "the the the the")
    greedy = await ask(engine, prompt, max_tokens=1)
    hot = Sampling(temperature=50.0, seed=3)
    drawn = await ask(engine, prompt, key="hot", max_tokens=1, sampling=hot)
    assert drawn.tokens[0].id != greedy.tokens[0].id
    assert drawn.tokens[0].runner_up_id == greedy.tokens[0].id
    assert drawn.tokens[0].logprob < drawn.tokens[0].runner_up_logprob
    assert drawn.tokens[0].entropy == pytest.approx(greedy.tokens[0].entropy, rel=1e-3)
    again = await ask(engine, prompt, key="again", max_tokens=1, sampling=hot)
    assert again.tokens[0].id == drawn.tokens[0].id


async def test_a_callback_sees_every_token_and_its_error_is_the_callers(engine: Engine):
    seen: list[TokenInfo] = []

    def watch(token: TokenInfo) -> bool:
        seen.append(token)
        return False

    def fail(_token: TokenInfo) -> bool:
        raise ZeroDivisionError

    prompt = prompt_of(engine, "read the file")
    generation = await ask(engine, prompt, on_token=watch)
    assert tuple(seen) == generation.tokens
    with pytest.raises(ZeroDivisionError):
        await ask(engine, prompt, key="bad", on_token=fail)
    assert (await ask(engine, prompt, key="bad")).token_ids == generation.token_ids


async def test_a_stream_yields_the_text_as_it_comes(engine: Engine):
    prompt = prompt_of(engine, "customer name")
    whole = await ask(engine, prompt, max_tokens=12)
    request = GenerateRequest(key="stream", prompt=prompt, max_tokens=12)
    async with engine.stream(request) as stream:
        pieces = [piece async for piece in stream]
    assert "".join(piece.text for piece in pieces) == whole.text == stream.generation.text
    assert {piece.token.id for piece in pieces} == set(whole.token_ids)
