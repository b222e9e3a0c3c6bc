"""Steps as the rules for loops compare them: what was called, what came back, what was said.

Each step is digested once (`Step.once`), whoever asks how often.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cascade.monitors.failures import Failure, failure_of
from cascade.monitors.sameness import canonical_arguments, digest, result_digest, tool_key
from cascade.monitors.shell import command_in, read_command
from cascade.steps import DoneCall, Step

__all__ = ["CallDigest", "Digester", "StepDigest", "alike"]

_WORD = re.compile(r"\w+")
_COMPARED_WORDS = 160
_SHINGLE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDigest:
    """A call and its result, in a form that can be compared."""

    tool: str
    """Name of the tool, and of the program that a shell was given."""
    call: str
    """Equal for calls of the same tool with the same arguments."""
    result: str
    """Equal for results that say the same."""
    failure: Failure | None
    waits: bool
    """Whether making it again is how one waits."""
    changes: bool
    """Whether it changed something, or may have."""
    shell: bool
    """Whether it was a shell command."""

    @property
    def outcome(self) -> str:
        """The result, or the class of error that it is."""
        return self.result if self.failure is None else f"{self.failure.name} {self.failure.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDigest:
    """A step in a form that can be compared."""

    number: int
    at_s: float
    tokens: int
    """Of the accepted draft, prompt and output."""
    calls: tuple[CallDigest, ...]
    """In the order of the step's calls."""
    said: frozenset[int]
    """Hashes of the runs of three words in the text; empty where it is shorter."""
    words: int
    """Words in the text, up to the number that is compared."""
    made: frozenset[str]
    """The calls, in no order."""
    did: frozenset[tuple[str, str]]
    """The calls with their results, in no order."""
    waits: bool
    """Whether one of the calls is a way to wait."""
    changed: frozenset[str]
    """The calls that went well and changed something, or may have."""
    outcomes: tuple[tuple[str, str], ...]
    """The calls, each with its result or the class of error that it is."""


@dataclass(frozen=True, slots=True)
class Digester:
    """Digests steps; *shell_tools* are those whose first text argument is a shell command."""

    shell_tools: tuple[str, ...] = ()

    def of(self, steps: Iterable[Step]) -> list[StepDigest]:
        """The digests of steps, in their order."""
        # Equal digesters share what they worked out; the key's hash is cheaper than theirs.
        key, work_out = ("digest", self.shell_tools), self._digest
        return [step.once(key, work_out) for step in steps]

    def _digest(self, step: Step) -> StepDigest:
        calls = tuple([self._call(done) for done in step.calls])
        words = _WORD.findall(step.message.text.lower())[:_COMPARED_WORDS]
        return StepDigest(
            number=step.number,
            at_s=step.at_s,
            tokens=step.usage.total_tokens,
            calls=calls,
            said=frozenset(
                hash(tuple(words[start : start + _SHINGLE]))
                for start in range(len(words) - _SHINGLE + 1)
            ),
            words=len(words),
            made=frozenset([each.call for each in calls]),
            did=frozenset([(each.call, each.result) for each in calls]),
            waits=any(each.waits for each in calls),
            changed=frozenset([e.call for e in calls if e.changes and e.failure is None]),
            outcomes=tuple([(each.call, each.outcome) for each in calls]),
        )

    def _call(self, done: DoneCall) -> CallDigest:
        call, spec = done.call, done.spec
        name = tool_key(call.name)
        typed = command_in(call, spec, self.shell_tools)
        command = None if typed is None else read_command(typed)
        failure = failure_of(done.result)
        reads = done.side_effect == "read" or (command is not None and command.reads)
        return CallDigest(
            tool=name if command is None else f"{name}: {command.kind}",
            call=digest(f"{name}\x1e{canonical_arguments(call, spec)}"),
            result=result_digest(done.result),
            failure=failure,
            waits=(spec is not None and spec.waits) or (command is not None and command.waits),
            changes=not reads,
            shell=command is not None,
        )


def alike(one: StepDigest, other: StepDigest, share: float) -> bool:
    """Whether the texts of two steps say the same.

    So large a *share* of all their runs of three words has to be in both (the Jaccard index).
    """
    if not one.said or not other.said:
        return False
    if one.said == other.said:
        return True
    both = len(one.said & other.said)
    return both >= share * (len(one.said) + len(other.said) - both)
