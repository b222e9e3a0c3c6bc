"""What a decode takes, learnt from those that were made."""

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["DecodeCost", "Work", "work"]

_FORGET = 0.98
"""What an observation still counts when the next one is made: some 50 batches are remembered."""
_FEWEST = 8
"""Batches to see before anything is estimated."""
_OUTLIER = 4.0
"""A time that is this many times the estimate counts as that: the machine did something else."""


class Work(NamedTuple):
    """What a batch makes llama.cpp do."""

    lone: int
    """Passes over the weights for one token only: some number formats have a short cut for it."""
    passes: int
    """Other passes over the weights."""
    visits: int
    """How often it goes over a sequence's memory: the sequences of each pass, added up."""
    tokens: int


def work(shares: Iterable[tuple[int, int]], *, unified: bool = False) -> Work:
    """Return the work that a batch is.

    In separate buffers sequences are evaluated together if their numbers follow one another and
    they have as many tokens: the composer puts a batch in an order that keeps the others apart.

    Args:
        shares: Slot and tokens of each sequence, in ascending order of the slots or the batch's.
        unified: Whether all sequences are in one buffer.
    """
    lone, passes, visits, total = 0, 0, 0, 0
    last, length, is_lone = -2, 0, False
    for slot, tokens in shares:
        joins = visits > 0 if unified else slot == last + 1 and tokens == length
        lone -= joins and is_lone
        passes += joins and is_lone
        is_lone = not joins and tokens == 1
        lone += is_lone
        passes += not joins and not is_lone
        visits += 1
        total += tokens
        last, length = slot, tokens
    return Work(lone, passes, visits, total)


class DecodeCost:
    """Estimates a batch's time: so much for each pass, each visit and each token.

    Least squares over recent batches, older ones forgotten, of the time per token, so that small
    batches and large ones are met equally well in percent. Each observation moves every estimate
    once to where it fits best beside the others and not below zero; what recent batches cannot tell
    apart stays as it was.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._estimates = [0.0] * 4
        self._products = [[0.0] * 4 for _ in range(4)]
        self._targets = [0.0] * 4

    @property
    def is_known(self) -> bool:
        """Whether there is an estimate."""
        return self._seen >= _FEWEST and self._estimates[3] > 0

    @property
    def token_s(self) -> float:
        """Seconds of one more token of a sequence that is visited anyway."""
        return self._estimates[3]

    def seconds(self, batch: Work) -> float:
        """Return the estimate for a batch."""
        lone, of_pass, of_visit, of_token = self._estimates
        return (
            lone * batch.lone
            + of_pass * batch.passes
            + of_visit * batch.visits
            + of_token * batch.tokens
        )

    def observe(self, batch: Work, seconds: float) -> None:
        """Take the time of a batch."""
        if self.is_known:
            seconds = min(seconds, _OUTLIER * self.seconds(batch))
        self._seen += 1
        tokens = batch.tokens
        row = (batch.lone / tokens, batch.passes / tokens, batch.visits / tokens, 1.0)
        time = seconds / tokens
        targets, estimates = self._targets, self._estimates
        for at, products in enumerate(self._products):
            here = row[at]
            products[0] = products[0] * _FORGET + here * row[0]
            products[1] = products[1] * _FORGET + here * row[1]
            products[2] = products[2] * _FORGET + here * row[2]
            products[3] = products[3] * _FORGET + here
            targets[at] = targets[at] * _FORGET + here * time
        for at in (3, 2, 1, 0):
            products = self._products[at]
            rest = targets[at] - sum(
                products[other] * estimates[other] for other in range(4) if other != at
            )
            if products[at] > 0:
                estimates[at] = max(0.0, rest / products[at])
