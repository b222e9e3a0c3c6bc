"""What has to be there for a recorded trajectory to go on."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from cascade.errors import ConfigError, TraceError
from cascade.lanes import Lane
from cascade.runtime.lane_changes import check_lanes
from cascade.runtime.structured import output_schema
from cascade.state import State
from cascade.tools import Tool

__all__ = ["check_resumable"]


def check_resumable(
    state: State,
    *,
    tools: Sequence[Tool],
    lanes: Sequence[Lane],
    response_format: type[BaseModel] | None,
    path: Path | None,
    accept_changed_lanes: bool,
) -> tuple[Lane, ...]:
    """Checks that nothing is missing.

    Args:
        state: Of the trajectory as it was recorded.
        tools: Those that are given now.
        lanes: Those that are served now.
        response_format: The form of the answer that is asked for now.
        path: Its file, for the message.
        accept_changed_lanes: Whether its lanes may be other models, or at other places.

    Returns:
        The recorded lanes that nobody serves now and that it can do without.

    Raises:
        ConfigError: A tool or a lane that the trajectory uses is missing, a lane is another one
            now, or the answer is to have another form.
        TraceError: It was recorded without what was said.
    """
    started = state.head()
    if started.content == "omitted":
        raise TraceError("was recorded without message content and so cannot be resumed", path=path)
    missing = {spec.name for spec in started.tools} - {tool.name for tool in tools}
    if missing:
        names = ", ".join(sorted(missing))
        raise ConfigError(f"the trajectory uses tools that were not given: {names}")
    asked = None if response_format is None else output_schema(response_format)
    if asked != started.output:
        form = "no form" if started.output is None else f"the form {started.output.name}"
        raise ConfigError(f"the trajectory's answer has {form}: give the same response_format")
    return check_lanes(state, lanes, accept_changed=accept_changed_lanes)
