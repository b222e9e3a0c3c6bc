"""What a gate is."""

from typing import Protocol

from cascade.exchange import Draft
from cascade.lanes import Lane
from cascade.steps import Prefix
from cascade.verdicts import Verdict

__all__ = ["Gate"]


class Gate(Protocol):
    """Judges a well-formed draft before it is accepted.

    Pure: the same prefix, draft and lane give the same verdict.
    """

    @property
    def name(self) -> str:
        """Stands in its verdicts."""
        ...

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:
        """What is to be thought of *draft*, made by *lane*."""
        ...
