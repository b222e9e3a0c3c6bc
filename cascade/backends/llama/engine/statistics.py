"""What an engine did since it was made."""

from dataclasses import dataclass

__all__ = ["Counters", "EngineStatistics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatistics:
    """Totals since the engine was made, and its state at the moment of asking."""

    decodes: int
    """Calls of `llama_decode` that succeeded."""
    aborted_decodes: int
    """Calls that a cancellation cut short."""
    prompt_tokens_evaluated: int
    tokens_decoded: int
    """Generated tokens that were evaluated to get the next one."""
    tokens_sampled: int
    draft_tokens: int
    """Guessed tokens that were evaluated along with the generated ones."""
    draft_tokens_accepted: int
    """The part of them that was chosen: as many decodes were saved."""
    prompt_tokens_cached: int
    """Prompt tokens that needed no evaluation."""
    prompt_tokens_shared: int
    """The part of them that another sequence's work supplied."""
    prompt_tokens_recomputed: int
    """Prompt tokens evaluated again although their sequence had evaluated them before."""
    requests: int
    """Requests that were finished, in whichever way."""
    evictions: int
    """Sequences that lost their place in the context."""
    restores: int
    """Sequences and shared prefixes brought back from RAM."""
    decode_s: float
    """Seconds inside `llama_decode`."""
    outside_s: float
    """Seconds of work outside `llama_decode`; waiting for requests is not in it."""
    sequences_active: int
    sequences_idle: int
    """Sequences in the context that wait for their next request, released ones included."""
    requests_waiting: int
    cache_bytes: int
    """Bytes of RAM that hold sequences and prefixes outside the context."""


@dataclass(slots=True)
class Counters:
    """The worker's running totals; see `EngineStatistics` for what they mean."""

    decodes: int = 0
    aborted_decodes: int = 0
    prompt_tokens_evaluated: int = 0
    tokens_decoded: int = 0
    tokens_sampled: int = 0
    draft_tokens: int = 0
    draft_tokens_accepted: int = 0
    prompt_tokens_cached: int = 0
    prompt_tokens_shared: int = 0
    prompt_tokens_recomputed: int = 0
    requests: int = 0
    evictions: int = 0
    restores: int = 0
    decode_s: float = 0.0
    busy_s: float = 0.0
