"""The servers that people name by who made them: what talks to them, and where they listen."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["SERVERS", "Server"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What a provider's name stands for.

    Attributes:
        backend: What talks to it.
        endpoint: Where it listens unless it was told otherwise; empty for the provider's own.
        is_free: Whether nobody bills what it does on one's own machine.
        log_probabilities: Whether it gives those of tokens.
        quirks: Its name for the backend, which knows how each server differs.
    """

    backend: str
    endpoint: str = ""
    is_free: bool = False
    log_probabilities: bool = False
    quirks: str | None = None


SERVERS: Mapping[str, Server] = MappingProxyType(
    {
        "bundled": Server(backend="llama_cpp"),
        "llama_cpp": Server(backend="llama_cpp"),
        "openai": Server(backend="openai"),
        "anthropic": Server(backend="anthropic"),
        "llama_server": Server(
            backend="openai",
            endpoint="http://127.0.0.1:8080/v1",
            is_free=True,
            log_probabilities=True,
            quirks="llama_server",
        ),
        "ollama": Server(
            backend="openai",
            endpoint="http://127.0.0.1:11434/v1",
            is_free=True,
            quirks="ollama",
        ),
        "vllm": Server(
            backend="openai",
            endpoint="http://127.0.0.1:8000/v1",
            is_free=True,
            log_probabilities=True,
            quirks="vllm",
        ),
    }
)
"""By the name that `provider` takes."""
