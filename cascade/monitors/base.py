"""What a monitor is."""

from collections.abc import Iterable
from typing import Protocol

from cascade.signals import Signal
from cascade.steps import Prefix

__all__ = ["Monitor"]


class Monitor(Protocol):
    """Watches a trajectory and says what it notices.

    Pure: the same prefix gives the same signals, whoever asks and whenever. A monitor that raises
    is an error of the policy's, never swallowed.
    """

    @property
    def name(self) -> str:
        """Stands in its signals."""
        ...

    def watch(self, prefix: Prefix) -> Iterable[Signal]:
        """What is to be noticed at this point; nothing is the normal case."""
        ...
