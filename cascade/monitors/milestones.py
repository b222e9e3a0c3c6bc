"""The milestone monitor: points at which work is worth checking."""

from collections.abc import Iterable, Iterator

from cascade.messages import AssistantMessage, ToolCall
from cascade.monitors.general_facts import reached
from cascade.monitors.sameness import canonical_arguments
from cascade.policy.monitoring import MilestoneSettings
from cascade.signals import Signal
from cascade.steps import Prefix

__all__ = ["MILESTONE_CODES", "Milestones"]

MILESTONE_CODES = ("claim", "irreversible_call", "first_write", "goal", "span_end")
"""The codes of the milestone monitor's signals."""

_SHOWN = 200


class Milestones:
    """Says that work worth checking was reached, or is about to be done.

    Before a draft it speaks of the newest complete step, with a draft of the draft. Its signals
    are hard: what they say is plain to see. It claims nothing about how the trajectory ends.
    """

    name = "milestones"

    def __init__(self, settings: MilestoneSettings | None = None) -> None:
        self._settings = settings or MilestoneSettings()

    def watch(self, prefix: Prefix) -> Iterable[Signal]:
        """The milestones at this point."""
        if prefix.draft is None:
            return tuple(self._between_steps(prefix))
        return tuple(self._of_draft(prefix, prefix.draft))

    def _between_steps(self, prefix: Prefix) -> Iterator[Signal]:
        settings = self._settings
        if settings.goals_reviewed and prefix.steps:
            newest = prefix.steps[-1]
            for done in newest.calls:
                for goal in reached(done, settings.goals):
                    said = f"{_words(done.call)} in step {newest.number} reached {goal!r}"
                    yield self._signal("goal", said, newest.number)
        if settings.span_ends and prefix.since == prefix.step > 1:
            last = prefix.step - 1
            yield self._signal("span_end", f"a span on a higher lane ended with step {last}", last)

    def _of_draft(self, prefix: Prefix, draft: AssistantMessage) -> Iterator[Signal]:
        settings, calls = self._settings, draft.calls
        if not calls:
            if settings.claims:
                said = f"the draft of step {prefix.step} claims to be finished: {_cut(draft.text)}"
                yield self._signal("claim", said)
            return
        effects = {tool.name: tool.side_effect for tool in prefix.tools}
        if settings.irreversible:
            for call in calls:
                if effects.get(call.name) == "irreversible":
                    said = f"the draft of step {prefix.step} calls {_words(call)}, which cannot be "
                    yield self._signal("irreversible_call", said + "undone")
        wanted = settings.first_write_after_reads
        writing = [call for call in calls if effects.get(call.name, "read") != "read"]
        if wanted is not None and writing:
            reading = _reading_steps(prefix)
            if len(reading) >= wanted:
                said = f"{_words(writing[0])} is the first write after {len(reading)} steps that "
                yield self._signal("first_write", said + "only read", *reading)

    def _signal(self, code: str, evidence: str, *steps: int) -> Signal:
        return Signal(
            monitor=self.name,
            kind="milestone",
            code=code,
            hard=True,
            steps=steps,
            evidence=evidence,
        )


def _reading_steps(prefix: Prefix) -> list[int]:
    """The steps since the last write, a span's end or the beginning, oldest first."""
    found: list[int] = []
    for step in reversed(prefix.counted):
        if step.writes:
            break
        found.append(step.number)
    return found[::-1]


def _words(call: ToolCall) -> str:
    return f"{call.name}({_cut(canonical_arguments(call, None))})"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
