"""Tokens of a call, counted or estimated, in buckets that do not overlap.

OpenAI's counts of the prompt hold what its cache held, in both wire formats.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from pydantic import JsonValue

from cascade.exchange import Usage

__all__ = ["chat_usage", "estimated", "responses_usage"]

_CHARACTERS_A_TOKEN = 4


def chat_usage(counts: Mapping[str, Any], timings: Mapping[str, Any]) -> Usage:
    """Usage from the counts of Chat Completions.

    Args:
        counts: The `usage` object.
        timings: llama-server's `timings`, which tell what its cache held where `usage` does not.
    """
    known: Mapping[str, Any] = counts.get("prompt_tokens_details") or {}
    prompt = _count(counts.get("prompt_tokens"))
    # DeepSeek's own name stands first among the fallbacks.
    cached = known.get("cached_tokens")
    if cached is None:
        cached = counts.get("prompt_cache_hit_tokens", timings.get("cache_n"))
    output = _count(counts.get("completion_tokens"))
    # xAI and Gemini leave reasoning out of the completion, but not out of the total.
    total = _count(counts.get("total_tokens"))
    return _parted(
        prompt,
        read=_count(cached),
        written=_count(known.get("cache_write_tokens")),
        output=max(output, total - prompt),
    )


def responses_usage(counts: Mapping[str, JsonValue]) -> Usage:
    """Usage from the `usage` object of the Responses API."""
    # Read with care: servers that are only compatible fill it in their own ways.
    known = counts.get("input_tokens_details")
    if not isinstance(known, dict):
        known = dict[str, JsonValue]()
    return _parted(
        _count(counts.get("input_tokens")),
        read=_count(known.get("cached_tokens")),
        written=_count(known.get("cache_write_tokens")),
        output=_count(counts.get("output_tokens")),
    )


def estimated(characters: int, *, at_least: int = 0) -> Usage:
    """The output of a call whose count has not come, reckoned from the length of its text.

    Args:
        characters: Of all that was written.
        at_least: Tokens that were seen one by one.
    """
    if not characters:
        return Usage()
    reckoned = -(-characters // _CHARACTERS_A_TOKEN)
    return Usage(output_tokens=max(at_least, reckoned), estimated=True)


def _parted(prompt: int, *, read: int, written: int, output: int) -> Usage:
    read = min(read, prompt)
    written = min(written, prompt - read)
    return Usage(
        input_tokens=prompt - read - written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
    )


def _count(value: object) -> int:
    if not isinstance(value, int | float) or not isfinite(value):
        return 0
    return max(int(value), 0)
