"""Runs an agent's tool loop on a small local model and hands single steps up when it should."""

from cascade.errors import (
    BackendError,
    BackendRefused,
    BackendTimeout,
    BackendUnavailable,
    CascadeError,
    ConfigError,
    ModelError,
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
    "Lane",
    "ModelError",
    "Policy",
    "Prices",
    "Result",
    "Tool",
    "TraceError",
    "tool",
]
