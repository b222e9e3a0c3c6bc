"""The search for values in one text, in every reading of it."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence

from cascade.redaction.encodings import encoded_pieces
from cascade.redaction.placeholders import placeholder_forms
from cascade.redaction.readings import Reading, folded, plain, unescaped, unwrapped
from cascade.redaction.spans import Recogniser, Span
from cascade.redaction.vault import ENCODED, FRAGMENT, PRIVATE, TEXT, lowered

__all__ = ["Scanner"]

_ESCAPED_TIMES = 3
_ENCODED_TIMES = 3
_SHORTEST_INSIDE_WORDS = 8
_LONGEST_RESIDUE = 6
_REST_OF_KEY = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[0-9A-Za-z+/=_.\-]{8,}")


class Scanner:
    """Finds everything in a text that is not to leave.

    Args:
        recognisers: Whose values are hidden.
    """

    def __init__(self, recognisers: Sequence[Recogniser]) -> None:
        self.recognisers = tuple(recognisers)
        labels = {label for recogniser in self.recognisers for label in recogniser.labels}
        self._own_labels = frozenset(labels | {ENCODED, FRAGMENT, PRIVATE, TEXT})

    def spans(self, text: str, sought: Mapping[str, str]) -> list[Span]:
        """What is to be replaced in *text*: sorted, none touching another's characters.

        Args:
            text: What is searched.
            sought: Known values in small letters, and their labels.
        """
        found = self._found(text, sought, _ENCODED_TIMES)
        return _merged(found + self._lookalikes(text))

    def _lookalikes(self, text: str) -> list[Span]:
        """What would be taken for a placeholder on the way back."""
        capitals = text.upper()
        if not any(label in capitals for label in self._own_labels):
            return []
        forms = placeholder_forms(self._own_labels, within_words=True)
        return [Span(*match.span(), TEXT) for match in forms.finditer(text)]

    def _found(self, text: str, sought: Mapping[str, str], encoded_times: int) -> list[Span]:
        readings = _readings(text)
        found: list[Span] = []
        for reading in reversed(readings):
            for span in self._in(reading, sought):
                found.append(_without_residue(text, span, found))
        for reading in readings:
            joined, joints = unwrapped(reading)
            if joints:
                found += self._over_wraps(joined, joints, sought, found)
            if encoded_times:
                for each in (reading, joined) if joints else (reading,):
                    found += self._encoded(each, sought, encoded_times)
        return found

    def _in(self, reading: Reading, sought: Mapping[str, str]) -> list[Span]:
        """The spans of one reading, at their places in the original."""
        return [
            Span(*reading.original(span.start, span.end), span.label)
            for span in self._in_text(reading.text, sought)
        ]

    def _in_text(self, text: str, sought: Mapping[str, str]) -> list[Span]:
        found = [
            span
            for recogniser in self.recognisers
            for span in recogniser.find(text)
            if span.start < span.end
        ]
        return found + _known(lowered(text), sought) if sought else found

    def _over_wraps(
        self,
        joined: Reading,
        joints: Sequence[int],
        sought: Mapping[str, str],
        found: Sequence[Span],
    ) -> list[Span]:
        """Values that a line break cut in two.

        Where a part of one was found by itself, what follows the break is taken for the rest of it
        only if it looks like the rest of a key.
        """
        crossing: list[Span] = []
        for span in self._in_text(joined.text, sought):
            first = bisect_right(joints, span.start)
            if first >= bisect_left(joints, span.end):
                continue
            whole = Span(*joined.original(span.start, span.end), span.label)
            overlaps = any(each.start < whole.end and whole.start < each.end for each in found)
            if not overlaps or _REST_OF_KEY.fullmatch(joined.text, joints[first], span.end):
                crossing.append(whole)
        return crossing

    def _encoded(
        self, reading: Reading, sought: Mapping[str, str], encoded_times: int
    ) -> list[Span]:
        """Encoded pieces that hold something, whole."""
        return [
            Span(*reading.original(piece.start, piece.end), ENCODED)
            for piece in encoded_pieces(reading.text)
            if self._found(piece.text, sought, encoded_times - 1)
        ]


def _readings(text: str) -> list[Reading]:
    """The text with usual characters, then with its escapes resolved once, twice, three times."""
    readings = [folded(plain(text))]
    for _ in range(_ESCAPED_TIMES):
        deeper = unescaped(readings[-1])
        if deeper is readings[-1]:
            break
        readings.append(folded(deeper))
    return readings


def _without_residue(text: str, span: Span, deeper: Sequence[Span]) -> Span:
    r"""The span without the rest of an escape at its start.

    In `\njane@example.com` the mail address does not begin with an `n`; the reading in which the
    escape is resolved knows that.
    """
    if not span.start or text[span.start - 1] not in "\\%=":
        return span
    for each in deeper:
        if span.start < each.start <= span.start + _LONGEST_RESIDUE and each.start < span.end:
            return Span(each.start, span.end, span.label)
    return span


def _known(text: str, sought: Mapping[str, str]) -> list[Span]:
    """The known values in a text in small letters; short ones only as whole words."""
    found: list[Span] = []
    for value, label in sought.items():
        start = text.find(value)
        while start >= 0:
            end = start + len(value)
            if len(value) >= _SHORTEST_INSIDE_WORDS or _stands_alone(text, start, end):
                found.append(Span(start, end, label))
            start = text.find(value, end)
    return found


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = text[start - 1 : start]
    after = text[end : end + 1]
    return not (
        (before.isalnum() and text[start].isalnum())
        or (after.isalnum() and text[end - 1].isalnum())
    )


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Overlapping spans as one, under the label of the longest."""
    merged: list[Span] = []
    longest = 0
    for span in sorted(spans, key=lambda each: (each.start, -each.end)):
        size = span.end - span.start
        if merged and span.start < merged[-1].end:
            last = merged.pop()
            label = span.label if size > longest else last.label
            merged.append(Span(last.start, max(last.end, span.end), label))
            longest = max(longest, size)
        else:
            merged.append(span)
            longest = size
    return merged
