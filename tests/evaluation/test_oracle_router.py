"""The gate that knows the answers, and what is read from recorded runs by the same knowledge."""

from pathlib import Path

import anyio
import pytest

from cascade import Cascade, ConfigError
from cascade.backends.scripted import ScriptedBackend, calling
from cascade.desk.calls import Call
from cascade.desk.oracle import oracle_path
from cascade.desk.suite import DeskSuite, SuiteTask
from cascade.evaluation import evaluate
from cascade.evaluation import oracle_router as module
from cascade.evaluation.irreversible import WrongCalls, wrong_calls
from cascade.evaluation.oracle_router import OracleRouter, reference
from cascade.exchange import Draft, Timing, Usage
from cascade.gates.loading import gate_named
from cascade.messages import AssistantMessage, Text, ToolCall, UserMessage
from cascade.opinions import Review
from cascade.runtime import BUNDLED_LANE
from cascade.steps import Prefix

(TASK,) = DeskSuite(families=("message",)).tasks(1, 3)


def prefix(text: str = TASK.prompt) -> Prefix:
    return Prefix(task=UserMessage.of(text), tools=(), steps=())


def draft(call: Call | None, answer: str = "") -> Draft:
    parts: tuple[ToolCall | Text, ...] = (Text(text=answer),)
    if call is not None:
        made = {"id": "call_1", "name": call.name, "arguments": dict(call.arguments)}
        parts = (ToolCall.model_validate(made),)
    return Draft(
        message=AssistantMessage(parts=parts),
        usage=Usage(),
        timing=Timing(),
        served_model="small",
        finish_reason="stop",
    )


def verdict(drafted: Draft, text: str = TASK.prompt) -> bool | None:
    return OracleRouter([TASK.desk]).judge(prefix(text), drafted, BUNDLED_LANE).passed


def test_the_right_step_passes_and_a_wrong_one_does_not():
    right = oracle_path(TASK.desk, [])[0].call
    assert right is not None
    assert verdict(draft(right)) is True
    assert verdict(draft(Call(name="find_customer", arguments={"name": "Nobody At All"}))) is False
    assert verdict(draft(None, "It is done.")) is False


def test_of_a_task_that_it_does_not_know_it_says_nothing():
    assert verdict(draft(None, "It is done."), "What is 6 times 7?") is None


def test_a_policy_can_name_it():
    suite = DeskSuite()
    named = reference(suite, seed=7, count=14)
    assert named == "cascade.evaluation.oracle_router:desk_evaluation_7_14"
    gate = gate_named(named)
    task = suite.tasks(14, 7)[3]
    right = oracle_path(task.desk, [])[0].call
    assert gate.judge(prefix(task.prompt), draft(right), BUNDLED_LANE).passed


def test_tasks_of_which_a_name_does_not_say_all_have_no_reference():
    assert reference(DeskSuite(families=("message",)), seed=7, count=14) is None
    assert reference(DeskSuite(), seed=-1, count=14) is None


def test_other_names_are_not_there():
    with pytest.raises(ConfigError, match="has no 'desk_moon_1_2'"):
        gate_named(f"{module.__name__}:desk_moon_1_2")


class _Messages:
    """One task of the family that writes a message, which cannot be taken back."""

    name = "desk"
    families = ("message",)

    def tasks(self, count: int, seed: int) -> list[SuiteTask]:
        del count, seed
        return [TASK]


def recorded(folder: Path, *calls: Call, review: Review | None = None) -> WrongCalls:
    """What is counted in a run that makes these calls and then claims to be done.

    With a review, a lane above gives it of the first call that cannot be taken back, and then
    answers itself.
    """
    replies = [calling((call.name, dict(call.arguments))) for call in calls]
    backends = [ScriptedBackend([*replies, "It is done."])]
    if review is not None:
        above = BUNDLED_LANE.model_copy(update={"name": "above", "tier": 1, "backend": "scripted"})
        backends.append(ScriptedBackend([review.model_dump_json(), "No."], lane=above))

    async def run() -> Path:
        async with Cascade(
            lanes=[each.lane for each in backends],
            backends={each.lane.name: each for each in backends},
            traces=folder,
        ) as cascade:
            evaluation = await evaluate(cascade, _Messages(), tasks=1)
        trace = evaluation.attempts[0].trace
        assert trace is not None
        return trace

    return wrong_calls(anyio.run(run), {TASK.id: TASK.desk})


CUSTOMER = TASK.desk.records.customers[-1].customer_id
WRONG = Call(name="send_message", arguments={"customer_id": CUSTOMER, "text": "Oh dear."})


def opinion(*, on_track: bool) -> Review:
    return Review(milestone="a message", reason="Look.", on_track=on_track, correction="")


def test_a_wrong_message_that_a_review_stopped_is_counted_as_caught(tmp_path: Path):
    found = recorded(tmp_path, WRONG, review=opinion(on_track=False))
    assert found == WrongCalls(drafted=1, made=0, reviewed=1, caught_by_review=1)
    assert found.stopped_share == found.caught_share == 1


def test_a_wrong_message_that_a_review_let_pass_is_counted_as_made(tmp_path: Path):
    found = recorded(tmp_path, WRONG, review=opinion(on_track=True))
    assert found == WrongCalls(drafted=1, made=1, reviewed=1, caught_by_review=0)
    assert found.stopped_share == found.caught_share == 0


def test_a_wrong_message_that_was_sent_is_counted_as_made(tmp_path: Path):
    found = recorded(tmp_path, WRONG, WRONG)
    # After the first one the task is beyond repair, and nothing that follows can be wrong.
    assert found == WrongCalls(drafted=1, made=1)
    assert found.stopped_share == 0
    assert found.caught_share is None


def test_the_right_calls_are_not_counted(tmp_path: Path):
    path = [step.call for step in oracle_path(TASK.desk, []) if step.call is not None]
    assert recorded(tmp_path, *path) == WrongCalls()
    assert WrongCalls().stopped_share is None


def test_counts_add_up():
    one = WrongCalls(drafted=2, made=1, reviewed=2, caught_by_review=1)
    assert one + one == WrongCalls(drafted=4, made=2, reviewed=4, caught_by_review=2)
    assert (one + one).caught_share == 0.5
