"""From the settings to the monitors; the only place that imports a user's own."""

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from cascade.errors import ConfigError
from cascade.monitors.base import Monitor
from cascade.monitors.milestones import Milestones
from cascade.monitors.stuck import Stuck
from cascade.policy.monitoring import Monitoring

__all__ = ["ENTRY_POINTS", "load_monitors"]

ENTRY_POINTS = "cascade.monitors"
"""The group of entry points that installed packages offer monitors in."""


def load_monitors(
    settings: Monitoring, *, installed: Iterable[EntryPoint] | None = None
) -> tuple[Monitor, ...]:
    """The built-in monitors, then the user's own in the order of `Monitoring.extra`.

    What a name leads to is a monitor, or something that returns one when it is called without
    arguments, such as its class.

    Args:
        settings: What to look for.
        installed: The entry points to look names up in; `None` takes those of this environment.

    Raises:
        ConfigError: A name leads nowhere, or not to a monitor, or two monitors share a name.
    """
    goals = settings.milestones.goals
    monitors: list[Monitor] = [Stuck(settings.stuck, goals=goals), Milestones(settings.milestones)]
    monitors += [_loaded(name, installed) for name in settings.extra]
    names = [monitor.name for monitor in monitors]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"monitors: two are called {name!r}, so their signals could not be told apart; "
                "give one another `name`"
            )
    return tuple(monitors)


def _loaded(name: str, installed: Iterable[EntryPoint] | None) -> Monitor:
    if ":" in name:
        return _monitor(name, _attribute(name))
    offered = entry_points(group=ENTRY_POINTS) if installed is None else installed
    found = {entry.name: entry for entry in offered}
    if name not in found:
        known = ", ".join(sorted(found)) or "there is none"
        raise ConfigError(
            f"monitors: {name!r} is no installed monitor (group {ENTRY_POINTS!r} of the installed "
            f"packages' entry points: {known}); one of your own is named `module:attribute`"
        )
    try:
        return _monitor(name, found[name].load())
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"monitors: {name!r} could not be loaded: {error}") from error


def _attribute(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        found: Any = import_module(module)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"monitors: the module of {name!r} could not be imported: {error}; is its folder on "
            "PYTHONPATH, or its package installed here?"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"monitors: {module!r} has no {attribute!r}, which {name!r} names")
        found = getattr(found, part)
    return found


def _monitor(name: str, found: Any) -> Monitor:
    made: Any = found
    if isinstance(found, type) or (callable(found) and not hasattr(found, "watch")):
        try:
            made = found()
        except TypeError as error:
            raise ConfigError(
                f"monitors: {name!r} has to be a monitor or to make one without arguments: {error}"
            ) from error
    if not isinstance(getattr(made, "name", None), str) or not callable(
        getattr(made, "watch", None)
    ):
        raise ConfigError(
            f"monitors: {name!r} is a {type(made).__name__}; a monitor has a `name` and a method "
            "`watch(prefix)` that returns signals"
        )
    return made
