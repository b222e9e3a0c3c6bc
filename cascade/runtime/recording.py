"""Where a new trajectory is recorded."""

import re
from pathlib import Path

from cascade.errors import ConfigError
from cascade.events import Started
from cascade.traces.record import Recorder

__all__ = ["new_recorder"]

TRAJECTORY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


def new_recorder(folder: Path | None, started: Started, *, fsync: bool) -> Recorder | None:
    """Starts the file of a trajectory, or none where there is no folder for it.

    Raises:
        ConfigError: The identity cannot be the name of a file.
        TraceError: The file exists, or cannot be made.
    """
    if folder is None:
        return None
    trajectory_id = started.trajectory_id
    if not TRAJECTORY_ID.fullmatch(trajectory_id):
        raise ConfigError(
            f"trajectory_id {trajectory_id!r} is to be the name of a file: "
            "use up to 120 letters, digits, '.', '_' and '-', with a letter or digit first"
        )
    path = folder / f"{trajectory_id}.jsonl"
    return Recorder.create(path, content=started.content == "full", fsync=fsync)
