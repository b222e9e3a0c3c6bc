"""Tokens and prompt caches of a simulated provider.

Without a tokenizer of its own a simulation counts one token for each four bytes of UTF-8, rounded
up: near enough to English text and JSON, and the same everywhere. Give `Callable[[str], int]`
instead where a real tokenizer is at hand.
"""

from collections import OrderedDict
from collections.abc import Callable

__all__ = ["CountTokens", "PromptCache", "count_by_bytes"]

CountTokens = Callable[[str], int]
"""How many tokens a text has."""


def count_by_bytes(text: str) -> int:
    """A token for each four bytes of UTF-8, rounded up; 0 for an empty text."""
    return -(-len(text.encode()) // 4)


class PromptCache:
    """Which prefixes a provider has in its cache, by digests that account and model are part of.

    Time does not pass in it: a prefix leaves only when there are more than *most* younger ones.
    """

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._prefixes: OrderedDict[str, int] = OrderedDict()

    def length(self, prefix: str) -> int | None:
        """How many tokens that prefix holds, if it is there; keeps it young."""
        tokens = self._prefixes.get(prefix)
        if tokens is not None:
            self._prefixes.move_to_end(prefix)
        return tokens

    def put(self, prefix: str, tokens: int) -> None:
        """Takes a prefix in, by its digest, with its length in tokens."""
        self._prefixes[prefix] = tokens
        self._prefixes.move_to_end(prefix)
        while len(self._prefixes) > self._most:
            self._prefixes.popitem(last=False)
