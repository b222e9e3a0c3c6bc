"""What was made of things that never change, so that it need not be made for each call."""

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Remembered"]

_MOST = 1024

T = TypeVar("T")
U = TypeVar("U")


class Remembered(Generic[T, U]):
    """Keeps what *make* gave, by the identity of what it was given.

    The tools and answer schemas of a process are the same objects in every call.
    """

    def __init__(self, make: Callable[[T], U]) -> None:
        self._make = make
        # With the thing itself, as only that keeps its identity from others.
        self._kept: dict[int, tuple[T, U]] = {}

    def of(self, thing: T) -> U:
        """What is made of *thing*."""
        found = self._kept.get(id(thing))
        if found is not None:
            return found[1]
        if len(self._kept) >= _MOST:
            self._kept.clear()
        made = self._make(thing)
        self._kept[id(thing)] = (thing, made)
        return made
