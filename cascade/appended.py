"""A sequence that only grows, with every earlier version still valid."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar, cast, overload

__all__ = ["Appended"]

T = TypeVar("T")


class Appended(Sequence[T]):
    """An immutable sequence whose `append` returns a longer one in O(1).

    A version is a length over a list that its successors share. Appending to the newest version
    extends that list in place, which no earlier version can see; appending to an earlier one
    copies, so that a branch never disturbs the run it left.
    """

    __slots__ = ("_items", "_length")

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._items: list[T] = list(items)
        self._length = len(self._items)

    def append(self, item: T) -> "Appended[T]":
        """Returns a version that ends in `item`; this one stays as it is."""
        successor = cast("Appended[T]", object.__new__(Appended))
        # An empty version may be a constant that all share; it is not to hold anybody's items.
        newest = 0 < self._length == len(self._items)
        items = self._items if newest else self._items[: self._length]
        items.append(item)
        successor._items = items  # noqa: SLF001 - of its own class
        successor._length = self._length + 1  # noqa: SLF001 - idem
        return successor

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple([self._items[i] for i in range(*index.indices(self._length))])
        if not -self._length <= index < self._length:
            raise IndexError(f"index {index} of a sequence of {self._length}")
        return self._items[index if index >= 0 else index + self._length]

    def __iter__(self) -> Iterator[T]:
        # Not the list's own iterator, which would run on into what a successor appends.
        return islice(self._items, self._length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Appended):
            return NotImplemented
        return self[:] == other[:]

    def __hash__(self) -> int:
        return hash(self[:])

    def __repr__(self) -> str:
        return f"Appended({list(self)!r})"
