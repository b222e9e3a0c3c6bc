"""Pieces that the patterns of several recognisers share.

A pattern begins with the characters that a value can begin with, and looks back only then: the
search then skips all other places at the speed of C.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cascade.redaction.spans import Span

__all__ = ["ALONE", "END", "GAP", "NO_NUMBER_BEFORE", "Shape", "compact", "field_words"]

ALONE = r"(?<![0-9A-Za-z_].)(?<![0-9][.,].)"
"""Behind a first character: no word and no number leads into it."""

NO_NUMBER_BEFORE = r"(?<![0-9].)(?<![0-9][.,].)"
"""Behind a first character: no number leads into it."""

END = r"(?![0-9A-Za-z_])"
"""Behind a last character: no word goes on."""

GAP = r"(?:[ ]?[ .\-_/\t\xb7\u2022][ ]?|[ \t]?\r?\n[ \t]?)"
"""Between two groups of digits: one sign, or the end of a line."""

_CONTEXT_CHARACTERS = 48
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATORS = re.compile(r"[^0-9A-Za-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What values of one kind look like.

    Attributes:
        label: What they are.
        pattern: Finds candidates.
        valid: Tells, of a candidate without its separators, whether it is one.
        context: Has to occur shortly before the candidate, in the same line, where the shape
            alone says too little.
        marks: One of these, in small letters, occurs in all that *context* finds.
    """

    label: str
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]
    context: re.Pattern[str] | None = None
    marks: tuple[str, ...] = ()

    def find(self, text: str) -> Iterator[Span]:
        """The values of this kind in *text*."""
        if self.marks:
            small = text.lower()
            if not any(mark in small for mark in self.marks):
                return
        for match in self.pattern.finditer(text):
            if self.valid(compact(match.group())) and self._fits(text, match.start()):
                yield Span(match.start(), match.end(), self.label)

    def _fits(self, text: str, start: int) -> bool:
        if self.context is None:
            return True
        before = text[max(0, start - _CONTEXT_CHARACTERS) : start]
        return self.context.search(before[before.rfind("\n") + 1 :]) is not None


def compact(written: str) -> str:
    """Letters and digits alone, letters as capitals."""
    return _SEPARATORS.sub("", written).upper()


def field_words(field: str) -> str:
    """The name of a field in small words: `cardNumber`, `CARD-NUMBER` give `card_number`."""
    return _SEPARATORS.sub("_", _CAMEL.sub("_", field)).strip("_").lower()
