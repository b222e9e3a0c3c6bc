"""Everything at once: growing prompts, departures, cancellations, releases, too few slots."""

import random
from typing import Any

import anyio
import pytest
from engine_requests import ask, prompt_of

from cascade.backends.llama.engine import Engine, GenerateRequest, Generation, Model

pytestmark = pytest.mark.anyio

_TIE = 0.1


class Storm:
    """Agents that do at random what agents do, and keep every answer with its prompt."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.engine = engine
        self.dice = random.Random(seed)
        self.answers: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

    async def agent(self, number: int, steps: int) -> None:
        dice = random.Random(self.dice.randrange(10**6) + number)
        key = f"agent {number}"
        head = prompt_of(self.engine, "read the file and name the status")
        prompt = [*head, *dice.choices(range(60, 90), k=5)]
        for _ in range(steps):
            match dice.choice(["ask", "ask", "ask", "depart", "leave", "cancel", "release"]):
                case "ask":
                    generation = await ask(self.engine, prompt, key=key, max_tokens=4)
                    self.answers.append((tuple(prompt), generation.token_ids))
                    prompt += [*generation.token_ids, *dice.choices(range(60, 90), k=6)]
                case "depart":
                    prompt = [*prompt[: len(head) + 2], *dice.choices(range(60, 90), k=9)]
                case "leave":
                    request = GenerateRequest(key=key, prompt=prompt, max_tokens=50)
                    async with self.engine.stream(request) as stream:
                        async for _ in stream:
                            break
                case "cancel":
                    with anyio.move_on_after(dice.random() * 0.004):
                        await ask(self.engine, prompt, key=key, max_tokens=50)
                case _:
                    self.engine.release(key)


@pytest.mark.parametrize("kind", ["separate", "unified", "recurrent", "no cache"])
async def test_answers_in_a_storm_are_those_of_calm(
    make_engine: Any, model: Model, mamba: Model, kind: str
):
    chosen = mamba if kind == "recurrent" else model
    engine: Engine = make_engine(
        chosen,
        sequences=3,
        context_tokens=512,
        batch_tokens=40,
        kv_unified=kind == "unified",
        cache_bytes=0 if kind == "no cache" else 1 << 21,
    )
    storm = Storm(engine, seed=5)
    async with anyio.create_task_group() as group:
        for number in range(7):
            group.start_soon(storm.agent, number, 12)
    await ask(engine, [5, 6], key="probe", max_tokens=1)  # whoever was cancelled last is out now
    totals = engine.statistics()
    assert (totals.sequences_active, totals.requests_waiting) == (0, 0)
    alone = make_engine(chosen, sequences=1, context_tokens=512, share_tokens=10_000)
    sample = storm.dice.sample(storm.answers, 15)
    for number, (prompt, tokens) in enumerate(sample):
        expected = await ask(alone, prompt, key=f"{number}", max_tokens=4)
        assert agrees(expected, tokens)


def agrees(expected: Generation, tokens: tuple[int, ...]) -> bool:
    """Whether the tokens are the expected ones, up to a tie: batches round in another way."""
    for token, seen in zip(expected.tokens, tokens, strict=True):
        if token.id != seen:
            margin = token.logprob - token.runner_up_logprob
            return seen == token.runner_up_id and margin < _TIE
    return True
