"""Regular expressions of JSON schemas as grammar bodies."""

import re
from collections.abc import Callable

from cascade.backends.llama.chat.gbnf import class_char

__all__ = ["pattern_body"]

# Inside of a JSON string, so without quotes, backslashes and control characters.
_OUTSIDE = '"\\\\\\x00-\\x1f'
_CLASSES = {
    "d": "[0-9]",
    "w": "[a-zA-Z0-9_]",
    "s": "[ ]",
    "D": f"[^0-9{_OUTSIDE}]",
    "W": f"[^a-zA-Z0-9_{_OUTSIDE}]",
}
_CLASS_PARTS = {"d": "0-9", "w": "a-zA-Z0-9_", "s": " "}
_COUNT = re.compile(r"\{(\d+)(,?)(\d*)\}")
_MOST_REPEATS = 256


class _Unsupported(Exception):  # noqa: N818 - names the fact
    """The expression uses something that has no counterpart in a grammar."""


def pattern_body(pattern: str, quote_char: Callable[[str], str]) -> str | None:
    """The body of an anchored regular expression, or None where it has no counterpart.

    Literals, classes, groups, alternatives and counts are known. An expression without anchors
    would allow any text round it, so it is left out, and so is one with look-around or references.

    Args:
        pattern: A regular expression in the dialect of JSON schemas.
        quote_char: Turns a literal character into the terminal that writes it.
    """
    if not (pattern.startswith("^") and pattern.endswith("$")) or pattern.endswith("\\$"):
        return None
    reader = _Reader(pattern[1:-1], quote_char)
    try:
        body = reader.alternatives()
    except (_Unsupported, IndexError):
        return None
    return body if reader.at == len(reader.text) else None


class _Reader:
    def __init__(self, text: str, quote_char: Callable[[str], str]) -> None:
        self.text = text
        self.at = 0
        self.quote_char = quote_char

    def alternatives(self) -> str:
        parts = [self.sequence()]
        while self._take("|"):
            parts.append(self.sequence())
        return "(" + " | ".join(parts) + ")"

    def sequence(self) -> str:
        parts: list[str] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            parts.append(self.item() + self.count())
        return " ".join(parts) or '""'

    def item(self) -> str:
        char = self.text[self.at]
        self.at += 1
        match char:
            case "(":
                return self.group()
            case "[":
                return self.char_class()
            case ".":
                return f"[^{_OUTSIDE}]"
            case "\\":
                return self.escape()
            case "^" | "$" | "*" | "+" | "?" | "{":
                raise _Unsupported
            case _:
                return self.quote_char(char)

    def group(self) -> str:
        if self._take("?") and not self._take(":"):
            raise _Unsupported
        body = self.alternatives()
        if not self._take(")"):
            raise _Unsupported
        return body

    def escape(self) -> str:
        char = self.text[self.at]
        self.at += 1
        if char in _CLASSES:
            return _CLASSES[char]
        if char.isalnum():
            raise _Unsupported
        return self.quote_char(char)

    def char_class(self) -> str:
        end = self.at
        while self.text[end] != "]" or end == self.at:
            end += 2 if self.text[end] == "\\" else 1
        inner, self.at = self.text[self.at : end], end + 1
        if inner.startswith("^") or '"' in inner or "\\\\" in inner:
            # A negated class would let in quotes and line breaks.
            raise _Unsupported
        parts = re.sub(r"\\(.)", self._class_escape, inner)
        return f"[{parts}]"

    def _class_escape(self, match: re.Match[str]) -> str:
        char = match[1]
        if char in _CLASS_PARTS:
            return _CLASS_PARTS[char]
        if char.isalnum():
            raise _Unsupported
        return class_char(char)

    def count(self) -> str:
        if match := _COUNT.match(self.text, self.at):
            self.at = match.end()
            low, high = int(match[1]), int(match[3] or match[1])
            if max(low, high) > _MOST_REPEATS:
                raise _Unsupported
            return f"{{{low}{match[2]}{match[3]}}}"
        for mark in "*+?":
            if self._take(mark):
                if self._take("?") or self._take("+"):
                    raise _Unsupported
                return mark
        return ""

    def _take(self, char: str) -> bool:
        if self.text.startswith(char, self.at):
            self.at += len(char)
            return True
        return False
