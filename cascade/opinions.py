"""Opinions: what a lane answers when it is asked about a trajectory instead of driving it."""

from cascade.frozen import Frozen

__all__ = ["Review"]


class Review(Frozen):
    """A reviewer's verdict on a milestone."""

    milestone: str
    """What was reached, or is claimed to be, in the reviewer's words."""
    on_track: bool
    """Whether the work may go on from here."""
    reason: str
    correction: str
    """What is to be done instead; empty where nothing is."""
