"""Views: what a lane is shown, as a pure function of the log."""

from cascade.conversation import Rewriter, is_redacted, lane_of
from cascade.exchange import View
from cascade.messages import Message
from cascade.situation import tools_for
from cascade.state import State

__all__ = ["lane_view"]


def lane_view(state: State, lane: str) -> View:
    """The conversation as *lane* sees it, and after it what was wrong with this step's drafts.

    The accepted part only ever grows, so a lane that keeps a prefix cache finds its own earlier
    prompt at the start of the next one, and blocks that it signed stay where it signed them.
    Rejected drafts disappear with the step that had them, unless this lane signed what came after.
    """
    started = state.head()
    own = state.own_transcripts.get(lane)
    messages = state.transcript if own is None else own.messages
    rejected = state.rejected
    if rejected and own is not None and own.follows == "own":
        rejected = tuple(each for each in rejected if each.lane == lane)
    shown: list[Message] | None = None
    if rejected:
        rewrite = Rewriter(state)
        shown = list(messages)
        for each in rejected:
            shown.extend([rewrite(lane, told) for told in each.shown(lane)])
    served = lane_of(state, lane)
    hidden = started.policy.redaction.enabled and is_redacted(state, served)
    head = state.redacted_head
    tools = tools_for(state, served)
    return View(
        trajectory_id=started.trajectory_id,
        system=head.system if hidden else started.system,
        messages=messages if shown is None else shown,
        tools=(*head.tools, *tools[len(head.tools) :]) if hidden else tools,
        output=head.output if hidden else started.output,
        plain_until=state.plain_until.get(lane, 0),
    )
