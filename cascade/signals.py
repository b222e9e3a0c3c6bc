"""Signals: what a monitor noticed, with the evidence for it."""

from typing import Literal

from pydantic import PositiveInt

from cascade.decision import Probability
from cascade.frozen import Frozen

__all__ = ["Signal", "SignalKind"]

SignalKind = Literal["stuck", "milestone", "drift", "blind"]
"""No progress is made; work that is worth checking was reached; the work leaves its task; the
monitor itself failed, and the policy goes on without it."""


class Signal(Frozen):
    """What one monitor noticed at one point of a trajectory."""

    monitor: str
    """Name of the monitor."""
    kind: SignalKind
    code: str
    """What was noticed, one of the codes that the monitor documents, such as `repeated_call`."""
    hard: bool = False
    """Whether it counts at once, without being confirmed in the next step."""
    steps: tuple[PositiveInt, ...] = ()
    """The steps that show it, numbered from 1."""
    evidence: str
    """What they show, in words, with values."""
    p_fail: Probability | None = None
    """Probability that the trajectory fails if the lane in charge goes on; `None` where the monitor
    does not say."""
    calibration: str | None = None
    """Name of the calibration behind `p_fail`; `None` means that it is not calibrated."""
