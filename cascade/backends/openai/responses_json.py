"""Reading JSON of which little can be taken for granted."""

from pydantic import JsonValue
from pydantic_core import from_json

from cascade.errors import BackendUnavailable

__all__ = ["Item", "entries_in", "parsed", "text_in"]

Item = dict[str, JsonValue]
"""A JSON object, most often an input or output item."""


def parsed(data: bytes, *, backend: str) -> Item:
    """The JSON object in *data*.

    Raises:
        BackendUnavailable: Of kind `protocol`: there is none.
    """
    try:
        value: JsonValue = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        message = f"the answer holds something that is no JSON ({error}): {_start(data)}"
        raise BackendUnavailable(message, backend=backend, failure="protocol") from error
    if not isinstance(value, dict):
        message = f"the answer holds something that is no JSON object: {_start(data)}"
        raise BackendUnavailable(message, backend=backend, failure="protocol")
    return value


def text_in(item: Item, key: str) -> str:
    """The text under *key*; empty where there is something else or nothing."""
    value = item.get(key)
    return value if isinstance(value, str) else ""


def entries_in(item: Item, key: str) -> list[Item]:
    """The objects in the list under *key*; none where there is something else or nothing."""
    value = item.get(key)
    if not isinstance(value, list):
        return []
    return [entry for entry in value if isinstance(entry, dict)]


def _start(data: bytes) -> str:
    return repr(data[:80].decode("utf-8", "replace"))
