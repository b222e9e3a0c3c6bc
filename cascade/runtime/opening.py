"""Opening the ladder: lanes without a key are left out, as long as the home lane is not missed."""

import logging
from collections.abc import Mapping

from cascade.backends.base import Backend
from cascade.errors import MissingKey
from cascade.lanes import Lane

__all__ = ["open_lanes"]

_LOG = logging.getLogger("cascade")


async def open_lanes(backends: Mapping[str, Backend], *, home: str | None) -> tuple[Lane, ...]:
    """Opens all lanes; one whose key is missing is left out, with a warning in the log.

    Args:
        backends: By lane name, in the order of the ladder.
        home: The home lane that the user named; it is never exchanged for another one.

    Raises:
        MissingKey: That home lane has no key, or no lane has one.
        ConfigError: A lane cannot be served as it is configured.
        ModelError: A lane's model cannot be used.
    """
    opened: list[Lane] = []
    lacking: dict[str, MissingKey] = {}
    for name, backend in backends.items():
        try:
            opened.append(await backend.open())
        except MissingKey as error:
            lacking[name] = error
    missed = [name for name in lacking if name == home or not opened]
    if missed:
        raise lacking[missed[0]]
    for error in lacking.values():
        _LOG.warning("%s; it is left out", error)
    return tuple(opened)
