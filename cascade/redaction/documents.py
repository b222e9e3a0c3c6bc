"""Redaction of JSON: names, texts and numbers, however deep they stand."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

from pydantic import JsonValue

from cascade.redaction.scanner import Scanner
from cascade.redaction.spans import FieldRecogniser
from cascade.redaction.texts import redacted_pieces
from cascade.redaction.vault import FRAGMENT, Numbering

__all__ = ["Document"]


class Document:
    """The redaction of one JSON value. What holds nothing to hide stays the same object.

    Args:
        scanner: Finds what is to be hidden.
        numbering: Gives out placeholders.
    """

    def __init__(self, scanner: Scanner, numbering: Numbering) -> None:
        self._scanner = scanner
        self._numbering = numbering
        self._by_field = [
            recogniser
            for recogniser in scanner.recognisers
            if isinstance(recogniser, FieldRecogniser)
        ]

    def object(self, value: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """The object with names and values redacted."""
        redacted = {self._text(name): self.value(item, field=name) for name, item in value.items()}
        unchanged = all(
            name == old and item is value[old]
            for (name, item), old in zip(redacted.items(), value, strict=True)
        )
        return value if unchanged and isinstance(value, dict) else redacted

    def value(self, value: JsonValue, *, field: str = "") -> JsonValue:
        """Any value redacted; a number that is hidden becomes text.

        Args:
            value: Any JSON.
            field: Name under which it stands in its object; empty for none.
        """
        match value:
            case str():
                return self._in_field(field, value) or self._text(value)
            case bool() | None:
                return value
            case int() | float():
                return self._number(field, value)
            case dict():
                return self.object(value)
            case list():
                return self._list(field, value)

    def _text(self, text: str) -> str:
        [redacted] = redacted_pieces(self._scanner, self._numbering, [text])
        return text if redacted == text else redacted

    def _in_field(self, field: str, text: str) -> str | None:
        """The text, hidden whole where its field says what it is."""
        if not field:
            return None
        for recogniser in self._by_field:
            for span in recogniser.find_in_field(field, text):
                return self._numbering.placeholder(text, span.label)
        return None

    def _number(self, field: str, number: float) -> JsonValue:
        text = repr(number)
        spans = self._scanner.spans(text, self._numbering.sought)
        for recogniser in self._by_field if field else ():
            spans += recogniser.find_in_field(field, text)
        if not spans:
            return number
        return self._numbering.placeholder(text, spans[0].label, is_number=True)

    def _list(self, field: str, items: list[JsonValue]) -> list[JsonValue]:
        texts = [item for item in items if isinstance(item, str)]
        if len(texts) == len(items) and len(items) > 1:
            redacted: Sequence[JsonValue] = self._texts(field, texts)
        else:
            redacted = [self.value(item, field=field) for item in items]
        same = all(new is old for new, old in zip(redacted, items, strict=True))
        return items if same else list(redacted)

    def _texts(self, field: str, texts: list[str]) -> list[str]:
        """Texts in a row, in which a value may be cut into pieces."""
        redacted = [self._in_field(field, text) or self._text(text) for text in texts]
        borders = list(accumulate(map(len, texts)))
        for span in self._scanner.spans("".join(texts), self._numbering.sought):
            first = bisect_right(borders, span.start)
            last = bisect_left(borders, span.end)
            pieces = range(first, last + 1)
            # Where one piece was found by itself, its neighbours only happen to stand beside it.
            if first < last and all(redacted[piece] is texts[piece] for piece in pieces):
                for piece in pieces:
                    redacted[piece] = self._numbering.placeholder(texts[piece], FRAGMENT)
        return redacted
