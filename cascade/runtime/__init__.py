"""The live runtime. `cascade` is its public face, `driver` the loop of one trajectory."""

from cascade.runtime.bundled import BUNDLED_LANE
from cascade.runtime.cascade import Cascade
from cascade.runtime.clock import Clock, SystemClock, TickingClock
from cascade.runtime.gatekeeper import Gatekeeper
from cascade.runtime.result import Result

__all__ = [
    "BUNDLED_LANE",
    "Cascade",
    "Clock",
    "Gatekeeper",
    "Result",
    "SystemClock",
    "TickingClock",
]
