"""What a trajectory did, read from its conversation, and how long it went in circles."""

from collections.abc import Iterable, Sequence

from cascade.messages import AssistantMessage, ToolCall, ToolMessage
from cascade.monitors.sameness import canonical_arguments, result_digest, tool_key
from cascade.state import State
from cascade.steps import DoneCall

__all__ = ["calls_made", "longest_loop"]


def calls_made(state: State) -> list[tuple[DoneCall, ...]]:
    """The calls of each step that made some, with their results, since the last restart.

    From the conversation: steps are kept only where something watches them.
    """
    made: list[tuple[DoneCall, ...]] = []
    calls: dict[str, ToolCall] = {}
    for message in state.transcript:
        if isinstance(message, AssistantMessage):
            calls = {call.id: call for call in message.calls}
        elif isinstance(message, ToolMessage):
            made.append(
                tuple(
                    DoneCall(
                        call=calls[result.call_id],
                        result=result,
                        side_effect=spec.side_effect if spec is not None else "read",
                        spec=spec,
                    )
                    for result in message.parts
                    for spec in (state.specs.get(result.name),)
                )
            )
    return made


def longest_loop(steps: Iterable[Sequence[DoneCall]]) -> int:
    """The most steps in a row that only made calls again and got the results that they had before.

    The step that made the first of them is counted too, so one call made eleven times with the same
    result is a loop of eleven steps; 0 where nothing came again. Calls by which a tool says that it
    waits do not count, and neither do steps without a call.

    Args:
        steps: The calls of each, in their order.
    """
    known: set[tuple[str, str, str]] = set()
    longest = repeats = 0
    for calls in steps:
        done = {_digest(each) for each in calls if each.spec is None or not each.spec.waits}
        repeats = repeats + 1 if done and done <= known else 0
        longest = max(longest, repeats)
        known |= done
    return longest + 1 if longest else 0


def _digest(done: DoneCall) -> tuple[str, str, str]:
    """Equal for calls that are the same and had the same result."""
    arguments = canonical_arguments(done.call, done.spec)
    return tool_key(done.call.name), arguments, result_digest(done.result)
