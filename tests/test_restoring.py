"""A world brought back after a trajectory that went up and down its ladder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from anyio.lowlevel import checkpoint
from two_lanes import recorded

from cascade.errors import TraceError
from cascade.evaluation import restore
from cascade.events import Restarted
from cascade.suites import Score
from cascade.tools import Tool, tool
from cascade.traces.record import Trace, read_trace


@dataclass
class Till:
    """A world of the tools that `two_lanes` has."""

    paid: list[int] = field(default_factory=list[int])
    looked: list[int] = field(default_factory=list[int])

    @property
    def tools(self) -> Sequence[Tool]:
        return [tool(self.look), tool(side_effect="irreversible")(self.pay)]

    async def look(self, number: int) -> str:
        """Looks a number up."""
        await checkpoint()
        self.looked.append(number)
        return f"it is {number * 7}"

    async def pay(self, amount: int) -> str:
        """Pays."""
        await checkpoint()
        self.paid.append(amount)
        return f"paid {amount}"

    def check(self, answer: str | None) -> Score:
        return Score(success=answer is not None, reward=1.0, reason="")


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    return read_trace(recorded(tmp_path))


@pytest.mark.anyio
async def test_calls_of_drafts_that_were_held_are_made_and_questions_are_not(trace: Trace):
    till = Till()
    made = await restore(till, trace)
    # The wrong payment was set aside, and the question went to a lane.
    assert till.paid == [3]
    assert made == len(till.looked) + len(till.paid)
    names = [event.result.name for event in trace.events if event.kind == "tool_finished"]
    assert "ask_expert" in names


@pytest.mark.anyio
async def test_what_was_done_before_the_task_was_begun_anew_is_left_out(trace: Trace):
    decided = [place for place, event in enumerate(trace.events) if event.kind == "decided"]
    # Before the last step but one, which pays.
    place = decided[-2]
    anew = Restarted(seq=1, at=trace.events[place].at, step=8)
    events = (*trace.events[:place], anew, *trace.events[place:])
    counted = tuple(
        event.model_copy(update={"seq": number}) for number, event in enumerate(events, start=1)
    )
    cut = Trace(path=trace.path, events=counted, whole_bytes=0, torn_bytes=0)
    till = Till()
    assert await restore(till, cut) == 1
    assert (till.looked, till.paid) == ([], [3])


@pytest.mark.anyio
async def test_a_world_that_gives_other_results_is_refused(trace: Trace):
    class Other(Till):
        async def pay(self, amount: int) -> str:
            """Pays."""
            await checkpoint()
            return f"did not pay {amount}"

    with pytest.raises(TraceError, match="pay gave 'paid 3' in step 8 and gives 'did not pay 3'"):
        await restore(Other(), trace)
