"""The facts that any domain has: lines and records seen, writes, counts of tests, goals."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue
from pydantic_core import from_json

from cascade.messages import ToolResult
from cascade.monitors.digests import CallDigest, Digester
from cascade.monitors.failures import failure_of
from cascade.monitors.progress import Fact
from cascade.monitors.sameness import digest, tool_key
from cascade.policy.monitoring import Goal
from cascade.steps import DoneCall, Step

__all__ = ["GeneralFacts", "reached"]

_SUMMARY = "passed|failed|passing|failing|errors?|failures?"
_COUNT = re.compile(
    rf"""(?<![\w.]) (?P<before>\d+) \s (?P<what>{_SUMMARY})\b
    | \b (?P<name>{_SUMMARY}) ["']? \s? [:=] \s? (?P<after>\d+)
    | ^Ran \s (?P<ran>\d+) \s tests?\b""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_WORDS_OF_SUMMARIES = ("passed", "failed", "passing", "failing", "failures", "PASS", "FAIL", "Ran ")
_END = 2000
_FIRST, _LAST = 40, 24
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class GeneralFacts:
    """The extractor for any domain.

    Entities are the lines of results that are no errors, or the records of their JSON; of long
    ones at both ends. A write is a call that changed something and went well, named with its
    arguments. Tests are counts beside the words of a test summary, in errors as well. Goals are
    those of the task and those that tools declare.
    """

    shell_tools: tuple[str, ...] = ()
    goals: tuple[Goal, ...] = ()
    name: str = field(default="general", init=False)

    def facts(self, step: Step) -> Iterable[Fact]:
        """Call by call: goals, writes, tests, entities."""
        (digest_of_step,) = Digester(self.shell_tools).of((step,))
        for done, digested in zip(step.calls, digest_of_step.calls, strict=True):
            yield from self._of_call(done, digested)

    def _of_call(self, done: DoneCall, digested: CallDigest) -> Iterator[Fact]:
        text = done.result.text.strip()
        if digested.failure is None:
            for goal in reached(done, self.goals):
                yield Fact("goal", goal)
            if digested.changes:
                yield Fact("write", _written(done, digested))
        counts = _test_counts(text)
        if counts:
            yield Fact("tests", counts)
        if digested.failure is None:
            yield from [Fact("entity", value) for value in _entities(text)]
            yield from [Fact("entity", value) for value in _pictures(done.result)]
        else:
            # That something goes wrong in a new way is worth knowing; the same way is not.
            failure = digested.failure
            yield Fact("entity", f"{digested.tool} failed: {failure.name} {failure.text}".rstrip())


def reached(done: DoneCall, goals: Iterable[Goal]) -> tuple[str, ...]:
    """Names of the goals that a call reached; a call that failed reaches none.

    They are what its tool declares, and those of *goals* whose tool, arguments and result fit it.
    """
    declared = () if done.spec is None or done.spec.goal is None else (done.spec.goal,)
    fitting = [goal.name for goal in goals if _fits(goal, done)]
    if not (declared or fitting) or failure_of(done.result) is not None:
        return ()
    return tuple(dict.fromkeys([*declared, *fitting]))


def _fits(goal: Goal, done: DoneCall) -> bool:
    given = done.call.arguments
    return (
        tool_key(goal.tool) == tool_key(done.call.name)
        and all(name in given and given[name] == value for name, value in goal.arguments.items())
        and goal.result_contains in done.result.text
    )


def _written(done: DoneCall, digested: CallDigest) -> str:
    said = ", ".join([f"{name}={_short(value)}" for name, value in done.call.arguments.items()])
    # The digest tells writes apart whose arguments are shown cut.
    return f"{done.call.name}({said}) #{digested.call[:8]}"


def _short(value: JsonValue) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _test_counts(text: str) -> str:
    """`3 failed, 12 passed`, in alphabetical order; empty where there is no test summary."""
    counts: dict[str, int] = {}
    ends = text if len(text) <= 2 * _END else text[:_END] + text[-_END:]
    # The pattern is slow, and what it looks for is rare.
    if not any(word in ends for word in _WORDS_OF_SUMMARIES):
        return ""
    for found in _COUNT.finditer(ends):
        what = (found["what"] or found["name"] or "ran").lower()
        counts[what] = int(found["before"] or found["after"] or found["ran"])
    if not counts.keys() - {"error", "errors"}:
        return ""
    return ", ".join([f"{count} {what}" for what, count in sorted(counts.items())])


def _entities(text: str) -> list[str]:
    if text[:1] in {"{", "["}:
        try:
            return _ends(_records("", from_json(text)))
        except ValueError:
            pass
    if len(text) <= 2 * _END:
        return _ends(_lines(text))
    return _ends([*_lines(text[:_END]), *_lines(text[-_END:])])


def _pictures(result: ToolResult) -> list[str]:
    return [f"picture #{digest(part.data)[:12]}" for part in result.parts if part.kind == "image"]


def _ends(values: Iterable[str]) -> list[str]:
    """Each value once; of many the first and, as logs grow there, the last."""
    found = list(dict.fromkeys(values))
    if len(found) <= _FIRST + _LAST:
        return found
    return [*found[:_FIRST], *found[-_LAST:]]


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        words = " ".join(line.split())
        if words:
            yield _cut(words)


def _records(name: str, value: Any) -> Iterator[str]:
    """Each object of a JSON value by its plain fields, and each plain value of a list.

    An object is one fact, as it is the whole that says something: a state that one job was seen
    in is news of another.
    """
    match value:
        case dict():
            plain = [f"{key}: {each}" for key, each in value.items() if not _nested(each)]  # pyright: ignore[reportUnknownVariableType] - any JSON
            if plain:
                yield _cut(", ".join(plain))
            for key, each in value.items():  # pyright: ignore[reportUnknownVariableType] - any JSON
                if _nested(each):
                    yield from _records(str(key), each)  # pyright: ignore[reportUnknownArgumentType] - any JSON
        case list():
            for each in value:  # pyright: ignore[reportUnknownVariableType] - any JSON
                yield from _records(name, each)
        case str() if "\n" in value:
            yield from _lines(value)
        case _:
            yield _cut(f"{name}: {value}" if name else str(value))


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list) or (isinstance(value, str) and "\n" in value)


def _cut(text: str) -> str:
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]}… #{digest(text)[:8]}"
