# pyright: basic, reportMissingImports=false
# Reason: torch and tokenizers are needed for training only; the checks run without.
"""Batches: an endless stream of new tasks, tokenised and dealt into buckets of fixed shapes.

Fixed shapes matter on a CPU, where kernels are prepared anew for each. All ranks follow one order
of buckets, so that they take equally long, each with tasks of its own.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cascade.desk.families import FAMILIES
from cascade.desk.tasks import Split, make_task
from cascade.desk.training.conversations import conversation, render

__all__ = ["Batch", "Example", "batches", "examples", "pack"]

LENGTHS = (192, 256, 320, 416, 576, 832, 1280)
_TARGET_STEP = 256  # number of targets is padded to a multiple, again for fixed shapes
_SHARES = {
    "latest": 0.9,
    "refund": 1.1,
    "loyalty": 0.8,
    "total": 0.5,
    "audit": 0.6,
    "priciest": 0.5,
    "compare": 0.25,
}
"""Relative frequency of a family; 1.2 for the routine ones, which are short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One step's data.

    Attributes:
        tokens: (batch, length) ids, padded with 0.
        places: (targets,) indices into the flattened tokens whose next token is learnt.
        targets: (targets,) those next tokens.
        weights: (targets,) 1, or 0 for padding.
    """

    tokens: Tensor
    places: Tensor
    targets: Tensor
    weights: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One conversation: ids, and for each whether it is to be predicted."""

    ids: list[int]
    learnt: list[bool]


def examples(tokenizer: Any, split: Split, seeds: Iterator[int]) -> Iterator[Example]:
    """Yield tokenised conversations, one for each seed, without those too long for a bucket."""
    start, end = tokenizer.token_to_id("<|im_start|>"), tokenizer.token_to_id("<|im_end|>")
    opening = tokenizer.encode("<|im_start|>assistant\n").ids
    names = list(FAMILIES)
    shares = [_SHARES.get(name, 1.2) for name in names]
    for seed in seeds:
        rng = random.Random(f"conversation/{split}/{seed}")  # noqa: S311 - seeded data, not cryptography
        made = conversation(make_task(rng.choices(names, shares)[0], split, seed), rng)
        ids = tokenizer.encode(render(made)).ids
        if len(ids) <= LENGTHS[-1]:
            yield Example(ids=ids, learnt=_learnt(ids, opening, start, end, made.learnt))


def batches(
    tokenizer: Any, *, rank: int, ranks: int, tokens_per_batch: int, seed: int, short_steps: int
) -> Iterator[Batch]:
    """Yield batches without end.

    Args:
        tokenizer: From `build_tokenizer`.
        rank: This process, from 0.
        ranks: Number of processes; each takes every `ranks`-th task.
        tokens_per_batch: Padded tokens of a batch, roughly.
        seed: First task seed.
        short_steps: So many batches at first come from the two shortest buckets.
    """
    stream = examples(tokenizer, "train", _seeds(seed + rank, ranks))
    queues: dict[int, list[Example]] = {length: [] for length in LENGTHS}
    masses: dict[int, int] = {}
    order = random.Random(f"order/{seed}")  # noqa: S311 - seeded data, not cryptography
    reference = examples(tokenizer, "train", iter(range(10_000_000_000, 10_000_000_800)))
    for example in reference:
        length = _bucket(example)
        masses[length] = masses.get(length, 0) + length
    step = 0
    while True:
        allowed = [length for length in LENGTHS if step >= short_steps or length <= LENGTHS[1]]
        length = order.choices(allowed, [masses.get(each, 0) for each in allowed])[0]
        size = max(1, round(tokens_per_batch / length))
        while len(queues[length]) < size:
            example = next(stream)
            queues[_bucket(example)].append(example)
        yield _batch([queues[length].pop() for _ in range(size)], length)
        step += 1


def pack(group: Sequence[Example]) -> Batch:
    """Return one batch of conversations, as long as the longest of them needs."""
    return _batch(group, max(_bucket(example) for example in group))


def _seeds(first: int, stride: int) -> Iterator[int]:
    while True:
        yield first
        first += stride


def _bucket(example: Example) -> int:
    return next(length for length in LENGTHS if len(example.ids) <= length)


def _learnt(
    ids: list[int], opening: list[int], start: int, end: int, flags: list[bool]
) -> list[bool]:
    learnt = [False] * len(ids)
    turn = 0
    for at, token in enumerate(ids):
        if token != start or ids[at : at + len(opening)] != opening:
            continue
        stop = ids.index(end, at) + 1
        if flags[turn]:
            learnt[at + len(opening) : stop] = [True] * (stop - at - len(opening))
        turn += 1
    if turn != len(flags):
        raise AssertionError(f"{turn} assistant turns were found, {len(flags)} were made")
    return learnt


def _batch(group: Sequence[Example], length: int) -> Batch:
    tokens = torch.zeros(len(group), length, dtype=torch.long)
    places: list[int] = []
    targets: list[int] = []
    for row, example in enumerate(group):
        tokens[row, : len(example.ids)] = torch.tensor(example.ids)
        for at in range(1, len(example.ids)):
            if example.learnt[at]:
                places.append(row * length + at - 1)
                targets.append(example.ids[at])
    spare = -len(places) % _TARGET_STEP
    weights = [1.0] * len(places) + [0.0] * spare
    return Batch(
        tokens=tokens,
        places=torch.tensor(places + [0] * spare),
        targets=torch.tensor(targets + [0] * spare),
        weights=torch.tensor(weights),
    )
