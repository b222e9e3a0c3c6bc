"""Prompt caches: what a lane's server still holds of a trajectory's prompt.

A lane's view only grows, so whatever its last call read is the start of the next one, and a server
that keeps prompts reads that part at a discount until its time to live has passed.
"""

from dataclasses import dataclass
from datetime import datetime

from cascade.exchange import Usage
from cascade.lanes import Lane

__all__ = ["CacheState", "after_call", "is_expired", "warm_tokens"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheState:
    """What a lane's server holds after the last call that was made there."""

    prompt_tokens: int
    """Length of the prompt that it was given; 0 where it was seen to keep nothing."""
    at: datetime
    """When that call ended, UTC. Each use starts the time to live anew."""


def warm_tokens(cache: CacheState | None, lane: Lane, at: datetime) -> int:
    """How many tokens of the next prompt are expected to be read from the cache.

    Args:
        cache: State after the last call on *lane*; `None` where there was none.
        lane: Where the next call goes.
        at: When it is made, UTC.
    """
    if cache is None or is_expired(cache, lane, at):
        return 0
    return cache.prompt_tokens


def is_expired(cache: CacheState, lane: Lane, at: datetime) -> bool:
    """Whether the lane's time to live has passed since its last call."""
    return lane.cache_ttl_s is not None and (at - cache.at).total_seconds() > lane.cache_ttl_s


def after_call(cache: CacheState | None, lane: Lane, usage: Usage, at: datetime) -> CacheState:
    """The state after a call on *lane* that ended at *at* (UTC) and was billed as *usage*.

    A server that was expected to be warm and neither read nor wrote a cached token does not cache
    this prompt: it has no cache, or the prompt is shorter than its minimum. Then nothing is
    expected of it until it reports a cached token.
    """
    touched = usage.cache_read_tokens + usage.cache_write_tokens
    was_expected = cache is not None and not is_expired(cache, lane, at)
    keeps = touched > 0 or not was_expected
    return CacheState(prompt_tokens=usage.prompt_tokens if keeps else 0, at=at)
