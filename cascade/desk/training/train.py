# pyright: basic, reportMissingImports=false
# Reason: torch is needed for training only; the checks run without.
"""The training run: two processes of one thread each, gradients averaged after every batch.

More threads in one process wait for each other at every operation; on cores that are shared that
costs more than the exchange of gradients.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, multiprocessing
from torch.nn import functional

from cascade.desk.training.batches import Batch, batches, examples, pack
from cascade.desk.training.initialisation import initialise
from cascade.desk.training.network import Decoder, Shape
from cascade.desk.training.optimiser import Optimiser

__all__ = ["Exchange", "Plan", "load", "train"]


_REPORT_EVERY = 250  # updates


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to train.

    Attributes:
        folder: Where tokenizer and checkpoints are.
        steps: Number of updates.
        ranks: Number of processes.
        tokens_per_batch: Padded tokens of a batch in each process.
        seed: Of the weights and, times a large number, of the tasks.
        warm_up: Updates over which the learning rate rises.
        short_share: Share of updates that see short conversations only.
        flat_share: Share of updates before the learning rate starts to fall, linearly to 0.
    """

    folder: Path
    steps: int
    ranks: int = 2
    tokens_per_batch: int = 1536
    seed: int = 1
    warm_up: int = 60
    short_share: float = 0.08
    flat_share: float = 0.1

    def rate(self, step: int) -> float:
        """Return the share of the peak learning rate at an update, counted from 0."""
        flat = self.flat_share * self.steps
        falling = min(1.0, (self.steps - step) / max(1.0, self.steps - flat))
        return min(1.0, (step + 1) / self.warm_up) * falling


def train(plan: Plan) -> None:
    """Run the training in `plan.ranks` new processes and wait for them.

    Writes `network.pt` into the folder, every so often and at the end.
    """
    tokenizer = _tokenizer(plan.folder)
    size = sum(p.numel() for p in Decoder(_shape(tokenizer)).parameters())
    shared = torch.zeros(2, plan.ranks, size).share_memory_()
    barrier = multiprocessing.get_context("spawn").Barrier(plan.ranks)
    multiprocessing.start_processes(
        _run, args=(plan, Exchange(shared, barrier)), nprocs=plan.ranks, start_method="spawn"
    )


def load(path: Path) -> Decoder:
    """Return the network of a checkpoint."""
    kept = torch.load(path, weights_only=True)
    decoder = Decoder(Shape(**kept["shape"]))
    decoder.load_state_dict(kept["weights"])
    return decoder


class Exchange:
    """Gradients averaged over processes through shared memory.

    Two buffers take turns, so that one barrier a step is enough: a process fills a buffer again
    only after the barrier of the step between, which the others reach when they have read it.

    Args:
        shared: (2, ranks, parameters) in shared memory.
        barrier: Over all ranks.
    """

    def __init__(self, shared: Tensor, barrier: Any) -> None:
        self._shared = shared
        self._barrier = barrier

    def average(self, gradients: list[Tensor], rank: int, step: int) -> None:
        """Replace this process's gradients by the mean over all processes."""
        buffer = self._shared[step % 2]
        buffer[rank].copy_(torch.cat([gradient.flatten() for gradient in gradients]))
        self._barrier.wait()
        mean = buffer.mean(0)
        at = 0
        for gradient in gradients:
            gradient.copy_(mean[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer  # noqa: PLC0415 - for training only

    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def _shape(tokenizer: Any) -> Shape:
    return Shape(vocabulary=tokenizer.get_vocab_size())


def _run(rank: int, plan: Plan, exchange: Exchange) -> None:
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    tokenizer = _tokenizer(plan.folder)
    decoder = Decoder(_shape(tokenizer))
    initialise(decoder, _vocabulary(tokenizer), plan.seed)
    optimiser = Optimiser(decoder)
    held_out = list(islice(_held_out(tokenizer), 3))
    stream = batches(
        tokenizer,
        rank=rank,
        ranks=plan.ranks,
        tokens_per_batch=plan.tokens_per_batch,
        seed=plan.seed * 100_000_000,
        short_steps=round(plan.short_share * plan.steps),
    )
    seen = 0
    for step, batch in enumerate(islice(stream, plan.steps)):
        loss = _loss(decoder, batch)
        decoder.zero_grad(set_to_none=True)
        loss.backward()
        _spare_absent_tokens(decoder, batch)
        gradients = [p.grad for p in decoder.parameters() if p.grad is not None]
        exchange.average(gradients, rank, step)
        optimiser.step(plan.rate(step))
        seen += batch.tokens.numel() * plan.ranks
        if rank == 0 and ((step + 1) % _REPORT_EVERY == 0 or step + 1 == plan.steps):
            _report(decoder, plan, step=step + 1, seen=seen, loss=loss.item(), held_out=held_out)


def _vocabulary(tokenizer: Any) -> list[str]:
    return [tokenizer.id_to_token(token_id) for token_id in range(tokenizer.get_vocab_size())]


def _loss(decoder: Decoder, batch: Batch) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        hidden = decoder.hidden(batch.tokens).flatten(0, 1)[batch.places]
        logits = decoder.logits(hidden)
    losses = functional.cross_entropy(logits.float(), batch.targets, reduction="none")
    return (losses * batch.weights).sum() / batch.weights.sum()


def _spare_absent_tokens(decoder: Decoder, batch: Batch) -> None:
    """Clear the embedding gradients of tokens that are not in the batch.

    The softmax pushes every absent token down by a trifle, always the same way; Adam would make
    full steps of it, and a token that is rare in training would lose the code by which it is
    copied.
    """
    gradient = decoder.embedding.weight.grad
    if gradient is not None:
        counts = torch.bincount(batch.tokens.flatten(), minlength=gradient.shape[0])
        gradient[counts == 0] = 0.0


def _held_out(tokenizer: Any) -> Iterator[Batch]:
    stream = examples(tokenizer, "evaluation", iter(range(1000)))
    while True:
        yield pack(list(islice(stream, 8)))


@torch.no_grad()
def _report(
    decoder: Decoder, plan: Plan, *, step: int, seen: int, loss: float, held_out: list[Batch]
) -> None:
    unseen = sum(_loss(decoder, batch).item() for batch in held_out) / len(held_out)
    torch.save(
        {"shape": decoder.shape.as_dict(), "weights": decoder.state_dict()},
        plan.folder / "network.pt",
    )
    cpu_min = time.process_time() / 60
    print(
        f"step {step}/{plan.steps}  {seen / 1e6:.1f}M tokens  loss {loss:.4f}  "
        f"unseen names and wordings {unseen:.4f}  {cpu_min:.1f} CPU-min per process",
        flush=True,
    )
