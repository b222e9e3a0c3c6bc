"""Made-up log-probabilities in OpenAI's form: the same for the same text, never a claim."""

import math
import re
from typing import Any
from zlib import crc32

__all__ = ["token_logprobs", "tokens_of"]


def tokens_of(text: str) -> list[str]:
    """The text in pieces about as long as tokens are; joined they are the text."""
    return re.findall(r"\s?\w{1,6}|\s+|[^\w\s]", text)


def token_logprobs(text: str, runners_up: int) -> list[dict[str, Any]]:
    """A log-probability for each piece of the text.

    Args:
        text: That was written.
        runners_up: How many entries `top_logprobs` has, the chosen token among them.
    """
    return [_entry(token, runners_up) for token in tokens_of(text)]


def _entry(token: str, runners_up: int) -> dict[str, Any]:
    chosen = 0.5 + crc32(token.encode()) % 1000 / 2001
    others = [(1 - chosen) / 2**rank for rank in range(1, runners_up)]
    top = [_alternative(token, chosen)]
    top += [_alternative(f"{token}{rank}", share) for rank, share in enumerate(others)]
    return {**_alternative(token, chosen), "top_logprobs": top[:runners_up]}


def _alternative(token: str, probability: float) -> dict[str, Any]:
    return {
        "token": token,
        "bytes": list(token.encode()),
        "logprob": round(math.log(probability), 6),
    }
