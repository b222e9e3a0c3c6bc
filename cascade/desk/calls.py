"""Calls, replies and an assistant's steps: the words that tasks, plans and the oracle share."""

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass

__all__ = ["Call", "Conclusion", "Exchange", "Plan", "Reply", "Step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call.

    Attributes:
        name: The tool.
        arguments: Its arguments by name.
    """

    name: str
    arguments: Mapping[str, object]

    @property
    def key(self) -> str:
        """Text that two calls share exactly when they are the same call."""
        arguments = json.dumps(dict(self.arguments), sort_keys=True, ensure_ascii=False)
        return f"{self.name}{arguments}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a tool gave back: text, and whether it was an error."""

    text: str
    is_error: bool = False

    @property
    def is_transient(self) -> bool:
        """Whether the same call may well work if it is simply repeated."""
        return self.is_error and "timeout" in self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A call that was made and the reply to it."""

    call: Call
    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """How a plan ends.

    Attributes:
        answer: The sentence to finish with.
        needed: Words that a right answer holds, in whatever sentence.
        banned: Words that a right answer does not hold.
    """

    answer: str
    needed: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One assistant step: a call, or else the final answer.

    Attributes:
        call: The tool call; `None` in a final step.
        answer: The final answer; `None` in a step with a call.
        beyond_repair: The task can no longer succeed; the answer says why.
    """

    call: Call | None = None
    answer: str | None = None
    beyond_repair: bool = False


Plan = Generator[Call, Reply, Conclusion]
"""Yields the calls that a task needs, is sent each reply, and returns the conclusion."""
