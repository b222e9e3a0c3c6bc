"""From rows of logits to chosen tokens and their statistics, in numpy."""

import random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cascade.backends.llama.engine.requests import Sampling

__all__ = ["Chooser", "RowStatistics", "Rows"]

Floats = NDArray[np.float32]
_BLOCK_VALUES = 1 << 16
"""Logits handled by one numpy call: rows of a small vocabulary together, of a large one singly."""


class Rows(NamedTuple):
    """Figures of several rows of logits, one entry a row."""

    best: list[int]
    """The most likely token."""
    second: list[int]
    """The second most likely token."""
    best_logit: list[float]
    second_logit: list[float]
    log_normaliser: list[float]
    """ln of the sum of exp(logit): a token's log-probability is its logit less this."""
    entropy: list[float]
    """In nats."""


class RowStatistics:
    """Computes `Rows`, in buffers that are kept from call to call.

    Args:
        rows: The most rows there will be.
        width: Length of a row: the vocabulary.
    """

    def __init__(self, rows: int, width: int) -> None:
        self._block = max(1, min(rows, _BLOCK_VALUES // width))
        self._shifted = np.empty((self._block, width), dtype=np.float32)
        self._weights = np.empty((self._block, width), dtype=np.float32)
        self._index = np.arange(self._block)

    def measure(self, logits: Floats) -> Rows:
        """Return the figures of (rows, width) logits, which are used as work space and restored."""
        figures = Rows([], [], [], [], [], [])
        for start in range(0, len(logits), self._block):
            part = self._measure_block(logits[start : start + self._block])
            if len(logits) <= self._block:
                return part
            for whole, new in zip(figures, part, strict=True):
                whole.extend(new)  # pyright: ignore[reportArgumentType] - same field of both
        return figures

    def _measure_block(self, logits: Floats) -> Rows:
        count = len(logits)
        index = self._index[:count]
        best = logits.argmax(axis=1)
        best_logit = logits[index, best]
        logits[index, best] = -np.inf
        second = logits.argmax(axis=1)
        second_logit = logits[index, second]
        logits[index, best] = best_logit
        shifted = np.subtract(logits, best_logit[:, None], out=self._shifted[:count])
        weights = np.exp(shifted, out=self._weights[:count])
        total = weights.sum(axis=1)
        mean = np.einsum("ij,ij->i", weights, shifted)
        if np.isnan(mean).any():  # 0 * -inf: a model that bans tokens outright
            mean = (weights * np.maximum(shifted, -1e4)).sum(axis=1)
        log_total = np.log(total)
        return Rows(
            best.tolist(),
            second.tolist(),
            best_logit.tolist(),
            second_logit.tolist(),
            (log_total + best_logit).tolist(),
            (log_total - mean / total).tolist(),
        )


class Chooser:
    """Chooses tokens for one request whose sampling is more than plain greedy.

    Args:
        sampling: How to choose.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._random = random.Random(sampling.seed)  # noqa: S311 - sampling, not cryptography
        self._penalises = _penalises(sampling)

    @staticmethod
    def needed(sampling: Sampling) -> bool:
        """Whether the choice can differ from the most likely token."""
        return sampling.temperature > 0 or _penalises(sampling)

    def adjust(self, row: Floats, recent: NDArray[np.int32]) -> Floats:
        """Return the row with penalties for recent tokens; the same row where there are none."""
        if not self._penalises:
            return row
        sampling = self._sampling
        ids, counts = np.unique(recent[-sampling.penalty_last_n :], return_counts=True)
        row = row.copy()
        values = row[ids]
        scaled = np.where(
            values > 0, values / sampling.repeat_penalty, values * sampling.repeat_penalty
        )
        row[ids] = scaled - counts * sampling.frequency_penalty - sampling.presence_penalty
        return row

    def choose(self, row: Floats) -> int:
        """Return a token of an adjusted row; tokens at minus infinity are never chosen."""
        sampling = self._sampling
        if sampling.temperature <= 0:
            return int(row.argmax())
        ids, logits = _most_likely(row, sampling.top_k)
        weights = np.exp((logits - logits.max()).astype(np.float64))
        keep = _kept(weights, sampling.top_p, sampling.min_p)
        ids, logits = ids[keep], logits[keep]
        heated = np.exp(((logits - logits.max()) / sampling.temperature).astype(np.float64))
        cumulative = heated.cumsum()
        drawn = self._random.random() * cumulative[-1]
        return int(ids[min(int(cumulative.searchsorted(drawn, side="right")), len(ids) - 1)])


def _penalises(sampling: Sampling) -> bool:
    return sampling.penalty_last_n > 0 and (
        sampling.repeat_penalty != 1.0
        or sampling.frequency_penalty != 0.0
        or sampling.presence_penalty != 0.0
    )


def _most_likely(row: Floats, count: int) -> tuple[NDArray[np.intp], Floats]:
    """The ids and logits of the `count` most likely tokens, in order of their ids; 0 is all."""
    if 0 < count < len(row):
        ids = np.sort(np.argpartition(row, -count)[-count:])
    else:
        ids = np.flatnonzero(row > -np.inf)
    return ids, row[ids]


def _kept(weights: NDArray[np.float64], top_p: float, min_p: float) -> NDArray[np.bool_]:
    """Which tokens survive top-p and min-p; the most likely one always does."""
    keep = weights >= min_p * weights.max()
    if top_p < 1.0:
        order = np.argsort(-weights, kind="stable")
        before = weights[order].cumsum() - weights[order]
        keep[order[before >= top_p * weights.sum()]] = False
        keep[order[0]] = True
    return keep
