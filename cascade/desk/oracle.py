"""The oracle: the next right step of a task from any state, off-path ones included.

It knows the records, so it can undo a wrong write and knows when nothing can be undone. A family's
plan asks for the calls it needs; replies that the history already holds are given at once, the
first call that it does not hold is the next step. What the plan reads is looked up in an untouched
copy of the office, so a wrong write made before a look-up cannot mislead it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cascade.desk.calls import Call, Conclusion, Exchange, Reply, Step
from cascade.desk.tasks import DeskTask, reply_of
from cascade.desk.world import TOOL_EFFECTS, Office

__all__ = ["oracle_next", "oracle_path", "step_is_right"]


def oracle_next(task: DeskTask, history: Sequence[Exchange]) -> Step:
    """Return the next right step after the given exchanges.

    If an irreversible call has already gone wrong, the step is a final answer that says so and has
    `beyond_repair` set.
    """
    return oracle_path(task, history)[0]


def oracle_path(task: DeskTask, history: Sequence[Exchange]) -> list[Step]:
    """Return all steps that remain, the final answer included, if no further call times out."""
    present = _replayed(task, history)
    harm = task.irreparable(present)
    if harm is not None:
        return [Step(answer=f"A person must look at this: {harm}.", beyond_repair=True)]
    known = {exchange.call.key for exchange in history if not exchange.reply.is_transient}
    repairs = _repairs(task, present)
    for repair in repairs:
        reply_of(present, repair)
    walk = _Walk(pristine=Office(task.records, reliable=True), present=present, known=known)
    steps, conclusion = walk.remaining(task)
    return [*(Step(call=call) for call in (*repairs, *steps)), Step(answer=conclusion.answer)]


def step_is_right(task: DeskTask, history: Sequence[Exchange], step: Step) -> bool:
    """Return whether a step brings the task closer to success.

    A final answer is right if the task succeeds with it. A call is right if fewer steps remain
    after it, in whatever order the oracle itself would have made its calls.
    """
    before = oracle_path(task, history)
    if before[0].beyond_repair:
        return False
    if step.call is None:
        return task.verdict(_replayed(task, history), step.answer).success
    reply = reply_of(_replayed(task, history), step.call)
    after = oracle_path(task, [*history, Exchange(call=step.call, reply=reply)])
    return not after[0].beyond_repair and len(after) < len(before)


@dataclass(slots=True, kw_only=True)
class _Walk:
    pristine: Office
    present: Office
    known: set[str]

    def remaining(self, task: DeskTask) -> tuple[list[Call], Conclusion]:
        steps: list[Call] = []
        plan = task.plan()
        try:
            call = next(plan)
            while True:
                reply = reply_of(self.pristine, call)
                if not self._is_done(call, reply):
                    steps.append(call)
                call = plan.send(reply)
        except StopIteration as end:
            conclusion: Conclusion = end.value
            return steps, conclusion

    def _is_done(self, call: Call, reply: Reply) -> bool:
        if reply.is_error or TOOL_EFFECTS[call.name] == "read":
            return call.key in self.known
        if TOOL_EFFECTS[call.name] == "irreversible":
            return _sent_or_paid(self.present, call)
        order = self.present.orders[str(call.arguments["order_id"])]
        written = order.status if call.name == "update_order" else order.note
        return written == call.arguments["status" if call.name == "update_order" else "text"]


def _replayed(task: DeskTask, history: Sequence[Exchange]) -> Office:
    office = Office(task.records, reliable=True)
    for exchange in history:
        if not exchange.reply.is_error and TOOL_EFFECTS.get(exchange.call.name, "read") != "read":
            reply_of(office, exchange.call)
    return office


def _repairs(task: DeskTask, present: Office) -> list[Call]:
    goal = task.goal.orders
    first = {order.order_id: order for order in task.records.orders}
    calls: list[Call] = []
    for order_id, order in present.orders.items():
        wanted = goal[order_id]
        if order.status not in (first[order_id].status, wanted.status):
            calls.append(_write("update_order", order_id, status=wanted.status))
        if order.note not in (first[order_id].note, wanted.note):
            calls.append(_write("set_note", order_id, text=wanted.note))
    return calls


def _write(tool: str, order_id: str, /, **arguments: object) -> Call:
    return Call(name=tool, arguments={"order_id": order_id, **arguments})


def _sent_or_paid(office: Office, call: Call) -> bool:
    given = dict(call.arguments)
    if call.name == "issue_refund":
        return any(refund.order_id == given["order_id"] for refund in office.refunds)
    return any(
        message.customer_id == given["customer_id"] and message.text == given["text"]
        for message in office.messages
    )
