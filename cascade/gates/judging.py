"""A judge's yes or no on a draft, read from its answer; and when asking one pays.

The question has to be put so that yes means that the step is right.
"""

import math
import re
from decimal import Decimal

from cascade.exchange import Draft
from cascade.verdicts import Verdict

__all__ = ["break_even_share", "p_yes", "verdict_of"]

_YES_OR_NO = re.compile(r"\b(yes|no)\b", re.IGNORECASE)


def verdict_of(draft: Draft, *, min_p_right: float) -> Verdict:
    """The verdict in a judge's answer.

    With log-probabilities `p_fail` is one less the probability of yes against no, and not
    calibrated. Without them only the word counts and there is no `p_fail`.

    Args:
        draft: What the judge wrote.
        min_p_right: The least probability of yes with which the judged step stands.
    """
    word = _word(draft)
    if word is None:
        said = draft.problem or repr(draft.message.text[:80])
        return Verdict(
            gate="judge", passed=None, reason=f"the judge said neither yes nor no: {said}"
        )
    yes = p_yes(draft)
    if yes is None:
        return Verdict(
            gate="judge", passed=word == "yes", reason=f"the judge said {word}, without probability"
        )
    return Verdict(
        gate="judge",
        passed=yes >= min_p_right,
        reason=f"the judge said {word}: yes has probability {yes:.2f}, {min_p_right:g} is needed",
        p_fail=round(1.0 - yes, 4),
        basis="free",
        features={"p_yes": yes},
    )


def p_yes(draft: Draft) -> float | None:
    """The probability of yes against no at the first token of a judge's answer.

    Statistics hold the probability of the chosen token and of its runner-up, not which token that
    was; it is taken for the other word. Where it is another spelling of the chosen one, the
    judge was surer than this says. `None` without log-probabilities, or where the first word of the
    answer is neither.
    """
    statistics = draft.tokens
    match = _YES_OR_NO.match(draft.message.text.lstrip(" \n\t\"'*`"))
    if statistics is None or not statistics.logprobs or match is None:
        return None
    at = next((span.start for span in statistics.spans if span.kind == "answer"), 0)
    if at >= len(statistics.logprobs):
        return None
    chosen = math.exp(statistics.logprobs[at])
    other = math.exp(statistics.runner_up_logprobs[at])
    share = chosen / (chosen + other) if chosen > 0 else 0.0
    return round(share if match[1].lower() == "yes" else 1.0 - share, 4)


def break_even_share(
    *, judge_usd: Decimal, large_usd: Decimal, small_usd: Decimal = Decimal(0)
) -> Decimal | None:
    """The least share of steps that a judge must keep from the large model to pay for itself.

    Each judged step costs the judge's call; each one that is kept saves the difference between the
    two models. `None` where nothing can be saved, as the large one is no dearer.

    Args:
        judge_usd: What a verdict costs.
        large_usd: What a step costs on the large model.
        small_usd: What it costs on the small one.
    """
    saved = large_usd - small_usd
    return judge_usd / saved if saved > 0 else None


def _word(draft: Draft) -> str | None:
    """The first yes or no of the answer."""
    if draft.problem is not None:
        return None
    match = _YES_OR_NO.search(draft.message.text)
    return None if match is None else match[1].lower()
