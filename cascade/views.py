"""Views: what a lane is shown, as a pure function of the log."""

from cascade.exchange import View
from cascade.messages import AssistantMessage, Message, Text, UserMessage
from cascade.state import State

__all__ = ["REDRAFT_REQUEST", "home_view"]

REDRAFT_REQUEST = (
    "Your last message could not be used: {reason} "
    "Write it again: either one well-formed tool call or the final answer as plain text."
)
"""What a lane is told when its draft was rejected."""


def home_view(state: State) -> View:
    """The whole accepted conversation, and after it what was wrong with this step's drafts.

    The accepted part only ever grows, so a lane that keeps a prefix cache finds its own earlier
    prompt at the start of the next one. Rejected drafts disappear with the step that had them.
    """
    started = state.head()
    messages: list[Message] | None = None
    if state.rejected:
        messages = list(state.transcript)
        for rejected in state.rejected:
            messages.append(_as_text(rejected.message))
            messages.append(UserMessage.of(REDRAFT_REQUEST.format(reason=rejected.reason)))
    return View(
        trajectory_id=started.trajectory_id,
        system=started.system,
        messages=state.transcript if messages is None else messages,
        tools=started.tools,
    )


def _as_text(message: AssistantMessage) -> AssistantMessage:
    """A draft that was not accepted, without calls: they will never have results."""
    if not message.calls:
        return message
    raw = None if message.artefact is None else message.artefact.raw
    said = raw.get("text") if isinstance(raw, dict) else None
    text = said if isinstance(said, str) else message.text
    return AssistantMessage(parts=(Text(text=text or "(a tool call)"),))
