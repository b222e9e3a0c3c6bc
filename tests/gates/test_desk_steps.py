"""Playing desk tasks for labels: what is labelled how, and when a play ends."""

from collections.abc import AsyncIterator, Callable
from typing import Self

import pytest
from gate_drafts import LANE, a_call, an_answer

from cascade.desk import DeskSuite
from cascade.desk.suite import SuiteTask
from cascade.evaluation.desk_steps import Play, play
from cascade.exchange import Delta, Draft, Request, Usage, View
from cascade.lanes import Lane

pytestmark = [pytest.mark.anyio]


class Answering:
    """A backend whose drafts a function makes, from the number of the call."""

    def __init__(self, make: Callable[[int], Draft]) -> None:
        self.make = make
        self.usage = Usage()
        self.draft = make(1)

    async def open(self) -> Lane:
        return LANE

    def call(self, view: View, request: Request) -> Self:
        del view
        self.draft = self.make(request.hop)
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Nothing is under way."""

    async def __aiter__(self) -> AsyncIterator[Delta]:
        yield Delta(text="")

    def release(self, trajectory_id: str) -> None:
        """Nothing was kept."""

    async def aclose(self) -> None:
        """Nothing is open."""


def task(family: str = "status") -> SuiteTask:
    return DeskSuite(split="familiar", families=(family,)).tasks(1, seed=3)[0]


async def played(make: Callable[[int], Draft], *, guided: bool = False) -> Play:
    return await play(Answering(make), task(), guided=guided)


async def test_a_draft_that_cannot_be_read_is_wrong_and_ends_the_play() -> None:
    made = await played(lambda _: a_call(problem="It could not be read."))
    assert [(step.was_wrong, step.standing) for step in made.steps] == [(True, "clean")]
    assert not made.success


async def test_where_the_oracle_guides_it_is_replaced_and_the_task_is_solved() -> None:
    made = await played(lambda _: a_call(problem="It could not be read."), guided=True)
    assert made.success
    assert all(step.was_wrong and step.standing == "clean" for step in made.steps)


async def test_a_play_that_goes_nowhere_ends_after_thirty_steps() -> None:
    made = await played(lambda hop: a_call(arguments={"order_id": str(hop)}))
    assert len(made.steps) == 30
    assert (made.success, made.looped) == (False, False)
    standings = [step.standing for step in made.steps]
    assert standings == ["clean"] + ["off_path"] * 29


async def test_the_same_call_three_times_is_a_loop() -> None:
    made = await played(lambda _: a_call(arguments={"order_id": "1"}))
    assert made.looped
    assert len(made.steps) == 3


async def test_after_what_cannot_be_taken_back_no_step_is_right_any_more() -> None:
    order = task().desk.records.orders[0].order_id

    def make(hop: int) -> Draft:
        if hop == 1:
            return a_call("issue_refund", {"order_id": order, "amount": 1})
        return an_answer("Done.")

    made = await played(make)
    assert [step.standing for step in made.steps] == ["clean", "lost"]
    assert all(step.was_wrong for step in made.steps)


async def test_several_calls_are_right_if_each_is_after_the_others() -> None:
    order = task().desk.records.orders[0].order_id

    def twice(_hop: int) -> Draft:
        draft = a_call(arguments={"order_id": order})
        [call] = draft.message.calls
        parts = (call, call.model_copy(update={"id": "c2"}))
        return draft.model_copy(
            update={"message": draft.message.model_copy(update={"parts": parts})}
        )

    made = await played(twice, guided=True)
    # Whatever the first of them was, the second one repeats it.
    assert made.steps[0].was_wrong
