import pytest

from cascade.exchange import Usage
from cascade.messages import AssistantMessage, Text, ToolCall, ToolResult
from cascade.routing.pace import Pace, pace_of
from cascade.steps import DoneCall, Step


def step(number: int, *, output: int, result: str = "", at_s: float = 0.0) -> Step:
    call = ToolCall(id=f"c{number}", name="find", arguments={"name": "Ann"})
    done = DoneCall(
        call=call,
        result=ToolResult(call_id=call.id, name="find", parts=(Text(text=result),)),
        side_effect="read",
    )
    return Step(
        number=number,
        lane="home",
        message=AssistantMessage(parts=(call,)),
        calls=(done,),
        usage=Usage(output_tokens=output),
        at_s=at_s,
    )


def test_before_the_first_step_it_is_a_guess():
    assert pace_of(()) == Pace()


def test_it_is_the_average_of_the_steps():
    pace = pace_of([step(1, output=20, result="x" * 400, at_s=2.0), step(2, output=40, at_s=6.0)])
    assert pace == Pace(output_tokens=30, growth_tokens=80, step_s=3.0)


def test_only_the_last_steps_count():
    early = [step(number, output=1000, at_s=100.0 * number) for number in range(1, 11)]
    late = [step(number, output=10, at_s=1000.0 + number - 10) for number in range(11, 19)]
    pace = pace_of([*early, *late])
    assert pace.output_tokens == 10
    assert pace.step_s == pytest.approx(1.0)


def test_a_server_that_reports_no_tokens_is_judged_by_what_it_wrote():
    # `find` and `{'name': 'Ann'}` are 19 characters.
    assert pace_of([step(1, output=0)]).output_tokens == 5
