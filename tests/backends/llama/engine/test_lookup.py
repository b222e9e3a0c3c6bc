"""Guessing tokens ahead changes how fast they come, and nothing else."""

import threading
import time
from typing import Any

import anyio
import pytest
from engine_requests import ask, prompt_of

from cascade.backends.llama.engine import (
    Engine,
    GenerateRequest,
    Generation,
    Grammar,
    Model,
    Sampling,
    TokenInfo,
)
from cascade.backends.llama.engine.costs import DecodeCost, Work
from cascade.errors import ConfigError

MakeEngine = Any

_TIE = 0.02
"""Batches of different sizes round in different ways: below this margin either may be chosen."""
_JSON = r"""root ::= "{\"count\": [" item (", " item)* "]}"
item ::= "\"" [a-c]{2,4} "\"" """


class EagerCost(DecodeCost):
    """Finds every guess worth its place, on whatever machine the test runs."""

    @property
    def is_known(self) -> bool:
        return True

    @property
    def token_s(self) -> float:
        return 1e-9

    def seconds(self, batch: Work) -> float:
        return 1.0 + 1e-9 * batch.tokens


@pytest.fixture
def pair(make_engine: MakeEngine) -> tuple[Engine, Engine]:
    """An engine without drafts, and one that drafts whatever it can."""
    same: dict[str, Any] = {"sequences": 4, "flash_attention": False}
    return make_engine(**same, draft_tokens=0), eager(make_engine(**same))


def eager(engine: Engine) -> Engine:
    inside(engine)._lookup.cost = EagerCost()
    return engine


def inside(engine: Any) -> Any:
    return engine._worker


def held(engine: Engine) -> tuple[int, int]:
    """Tokens of the sequence `key`: in the context, and by the engine's own books."""
    worker = inside(engine)
    sequence = worker._memory.table.get("key")
    return worker.context.length(sequence.slot), sequence.length


def drafts(engine: Engine) -> tuple[int, int]:
    totals = engine.statistics()
    return totals.draft_tokens, totals.draft_tokens_accepted


def same(expected: Generation, seen: Generation) -> bool:
    """Whether two answers are the same, up to a tie of the two most likely tokens."""
    for one, other in zip(expected.tokens, seen.tokens, strict=False):
        if one.id != other.id:
            return one.logprob - one.runner_up_logprob < _TIE
        assert one._replace(logprob=0, runner_up_logprob=0, entropy=0, runner_up_id=0) == (
            other._replace(logprob=0, runner_up_logprob=0, entropy=0, runner_up_id=0)
        )
        assert other.logprob == pytest.approx(one.logprob, abs=0.02)
        assert other.entropy == pytest.approx(one.entropy, abs=0.05)
    return (expected.finish_reason, expected.text) == (seen.finish_reason, seen.text)


REQUESTS: dict[str, dict[str, Any]] = {
    "greedy": {"max_tokens": 80},
    "short": {"max_tokens": 1},
    "nothing": {"max_tokens": 0},
    "sampled": {"max_tokens": 60, "sampling": Sampling(temperature=0.4, seed=7)},
    "narrow": {"max_tokens": 60, "sampling": Sampling(temperature=0.9, top_k=2, seed=3)},
    "penalised": {
        "max_tokens": 60,
        "sampling": Sampling(repeat_penalty=1.3, presence_penalty=0.4, penalty_last_n=16),
    },
    "grammar": {"max_tokens": 60, "grammar": Grammar(gbnf=_JSON)},
}


@pytest.mark.anyio
@pytest.mark.parametrize("kind", REQUESTS)
async def test_the_answer_is_the_one_without_drafts(pair: tuple[Engine, Engine], kind: str):
    off, on = pair
    for number in range(3):
        prompt = prompt_of(off, f"the order of customer {number} order of customer {number}")
        expected = await ask(off, prompt, key=f"{number}", **REQUESTS[kind])
        assert same(expected, await ask(on, prompt, key=f"{number}", **REQUESTS[kind]))
    assert drafts(off) == (0, 0)


@pytest.mark.anyio
async def test_a_text_that_repeats_itself_takes_fewer_decodes(pair: tuple[Engine, Engine]):
    off, on = pair
    prompt = prompt_of(off, "the order")
    for engine in pair:
        await ask(engine, prompt, max_tokens=120)
    drafted, accepted = drafts(on)
    assert 0 < accepted <= drafted
    assert on.statistics().decodes == off.statistics().decodes - accepted
    assert on.statistics().tokens_sampled == off.statistics().tokens_sampled == 120
    assert on.statistics().tokens_decoded == off.statistics().tokens_decoded == 119


@pytest.mark.anyio
async def test_what_another_sequence_generated_is_guessed_again(make_engine: MakeEngine):
    engine = eager(make_engine(sequences=4))
    prompt = prompt_of(engine, "status")
    first = await ask(engine, prompt, key="first", max_tokens=40)
    before = engine.statistics()
    second = await ask(engine, prompt, key="second", max_tokens=40)
    after = engine.statistics()
    assert same(first, second)
    assert after.decodes - before.decodes < 20


@pytest.mark.anyio
async def test_memory_is_right_after_refused_drafts(pair: tuple[Engine, Engine]):
    off, on = pair
    sampling = Sampling(temperature=1.2, seed=5)
    prompt = prompt_of(off, "the order the order the file the order")
    for step in range(5):
        expected = await ask(off, prompt, max_tokens=24, sampling=sampling)
        seen = await ask(on, prompt, max_tokens=24, sampling=sampling)
        assert (seen.cached_tokens, seen.evaluated_tokens) == (
            expected.cached_tokens,
            expected.evaluated_tokens,
        )
        assert same(expected, seen)
        in_context, booked = held(on)
        assert in_context == booked
        prompt = [*prompt, *expected.token_ids, *off.tokenize(f"the order {step}")]
    drafted, accepted = drafts(on)
    assert accepted < drafted


@pytest.mark.anyio
async def test_a_callback_sees_each_token_once_and_in_order(pair: tuple[Engine, Engine]):
    prompt = prompt_of(pair[0], "the order")
    for engine in pair:
        seen: list[TokenInfo] = []

        def watch(token: TokenInfo, seen: list[TokenInfo] = seen) -> bool:
            seen.append(token)
            return False

        generation = await ask(engine, prompt, on_token=watch, max_tokens=60)
        assert tuple(seen) == generation.tokens
    assert drafts(pair[1])[1] > 0


@pytest.mark.anyio
@pytest.mark.parametrize("number", [1, 15, 16, 17, 33])
async def test_a_callback_stops_at_its_token_though_more_was_guessed(
    pair: tuple[Engine, Engine], number: int
):
    prompt = prompt_of(pair[0], "the order")
    for engine in pair:
        await ask(engine, prompt, max_tokens=40)
        count = iter(range(1, 100))
        stopped = await ask(
            engine, prompt, on_token=lambda _, count=count: next(count) == number, max_tokens=60
        )
        assert (stopped.finish_reason, len(stopped.tokens)) == ("callback", number)
        again = await ask(engine, [*prompt, *stopped.token_ids], max_tokens=1)
        assert again.cached_tokens == len(prompt)


@pytest.mark.anyio
async def test_a_callbacks_error_leaves_the_memory_at_the_prompt(pair: tuple[Engine, Engine]):
    _, on = pair
    prompt = prompt_of(on, "the order")
    expected = await ask(on, prompt, max_tokens=40)
    count = iter(range(100))

    def fails(_token: TokenInfo) -> bool:
        if next(count) == 20:
            raise ValueError("enough")
        return False

    with pytest.raises(ValueError, match="enough"):
        await ask(on, prompt, on_token=fails, max_tokens=40)
    assert held(on) == (len(prompt), len(prompt))
    assert same(expected, await ask(on, prompt, max_tokens=40))


@pytest.mark.anyio
async def test_stop_strings_end_where_they_do_without_drafts(pair: tuple[Engine, Engine]):
    off, on = pair
    prompt = prompt_of(off, "the order")
    whole = await ask(off, prompt, max_tokens=60)
    for engine in pair:
        await ask(engine, prompt, max_tokens=60)
    for at in (5, 20, 41):
        sampling = Sampling(stop=(whole.text[at : at + 4],))
        expected = await ask(off, prompt, max_tokens=60, sampling=sampling)
        assert same(expected, await ask(on, prompt, max_tokens=60, sampling=sampling))
        assert expected.finish_reason == "stop_string"


@pytest.mark.anyio
@pytest.mark.parametrize("unified", [False, True])
async def test_the_context_is_filled_to_the_same_token(make_engine: MakeEngine, unified: bool):  # noqa: FBT001 - a parameter of the test
    answers: list[Generation] = []
    for draft_tokens in (0, 8):
        engine = make_engine(
            sequences=2,
            context_tokens=64,
            draft_tokens=draft_tokens,
            kv_unified=unified,
            flash_attention=False,
        )
        if draft_tokens:
            eager(engine)
        prompt = prompt_of(engine, "the order")
        await ask(engine, prompt, key="other", max_tokens=40)
        answers.append(await ask(engine, prompt, max_tokens=1000))
        if draft_tokens:
            assert drafts(engine)[1] > 0
        follow = [*prompt, *answers[-1].token_ids][:-1]
        assert len(follow) == engine.context_tokens - 1
        assert len((await ask(engine, follow, max_tokens=4)).tokens) == 1
    assert same(*answers)
    assert answers[1].finish_reason == "context"


@pytest.mark.anyio
async def test_a_stop_between_accepted_drafts_leaves_nothing_behind_it(make_engine: MakeEngine):
    engine = eager(make_engine(sequences=2))
    prompt = prompt_of(engine, "the order")
    whole = await ask(engine, prompt, max_tokens=30)
    before = drafts(engine)[1]
    for stop_at in range(1, 30):
        seen: list[TokenInfo] = []

        def listen(token: TokenInfo, seen: list[TokenInfo] = seen, stop_at: int = stop_at) -> bool:
            seen.append(token)
            return len(seen) == stop_at

        stopped = await ask(engine, prompt, on_token=listen, max_tokens=30)
        assert stopped.finish_reason == "callback"
        assert list(stopped.tokens) == seen
        assert stopped.token_ids == whole.token_ids[:stop_at]
        assert held(engine) == (len(prompt), len(prompt))
    assert drafts(engine)[1] > before


@pytest.mark.anyio
async def test_a_deadline_between_accepted_drafts_ends_the_generation(make_engine: MakeEngine):
    engine = eager(make_engine(sequences=2))
    prompt = prompt_of(engine, "the order")
    await ask(engine, prompt, max_tokens=60)
    late = threading.Event()

    def slow(_token: TokenInfo) -> bool:
        late.wait(0.03)
        return False

    generation = await ask(
        engine, prompt, on_token=slow, max_tokens=60, deadline=time.monotonic() + 0.1
    )
    assert generation.finish_reason == "deadline"
    assert 0 < len(generation.tokens) < 9
    again = await ask(engine, prompt, max_tokens=1)
    assert again.cached_tokens == len(prompt) - 1


@pytest.mark.anyio
async def test_a_stream_brings_the_same_text_in_the_same_pieces(pair: tuple[Engine, Engine]):
    prompt = prompt_of(pair[0], "the order")
    texts: list[list[str]] = []
    for engine in pair:
        request = GenerateRequest(key="key", prompt=prompt, max_tokens=60)
        async with engine.stream(request) as stream:
            texts.append([piece.text async for piece in stream])
        assert "".join(texts[-1]) == stream.generation.text
    assert texts[0] == texts[1]
    assert drafts(pair[1])[1] > 0


@pytest.mark.anyio
@pytest.mark.parametrize("unified", [False, True])
async def test_many_sequences_at_once_answer_as_they_do_alone(
    make_engine: MakeEngine,
    unified: bool,  # noqa: FBT001 - a parameter of the test
):
    alone = make_engine(sequences=1, draft_tokens=0, flash_attention=False)
    engine = eager(make_engine(sequences=3, context_tokens=256, kv_unified=unified))
    answers: dict[int, Generation] = {}

    async def agent(number: int) -> None:
        prompt = prompt_of(engine, f"order {number} order {number}")
        await ask(engine, prompt, key=f"{number}", max_tokens=10 + number)
        answers[number] = await ask(engine, prompt, key=f"{number}", max_tokens=50 - number)

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(agent, number)
    for number, seen in answers.items():
        prompt = prompt_of(alone, f"order {number} order {number}")
        expected = await ask(alone, prompt, key=f"{number}", max_tokens=50 - number)
        assert same(expected, seen)
    assert drafts(engine)[1] > 0


@pytest.mark.anyio
async def test_a_model_that_cannot_roll_back_never_drafts(make_engine: MakeEngine, mamba: Model):
    engine = make_engine(mamba, sequences=2)
    assert engine.settings.draft_tokens == 0
    for _ in range(2):
        await ask(engine, prompt_of(engine, "order order order order"), max_tokens=40)
    assert drafts(engine) == (0, 0)


def test_small_models_draft_without_flash_attention(make_engine: MakeEngine):
    assert make_engine().settings.flash_attention is False
    assert make_engine(draft_tokens=0).settings.flash_attention is None
    assert make_engine(kv_type="q8_0").settings.flash_attention is None
    assert make_engine(flash_attention=True).settings.flash_attention is True


def test_a_negative_number_of_drafts_is_refused(make_engine: MakeEngine):
    with pytest.raises(ConfigError, match="negative"):
        make_engine(draft_tokens=-1)


@pytest.mark.anyio
async def test_a_batch_that_found_no_room_is_tried_again_without_drafts(make_engine: MakeEngine):
    engine = eager(make_engine(sequences=2))
    context = inside(engine).context
    decode, refused = context.decode, list[int]()

    def full_once(count: int) -> int:
        if count > 4 and not refused and drafts(engine)[0]:
            refused.append(count)
            return 1
        return decode(count)

    prompt = prompt_of(engine, "the order")
    expected = await ask(engine, prompt, key="first", max_tokens=60)
    context.decode = full_once
    assert same(expected, await ask(engine, prompt, key="second", max_tokens=60))
    assert refused
