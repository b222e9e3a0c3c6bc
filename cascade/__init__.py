"""Runs an agent's tool loop on a small local model and hands single steps up when it should."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cascade.errors import (
        BackendError,
        BackendRefused,
        BackendTimeout,
        BackendUnavailable,
        CascadeError,
        ConfigError,
        ContextExceeded,
        GateError,
        ModelError,
        MonitorError,
        TraceError,
    )
    from cascade.lanes import Lane, Prices
    from cascade.policy import Budget, Policy
    from cascade.runtime import Cascade, Result
    from cascade.tools import Tool, tool

__all__ = [
    "BackendError",
    "BackendRefused",
    "BackendTimeout",
    "BackendUnavailable",
    "Budget",
    "Cascade",
    "CascadeError",
    "ConfigError",
    "ContextExceeded",
    "GateError",
    "Lane",
    "ModelError",
    "MonitorError",
    "Policy",
    "Prices",
    "Result",
    "Tool",
    "TraceError",
    "tool",
]

_HOMES = ("cascade.errors", "cascade.lanes", "cascade.policy", "cascade.runtime", "cascade.tools")


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used.

    The models of the log are built when their modules are imported, which takes a good deal longer
    than importing a package should; `cascade --help`, and whoever wants only one part, need not
    wait for it.
    """
    if name in __all__:
        modules = (import_module(home) for home in _HOMES)
        globals()[name] = next(getattr(each, name) for each in modules if name in each.__all__)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
