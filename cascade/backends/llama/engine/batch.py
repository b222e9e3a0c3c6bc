"""Fills a context's batch: the newest token of each sequence, its drafts, chunks of the prompts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from cascade.backends.llama.engine.context import Context
from cascade.backends.llama.engine.costs import Work, work
from cascade.backends.llama.engine.lookup import Lookup
from cascade.backends.llama.engine.run import Run

__all__ = ["Batch", "Composer", "Pace"]

_LEAST_CHUNK = 32
"""Prompt tokens that every batch has room for, however slow the model is."""
_SHARED_S = 0.1
"""How long prompt chunks may hold up sequences that are generating, per batch."""
_ALONE_S = 0.5
"""How long a batch of prompt chunks alone may take: the delay of a deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is in the context's batch arrays."""

    count: int
    """Tokens in the batch."""
    prompt_tokens: int
    """How many of them are prompt tokens."""
    chunks: tuple[tuple[Run, int], ...]
    """Each run in the batch, in order, and how many prompt tokens of it; 0 for a generated one."""
    outputs: tuple[Run, ...]
    """The runs that get rows of logits, in order of the rows."""
    first_rows: tuple[int, ...]
    """The first row of each; a row for each of its drafts follows."""
    rows: int
    """Rows of logits in all."""
    work: Work
    """What it makes llama.cpp do."""

    @property
    def drafts(self) -> int:
        """How many of the tokens are guesses."""
        return self.rows - len(self.outputs)


class Pace:
    """Keeps the speed of prompt evaluation, and says how large chunks may be.

    Args:
        limit: Tokens of a batch at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._room = limit
        self._token_s = 0.0

    def observe(self, tokens: int, seconds: float) -> None:
        """Take the time of a batch that was nearly all prompt."""
        self._room = self._limit
        if tokens >= _LEAST_CHUNK:
            measured = seconds / tokens
            self._token_s = measured if self._token_s == 0 else (self._token_s + measured) / 2

    def shrink(self) -> bool:
        """Halve the chunks until the next batch succeeds; false if they are as small as can be."""
        self._room //= 2
        return self._room > 1

    def prompt_tokens(self, generating: int) -> int:
        """Return how many prompt tokens may join this many generated ones in a batch."""
        room = max(1, self._room - generating)
        if self._token_s > 0:
            allowed = int((_SHARED_S if generating else _ALONE_S) / self._token_s)
            room = min(room, max(_LEAST_CHUNK, allowed))
        return room


class Composer:
    """Fills the batch arrays, changing only what changes while the same runs generate.

    Args:
        context: Whose arrays to fill.
        pace: Says how large chunks may be.
        lookup: Guesses what generating runs will choose.
        unified: Whether all sequences are in one buffer.
    """

    def __init__(
        self, context: Context, pace: Pace, lookup: Lookup, *, unified: bool = False
    ) -> None:
        self._lookup = lookup
        self._unified = unified
        self._context = context
        self._pace = pace
        self._last: Batch | None = None

    def compose(self, runs: Sequence[Run]) -> Batch:
        """Fill the arrays from the runs, which are in ascending order of their slots.

        Every generating run is in every batch; what room is left is divided among the prompts
        evenly, and what the short ones leave over goes to the first.
        """
        prompts = [run for run in runs if not run.is_generating]
        generating = [run for run in runs if run.is_generating] if prompts else runs
        drafts = self._lookup.draft(generating)
        last = self._last
        if (
            last is not None
            and drafts == last.drafts == last.prompt_tokens == 0
            and last.outputs == tuple(runs)
        ):
            self._context.tokens[: last.count] = [run.pending for run in runs]
            self._context.positions[: last.count] = [run.sequence.length for run in runs]
            return last
        room = self._pace.prompt_tokens(len(generating) + drafts) if prompts else 0
        self._last = self._fill(runs, _shares(prompts, room))
        return self._last

    def _fill(self, runs: Sequence[Run], shares: Mapping[Run, int]) -> Batch:
        context = self._context
        at, rows = 0, 0
        chunks: list[tuple[Run, int]] = []
        outputs: list[Run] = []
        first_rows: list[int] = []
        lengths: list[tuple[int, int]] = []
        for run, share in self._in_order(runs, shares):
            start = run.sequence.length
            end = at + (share or 1 + len(run.drafts))
            new = run.prompt[start : start + share] if share else (run.pending, *run.drafts)
            context.tokens[at:end] = new
            context.positions[at:end] = range(start, start + end - at)
            context.sequences[at:end] = run.sequence.slot
            context.outputs[at:end] = share == 0
            if share == 0 or start + share == len(run.prompt):
                context.outputs[end - 1] = 1
                outputs.append(run)
                first_rows.append(rows)
                rows += 1 if share else end - at
            chunks.append((run, share))
            lengths.append((run.sequence.slot, end - at))
            at = end
        return Batch(
            count=at,
            prompt_tokens=sum(share for _, share in chunks),
            chunks=tuple(chunks),
            outputs=tuple(outputs),
            first_rows=tuple(first_rows),
            rows=rows,
            work=work(lengths, unified=self._unified),
        )

    def _in_order(
        self, runs: Sequence[Run], shares: Mapping[Run, int]
    ) -> Iterator[tuple[Run, int]]:
        """The runs with a place in the batch and their prompt tokens, as llama.cpp is to take them.

        Neighbours with equally many tokens are a group, and the groups go in descending order:
        llama.cpp would join ascending ones, and then go over the memory of the longer sequences
        again for each length that is shorter.
        """
        groups: list[list[tuple[Run, int]]] = []
        last = 0
        for run in runs:
            share = shares.get(run, 0)
            if share == 0 and not run.is_generating:
                continue
            tokens = share or 1 + len(run.drafts)
            if tokens != last and (not groups or not self._unified):
                groups.append([])
            groups[-1].append((run, share))
            last = tokens
        return chain.from_iterable(reversed(groups))


def _shares(prompts: Sequence[Run], room: int) -> dict[Run, int]:
    """How many tokens of each prompt go into the batch; a chunk ends where a state is saved."""
    wanted = {run: run.next_cut - run.sequence.length for run in prompts}
    even = max(1, room // max(1, len(prompts)))
    shares: dict[Run, int] = {}
    for run, want in wanted.items():
        shares[run] = min(want, even, room)
        room -= shares[run]
    for run, want in wanted.items():
        more = min(want - shares[run], room)
        shares[run] += more
        room -= more
    return shares
