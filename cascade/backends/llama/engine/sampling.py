"""From rows of logits to chosen tokens and their statistics, in numpy."""

import math
import random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cascade.backends.llama.engine.requests import Sampling

__all__ = ["Chooser", "RowStatistics", "Rows"]

Floats = NDArray[np.float32]
_BLOCK_VALUES = 1 << 16
"""Logits handled by one numpy call, where rows are taken together."""
_SINGLE_VALUES = 1 << 14
"""Rows longer than this are taken singly: they leave the fastest cache otherwise."""
_LOWEST = -1e4
"""Stands for a banned token's logit of minus infinity: its probability is 0 all the same."""
_FEW_ROWS = 4
"""Up to this many short rows cost less singly than together."""


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
        self._block = 1 if width > _SINGLE_VALUES else min(rows, _BLOCK_VALUES // width)
        self._shifted = np.empty((self._block, width), dtype=np.float32)
        self._weights = np.empty((self._block, width), dtype=np.float32)
        self._index = np.arange(self._block)
        self._ones = np.ones(width, dtype=np.float32)

    def measure(self, logits: Floats) -> Rows:
        """Return the figures of (rows, width) logits, which are used as work space and restored."""
        figures = Rows([], [], [], [], [], [])
        with np.errstate(invalid="ignore"):  # 0 * -inf where a model bans tokens: mended below
            if len(logits) <= _FEW_ROWS or self._block == 1:
                for row in logits:
                    self._measure_row(row, figures)
            else:
                for start in range(0, len(logits), self._block):
                    self._measure_block(logits[start : start + self._block], figures)
        return figures

    def _measure_row(self, row: Floats, figures: Rows) -> None:
        best = int(row.argmax())
        highest = row[best]
        row[best] = -np.inf
        second = int(row.argmax())
        runner_up = row[second]
        row[best] = highest
        shifted = np.subtract(row, highest, out=self._shifted[0])
        weights = np.exp(shifted, out=self._weights[0])
        total = float(weights.dot(self._ones))
        mean = float(weights.dot(shifted))
        if math.isnan(mean):
            mean = float(weights.dot(np.maximum(shifted, _LOWEST)))
        log_total = math.log(total)
        figures.best.append(best)
        figures.second.append(second)
        figures.best_logit.append(float(highest))
        figures.second_logit.append(float(runner_up))
        figures.log_normaliser.append(log_total + float(highest))
        figures.entropy.append(log_total - mean / total)

    def _measure_block(self, logits: Floats, figures: Rows) -> None:
        count = len(logits)
        index = self._index[:count]
        best = logits.argmax(axis=1)
        highest = logits[index, best]
        logits[index, best] = -np.inf
        second = logits.argmax(axis=1)
        runner_up = logits[index, second]
        logits[index, best] = highest
        shifted = np.subtract(logits, highest[:, None], out=self._shifted[:count])
        weights = np.exp(shifted, out=self._weights[:count])
        total = weights.sum(axis=1)
        mean = np.einsum("ij,ij->i", weights, shifted)
        if np.isnan(mean).any():
            mean = np.einsum("ij,ij->i", weights, np.maximum(shifted, _LOWEST))
        log_total = np.log(total)
        figures.best.extend(best.tolist())
        figures.second.extend(second.tolist())
        figures.best_logit.extend(highest.tolist())
        figures.second_logit.extend(runner_up.tolist())
        figures.log_normaliser.extend((log_total + highest).tolist())
        figures.entropy.extend((log_total - mean / total).tolist())


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
