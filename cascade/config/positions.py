"""Where in a TOML text each key stands, which `tomllib` does not say.

The scanner expects text that `tomllib` has accepted: it finds its way, and does not judge.
"""

import tomllib
from collections.abc import Mapping
from typing import Any, cast

__all__ = ["Path", "line_of", "positions"]

Path = tuple[str | int, ...]
"""Keys from the outermost table inwards, and indexes of arrays, from 0."""

_BARE_ENDS = frozenset(",]}#\n")


def positions(text: str) -> Mapping[Path, int]:
    """The line, from 1, on which each table, key and array element of *text* first appears."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of *path*, or of the nearest table around it; `None` where none of it is there."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._elements: dict[Path, int] = {}
        """How many elements each array of tables has had."""
        self._line = 1
        self._counted = 0

    def document(self) -> None:
        table: Path = ()
        while self._skip("\n \t"):
            if self.text.startswith("[[", self.at):
                table = self._array_table()
            elif self.text[self.at] == "[":
                self.at += 1
                table = self._note((), self._key("]"))
            else:
                self._pair(table)

    def _array_table(self) -> Path:
        self.at += 2
        name = self._note((), self._key("]"))
        self.at += 1
        index = self._elements.get(name, 0)
        self._elements[name] = index + 1
        table = (*name, index)
        self.lines.setdefault(table, self._here())
        return table

    def _pair(self, table: Path) -> None:
        self._value(self._note(table, self._key("=")))

    def _value(self, path: Path) -> None:
        self._skip(" \t")
        match self.text[self.at]:
            case '"' | "'":
                self._string()
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case _:
                while self.at < len(self.text) and self.text[self.at] not in _BARE_ENDS:
                    self.at += 1

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._skip("\n \t,") and self.text[self.at] != "]":
            self.lines.setdefault((*path, index), self._here())
            self._value((*path, index))
            index += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self._skip("\n \t,") and self.text[self.at] != "}":
            self._pair(path)
        self.at += 1

    def _key(self, end: str) -> Path:
        """Reads a key, dotted or quoted or both, and passes *end* behind it."""
        start = self.at
        while self.text[self.at] != end:
            if self.text[self.at] in "\"'":
                self._string()
            else:
                self.at += 1
        written = self.text[start : self.at]
        self.at += 1
        return _path(tomllib.loads(f"{written} = 0"))

    def _string(self) -> None:
        mark = self.text[self.at]
        is_long = self.text.startswith(mark * 3, self.at)
        end = mark * 3 if is_long else mark
        self.at += len(end)
        while not self.text.startswith(end, self.at):
            self.at += 2 if mark == '"' and self.text[self.at] == "\\" else 1
        self.at += len(end)
        while is_long and self.text.startswith(mark, self.at):
            # A long string may end in up to two quotation marks of its own.
            self.at += 1

    def _skip(self, characters: str) -> bool:
        """Passes *characters* and comments; tells whether there is more."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.text[self.at] in characters:
                self.at += 1
            else:
                return True
        return False

    def _note(self, table: Path, key: Path) -> Path:
        """Notes where *key* of *table* stands, and the tables that a dotted key makes on its way.

        A key below an array of tables belongs to the array's latest element.
        """
        line = self._here()
        path = table
        for position, part in enumerate(key):
            path = (*path, part)
            self.lines.setdefault(path, line)
            if path in self._elements and position < len(key) - 1:
                path = (*path, self._elements[path] - 1)
        return path

    def _here(self) -> int:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line


def _path(nested: Mapping[str, Any]) -> Path:
    parts: list[str] = []
    inner: Any = nested
    while isinstance(inner, dict):
        ((part, inner),) = cast("dict[str, Any]", inner).items()
        parts.append(part)
    return tuple(parts)
