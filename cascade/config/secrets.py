"""Keys that were written into the configuration itself, which is where they must not be."""

import re
from collections.abc import Iterator
from typing import Any, cast

from cascade.config.faults import Fault
from cascade.config.positions import Path

__all__ = ["secret_faults"]

_NAMES = frozenset(
    {
        "access_token",
        "api_key",
        "api_token",
        "apikey",
        "auth_token",
        "authorization",
        "bearer",
        "password",
        "secret_key",
        "x_api_key",
    }
)

_NAMES_OF_A_LANE = _NAMES | {"key", "secret", "token"}

_LOOKS_LIKE_ONE = re.compile(
    r"\b(?:sk|rk|pk|gsk|xai|hf|ghp)[-_](?=[\w-]*\d)[\w-]{16,}"  # OpenAI, Anthropic, Groq, xAI, ...
    r"|\bAIza[\w-]{30,}"  # Google
    r"|\bBearer\s+\S{8,}",
    re.IGNORECASE,
)

_ADVICE = (
    "a key must not stand here: put it into an environment variable and name that in "
    'api_key_env = "NAME", or give a program that prints it in api_key_cmd'
)


def secret_faults(data: Any, path: Path = ()) -> Iterator[Fault]:
    """Each place inside *data* that has the name of a key or holds what looks like one."""
    if isinstance(data, dict):
        for name, inner in cast("dict[str, Any]", data).items():
            names = _NAMES_OF_A_LANE if len(path) == 2 else _NAMES
            if name.lower().replace("-", "_") in names and not isinstance(inner, dict):
                yield Fault(path=(*path, name), message=_ADVICE)
            else:
                yield from secret_faults(inner, (*path, name))
    elif isinstance(data, list):
        for index, inner in enumerate(cast("list[Any]", data)):
            yield from secret_faults(inner, (*path, index))
    elif isinstance(data, str) and _LOOKS_LIKE_ONE.search(data):
        yield Fault(path=path, message=_ADVICE)
