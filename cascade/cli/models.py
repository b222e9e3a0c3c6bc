"""Model references on the command line: from what the user writes to a lane that serves it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cascade.backends.base import Backend
from cascade.backends.scripted import ScriptedBackend
from cascade.cli.loading import load_object
from cascade.errors import ConfigError
from cascade.exchange import Sampling
from cascade.lanes import Capabilities, Lane, Prices
from cascade.runtime import BUNDLED_LANE

__all__ = ["lane_of", "scripted_backends"]

SCRIPTED = "scripted:"


def lane_of(
    reference: str,
    *,
    max_output_tokens: int | None = None,
    context_tokens: int | None = None,
    temperature: float | None = None,
    settings: Sequence[str] = (),
) -> Lane:
    """The lane for a model reference.

    `scripted:` goes before a `module:attribute` or `file.py:attribute` that holds replies: a list
    or a function, as `cascade.backends.scripted` takes them. Everything else is for llama.cpp.

    Args:
        reference: As the user wrote it.
        max_output_tokens: The most that one model call may write.
        context_tokens: Size of the context window; the model's own by default.
        temperature: 0 always takes the most probable token.
        settings: `name=value`, the value as JSON or as plain text.

    Raises:
        ConfigError: A setting is not of that form.
    """
    if reference.startswith(SCRIPTED):
        return Lane(
            name="scripted",
            backend="scripted",
            model=reference.removeprefix(SCRIPTED),
            locality="local",
            capabilities=Capabilities(parallel_tools=True),
            prices=Prices.free(),
        )
    changes: dict[str, Any] = {}
    if reference != BUNDLED_LANE.model:
        changes |= {"model": reference, "max_output_tokens": 1024}
    if max_output_tokens is not None:
        changes["max_output_tokens"] = max_output_tokens
    if context_tokens is not None:
        changes["context_tokens"] = context_tokens
    if temperature is not None:
        changes["sampling"] = Sampling(temperature=temperature)
    if settings:
        changes["settings"] = dict(_setting(text) for text in settings)
    return BUNDLED_LANE.model_copy(update=changes)


def scripted_backends(lanes: Iterable[Lane]) -> Mapping[str, Backend]:
    """Backends of the lanes that a script serves, by name; the package opens the others itself.

    Raises:
        ConfigError: A script cannot be imported.
    """
    return {
        lane.name: ScriptedBackend(load_object(lane.model), lane=lane)
        for lane in lanes
        if lane.backend == "scripted"
    }


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ConfigError(f"--set {text!r}: a setting is written NAME=VALUE, such as threads=2")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
