"""Verdicts: what a gate thinks of a draft, and how far that may be believed."""

from typing import Literal

from pydantic import Field

from cascade.decision import Probability
from cascade.frozen import Frozen

__all__ = ["Basis", "Verdict"]

Basis = Literal["free", "grammar"]
"""How the tokens behind a score were chosen: freely, or under a grammar, which changes what their
probabilities mean."""


class Verdict(Frozen):
    """One gate's judgement of one draft."""

    gate: str
    passed: bool | None
    """`None` where the gate had nothing to go by; the reason says what was missing."""
    reason: str
    """In words, with values."""
    p_fail: Probability | None = None
    """Probability that the drafted step is wrong."""
    calibration: str | None = None
    """Name of the calibration behind `p_fail`; `None` means that it is not calibrated."""
    basis: Basis | None = None
    features: dict[str, float] = Field(default_factory=dict)
    """What `p_fail` was made from, by name."""
