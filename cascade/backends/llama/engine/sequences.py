"""Which tokens each sequence holds, where it is kept, and who can lend whom a prefix."""

from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cascade.backends.llama.engine.context import State

__all__ = [
    "Saved",
    "Sequence",
    "SequenceTable",
    "Store",
    "Tokens",
    "common_prefix",
    "is_worth_copying",
]

Tokens = NDArray[np.int32]

_COPIED_FOR_ONE_EVALUATED = 32
"""Tokens whose memory can be saved and restored while one is evaluated: 37 and more measured."""


def common_prefix(left: Tokens, right: Tokens) -> int:
    """Return how many tokens two sequences have in common from the start."""
    count = min(len(left), len(right))
    differs = left[:count] != right[:count]
    at = int(differs.argmax()) if count else 0
    return at if count and differs[at] else count


def is_worth_copying(copied: int, gained: int) -> bool:
    """Return whether a state of so many tokens is cheaper to copy than those gained to evaluate."""
    return gained * _COPIED_FOR_ONE_EVALUATED >= copied


class Sequence:
    """A key's tokens, in the order in which they were evaluated.

    Attributes:
        key: The identity that requests name; `None` once it was released.
        slot: The context's sequence that holds its memory; -1 while it has none.
        active: Whether a request is working on it.
        used: When it was last used, in ticks of the table.
    """

    def __init__(self, key: str) -> None:
        self.key: str | None = key
        self.slot = -1
        self.active = False
        self.used = 0
        self._room: Tokens = np.empty(256, dtype=np.int32)
        self.length = 0

    @property
    def is_resident(self) -> bool:
        """Whether it has a slot in the context."""
        return self.slot >= 0

    @property
    def tokens(self) -> Tokens:
        """A view of the tokens: valid until the next change."""
        return self._room[: self.length]

    def append(self, token: int) -> None:
        """Add one token."""
        self._reserve(self.length + 1)
        self._room[self.length] = token
        self.length += 1

    def extend(self, tokens: Tokens) -> None:
        """Add tokens."""
        end = self.length + len(tokens)
        self._reserve(end)
        self._room[self.length : end] = tokens
        self.length = end

    def replace(self, tokens: Tokens) -> None:
        """Hold these tokens instead."""
        self.length = 0
        self.extend(tokens)

    def truncate(self, length: int) -> None:
        """Forget what comes after the first `length` tokens."""
        self.length = min(self.length, length)

    def _reserve(self, count: int) -> None:
        if count > len(self._room):
            grown = np.empty(max(count, 2 * len(self._room)), dtype=np.int32)
            grown[: self.length] = self._room[: self.length]
            self._room = grown


class Saved:
    """A state in RAM and the tokens it stands for."""

    __slots__ = ("owner", "state", "tokens")

    def __init__(self, tokens: Tokens, state: State, owner: Sequence | None) -> None:
        self.tokens = tokens.copy()
        self.state = state
        self.owner = owner

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return int(self.state.nbytes + self.tokens.nbytes)


class Store:
    """Saved states, the least recently used dropped when they outgrow their bytes.

    Args:
        limit: Bytes to keep at most.
        per_owner: States kept for one sequence; shared prefixes have no owner and no such limit.
    """

    def __init__(self, limit: int, per_owner: int) -> None:
        self._limit = limit
        self._per_owner = per_owner
        self._saved: OrderedDict[int, Saved] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._saved)

    def has_room(self, size: int) -> bool:
        """Whether a state of so many bytes can be kept, if need be instead of all others."""
        return size <= self._limit

    def add(self, saved: Saved) -> None:
        """Keep a state, unless it is larger than everything that may be kept."""
        if not self.has_room(saved.size):
            return
        same = [
            old
            for old in self._saved.values()
            if old.owner is saved.owner and np.array_equal(old.tokens, saved.tokens)
        ]
        for old in same:
            self.discard(old)
        if saved.owner is not None:
            owned = [old for old in self._saved.values() if old.owner is saved.owner]
            for old in owned[: max(0, len(owned) - self._per_owner + 1)]:
                self.discard(old)
        self._saved[id(saved)] = saved
        self.size += saved.size
        while self.size > self._limit:
            self.discard(next(iter(self._saved.values())))

    def discard(self, saved: Saved) -> None:
        """Drop a state."""
        if self._saved.pop(id(saved), None) is not None:
            self.size -= saved.size

    def drop_owned(self, owner: Sequence) -> None:
        """Drop the states of a sequence that will not come back."""
        for saved in [old for old in self._saved.values() if old.owner is owner]:
            self.discard(saved)

    def touch(self, saved: Saved) -> None:
        """Mark a state as used just now."""
        if id(saved) in self._saved:
            self._saved.move_to_end(id(saved))

    def best(
        self, prompt: Tokens, limit: int, have: int, *, whole: bool
    ) -> tuple[Saved | None, int]:
        """Return the state that covers most of a prompt, and how many tokens of it.

        A state that is cut to a prefix must be worth copying for it.

        Args:
            prompt: The tokens wanted.
            limit: Count no more than this many.
            have: How many of them need no copy.
            whole: Whether a state is of use only if all its tokens are.
        """
        chosen: Saved | None = None
        covered = 0
        for saved in self._saved.values():
            common = common_prefix(saved.tokens, prompt[:limit])
            held = len(saved.tokens)
            if common < held and (whole or not is_worth_copying(held, common - have)):
                continue
            smaller = chosen is not None and saved.size < chosen.size
            if common > covered or (common == covered and smaller):
                chosen, covered = saved, common
        return chosen, covered


class SequenceTable:
    """The sequences by key, and the slots of the context.

    Args:
        slots: How many sequences the context holds.
    """

    def __init__(self, slots: int) -> None:
        self._slots: list[Sequence | None] = [None] * slots
        self._by_key: dict[str, Sequence] = {}
        self._tick = 0

    def get(self, key: str) -> Sequence:
        """Return the key's sequence, a new one if there is none."""
        sequence = self._by_key.get(key)
        if sequence is None:
            sequence = self._by_key[key] = Sequence(key)
        return sequence

    def retire(self, key: str) -> Sequence | None:
        """Forget a key; its sequence may stay in its slot to lend its prefix."""
        sequence = self._by_key.pop(key, None)
        if sequence is not None:
            sequence.key = None
        return sequence

    def touch(self, sequence: Sequence) -> None:
        """Mark a sequence as used just now."""
        self._tick += 1
        sequence.used = self._tick

    @property
    def resident(self) -> Iterator[Sequence]:
        """The sequences that have a slot."""
        return (sequence for sequence in self._slots if sequence is not None)

    @property
    def idle(self) -> list[Sequence]:
        """Resident sequences that no request works on."""
        return [sequence for sequence in self.resident if not sequence.active]

    def free_slot(self) -> int | None:
        """Return the lowest slot that holds nothing: neighbours are evaluated together."""
        return next((slot for slot, held in enumerate(self._slots) if held is None), None)

    def victim(self, keep: Sequence | None = None) -> Sequence | None:
        """Return the idle sequence to evict: released ones first, then the least recently used."""
        return min(
            (sequence for sequence in self.idle if sequence is not keep),
            key=lambda sequence: (sequence.key is not None, sequence.used),
            default=None,
        )

    def place(self, sequence: Sequence, slot: int) -> None:
        """Put a sequence in an empty slot."""
        self._slots[slot] = sequence
        sequence.slot = slot

    def displace(self, sequence: Sequence) -> None:
        """Take a sequence out of its slot."""
        if sequence.is_resident:
            self._slots[sequence.slot] = None
            sequence.slot = -1
