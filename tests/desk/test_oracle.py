"""The oracle off the path: wrong reads, wrong writes, repeats, and what is beyond repair."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.desk.calls import Call, Exchange, Reply, Step
from cascade.desk.families import FAMILIES
from cascade.desk.oracle import oracle_next, oracle_path, step_is_right
from cascade.desk.records import STATUSES
from cascade.desk.tasks import DeskTask, make_task, reply_of
from cascade.desk.world import Office


def make_call(name: str, /, **arguments: object) -> Call:
    return Call(name=name, arguments=arguments)


class Attempt:
    """A run that can be pushed off the path."""

    def __init__(self, task: DeskTask) -> None:
        self.task = task
        self.office = Office(task.records)
        self.history: list[Exchange] = []

    def make(self, call: Call) -> Reply:
        reply = reply_of(self.office, call)
        self.history.append(Exchange(call=call, reply=reply))
        return reply

    def follow(self, steps: int = 40) -> Step:
        for _ in range(steps):
            step = oracle_next(self.task, self.history)
            if step.call is None:
                return step
            self.make(step.call)
        return oracle_next(self.task, self.history)


def stray_call(rng: random.Random, task: DeskTask) -> Call:
    """Any call that leaves no irreversible trace."""
    order_id = rng.choice([*task.goal.orders, "0000"])
    customer = rng.choice(task.records.customers)
    return rng.choice(
        [
            make_call("get_order", order_id=order_id),
            make_call("list_orders", customer_id=customer.customer_id),
            make_call("find_customer", name=customer.name),
            make_call("find_customer", name="Nobody"),
            make_call("read_file", path="nowhere"),
            make_call("calculator", expression="1 +"),
            make_call("update_order", order_id=order_id, status=rng.choice(STATUSES)),
            make_call("set_note", order_id=order_id, text="stray"),
            make_call("no_such_tool", x=1),
        ]
    )


@settings(max_examples=150, deadline=None)
@given(
    family=st.sampled_from(sorted(FAMILIES)),
    seed=st.integers(0, 10_000),
    slips=st.lists(st.integers(0, 12), max_size=5),
)
def test_the_oracle_finishes_from_any_repairable_state(family: str, seed: int, slips: list[int]):
    task = make_task(family, "evaluation", seed)
    rng = random.Random(seed)
    attempt = Attempt(task)
    for before in slips:
        attempt.follow(before)
        attempt.make(stray_call(rng, task))
    last = attempt.follow()
    assert last.answer is not None
    assert not last.beyond_repair
    assert task.verdict(attempt.office, last.answer).success


def test_a_repeated_call_changes_nothing():
    attempt = Attempt(make_task("latest", "evaluation", 1))
    attempt.follow(2)
    expected = oracle_next(attempt.task, attempt.history)
    attempt.make(attempt.history[-1].call)
    assert oracle_next(attempt.task, attempt.history) == expected


def test_a_call_that_timed_out_is_repeated():
    tasks = (make_task("status", "evaluation", seed) for seed in range(100))
    attempt = Attempt(next(task for task in tasks if task.fault == "timeout"))
    first = oracle_next(attempt.task, [])
    assert first.call is not None
    assert attempt.make(first.call).is_transient
    assert oracle_next(attempt.task, attempt.history) == first


def test_a_wrong_write_is_undone_before_anything_else():
    task = make_task("status", "evaluation", 2)
    attempt = Attempt(task)
    bystander = task.records.orders[-1]
    wrong = next(status for status in STATUSES if status != bystander.status)
    attempt.make(make_call("update_order", order_id=bystander.order_id, status=wrong))
    repair = make_call("update_order", order_id=bystander.order_id, status=bystander.status)
    assert oracle_next(task, attempt.history) == Step(call=repair)


def test_a_write_made_too_early_does_not_mislead_the_oracle():
    tasks = (make_task("cancel", "evaluation", seed) for seed in range(50))
    task = next(t for t in tasks if t.fault is None and t.conclusion.needed[0] != "cancelled")
    attempt = Attempt(task)
    target = next(call.call for call in oracle_path(task, []) if call.call is not None)
    attempt.make(
        make_call("update_order", order_id=target.arguments["order_id"], status="cancelled")
    )
    last = attempt.follow()
    assert task.verdict(attempt.office, last.answer).success


@pytest.mark.parametrize("family", ["status", "refund", "message"])
def test_a_wrong_message_is_beyond_repair(family: str):
    task = make_task(family, "evaluation", 5)
    attempt = Attempt(task)
    attempt.make(
        make_call("send_message", customer_id=task.records.customers[0].customer_id, text="?")
    )
    step = oracle_next(task, attempt.history)
    assert step.beyond_repair
    assert step.answer is not None
    assert "by mistake" in step.answer
    assert not task.verdict(attempt.office, step.answer).success


def test_a_refund_of_the_wrong_amount_is_beyond_repair():
    tasks = (make_task("loyalty", "evaluation", seed) for seed in range(20))
    task = next(t for t in tasks if t.goal.refunds[0].amount > 1)
    refund = task.goal.refunds[0]
    attempt = Attempt(task)
    attempt.make(make_call("issue_refund", order_id=refund.order_id, amount=refund.amount - 1))
    assert oracle_next(task, attempt.history).beyond_repair


def test_a_refused_irreversible_call_does_no_harm():
    task = make_task("loyalty", "evaluation", 5)
    attempt = Attempt(task)
    reply = attempt.make(make_call("issue_refund", order_id="0000", amount=5))
    assert reply.is_error
    assert not oracle_next(task, attempt.history).beyond_repair


def test_steps_in_another_order_are_right_too():
    tasks = (make_task("loyalty", "evaluation", seed) for seed in range(50))
    task = next(task for task in tasks if task.fault is None)
    calls = [step.call for step in oracle_path(task, []) if step.call is not None]
    assert [call.name for call in calls[:3]] == ["find_customer", "read_file", "get_order"]
    assert step_is_right(task, [], Step(call=calls[2]))
    assert not step_is_right(task, [], Step(call=make_call("get_order", order_id="0000")))


def test_a_repeat_an_early_finish_and_a_stray_write_are_wrong_steps():
    task = make_task("total", "evaluation", 4)
    attempt = Attempt(task)
    attempt.follow(2)
    repeated = attempt.history[-1]
    if not repeated.reply.is_transient:
        assert not step_is_right(task, attempt.history, Step(call=repeated.call))
    assert not step_is_right(task, attempt.history, Step(answer="The open total is 1."))
    stray = make_call("set_note", order_id=task.records.orders[0].order_id, text="x")
    assert not step_is_right(task, attempt.history, Step(call=stray))


def test_the_path_gets_shorter_by_one_with_each_of_its_steps():
    task = make_task("compare", "evaluation", 6)
    attempt = Attempt(task)
    lengths: list[int] = []
    while (step := oracle_next(task, attempt.history)).call is not None:
        lengths.append(len(oracle_path(task, attempt.history)))
        attempt.make(step.call)
    steady = [b - a for a, b in itertools.pairwise(lengths)]
    assert set(steady) <= {-1, 0}
    assert steady.count(0) <= 1
