"""The live runtime. `cascade` is its public face, `driver` the loop of one trajectory."""

from cascade.runtime.cascade import BUNDLED_LANE, Cascade
from cascade.runtime.clock import Clock, SystemClock, TickingClock
from cascade.runtime.result import Result

__all__ = ["BUNDLED_LANE", "Cascade", "Clock", "Result", "SystemClock", "TickingClock"]
