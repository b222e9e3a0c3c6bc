"""Token statistics from the log-probabilities of Chat Completions."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cascade.exchange import TokenSpan, TokenStatistics

__all__ = ["TokenLog"]

_LEAST = -9999.0
"""What OpenAI writes for a token that is not among the most probable; also stands for no number."""


class TokenLog:
    """Collects what a server tells about each token.

    The entropy is a lower bound: the server names a few of the most probable tokens, and all that
    it does not name count as one.
    """

    def __init__(self) -> None:
        self._logprobs: list[float] = []
        self._runners_up: list[float] = []
        self._entropies: list[float] = []
        self._is_whole = True
        """Whether each token came with others that it was chosen from."""

    def __len__(self) -> int:
        return len(self._logprobs)

    def add(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Takes the entries of `logprobs.content` in."""
        for entry in entries:
            chosen = _logprob(entry)
            others = [
                _logprob(each)
                for each in entry.get("top_logprobs") or ()
                if each.get("token") != entry.get("token")
            ]
            self._is_whole = self._is_whole and bool(others)
            self._logprobs.append(chosen)
            self._runners_up.append(max(others, default=_LEAST))
            self._entropies.append(_entropy([chosen, *others]))

    def statistics(self, *, is_answer: bool) -> TokenStatistics | None:
        """All of it; `None` where the server did not say what else there was to choose from.

        Args:
            is_answer: Whether the tokens are the final answer's. Where calls were made it is not
                known which token belongs to what.
        """
        if not self._logprobs or not self._is_whole:
            return None
        end = len(self._logprobs)
        return TokenStatistics(
            logprobs=tuple(self._logprobs),
            runner_up_logprobs=tuple(self._runners_up),
            entropies=tuple(self._entropies),
            spans=(TokenSpan(kind="answer", start=0, end=end),) if is_answer else (),
        )


def _logprob(entry: Mapping[str, Any]) -> float:
    value = entry.get("logprob")
    if not isinstance(value, int | float) or not math.isfinite(value):
        return _LEAST
    return min(float(value), 0.0)


def _entropy(logprobs: Sequence[float]) -> float:
    probabilities = [math.exp(each) for each in logprobs]
    rest = 1.0 - sum(probabilities)
    if rest > 0.0:
        probabilities.append(rest)
    # In this order: of 0.0 and -0.0, `max` gives the first.
    return max(0.0, -sum(each * math.log(each) for each in probabilities if each > 0.0))
