"""What the desk oracle does in a task, as exchanges and as a trajectory's steps."""

from collections.abc import Sequence

from cascade.desk.calls import Exchange
from cascade.desk.calls import Step as DeskStep
from cascade.desk.oracle import oracle_next
from cascade.desk.tasks import DeskTask, reply_of
from cascade.desk.transcript import message_of
from cascade.desk.world import TOOL_EFFECTS, Office
from cascade.exchange import Usage
from cascade.messages import Text, ToolResult
from cascade.steps import DoneCall, Step

__all__ = ["by_the_oracle", "steps_of"]


def by_the_oracle(task: DeskTask, most: int = 50) -> list[Exchange]:
    """The oracle's first exchanges, timeouts included, without the final answer."""
    office, history = Office(task.records), list[Exchange]()
    while len(history) < most:
        call = oracle_next(task, history).call
        if call is None:
            break
        history.append(Exchange(call=call, reply=reply_of(office, call)))
    return history


def steps_of(history: Sequence[Exchange], first: int = 1) -> list[Step]:
    made: list[Step] = []
    for number, one in enumerate(history, first):
        message = message_of(DeskStep(call=one.call), call_id=f"c{number}")
        (call,) = message.calls
        result = ToolResult(
            call_id=call.id,
            name=call.name,
            parts=(Text(text=one.reply.text),),
            is_error=one.reply.is_error,
        )
        effect = TOOL_EFFECTS.get(call.name, "write")
        done = DoneCall(call=call, result=result, side_effect=effect)
        made.append(
            Step(
                number=number, lane="home", message=message, calls=(done,), usage=Usage(), at_s=0.0
            )
        )
    return made
