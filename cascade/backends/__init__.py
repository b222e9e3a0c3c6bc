"""Backends: what serves a lane. `base` says what they share, `scripted` is the simplest."""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import cast

from cascade.backends.base import Backend, Hop
from cascade.credentials import Credential
from cascade.errors import ConfigError
from cascade.lanes import Lane

__all__ = ["BACKENDS", "Backend", "Hop", "backend_for"]

BACKENDS: Mapping[str, str] = MappingProxyType(
    {
        "anthropic": "cascade.backends.anthropic:anthropic_backend",
        "llama_cpp": "cascade.backends.llama.backend:LlamaBackend",
        "openai": "cascade.backends.openai:openai_backend",
    }
)
"""Backends by the name that lanes use; each is imported when a lane first needs it."""


def backend_for(lane: Lane, credential: Credential | None = None) -> Backend:
    """A backend that serves *lane*.

    Args:
        lane: What to serve.
        credential: Where its key comes from; the provider's usual variable where it is left out.

    Raises:
        ConfigError: No backend has the name that the lane gives.
    """
    path = BACKENDS.get(lane.backend)
    if path is None:
        known = ", ".join(sorted(BACKENDS))
        raise ConfigError(
            f"lane {lane.name!r} names backend {lane.backend!r}; there are: {known}. "
            "Give any other as an object: Cascade(backends={lane name: backend})"
        )
    module, _, name = path.partition(":")
    make = getattr(import_module(module), name)
    if credential is None:
        return cast("Callable[[Lane], Backend]", make)(lane)
    return cast("Callable[[Lane, Credential], Backend]", make)(lane, credential)
