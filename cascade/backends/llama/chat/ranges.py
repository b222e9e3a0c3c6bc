"""Grammar bodies for numbers between bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor
from typing import Any

__all__ = ["Bound", "decimal_range", "integer_bounds", "integer_range", "number_bounds"]

_MOST_DIGITS = 16
_ANY, _ANY_OR_NONE = "[0-9]{1,10}", "[0-9]{0,9}"
_ZEROS = '"0"{1,10}'
_NOT_ZERO = '"0"{0,9} [1-9] [0-9]{0,9}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One end of a range.

    Attributes:
        value: The number there.
        is_open: That number itself is outside.
    """

    value: Decimal
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tail:
    """What is left of a bound's digits behind the point, without zeros at the end."""

    digits: str
    is_open: bool

    @property
    def rest(self) -> "_Tail":
        return _Tail(digits=self.digits[1:], is_open=self.is_open)


def number_bounds(schema: Mapping[str, Any]) -> tuple[Bound | None, Bound | None]:
    """The ends that a JSON schema gives a number, `None` where it gives none."""
    low = _bounds(schema, "minimum", "exclusiveMinimum")
    high = _bounds(schema, "maximum", "exclusiveMaximum")
    return (
        max(low, key=lambda bound: (bound.value, bound.is_open), default=None),
        min(high, key=lambda bound: (bound.value, not bound.is_open), default=None),
    )


def integer_bounds(schema: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """The smallest and the largest whole number that a JSON schema allows."""
    low, high = number_bounds(schema)
    least = None if low is None else floor(low.value) + 1 if low.is_open else ceil(low.value)
    most = None if high is None else ceil(high.value) - 1 if high.is_open else floor(high.value)
    return least, most


def integer_range(low: int | None, high: int | None) -> str:
    """A body that accepts the decimal integers from `low` to `high`, both included.

    Numbers have at most 16 digits, so that a model cannot loop in them.

    Args:
        low: The smallest value, or None.
        high: The largest value, or None.
    """
    limit = 10**_MOST_DIGITS - 1
    low = -limit if low is None else max(low, -limit)
    high = limit if high is None else min(high, limit)
    parts: list[str] = []
    if low < 0:
        parts += [f'"-" {part}' for part in _natural(max(1, -high), -low)]
    if high >= 0:
        parts += _natural(max(0, low), high)
    return "(" + " | ".join(parts) + ")" if parts else '"0"'


def decimal_range(low: Bound | None, high: Bound | None) -> str:
    """A body that accepts decimal numbers between two bounds, without an exponent.

    There are at most ten digits behind the point beyond those of a bound, so that rounding to a
    float hardly ever reaches an open bound.

    Args:
        low: The lower end, or None.
        high: The upper end, or None.
    """
    zero = Bound(value=Decimal(0))
    limit = Bound(value=Decimal(10**_MOST_DIGITS), is_open=True)
    low = low or Bound(value=-limit.value, is_open=True)
    high = high or limit
    parts: list[str] = []
    if low.value < 0:
        nearest = _negated(high) if high.value <= 0 else zero
        parts += [f'"-" {part}' for part in _magnitudes(nearest, _negated(low))]
    if high.value >= 0:
        parts += _magnitudes(low if low.value >= 0 else zero, high)
    return "(" + " | ".join(parts) + ")" if parts else '"0"'


def _bounds(schema: Mapping[str, Any], plain: str, exclusive: str) -> list[Bound]:
    # Old schemas write `exclusiveMinimum: true` beside a `minimum`.
    is_open = schema.get(exclusive) is True
    found: list[Bound] = []
    if plain in schema:
        found.append(Bound(value=Decimal(str(schema[plain])), is_open=is_open))
    if exclusive in schema and not isinstance(schema[exclusive], bool):
        found.append(Bound(value=Decimal(str(schema[exclusive])), is_open=True))
    return found


def _negated(bound: Bound) -> Bound:
    return Bound(value=-bound.value, is_open=bound.is_open)


def _magnitudes(low: Bound, high: Bound) -> list[str]:
    """Alternatives for numbers of one sign; `low` is the end next to zero."""
    first, low_tail = _split(low)
    last, high_tail = _split(high)
    if first == last:
        ends = [(first, _fraction(low_tail, high_tail))]
    else:
        ends = [(first, _fraction(low_tail, None)), (last, _fraction(None, high_tail))]
    parts = [f'"{whole}" {fraction}' for whole, fraction in ends if fraction is not None]
    if first + 1 <= last - 1:
        parts.append(f"{integer_range(first + 1, last - 1)} {_fraction(None, None)}")
    return parts if first <= last else []


def _split(bound: Bound) -> tuple[int, _Tail]:
    whole = int(bound.value)
    digits = format(bound.value - whole, "f").lstrip("0").removeprefix(".").rstrip("0")
    return whole, _Tail(digits=digits, is_open=bound.is_open)


def _fraction(low: _Tail | None, high: _Tail | None) -> str | None:
    """What may follow the whole part, or None where nothing can."""
    digits, fits = _tail_digits(low, high), _zero_fits(low, high)
    if digits is None:
        return '""' if fits else None
    return f'("." {digits})?' if fits else f'"." {digits}'


def _following(low: _Tail | None, high: _Tail | None) -> str | None:
    """The digits that may follow others, or None where nothing can."""
    digits, fits = _tail_digits(low, high), _zero_fits(low, high)
    if digits is None:
        return '""' if fits else None
    return f"({digits})?" if fits else digits


def _zero_fits(low: _Tail | None, high: _Tail | None) -> bool:
    """Whether no further digit, which is as good as zeros, lies between two tails."""
    return not (low is not None and (low.digits or low.is_open)) and not (
        high is not None and not high.digits and high.is_open
    )


def _tail_digits(low: _Tail | None, high: _Tail | None) -> str | None:
    """One digit or more between two tails, or None where there are none."""
    if low is not None and not (low.digits or low.is_open):
        low = None
    if high is not None and not high.digits:
        return _ZEROS if _zero_fits(low, high) else None
    if high is None and (low is None or not low.digits):
        return _ANY if low is None else _NOT_ZERO
    least = int(low.digits[:1] or 0) if low is not None else 0
    most = int(high.digits[0]) if high is not None else 9
    if low is not None and high is not None and least == most:
        ends = [(least, _following(low.rest, high.rest))]
    else:
        ends = [(least, _following(low.rest, None))] if low is not None else []
        ends += [(most, _following(None, high.rest))] if high is not None else []
    parts = [f'"{digit}" {rest}' for digit, rest in ends if rest is not None]
    start, stop = least + (low is not None), most - (high is not None)
    if start <= stop:
        parts.append(f"[{start}-{stop}] {_ANY_OR_NONE}")
    return "(" + " | ".join(parts) + ")" if parts and least <= most else None


def _natural(low: int, high: int) -> list[str]:
    """Alternatives for natural numbers, one per number of digits at most."""
    parts: list[str] = []
    for digits in range(len(str(low)), len(str(high)) + 1):
        first = max(low, 10 ** (digits - 1) if digits > 1 else 0)
        last = min(high, 10**digits - 1)
        if first <= last:
            parts.append(_same_length(str(first), str(last)))
    return parts


def _same_length(low: str, high: str) -> str:
    if not low:
        return '""'
    size = len(low)
    if low == "0" * size and high == "9" * size:
        return f"[0-9]{{{size}}}"
    if low[0] == high[0]:
        rest = _same_length(low[1:], high[1:])
        return f'"{low[0]}"' if rest == '""' else f'"{low[0]}" {rest}'
    if low[1:] == "0" * (size - 1) and high[1:] == "9" * (size - 1):
        return _digits(low[0], high[0], size - 1)
    parts = [f'"{low[0]}" {_same_length(low[1:], "9" * (size - 1))}']
    middle = chr(ord(low[0]) + 1), chr(ord(high[0]) - 1)
    if middle[0] <= middle[1]:
        parts.append(_digits(*middle, size - 1))
    parts.append(f'"{high[0]}" {_same_length("0" * (size - 1), high[1:])}')
    return "(" + " | ".join(parts) + ")"


def _digits(low: str, high: str, more: int) -> str:
    return f"[{low}-{high}]" + (f" [0-9]{{{more}}}" if more else "")
