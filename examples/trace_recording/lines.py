"""Lines: what scripted models say, how sure they are of it, and who has them say it."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cascade.backends.scripted import Reply, ScriptedBackend
from cascade.exchange import (
    Draft,
    FinishReason,
    Request,
    Timing,
    TokenSpan,
    TokenStatistics,
    Usage,
    View,
)
from cascade.lanes import Lane
from cascade.messages import AssistantMessage, Text, ToolCall

__all__ = ["Line", "Said", "Speaker", "calls", "says", "verdict"]

_SURE = 0.9999
_CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that a scripted model says.

    Attributes:
        text: What is said, before the call if there is one.
        call: Name and arguments.
        p: The probability of its least likely token; `None` tells nothing about tokens.
        finish: `None` follows from whether there is a call.
    """

    text: str = ""
    call: tuple[str, dict[str, str]] | None = None
    p: float | None = _SURE
    finish: FinishReason | None = None


def says(text: str, *, p: float | None = _SURE, finish: FinishReason | None = None) -> Line:
    """A text, such as a final answer."""
    return Line(text=text, p=p, finish=finish)


def calls(tool: str, /, *, p: float | None = _SURE, said: str = "", **arguments: str) -> Line:
    """A tool call; *p* is the probability of its first value, *said* stands before it."""
    return Line(text=said, call=(tool, arguments), p=p)


def verdict(milestone: str, reason: str, *, correction: str = "") -> Line:
    """A review; with a *correction* the work is found wrong."""
    review = {
        "milestone": milestone,
        "reason": reason,
        "on_track": not correction,
        "correction": correction,
    }
    return Line(text=json.dumps(review))


Said = Line | Exception | Callable[[View], Line]
"""A line; an error in its place; or what makes the line from what the model is shown."""


class Speaker(ScriptedBackend):
    """Says its lines in order, whatever it is asked.

    Args:
        lane: That it serves.
        lines: What it says.
    """

    def __init__(self, lane: Lane, lines: Sequence[Said]) -> None:
        self.left = list(lines)
        """What was not said yet."""
        super().__init__(self._next, lane=lane)

    def _next(self, view: View, request: Request) -> Reply:
        line = self.left.pop(0)
        if isinstance(line, Exception):
            return line
        return _drafted(line if isinstance(line, Line) else line(view), self.lane, view, request)


def _drafted(line: Line, lane: Lane, view: View, request: Request) -> Draft:
    said = (Text(text=line.text),) if line.text else ()
    called: tuple[ToolCall, ...] = ()
    if line.call is not None:
        name, arguments = line.call
        call_id = request.call_id(view, 0)
        called = (ToolCall.model_validate({"id": call_id, "name": name, "arguments": arguments}),)
    written = len(line.text) + sum(len(call.model_dump_json()) for call in called)
    shown = sum(len(message.model_dump_json()) for message in view.messages)
    return Draft(
        message=AssistantMessage(parts=(*said, *called)),
        finish_reason=line.finish or ("tool_calls" if called else "stop"),
        # There are no tokens: four characters count as one.
        usage=Usage(
            input_tokens=(shown + len(view.system or "")) // _CHARACTERS_A_TOKEN,
            output_tokens=max(written // _CHARACTERS_A_TOKEN, 1),
        ),
        timing=Timing(),
        served_model=lane.model,
        tokens=_statistics(line) if lane.capabilities.log_probabilities else None,
    )


def _statistics(line: Line) -> TokenStatistics | None:
    """A token for the tool; for each argument one for name, one for value, one that ends it."""
    if line.p is None:
        return None
    if line.call is None:
        return _of([line.p] * len(line.text.split()), [])
    probabilities = [_SURE]
    spans = [TokenSpan(kind="name", call=0, start=0, end=1)]
    for number, _ in enumerate(line.call[1]):
        at = len(probabilities)
        probabilities += [_SURE, _SURE if number else line.p, _SURE]
        spans.append(TokenSpan(kind="key", call=0, start=at, end=at + 1))
        spans.append(TokenSpan(kind="value", call=0, start=at + 1, end=at + 2))
    return _of(probabilities, spans)


def _of(probabilities: Sequence[float], spans: Sequence[TokenSpan]) -> TokenStatistics:
    """Statistics in which the runner-up has all that is left."""
    others = [1.0 - p for p in probabilities]
    pairs = zip(probabilities, others, strict=True)
    return TokenStatistics(
        logprobs=tuple(round(math.log(p), 4) for p in probabilities),
        runner_up_logprobs=tuple(round(math.log(other), 4) for other in others),
        entropies=tuple(round(-p * math.log(p) - other * math.log(other), 4) for p, other in pairs),
        spans=tuple(spans),
    )
