"""How a simulated OpenAI server counts a prompt, and how much of it was in its cache.

Source of the numbers: https://developers.openai.com/api/docs/guides/prompt-caching.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cascade.simulated.usage import CountTokens, PromptCache, count_by_bytes

__all__ = ["IMAGE_TOKENS", "LEAST_CACHED_TOKENS", "Meter", "PromptCount"]

IMAGE_TOKENS = 765
"""What a picture is counted as, whatever its size."""

LEAST_CACHED_TOKENS = 1024
"""Shorter prefixes are not cached."""

_CACHED_STEP = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptCount:
    """The tokens of one prompt.

    Attributes:
        tokens: All of them.
        cached: Of these, in the cache already.
        prefixes: Names of the prefixes with their lengths, to be put into the cache.
    """

    tokens: int
    cached: int
    prefixes: tuple[tuple[str, int], ...]


class Meter:
    """Counts prompts against a cache of prefixes.

    Args:
        count_tokens: Of a text.
        least_cached_tokens: Shorter prefixes are not cached.
    """

    def __init__(
        self,
        count_tokens: CountTokens = count_by_bytes,
        *,
        least_cached_tokens: int = LEAST_CACHED_TOKENS,
    ) -> None:
        self.count_tokens = count_tokens
        self._least = least_cached_tokens
        self._cache = PromptCache()

    def measure(
        self, scope: str, digests: Sequence[str], tokens_of: Callable[[int], int]
    ) -> PromptCount:
        """Counts a prompt.

        Args:
            scope: Account, model and cache key; nothing is shared between scopes.
            digests: Of the prompt's prefixes, shortest first.
            tokens_of: The tokens that the prefix of that index has over the one before it; asked
                only where the cache does not know.
        """
        tokens = cached = 0
        prefixes: list[tuple[str, int]] = []
        for index, digest in enumerate(digests):
            name = f"{scope}/{digest}"
            known = self._cache.length(name)
            if known is None:
                tokens += tokens_of(index)
            else:
                tokens = cached = known
            prefixes.append((name, tokens))
        if cached < self._least:
            cached = 0
        return PromptCount(
            tokens=tokens, cached=cached - cached % _CACHED_STEP, prefixes=tuple(prefixes)
        )

    def written(self, count: PromptCount) -> int:
        """The tokens that the prompt adds to the cache."""
        return count.tokens - count.cached if count.tokens >= self._least else 0

    def keep(self, count: PromptCount) -> None:
        """Puts a prompt that was answered into the cache."""
        for name, tokens in count.prefixes:
            self._cache.put(name, tokens)
