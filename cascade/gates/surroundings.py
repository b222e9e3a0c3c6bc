"""Features of a draft beside what came before it: what it repeats, and what it makes up.

Token probabilities cannot show an error that the model is sure of. Two such errors can be seen from
outside: a call that was made already, and a value that neither the task nor any result holds.

| name | what it is |
|---|---|
| `call.repeats` | how often the very call was made before and went through, 3 at most |
| `call.retries` | how often it was made before and failed, 3 at most |
| `call.unseen` | share of the words in its argument values that nothing before it holds |
| `answer.unseen` | the same of the numbers in a final answer |
| `call.after_error`, `answer.after_error` | 1 if the last result was an error |
| `call.steps`, `answer.steps` | natural log of the step's number |
"""

import json
import math
import re
from collections.abc import Iterable

from pydantic import JsonValue

from cascade.exchange import Draft
from cascade.messages import ToolCall
from cascade.steps import Prefix

__all__ = ["same_call", "surrounding_features"]

_WORD = re.compile(r"\w+(?:\.\w+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_MOST_REPEATS = 3
_DECIMALS = 4


def surrounding_features(prefix: Prefix, draft: Draft) -> dict[str, float]:
    """The features of *draft* that follow from *prefix*, by name."""
    calls = draft.message.calls
    kind = "call" if calls else "answer"
    last = prefix.steps[-1].calls if prefix.steps else ()
    made = {
        f"{kind}.after_error": float(any(done.result.is_error for done in last)),
        f"{kind}.steps": round(math.log(max(prefix.step, 1)), _DECIMALS),
    }
    if not calls:
        numbers = _NUMBER.findall(draft.message.text)
        made["answer.unseen"] = _unseen(numbers, _said(prefix)) if numbers else 0.0
        return made
    made["call.repeats"], made["call.retries"] = _repeats(prefix, calls)
    words = [word for call in calls for word in _words(call.arguments)]
    known = _said(prefix) + _listed(prefix, calls) if words else ""
    made["call.unseen"] = _unseen(words, known)
    return made


def same_call(one: ToolCall, other: ToolCall) -> bool:
    """Whether two calls are of one tool with the same arguments."""
    return one.name == other.name and one.arguments == other.arguments


def _repeats(prefix: Prefix, calls: Iterable[ToolCall]) -> tuple[float, float]:
    """The most often that one of the calls was made before: with success, and without."""
    done = [done for step in prefix.steps for done in step.calls]
    went, failed = 0, 0
    for call in calls:
        before = [one.result.is_error for one in done if same_call(one.call, call)]
        went = max(went, before.count(False))
        failed = max(failed, before.count(True))
    return float(min(went, _MOST_REPEATS)), float(min(failed, _MOST_REPEATS))


def _unseen(words: Iterable[str], known: str) -> float:
    held = [word.lower() in known for word in words]
    return round(held.count(False) / len(held), _DECIMALS) if held else 0.0


def _said(prefix: Prefix) -> str:
    """All that the task, the model's own calls and the results say, in lower case."""
    results = (done.result.text for step in prefix.steps for done in step.calls)
    return "\n".join((prefix.task.text, *results)).lower()


def _listed(prefix: Prefix, calls: Iterable[ToolCall]) -> str:
    """The schemas of the called tools: their permitted values need not be found elsewhere."""
    named = {call.name for call in calls}
    schemas = (tool.parameters for tool in prefix.tools if tool.name in named)
    return json.dumps(list(schemas), ensure_ascii=False).lower()


def _words(value: JsonValue) -> Iterable[str]:
    match value:
        case str():
            yield from _WORD.findall(value)
        case dict():
            for held in value.values():
                yield from _words(held)
        case list():
            for held in value:
                yield from _words(held)
        case bool() | None:
            return
        case _:
            yield str(value)
