"""Monitors: they watch a trajectory and say what they notice. Start at `README.md`.

A monitor is anything with a `name` and a pure method `watch(prefix)` that returns signals.
"""

from cascade.monitors.base import Monitor
from cascade.monitors.compose import AnyOf, Calibrated, Confirmed, Only
from cascade.monitors.general_facts import GeneralFacts
from cascade.monitors.loading import load_monitors
from cascade.monitors.milestones import MILESTONE_CODES, Milestones
from cascade.monitors.progress import Extractor, Fact, Progress
from cascade.monitors.stuck import P_FAIL, STUCK_CODES, Stuck

__all__ = [
    "MILESTONE_CODES",
    "P_FAIL",
    "STUCK_CODES",
    "AnyOf",
    "Calibrated",
    "Confirmed",
    "Extractor",
    "Fact",
    "GeneralFacts",
    "Milestones",
    "Monitor",
    "Only",
    "Progress",
    "Stuck",
    "load_monitors",
]
