"""Views: what a lane is shown, as a pure function of the log."""

from cascade.exchange import View
from cascade.messages import Message
from cascade.state import State

__all__ = ["lane_view"]


def lane_view(state: State, lane: str) -> View:
    """The whole accepted conversation, and after it what was wrong with this step's drafts.

    The accepted part only ever grows, so a lane that keeps a prefix cache finds its own earlier
    prompt at the start of the next one, and blocks that it signed stay where it signed them.
    Rejected drafts disappear with the step that had them, unless this lane signed what came after.
    """
    started = state.head()
    messages = state.own_transcripts.get(lane, state.transcript)
    shown: list[Message] | None = None
    if state.rejected:
        shown = list(messages)
        for rejected in state.rejected:
            shown.extend(rejected.shown(lane))
    return View(
        trajectory_id=started.trajectory_id,
        system=started.system,
        messages=messages if shown is None else shown,
        tools=started.tools,
        output=started.output,
        plain_until=state.plain_until.get(lane, 0),
    )
