"""What the engine's benchmarks have in common: models, and trajectories of prompts that grow."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import anyio

from cascade.backends.llama.engine import Engine, GenerateRequest, Model
from cascade.backends.llama.models import resolve

__all__ = [
    "ANSWER_TOKENS",
    "SYSTEM_TOKENS",
    "Cost",
    "Stopwatch",
    "Trajectory",
    "follow",
    "model_argument",
    "tasks",
]

ANSWER_TOKENS = 25
SYSTEM_TOKENS = 61
_SYSTEM = (
    "<|im_start|>system\nYou work in an office. Use the tools to do what is asked.\n"
    "find_customer(name)\nlist_orders(customer_id)\nget_order(order_id)\nread_file(path)\n"
    "calculator(expression)\nupdate_order(order_id, status)\nsend_message(customer_id, text)"
    "<|im_end|>\n"
)
_WORDS = [
    "order",
    "customer",
    "refund",
    "shipped",
    "lamp",
    "desk",
    "chair",
    "paid",
    "late",
    "invoice",
    "total",
    "status",
]


@dataclass(slots=True)
class Trajectory:
    """The prompts of one agent's steps, each beginning with the one before and its answer."""

    key: str
    start: list[int]
    results: list[list[int]]
    """What the tools answer after each step but the last."""
    prompts: list[list[int]] = field(default_factory=list[list[int]])
    answers: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])

    @property
    def new_tokens(self) -> int:
        """Prompt tokens that no earlier prompt or answer of the trajectory held."""
        return len(self.start) + sum(map(len, self.results))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds that something took."""

    wall_s: float
    cpu_s: float


class Stopwatch:
    """Measures the wall and processor time of a `with` block, into `cost`."""

    def __enter__(self) -> Self:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.cost = Cost(
            wall_s=time.perf_counter() - self._wall, cpu_s=time.process_time() - self._cpu
        )


def model_argument(reference: str) -> Path:
    """Return the model file that a benchmark's `--model` means."""
    return resolve(reference)


def tasks(
    model: Model,
    count: int,
    *,
    steps: int = 8,
    task_tokens: int = 40,
    result_tokens: int = 33,
    seed: int = 1,
) -> list[Trajectory]:
    """Make trajectories of the shape of desk tasks: a shared head, then short tool results.

    Lengths are given in tokens, so that they do not depend on the model's tokenizer.
    """
    dice = random.Random(seed)
    head = model.tokenize(_SYSTEM)[-SYSTEM_TOKENS:]
    turn = model.tokenize("<|im_end|>\n<|im_start|>assistant\n")

    def words(tokens: int) -> list[int]:
        text = " ".join(dice.choices(_WORDS, k=tokens))
        return [*model.tokenize(text)[: tokens - len(turn)], *turn]

    return [
        Trajectory(
            key=f"task-{seed}-{index}",
            start=[*head, *words(task_tokens)],
            results=[words(result_tokens) for _ in range(steps - 1)],
        )
        for index in range(count)
    ]


async def follow(engine: Engine, trajectory: Trajectory, *, answer: int = ANSWER_TOKENS) -> None:
    """Run a trajectory on the engine, keeping its prompts and answers."""
    prompt = list(trajectory.start)
    results: Sequence[list[int]] = [*trajectory.results, []]
    for result in results:
        trajectory.prompts.append(list(prompt))
        generation = await engine.generate(
            GenerateRequest(key=trajectory.key, prompt=prompt, max_tokens=answer)
        )
        trajectory.answers.append(generation.token_ids)
        prompt += [*generation.token_ids, *result]
    engine.release(trajectory.key)


async def follow_all(engine: Engine, trajectories: Sequence[Trajectory]) -> None:
    """Run trajectories at the same time."""
    async with anyio.create_task_group() as group:
        for trajectory in trajectories:
            group.start_soon(follow, engine, trajectory)
