"""A task's world as it was when its trajectory stopped."""

from collections.abc import Sequence

from cascade.errors import TraceError
from cascade.events import Drafted, Event, Restarted, ToolFinished
from cascade.messages import ToolCall
from cascade.runtime.toolbox import run_tool
from cascade.suites import Episode
from cascade.tools import as_tools
from cascade.traces.record import Trace

__all__ = ["is_restorable", "restore"]


def is_restorable(episode: Episode) -> bool:
    """Whether the world says of itself that making its calls again brings it back."""
    return getattr(episode, "restorable", False) is True


async def restore(episode: Episode, trace: Trace) -> int:
    """Makes the recorded tool calls again, in their order, on a fresh world.

    An in-memory world dies with its process; where tools always do the same, the record is enough
    to bring it back. Calls of any side effect are made, so this is only for a world that
    `is_restorable`. Each result is compared with the recorded one. Calls that timed out, were
    interrupted or never reached a tool are left out, and so are those before the task was begun
    anew, of which a fresh world knows as little as the one that was set back.

    Returns:
        How many calls were made.

    Raises:
        TraceError: The trace has no content, or a call gave another result than it did before.
    """
    if trace.started.content == "omitted":
        raise TraceError(
            "was recorded without message content and so cannot be resumed", path=trace.path
        )
    tools = {tool.name: tool for tool in as_tools(episode.tools)}
    given = {spec.name for spec in trace.started.tools}
    calls: dict[str, ToolCall] = {}
    made = 0
    for event in _since_restart(trace.events):
        if isinstance(event, Drafted):
            # Only calls of accepted drafts have results.
            calls |= {call.id: call for call in event.draft.message.calls}
        elif (
            isinstance(event, ToolFinished)
            and event.outcome in {"ok", "error"}
            # What asks for help reaches a lane, not the world.
            and event.result.name in given
        ):
            run = await run_tool(tools, calls[event.result.call_id], remaining_s=None)
            if run.result != event.result:
                raise TraceError(
                    f"the world cannot be restored: {event.result.name} gave "
                    f"{event.result.text!r} in step {event.step} and gives {run.result.text!r}",
                    path=trace.path,
                )
            made += 1
    return made


def _since_restart(events: Sequence[Event]) -> Sequence[Event]:
    starts = [place for place, event in enumerate(events) if isinstance(event, Restarted)]
    return events[starts[-1] :] if starts else events
