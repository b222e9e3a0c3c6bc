"""How long a trajectory went in circles."""

from collections.abc import Iterable

from cascade.monitors.sameness import canonical_arguments, result_digest, tool_key
from cascade.steps import DoneCall, Step

__all__ = ["longest_loop"]


def longest_loop(steps: Iterable[Step]) -> int:
    """The most steps in a row that only made calls again and got the results that they had before.

    The step that made the first of them is counted too, so one call made eleven times with the same
    result is a loop of eleven steps; 0 where nothing came again. Calls by which a tool says that it
    waits do not count, and neither do steps without a call.

    Args:
        steps: In their order.
    """
    known: set[tuple[str, str, str]] = set()
    longest = repeats = 0
    for step in steps:
        done = {_digest(each) for each in step.calls if each.spec is None or not each.spec.waits}
        repeats = repeats + 1 if done and done <= known else 0
        longest = max(longest, repeats)
        known |= done
    return longest + 1 if longest else 0


def _digest(done: DoneCall) -> tuple[str, str, str]:
    """Equal for calls that are the same and had the same result."""
    arguments = canonical_arguments(done.call, done.spec)
    return tool_key(done.call.name), arguments, result_digest(done.result)
