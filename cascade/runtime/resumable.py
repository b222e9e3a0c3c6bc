"""What has to be there for a recorded trajectory to go on."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from cascade.errors import ConfigError, TraceError
from cascade.state import State
from cascade.tools import Tool

__all__ = ["check_resumable"]


def check_resumable(
    state: State, *, tools: Sequence[Tool], lanes: AbstractSet[str], path: Path | None
) -> None:
    """Checks that nothing is missing.

    Args:
        state: Of the trajectory as it was recorded.
        tools: Those that are given now.
        lanes: Names of those that are served now.
        path: Its file, for the message.

    Raises:
        ConfigError: A tool or a lane that the trajectory uses is missing.
        TraceError: It was recorded without what was said.
    """
    started = state.head()
    if started.content == "omitted":
        raise TraceError("was recorded without message content and so cannot be resumed", path=path)
    missing = {spec.name for spec in started.tools} - {tool.name for tool in tools}
    if missing:
        names = ", ".join(sorted(missing))
        raise ConfigError(f"the trajectory uses tools that were not given: {names}")
    lacking = {lane.name for lane in started.lanes} - lanes
    if lacking:
        names = ", ".join(sorted(lacking))
        raise ConfigError(f"the trajectory uses lanes that this runtime lacks: {names}")
