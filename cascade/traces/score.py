"""Scores: a judgement added to the record of a trajectory that is over."""

from datetime import datetime
from pathlib import Path

from cascade.errors import TraceError
from cascade.events import Scored
from cascade.traces.record import Recorder, read_trace

__all__ = ["append_score"]


def append_score(
    path: Path,
    *,
    success: bool,
    reward: float,
    source: str,
    at: datetime,
    reason: str = "",
    fsync: bool = False,
) -> Scored:
    """Appends a `scored` event to a recorded trajectory; a trajectory may have several.

    The reason is left out where the trajectory was recorded without content: it may quote it.

    Args:
        path: The recorded trajectory.
        success: Whether the task was solved.
        reward: In [0, 1] unless the source says otherwise.
        source: Who or what judged it.
        at: UTC.
        reason: Why, in words.
        fsync: Whether the event is on the disk when this returns.

    Returns:
        The event as it was written.

    Raises:
        TraceError: The trajectory is not over, or its file cannot be read or written.
    """
    trace = read_trace(path)
    state = trace.state()
    if state.finished is None:
        raise TraceError("is not over, so it cannot be scored; resume it first", path=path)
    event = Scored(
        seq=state.seq + 1,
        at=at,
        success=success,
        reward=reward,
        source=source,
        reason="" if state.head().content == "omitted" else reason,
    )
    recorder = Recorder.reopen(trace, fsync=fsync)
    try:
        recorder.append(event)
    finally:
        recorder.close()
    return event
