"""The oracle reads and writes the runtime's messages."""

from cascade.desk.calls import Call, Exchange, Reply, Step
from cascade.desk.oracle import oracle_next
from cascade.desk.tasks import make_task, reply_of
from cascade.desk.transcript import exchanges_of, message_of
from cascade.desk.world import Office
from cascade.messages import Message, Text, ToolMessage, ToolResult, UserMessage


def test_the_oracle_can_play_a_model_over_messages():
    task = make_task("total", "evaluation", 2)
    office = Office(task.records)
    messages: list[Message] = [UserMessage.of(task.prompt)]
    for turn in range(40):
        step = oracle_next(task, exchanges_of(messages))
        message = message_of(step, call_id=f"call_{turn}")
        messages.append(message)
        if step.call is None:
            break
        reply = reply_of(office, step.call)
        result = ToolResult(
            call_id=f"call_{turn}",
            name=step.call.name,
            parts=(Text(text=reply.text),),
            is_error=reply.is_error,
        )
        messages.append(ToolMessage(parts=(result,)))
    last = messages[-1]
    assert not isinstance(last, ToolMessage)
    assert task.verdict(office, last.text).success


def test_several_calls_of_one_step_come_in_the_order_of_their_results():
    message = message_of(Step(call=Call(name="a", arguments={"x": 1})), call_id="1")
    other = message_of(Step(call=Call(name="b", arguments={})), call_id="2")
    both = message.model_copy(update={"parts": (*message.parts, *other.parts)})
    results = [
        ToolResult(call_id="2", name="b", parts=(Text(text="no"),), is_error=True),
        ToolResult(call_id="1", name="a", parts=(Text(text="yes"),)),
    ]
    assert exchanges_of([both, ToolMessage(parts=tuple(results))]) == [
        Exchange(call=Call(name="b", arguments={}), reply=Reply(text="no", is_error=True)),
        Exchange(call=Call(name="a", arguments={"x": 1}), reply=Reply(text="yes")),
    ]


def test_a_final_step_is_a_plain_text():
    assert message_of(Step(answer="Done."), call_id="1").text == "Done."
