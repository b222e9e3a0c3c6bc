"""Opening and closing the ladder: what one lane does is not to harm the others."""

import logging
from collections.abc import Iterable, Mapping, Sequence

import anyio

from cascade.backends.base import Backend
from cascade.errors import MissingKey
from cascade.lanes import Lane
from cascade.runtime.exceptions import described, one_exception
from cascade.runtime.streaming import CLOSE_S

__all__ = ["close_lanes", "open_lanes"]

_LOG = logging.getLogger("cascade")


async def open_lanes(
    lanes: Sequence[Lane], backends: Mapping[str, Backend], *, home: str | None
) -> tuple[Lane, ...]:
    """Opens all lanes; one whose key is missing is left out, with a warning in the log.

    They open at the same time, so that servers that are slow to answer are waited for once. Only
    models in this process are loaded one after the other: they compete for the same memory.

    Args:
        lanes: The ladder.
        backends: By lane name.
        home: The home lane that the user named; it is never exchanged for another one.

    Raises:
        MissingKey: That home lane has no key, or no lane has one.
        ConfigError: A lane cannot be served as it is configured; the others are stopped. Those
            that were open already stay so until `close_lanes`.
        ModelError: A lane's model cannot be used.
    """
    opened: dict[str, Lane] = {}
    lacking: dict[str, MissingKey] = {}

    async def open_in_turn(names: Iterable[str]) -> None:
        for name in names:
            try:
                opened[name] = await backends[name].open()
            except MissingKey as error:
                lacking[name] = error

    with one_exception():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(open_in_turn, [each.name for each in lanes if _is_local(each)])
            for lane in lanes:
                if not _is_local(lane):
                    tasks.start_soon(open_in_turn, [lane.name])
    left_out = [lane.name for lane in lanes if lane.name in lacking]
    missed = [name for name in left_out if name == home or not opened]
    if missed:
        raise lacking[missed[0]]
    for name in left_out:
        _LOG.warning("%s; it is left out", lacking[name])
    return tuple(opened[lane.name] for lane in lanes if lane.name in opened)


async def close_lanes(backends: Mapping[str, Backend], *, raising: bool) -> None:
    """Closes all backends at the same time, within `CLOSE_S` seconds; a cancellation waits.

    Args:
        backends: By lane name.
        raising: Whether the first exception of a backend is raised once all were closed. Each is
            logged, as another one may be on its way, which counts more.
    """
    failed: list[Exception] = []

    async def close(name: str, backend: Backend) -> None:
        try:
            await backend.aclose()
        except Exception as error:  # noqa: BLE001 - logged here, and raised below
            _LOG.error("lane %s could not be closed: %s", name, described(error))
            failed.append(error)

    with anyio.move_on_after(CLOSE_S, shield=True):
        async with anyio.create_task_group() as tasks:
            for name, backend in backends.items():
                tasks.start_soon(close, name, backend)
    if raising and failed:
        raise failed[0]


def _is_local(lane: Lane) -> bool:
    return lane.locality == "local"
