"""Redaction of texts that stand next to each other."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from cascade.redaction.scanner import Scanner
from cascade.redaction.vault import Numbering

__all__ = ["redacted_pieces"]


def redacted_pieces(scanner: Scanner, numbering: Numbering, pieces: Sequence[str]) -> list[str]:
    """The pieces, redacted as if they were one text.

    A value that runs over several pieces is replaced in the first and removed from the others.
    """
    whole = "".join(pieces)
    spans = scanner.spans(whole, numbering.sought) if whole else []
    if not spans:
        return list(pieces)
    starts = [0, *accumulate(map(len, pieces))][:-1]
    kept: list[list[str]] = [[] for _ in pieces]
    last = 0
    for span in spans:
        _share_out(whole, last, span.start, starts, kept)
        value = whole[span.start : span.end]
        kept[bisect_right(starts, span.start) - 1].append(numbering.placeholder(value, span.label))
        last = span.end
    _share_out(whole, last, len(whole), starts, kept)
    return ["".join(each) for each in kept]


def _share_out(
    whole: str, start: int, end: int, starts: Sequence[int], kept: Sequence[list[str]]
) -> None:
    """Puts a stretch of the whole back to the pieces that it came from."""
    while start < end:
        index = bisect_right(starts, start) - 1
        border = min(end, starts[index + 1]) if index + 1 < len(starts) else end
        kept[index].append(whole[start:border])
        start = border
