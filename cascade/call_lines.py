"""Call lines: a call and what came of it as one line of text that a model can read, and back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import JsonValue

from cascade.messages import Image
from cascade.steps import DoneCall, Step

__all__ = [
    "BRIEF",
    "LISTED",
    "NEWEST",
    "MadeCall",
    "ToldCall",
    "counted",
    "parse_done",
    "pictures_of",
    "said_line",
    "within",
]

LISTED = "Calls made, oldest first:"
BRIEF = "Calls made earlier, oldest first, without their results:"
NEWEST = "The newest exchange:"
"""What stands above call lines; below anything else there are none."""

_HEADINGS = frozenset({LISTED, BRIEF, NEWEST})
_DONE = "done: "
_SAID = "said: "

_LEAST_CHARACTERS = 50
_BRIEF_CHARACTERS = 200
"""Longest text in a call that is told without its result."""
_MOST_BRACKETS = 200
_BREAKS = frozenset(" \t\r\n,;\"'<>(){}[]|")


class ToldCall(NamedTuple):
    """A call as a line tells of it."""

    name: str
    arguments: dict[str, Any]
    result: str
    """Empty where the line only says that the call was made."""
    is_error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCall:
    """A call with one result, and how often both came."""

    done: DoneCall
    times: int

    def line(self, *, most: int) -> str:
        """With the result; texts are cut to *most* characters each."""
        call = self.done.call
        told: dict[str, JsonValue] = {"call": call.name}
        told["arguments"] = _shortened(call.arguments, most)
        told["result"] = _result(self.done.result.text, most)
        return self._line(told)

    def line_within(self, room: int) -> str:
        """The most complete line that has room, if any has."""
        most = room
        line = self.line(most=most)
        while len(line) > room and most > _LEAST_CHARACTERS:
            most //= 2
            line = self.line(most=most)
        return line

    def brief(self) -> str:
        """Without the result, unless it is an error."""
        call = self.done.call
        told: dict[str, JsonValue] = {"call": call.name}
        told["arguments"] = _shortened(call.arguments, _BRIEF_CHARACTERS)
        if self.done.result.is_error:
            told["result"] = _result(self.done.result.text, _BRIEF_CHARACTERS)
        return self._line(told)

    def _line(self, told: dict[str, JsonValue]) -> str:
        pictures = len(pictures_of(self.done))
        if pictures:
            told["pictures"] = pictures
        if self.done.result.is_error:
            told["failed"] = True
        elif self.done.side_effect != "read":
            told["effect"] = self.done.side_effect
        if self.times > 1:
            told["times"] = self.times
        return _DONE + _as_json(told)


def counted(steps: Sequence[Step]) -> list[MadeCall]:
    """Each call with the same result once, where it was made last: so writes keep their order."""
    counts: dict[str, MadeCall] = {}
    for step in steps:
        for done in step.calls:
            key = _key(done)
            before = counts.pop(key, None)
            counts[key] = MadeCall(done=done, times=1 if before is None else before.times + 1)
    return list(counts.values())


def said_line(text: str, *, most: int) -> str:
    """What was said beside calls, as a line that stands before theirs."""
    return _SAID + _as_json(within(text, most))


def parse_done(text: str) -> list[ToldCall]:
    """The calls that the lines in a text tell of, in their order.

    A call that is told as made n times comes n times. What repeats an earlier call with the same
    result stands where it was made last.
    """
    calls: list[ToldCall] = []
    inside = False
    # Not `splitlines`: what JSON leaves unescaped may hold other line breaks.
    for line in text.split("\n"):
        if line.startswith(_DONE) and inside:
            calls.extend(_parsed(line.removeprefix(_DONE)))
        else:
            inside = line in _HEADINGS or (inside and line.startswith(_SAID))
    return calls


def pictures_of(done: DoneCall) -> list[Image]:
    """The pictures in a call's result."""
    return [part for part in done.result.parts if isinstance(part, Image)]


def within(text: str, most: int) -> str:
    """The text, its middle left out where it is longer than *most* characters."""
    if len(text) <= most:
        return text
    head, tail = most * 2 // 3, len(text) - most // 3
    # Between words: half a secret is none that a recogniser would know.
    while head and text[head - 1] not in _BREAKS:
        head -= 1
    while tail < len(text) and text[tail] not in _BREAKS:
        tail += 1
    mark = f"[... {tail - head} of {len(text)} characters left out ...]"
    return f"{text[:head]}{mark}{text[tail:]}"


def _key(done: DoneCall) -> str:
    call, result = done.call, done.result
    return json.dumps([call.name, call.arguments, result.text, result.is_error], sort_keys=True)


def _result(text: str, most: int) -> JsonValue:
    """A result's text, or the JSON that it is: in quotes that would be hard to read, and longer."""
    if len(text) > most or not text.startswith(("{", "[")):
        return within(text, most)
    if text.count("[") + text.count("{") > _MOST_BRACKETS:
        return text
    try:
        found: JsonValue = json.loads(text)
    except ValueError:
        return text
    return found if _as_json(found) == text else text


def _as_json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shortened(value: JsonValue, most: int) -> JsonValue:
    """JSON with its long texts cut in the middle."""
    match value:
        case str():
            return within(value, most)
        case dict():
            return {key: _shortened(item, most) for key, item in value.items()}
        case list():
            return [_shortened(item, most) for item in value]
        case _:
            return value


def _parsed(line: str) -> list[ToldCall]:
    try:
        told = json.loads(line)
    except ValueError:
        # A placeholder for a number is no JSON.
        return []
    result = told.get("result", "")
    call = ToldCall(
        name=told["call"],
        arguments=told["arguments"],
        result=result if isinstance(result, str) else _as_json(result),
        is_error=told.get("failed", False),
    )
    return [call] * told.get("times", 1)
