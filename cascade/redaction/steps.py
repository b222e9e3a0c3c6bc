"""Redaction of steps, for what is told of them in short.

A text has to be redacted before it is cut to a length: of a value that was cut in two nobody can
tell what it was, and half of it may say enough.
"""

from collections.abc import Callable
from dataclasses import replace

from cascade.messages import AssistantMessage, Message, ToolMessage, UserMessage
from cascade.steps import Step

__all__ = ["redacted_draft", "redacted_step", "redacted_task", "redacted_text"]

Rewrite = Callable[[Message], Message]


def redacted_step(step: Step, rewrite: Rewrite) -> Step:
    """The step as a lane may see it; the same object where nothing was to be hidden.

    Args:
        step: As it was made.
        rewrite: Redacts a message.
    """
    message = redacted_draft(step.message, rewrite)
    results = _results(step, rewrite)
    if message is step.message and results is None:
        return step
    asked = {call.id: call for call in message.calls}
    given = [done.result for done in step.calls] if results is None else results.parts
    calls = [
        replace(done, call=asked.get(done.call.id, done.call), result=result)
        for done, result in zip(step.calls, given, strict=True)
    ]
    return replace(step, message=message, calls=tuple(calls))


def redacted_draft(message: AssistantMessage, rewrite: Rewrite) -> AssistantMessage:
    """A model's message as a lane may see it."""
    told = rewrite(message)
    assert isinstance(told, AssistantMessage)  # noqa: S101 - redaction keeps the kind of a message
    return told


def redacted_task(message: UserMessage, rewrite: Rewrite) -> UserMessage:
    """A person's message as a lane may see it."""
    told = rewrite(message)
    assert isinstance(told, UserMessage)  # noqa: S101 - redaction keeps the kind of a message
    return told


def redacted_text(text: str, rewrite: Rewrite) -> str:
    """A text as a lane may see it."""
    return redacted_task(UserMessage.of(text), rewrite).text if text else text


def _results(step: Step, rewrite: Rewrite) -> ToolMessage | None:
    """The redacted results of the step's calls; `None` where they are what they were."""
    if not step.calls:
        return None
    message = ToolMessage(parts=tuple([done.result for done in step.calls]))
    redacted = rewrite(message)
    assert isinstance(redacted, ToolMessage)  # noqa: S101 - redaction keeps the kind of a message
    return None if redacted is message else redacted
