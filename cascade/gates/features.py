"""Features of a draft's tokens: how sure the model was where it mattered.

What matters in a call are the tokens of tool name, argument names and argument values, and where a
value ends; not the JSON round them. In a final answer all tokens matter, its end included. Names
begin with `call.` or `answer.`, so that one calibration can weigh the two apart.

| name | what it is |
|---|---|
| `is` | 1 |
| `tokens` | natural log of 1 + the number of tokens that matter |
| `min`, `q05`, `q10`, `q25`, `q50` | quantiles of their log-odds |
| `mean` | mean log-probability |
| `doubt` | log10 of the sum of 1 - p: of how many of them another one was to be expected |
| `margin_min`, `margin_mean` | log-probability less that of the runner-up |
| `entropy_max`, `entropy_mean` | nats |
| `divergence` | where the first token below a probability of 0.5 stands, from 0 to 1; 1: nowhere |
| `first` | log-odds of the very first token, which decides between a call and an answer |
| `end` | least log-odds of a token that ends a value, or of the one that ends an answer |
| `overruled` | how many tokens were not the model's own first choice |
| `grammar` | share of the tokens that matter that were chosen under a grammar |
| `name`, `key`, `value` | calls only: log-odds of the whole tool name; least of the others |
| `count`, `arguments` | calls only: how many calls, and arguments in all |

Log-odds are ln p - ln (1 - p), held within ±10: a probability of 0.9999 and one of 0.99 differ in
what they say, and a log-probability hides it.
"""

import math
from collections.abc import Iterable, Sequence

from cascade.exchange import Draft, TokenSpan, TokenStatistics
from cascade.verdicts import Basis

__all__ = ["basis_of", "features", "log_odds"]

_MOST = 10.0
_LEAST_DOUBT = 1e-5
_DIVERGES_BELOW = math.log(0.5)
_QUANTILES = (("q05", 0.05), ("q10", 0.1), ("q25", 0.25), ("q50", 0.5))
_DECIMALS = 4


def features(draft: Draft) -> dict[str, float]:
    """The features of a draft by name; empty where there are no log-probabilities.

    A draft that was stopped has those of the tokens that it came to.
    """
    statistics = draft.tokens
    if statistics is None or not statistics.logprobs:
        return {}
    called = [span for span in statistics.spans if span.kind in {"name", "key", "value"}]
    if called:
        kind, made = "call", _of_calls(statistics, called)
    else:
        kind, made = "answer", _of_answer(statistics)
    return {f"{kind}.{name}": round(value, _DECIMALS) for name, value in made.items()}


def basis_of(draft: Draft) -> Basis | None:
    """Whether a grammar was in force for the tokens that matter; `None` without any tokens."""
    statistics = draft.tokens
    if statistics is None or not statistics.logprobs:
        return None
    under = _under_grammar(statistics)
    return "grammar" if any(under[at] for at in _meaningful(statistics)) else "free"


def log_odds(logprob: float) -> float:
    """The log-odds of a log-probability, within ±10."""
    against = -math.expm1(min(logprob, 0.0))
    if against <= 0.0:
        return _MOST
    return max(-_MOST, min(_MOST, logprob - math.log(against)))


def _meaningful(statistics: TokenStatistics) -> Sequence[int]:
    called = [span for span in statistics.spans if span.kind in {"name", "key", "value"}]
    return _called_tokens(called) if called else range(len(statistics.logprobs))


def _called_tokens(spans: Iterable[TokenSpan]) -> list[int]:
    return sorted({at for span in spans for at in range(span.start, span.end)})


def _of_calls(statistics: TokenStatistics, spans: Sequence[TokenSpan]) -> dict[str, float]:
    logprobs = statistics.logprobs
    ends = [span.end for span in spans if span.kind == "value" and span.end < len(logprobs)]
    made = _of_tokens(statistics, _called_tokens(spans), ends)
    for kind in ("key", "value"):
        tokens = _called_tokens(span for span in spans if span.kind == kind)
        made[kind] = log_odds(min((logprobs[at] for at in tokens), default=0.0))
    names = [span for span in spans if span.kind == "name"]
    made["name"] = min(
        (log_odds(sum(logprobs[span.start : span.end])) for span in names), default=_MOST
    )
    made["count"] = float(len(names))
    made["arguments"] = float(sum(span.kind == "value" for span in spans))
    return made


def _of_answer(statistics: TokenStatistics) -> dict[str, float]:
    # Of a structured answer the values count, as its schema settles the rest.
    spans = [span for span in statistics.spans if span.kind == "answer"]
    last = len(statistics.logprobs)
    tokens = _called_tokens(spans) if len(spans) > 1 else range(last)
    return _of_tokens(statistics, tokens or range(last), [last - 1])


def _of_tokens(
    statistics: TokenStatistics, tokens: Sequence[int], ends: Sequence[int]
) -> dict[str, float]:
    """What calls and answers have in common.

    Args:
        statistics: Of all tokens.
        tokens: The indexes of those that matter, rising.
        ends: The indexes of those that end something.
    """
    logprobs, runners_up = statistics.logprobs, statistics.runner_up_logprobs
    chosen = [logprobs[at] for at in tokens] or [0.0]
    ranked = sorted(chosen)
    margins = [logprobs[at] - max(runners_up[at], -30.0) for at in tokens] or [0.0]
    entropies = [statistics.entropies[at] for at in tokens] or [0.0]
    under = _under_grammar(statistics)
    low = next((n for n, value in enumerate(chosen) if value < _DIVERGES_BELOW), len(chosen))
    made = {
        "is": 1.0,
        "tokens": math.log1p(len(tokens)),
        "min": log_odds(ranked[0]),
        "mean": sum(chosen) / len(chosen),
        "doubt": math.log10(_LEAST_DOUBT - sum(map(math.expm1, chosen))),
        "margin_min": min(margins),
        "margin_mean": sum(margins) / len(margins),
        "entropy_max": max(entropies),
        "entropy_mean": sum(entropies) / len(entropies),
        "divergence": low / len(chosen),
        "first": log_odds(logprobs[0]),
        "end": log_odds(min((logprobs[at] for at in ends), default=0.0)),
        "overruled": float(sum(margin < 0 for margin in margins)),
        "grammar": sum(under[at] for at in tokens) / max(len(tokens), 1),
    }
    for name, share in _QUANTILES:
        made[name] = log_odds(_quantile(ranked, share))
    return made


def _quantile(ranked: Sequence[float], share: float) -> float:
    """The quantile between the two neighbours in rising values."""
    place = share * (len(ranked) - 1)
    below = int(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (place - below) * (ranked[above] - ranked[below])


def _under_grammar(statistics: TokenStatistics) -> list[bool]:
    under = [False] * len(statistics.logprobs)
    for span in statistics.spans:
        if span.kind == "grammar":
            under[span.start : span.end] = [True] * (span.end - span.start)
    return under
