"""Transcripts: the conversation as one lane sees it, where that is not simply the accepted one.

A transcript only ever grows, so that a lane that is called again finds its own earlier prompt at
the start of the next one: its cache stays warm, and blocks that it signed stay where it signed
them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from cascade.appended import Appended
from cascade.handoff import digest, packet
from cascade.messages import AssistantMessage, Message, ToolMessage, UserMessage
from cascade.redaction.steps import redacted_step, redacted_task, redacted_text
from cascade.steps import Step

__all__ = ["OwnTranscript", "Rewrite", "RewriteFor", "caught_up", "with_step_of"]

Rewrite = Callable[[Message], Message]
"""What a message goes through on its way into a transcript, such as redaction."""


class RewriteFor(Protocol):
    """What a message goes through on its way to a lane."""

    def __call__(self, lane: str, message: Message, *, own: bool = False) -> Message:
        """The message as *lane* is shown it; *own* where it is its own."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTranscript:
    """The conversation as one lane sees it."""

    follows: Literal["all", "own"]
    """Whether it holds the messages of all lanes, or its lane's own and digests of the others'."""
    messages: Appended[Message]
    steps: int = 0
    """How many accepted steps it tells of."""

    def append(self, *messages: Message) -> "OwnTranscript":
        """The transcript with these messages at its end."""
        longer = self.messages
        for message in messages:
            longer = longer.append(message)
        return replace(self, messages=longer)


def caught_up(
    own: OwnTranscript | None,
    *,
    task: UserMessage,
    steps: Sequence[Step],
    milestones: Sequence[str],
    facts: Sequence[str],
    note: str,
    most_tokens: int,
    rewrite: Rewrite,
) -> OwnTranscript:
    """The transcript of a lane that is about to be called, told of everything that it missed.

    All that is told goes through *rewrite* before it is cut to a length, and not again after it.
    """
    note = redacted_text(note, rewrite)
    missed = [redacted_step(step, rewrite) for step in steps[0 if own is None else own.steps :]]
    if own is None:
        first = packet(
            redacted_task(task, rewrite),
            missed,
            milestones=[redacted_text(one, rewrite) for one in milestones],
            state_lines=[redacted_text(one, rewrite) for one in facts],
            note=note,
            most_tokens=most_tokens,
        )
        messages = Appended[Message]().append(first)
        return OwnTranscript(follows="own", messages=messages, steps=len(steps))
    told = digest(missed, note=note, most_tokens=most_tokens)
    if told is None:
        return own
    return replace(own.append(told), steps=len(steps))


def with_step_of(
    owns: Mapping[str, OwnTranscript],
    lane: str,
    message: AssistantMessage | ToolMessage,
    rewrite: RewriteFor,
) -> Mapping[str, OwnTranscript]:
    """All transcripts after *message*, which belongs to a step of *lane*."""
    if not owns:
        return owns
    return {
        name: own.append(rewrite(name, message, own=name == lane))
        if own.follows == "all" or name == lane
        else own
        for name, own in owns.items()
    }
