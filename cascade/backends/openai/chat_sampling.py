"""Sampling and reasoning effort in the fields of Chat Completions."""

from pydantic import JsonValue

from cascade.backends.openai.quirks import Dialect, takes_tools_only_without_effort
from cascade.exchange import Dropped, Request, Sampling, View
from cascade.lanes import Lane

__all__ = ["dropped_sampling", "effort_of", "sampling_fields"]

_DEFAULT = Sampling()
_COMMON = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "stop")
_EXTRA = ("top_k", "min_p", "repeat_penalty")


def sampling_fields(lane: Lane, dialect: Dialect, sampling: Sampling) -> dict[str, JsonValue]:
    """What of the sampling the lane takes."""
    if not lane.capabilities.sampling:
        return {}
    fields: dict[str, JsonValue] = {"temperature": sampling.temperature}
    for name in _COMMON[1:]:
        value = getattr(sampling, name)
        if value != getattr(_DEFAULT, name):
            fields[name] = list(value) if name == "stop" else value
    for name in _EXTRA:
        value = getattr(sampling, name)
        if name in dialect.sampling and value != getattr(_DEFAULT, name):
            fields[dialect.sampling[name]] = value
    return fields


def dropped_sampling(lane: Lane, dialect: Dialect, sampling: Sampling) -> tuple[Dropped, ...]:
    """Kinds of sampling that were asked for and are not sent."""
    left_out = [name for name in _EXTRA if name not in dialect.sampling]
    if not lane.capabilities.sampling:
        left_out = [*_COMMON, *_EXTRA]
    count = sum(getattr(sampling, name) != getattr(_DEFAULT, name) for name in left_out)
    return (Dropped(what="sampling", why="not_supported", count=count),) if count else ()


def effort_of(lane: Lane, view: View, request: Request, *, is_openai: bool) -> str | None:
    """The reasoning effort to ask for; `None` leaves the model's default.

    Args:
        lane: That is called.
        view: What it is shown.
        request: What is asked for.
        is_openai: Whether OpenAI itself serves the lane.
    """
    asked = request.effort or lane.effort
    if is_openai and view.tools:
        rule = takes_tools_only_without_effort(lane.model)
        if rule == "always":
            return "none"
        if rule == "when_set":
            return None
    known = lane.capabilities.efforts
    return None if known and asked not in known else asked
