"""Recorded trajectories: `record` writes and reads them, `content` blanks what was said."""

from cascade.traces.record import Recorder, Trace, read_trace
from cascade.traces.score import append_score

__all__ = ["Recorder", "Trace", "append_score", "read_trace"]
