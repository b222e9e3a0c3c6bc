"""What has to be there for a recorded trajectory to go on."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from cascade.errors import ConfigError, TraceError
from cascade.lanes import Lane
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
) -> None:
    """Checks that nothing is missing.

    Args:
        state: Of the trajectory as it was recorded.
        tools: Those that are given now.
        lanes: Those that are served now.
        response_format: The form of the answer that is asked for now.
        path: Its file, for the message.

    Raises:
        ConfigError: A tool or a lane that the trajectory uses is missing, the lane has another
            model now, or the answer is to have another form.
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
    served = {lane.name: lane for lane in lanes}
    lacking = {lane.name for lane in started.lanes} - set(served)
    if lacking:
        names = ", ".join(sorted(lacking))
        raise ConfigError(f"the trajectory uses lanes that this runtime lacks: {names}")
    for before in started.lanes:
        now = served[before.name]
        if (before.backend, before.model) != (now.backend, now.model):
            raise ConfigError(
                f"lane {before.name!r} ran {before.backend} {before.model} in this trajectory and "
                f"is {now.backend} {now.model} in this runtime: open it with the same model"
            )
