"""Grammar bodies for whole numbers between bounds."""

__all__ = ["integer_range"]

_MOST_DIGITS = 16


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
