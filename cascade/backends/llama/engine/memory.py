"""Where each prompt's first tokens come from: its own memory, saved states, other sequences."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from cascade.backends.llama.engine.context import Context
from cascade.backends.llama.engine.requests import EngineSettings
from cascade.backends.llama.engine.sequences import (
    Saved,
    Sequence,
    SequenceTable,
    Store,
    Tokens,
    common_prefix,
    is_worth_copying,
)
from cascade.backends.llama.engine.statistics import Counters

__all__ = ["Claim", "Memory", "Prefilling", "WaitsFor"]

WaitsFor = Literal["prefix", "room"]
"""Why a request cannot start: a prefix that another one is evaluating, or no place."""

_CHECKPOINTS = 3
"""Saved states kept for a key whose memory cannot be rolled back: its latest prompts."""


class Prefilling(Protocol):
    """A request whose prompt is being evaluated, as far as others can wait for its prefix."""

    sequence: Sequence
    prompt: Tokens
    cuts: set[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sequence in its slot, holding the first `cached` tokens of a prompt and no others."""

    sequence: Sequence
    cached: int
    shared: int = 0
    restored: bool = False
    recomputed: int = 0
    cuts: frozenset[int] = frozenset()
    """Prompt lengths at which the state is to be saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """The best place to take a prompt's first tokens from."""

    length: int = 0
    own: bool = False
    saved: Saved | None = None
    donor: Sequence | None = None


class Memory:
    """Gives sequences their slots and fills them with what is known already.

    Args:
        context: The context.
        settings: Complete settings.
        rolls_back: Whether part of a sequence can be removed.
        counters: Where restores and evictions are counted.
    """

    def __init__(
        self, context: Context, settings: EngineSettings, counters: Counters, *, rolls_back: bool
    ) -> None:
        self._context = context
        self._settings = settings
        self._rolls_back = rolls_back
        self._counters = counters
        self.table = SequenceTable(context.sequence_count)
        self.store = Store(settings.cache_bytes or 0, per_owner=1 if rolls_back else _CHECKPOINTS)
        self._reserved: dict[Sequence, int] = {}

    def claim(
        self, key: str, prompt: Tokens, reserve: int, prefilling: Iterable[Prefilling]
    ) -> Claim | WaitsFor:
        """Give a key its slot, filled with as much of the prompt as can be had.

        Args:
            key: The sequence's identity.
            prompt: All tokens of the prompt; the last one is always left to be evaluated.
            reserve: The most tokens that the sequence will hold.
            prefilling: Requests whose prompts are being evaluated.

        Returns:
            The claim, or what the request must wait for: room, or a prefix that another request
            is evaluating and has been asked to save.
        """
        sequence = self.table.get(key)
        limit = len(prompt) - 1
        source = self._best_source(sequence, prompt, limit)
        if self._worth_waiting(sequence, prompt, limit, source.length, prefilling):
            return "prefix"
        if not self._make_room(sequence, reserve):
            return "room"
        source = self._best_source(sequence, prompt, limit)  # room was made, maybe of the donor
        known = common_prefix(sequence.tokens, prompt[:limit])
        cuts = frozenset[int]() if self._rolls_back else self._cuts(sequence, prompt, source.length)
        filled = self._fill(sequence, source)
        if filled is None:
            return "room"
        cached, shared, restored = filled
        sequence.replace(prompt[:cached])
        sequence.active = True
        self._reserved[sequence] = reserve
        self.table.touch(sequence)
        return Claim(
            sequence=sequence,
            cached=cached,
            shared=cached if shared else 0,
            restored=restored,
            recomputed=max(0, known - cached),
            cuts=cuts,
        )

    def settle(self, sequence: Sequence, keep: int | None = None) -> None:
        """End a request's hold on its sequence.

        Args:
            sequence: The sequence.
            keep: Roll back to this many tokens; where that cannot be done, the sequence leaves the
                context, and the latest saved state of its prompt stands in for it.
        """
        sequence.active = False
        self._reserved.pop(sequence, None)
        self.table.touch(sequence)
        if keep is None or not sequence.is_resident or keep >= sequence.length:
            return
        if self._rolls_back and self._context.remove(sequence.slot, keep):
            sequence.truncate(keep)
        else:
            self._context.remove(sequence.slot)
            self.table.displace(sequence)

    def release(self, key: str) -> None:
        """Forget a key; what it holds in the context may still lend its prefix."""
        sequence = self.table.retire(key)
        if sequence is not None:
            self.store.drop_owned(sequence)

    def checkpoint(self, sequence: Sequence, *, shared: bool) -> None:
        """Save a sequence's present state, for everybody or for itself."""
        if sequence.is_resident and self._can_keep(sequence.slot, sequence.length):
            state = self._context.save(sequence.slot)
            self.store.add(Saved(sequence.tokens, state, None if shared else sequence))

    def rewind(self, sequence: Sequence) -> None:
        """Bring the context back to what the sequence's tokens say, after a failed decode."""
        if sequence.is_resident and self._context.length(sequence.slot) > sequence.length:
            self._context.remove(sequence.slot, sequence.length)

    def evict_idle(self) -> bool:
        """Evict one idle sequence, if there is one."""
        victim = self.table.victim()
        if victim is not None:
            self._evict(victim)
        return victim is not None

    def _best_source(self, sequence: Sequence, prompt: Tokens, limit: int) -> _Source:
        own = self._usable(sequence, prompt, limit) if sequence.is_resident else 0
        best = _Source(length=own, own=True)
        margin = self._settings.share_tokens
        saved, length = self.store.best(prompt, limit, own, whole=not self._rolls_back)
        if saved is not None:
            needed = own + 1 if saved.owner is sequence else own + margin
            if length >= needed:
                best = _Source(length=length, saved=saved)
        for donor in self.table.resident:
            if donor is sequence:
                continue
            common = self._usable(donor, prompt, limit)
            wanted = common > best.length and common >= own + margin
            if wanted and self._is_cheap(sequence, donor, common - own):
                best = _Source(length=common, donor=donor)
        return best

    def _is_cheap(self, sequence: Sequence, donor: Sequence, gained: int) -> bool:
        """Whether taking tokens from a donor costs less than evaluating those gained by it."""
        if self._settings.kv_unified or not self._rolls_back or _can_hand_over(donor, sequence):
            return True
        return is_worth_copying(donor.length, gained)

    def _usable(self, holder: Sequence, prompt: Tokens, limit: int) -> int:
        """How many tokens of a resident sequence's memory serve the prompt."""
        common = common_prefix(holder.tokens, prompt[:limit])
        return common if self._rolls_back or common == holder.length else 0

    def _worth_waiting(
        self,
        sequence: Sequence,
        prompt: Tokens,
        limit: int,
        have: int,
        prefilling: Iterable[Prefilling],
    ) -> bool:
        """Whether a request is about to have a longer prefix; it is asked to save it if so."""
        longest, lender = 0, None
        for other in prefilling:
            if other.sequence is sequence:
                continue
            common = common_prefix(other.prompt, prompt[:limit])
            if common > max(longest, other.sequence.length):
                longest, lender = common, other
        if lender is None or longest < have + self._settings.share_tokens:
            return False
        lender.cuts.add(longest)
        return True

    def _cuts(self, sequence: Sequence, prompt: Tokens, have: int) -> frozenset[int]:
        """Where to save a state that cannot be cut out of a longer one later.

        Before the last prompt token, so that the request can be repeated or continued in another
        way; and at the end of what the prompt has in common with another one.
        """
        others = [other for other in self.table.resident if other is not sequence]
        common = max((common_prefix(other.tokens, prompt) for other in others), default=0)
        cuts = {len(prompt) - 1}
        if common >= have + self._settings.share_tokens:
            cuts.add(common)
        return frozenset(cuts)

    def _make_room(self, sequence: Sequence, reserve: int) -> bool:
        """Evict idle sequences until the cells of a unified buffer suffice."""
        if not self._settings.kv_unified:
            return True
        while self._cells_used(sequence) + reserve > self._settings.kv_tokens:
            victim = self.table.victim(keep=sequence)
            if victim is None:
                return False
            self._evict(victim)
        return True

    def _cells_used(self, but: Sequence) -> int:
        return sum(
            self._reserved.get(holder, holder.length)
            for holder in self.table.resident
            if holder is not but
        )

    def _fill(self, sequence: Sequence, source: _Source) -> tuple[int, bool, bool] | None:
        """Put the source's tokens in the sequence's slot: how many, whether shared, restored."""
        if source.donor is not None:
            return self._fill_from_donor(sequence, source.donor, source.length)
        if not self._enter(sequence):
            return None
        slot = sequence.slot
        if source.saved is not None:
            self._context.remove(slot)
            if not self._restore(slot, source.saved, source.length):
                return 0, False, False
            mine = source.saved.owner is sequence
            if mine and self._rolls_back:
                self.store.discard(source.saved)
            return source.length, not mine, mine
        return self._trim(slot, source.length if source.own else 0), False, False

    def _fill_from_donor(
        self, sequence: Sequence, donor: Sequence, length: int
    ) -> tuple[int, bool, bool] | None:
        if _can_hand_over(donor, sequence):
            return self._take_over(sequence, donor, length), True, False
        if not self._enter(sequence, keep=donor):
            if donor.active:
                return None
            saved = self._evict(donor, needed=True)
            return self._fill(sequence, _Source(length=length if saved else 0, saved=saved))
        slot = sequence.slot
        self._context.remove(slot)
        if self._settings.kv_unified:
            self._context.copy(donor.slot, slot)
            return self._trim(slot, length), True, False
        saved = Saved(donor.tokens, self._context.save(donor.slot), None)
        if not self._restore(slot, saved, length):
            return 0, False, False
        if length < donor.length and self._can_keep(slot, length):
            # The next one that shares it copies no more than it needs.
            saved = Saved(donor.tokens[:length], self._context.save(slot), None)
        self.store.add(saved)
        return length, True, False

    def _take_over(self, sequence: Sequence, donor: Sequence, length: int) -> int:
        """Move into the slot of a released sequence, which costs no copy."""
        slot = donor.slot
        self.table.displace(donor)
        self.table.place(sequence, slot)
        return self._trim(slot, length)

    def _trim(self, slot: int, length: int) -> int:
        """Cut a slot's memory to a length, or to nothing if need be; return what it holds then."""
        held = self._context.length(slot)
        if held <= length or self._context.remove(slot, length):
            return min(held, length)
        self._context.remove(slot)
        return 0

    def _restore(self, slot: int, saved: Saved, length: int) -> bool:
        if not self._context.restore(slot, saved.state):
            self._context.remove(slot)
            return False
        self._counters.restores += 1
        self.store.touch(saved)
        return self._trim(slot, length) == length

    def _enter(self, sequence: Sequence, keep: Sequence | None = None) -> bool:
        """Make sure that the sequence has a slot, evicting an idle sequence if need be."""
        if sequence.is_resident:
            return True
        slot = self.table.free_slot()
        if slot is None:
            victim = self.table.victim(keep)
            if victim is None:
                return False
            slot = victim.slot
            self._evict(victim)
        self.table.place(sequence, slot)
        return True

    def _evict(self, victim: Sequence, *, needed: bool = False) -> Saved | None:
        """Take an idle sequence out of the context; one that may come back is saved.

        Args:
            victim: The sequence.
            needed: Save it even if the state is too large to be kept.
        """
        slot = victim.slot
        saved: Saved | None = None
        if victim.key is not None and (needed or self._can_keep(slot, victim.length)):
            saved = Saved(victim.tokens, self._context.save(slot), victim)
            self.store.add(saved)
        self._context.remove(slot)
        self.table.displace(victim)
        self._counters.evictions += 1
        return saved

    def _can_keep(self, slot: int, length: int) -> bool:
        """Whether the store would take a slot's state; saving one takes longer than asking."""
        token_bytes = length * np.dtype(np.int32).itemsize
        return self.store.has_room(self._context.state_size(slot) + token_bytes)


def _can_hand_over(donor: Sequence, sequence: Sequence) -> bool:
    """Whether a released sequence's slot can become the other's, without a copy."""
    return donor.key is None and not donor.active and not sequence.is_resident
