"""What a recogniser is and what it finds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

__all__ = ["FieldRecogniser", "Recogniser", "Span"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text that is not to leave.

    Attributes:
        start: Index of its first character.
        end: Index behind its last character.
        label: What it is, in capitals: `EMAIL`, `CARD`. Becomes part of the placeholder.
    """

    start: int
    end: int
    label: str


@runtime_checkable
class Recogniser(Protocol):
    """Finds values of some kind in a text.

    Pure: the same text gives the same spans. It is shown each text as it stands and again with
    escapes resolved, odd characters made plain and encoded pieces decoded, so it need not know of
    any of these. Spans may overlap.
    """

    @property
    def name(self) -> str:
        """Stands in messages about it."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that its spans can have: capitals, digits and `_`."""
        ...

    def find(self, text: str) -> Iterable[Span]:
        """The values in *text*."""
        ...


@runtime_checkable
class FieldRecogniser(Recogniser, Protocol):
    """A recogniser that also knows values by the name of the field that they stand in."""

    def find_in_field(self, field: str, value: str) -> Iterable[Span]:
        """The spans of *value*, which stands in a JSON object under the name *field*."""
        ...
