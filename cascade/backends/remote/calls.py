"""Tool calls out of answers: their identities, and arguments that come as JSON text."""

import json
import math
import re
from collections.abc import Iterable, Mapping

from pydantic import JsonValue, ValidationError

from cascade.backends.remote.wire_json import json_bytes
from cascade.exchange import Request, View
from cascade.messages import ToolCall

__all__ = ["CallIds", "call_as_text", "read_call"]


class CallIds:
    """Gives the calls of one answer their identities.

    A call keeps the id that came with it where no two calls of a trajectory can share one:
    providers' own are long and random, those of compatible servers (`call_0`) may come again with
    the next answer. Any other call gets an id of ours.

    Args:
        view: What the model was shown.
        request: How it was asked.
        lasting: What ids look like that may stay; such a one has to be a `CallId`.
    """

    def __init__(self, view: View, request: Request, lasting: re.Pattern[str]) -> None:
        self._view = view
        self._request = request
        self._lasting = lasting
        self._given: set[str] = set()

    def of(self, own: object) -> str:
        """The identity of the next call, which came with *own*."""
        call_id = self._request.call_id(self._view, len(self._given))
        if isinstance(own, str) and self._lasting.fullmatch(own) and own not in self._given:
            call_id = own
        self._given.add(call_id)
        return call_id


def read_call(call_id: str, name: str, written: str) -> ToolCall | str:
    """The call, or what is wrong with it, in words for the model.

    What readers of JSON understand differently is refused: a name that is given twice, `NaN`, a
    number beyond what a float holds. Half of an escaped pair passes, as a Python string can hold
    it.

    Args:
        call_id: Its identity.
        name: The tool's own name.
        written: JSON of the arguments; nothing at all stands for none.
    """
    if not name:
        return "It calls a tool without naming one."
    try:
        return ToolCall(id=call_id, name=name, arguments=_arguments(written))
    except ValidationError:
        why = "a value is not allowed"
    except (ValueError, RecursionError) as error:
        why = str(error)
    return f"The arguments of its call of {name!r} could not be read: {why}."


def call_as_text(name: str, arguments: str | Mapping[str, JsonValue]) -> str:
    """A call that is not made, written so that it can be shown again.

    Args:
        name: The tool's own name.
        arguments: As they came, or as they were read.
    """
    written = arguments if isinstance(arguments, str) else json_bytes(arguments).decode()
    return f"{name}({written})"


def _arguments(written: str) -> dict[str, JsonValue]:
    value: JsonValue = json.loads(
        written if written.strip() else "{}",
        object_pairs_hook=_without_doubles,
        parse_constant=_refused,
        parse_float=_finite,
    )
    if not isinstance(value, dict):
        raise ValueError("they are not a JSON object")  # noqa: TRY004 - wrong text, as above
    return value


def _without_doubles(pairs: Iterable[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    entries: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in entries:
            raise ValueError(f"{key!r} is given twice")
        entries[key] = value
    return entries


def _refused(constant: str) -> JsonValue:
    raise ValueError(f"{constant} is no JSON number")


def _finite(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise ValueError(f"{literal} is too large a number")
    return value
