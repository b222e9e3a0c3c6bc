"""Points at which work is worth checking."""

from watched_steps import Done, Trajectory, did, done, tool_of

from cascade.messages import AssistantMessage, Text, ToolCall
from cascade.monitors import Milestones
from cascade.policy import Goal, MilestoneSettings
from cascade.signals import Signal

READ = tool_of("read")
WRITE = tool_of("write", side_effect="write")
PAY = tool_of("pay", side_effect="irreversible", goal="paid")
TOOLS = (READ, WRITE, PAY)
ALL = MilestoneSettings(claims=True, first_write_after_reads=2, goals_reviewed=True, span_ends=True)


def calling(name: str, **arguments: int) -> AssistantMessage:
    return AssistantMessage(parts=(ToolCall(id="c", name=name, arguments={**arguments}),))


def answering(text: str) -> AssistantMessage:
    return AssistantMessage(parts=(Text(text=text),))


def signals(
    *steps: Done,
    draft: AssistantMessage | None = None,
    since: int = 1,
    settings: MilestoneSettings = ALL,
) -> list[Signal]:
    trajectory = Trajectory(done=steps, tools=TOOLS, since=since)
    return list(Milestones(settings).watch(trajectory.prefix(draft)))


def codes(
    *steps: Done,
    draft: AssistantMessage | None = None,
    since: int = 1,
    settings: MilestoneSettings = ALL,
) -> list[str]:
    found = signals(*steps, draft=draft, since=since, settings=settings)
    return [signal.code for signal in found]


READING = [done(READ, {"n": n}, f"page {n}") for n in range(3)]


def test_a_draft_without_calls_claims_to_be_finished():
    (signal,) = signals(draft=answering("All\n done."))
    assert signal.code == "claim"
    assert signal.hard
    assert "All done." in signal.evidence
    assert codes(draft=calling("read")) == []
    assert codes(draft=answering("x"), settings=MilestoneSettings()) == []


def test_a_call_that_cannot_be_undone_is_a_milestone_before_it_is_made():
    (signal,) = signals(*READING[:1], draft=calling("pay", amount=3))
    assert signal.code == "irreversible_call"
    assert 'pay({"amount":3})' in signal.evidence
    off = MilestoneSettings(irreversible=False)
    assert codes(draft=calling("pay"), settings=off) == []
    assert codes(draft=calling("no_such_tool")) == []


def test_the_first_write_after_a_long_read_is_a_milestone():
    (signal,) = signals(*READING, draft=calling("write", n=1))
    assert signal.code == "first_write"
    assert signal.steps == (1, 2, 3)
    assert "after 3 steps that only read" in signal.evidence
    assert codes(*READING, draft=calling("read")) == []
    assert codes(*READING[:1], draft=calling("write")) == []
    written = done(WRITE, {}, "ok")
    assert codes(*READING, written, *READING[:1], draft=calling("write")) == []
    assert codes(*READING, draft=calling("write"), settings=MilestoneSettings()) == []


def test_a_goal_that_a_tool_declares_is_reached_by_a_call_that_succeeds():
    (signal,) = signals(done(PAY, {"amount": 3}, "ok"))
    assert signal.code == "goal"
    assert signal.steps == (1,)
    assert "'paid'" in signal.evidence
    assert codes(done(PAY, {}, "ValueError: no", error=True)) == []
    assert codes(done(PAY, {}, "ok"), READING[0]) == []
    assert codes(done(PAY, {}, "ok"), settings=MilestoneSettings()) == []


def test_a_goal_of_the_task_asks_for_tool_arguments_and_result():
    goal = Goal(name="page two", tool="READ", arguments={"n": 2}, result_contains="two")
    settings = MilestoneSettings(goals=(goal,), goals_reviewed=True)
    fits = done(READ, {"n": 2, "more": 1}, "page two")
    assert codes(fits, settings=settings) == ["goal"]
    for wrong in (
        done(READ, {"n": 1}, "page two"),
        done(READ, {}, "page two"),
        done(READ, {"n": 2}, "page 2"),
        done(WRITE, {"n": 2}, "page two"),
        done(READ, {"n": 2}, "page two", error=True),
    ):
        assert codes(wrong, settings=settings) == []


def test_two_calls_of_a_step_can_each_reach_a_goal():
    both = Done(calls=(did(PAY, {"n": 1}, "ok"), did(PAY, {"n": 2}, "ok")))
    assert codes(both) == ["goal", "goal"]


def test_the_first_step_after_a_span_is_a_milestone():
    (signal,) = signals(*READING, since=4)
    assert signal.code == "span_end"
    assert signal.steps == (3,)
    assert codes(*READING, since=3) == []
    assert codes(*READING) == []
    assert codes() == []
    assert codes(*READING, since=4, settings=MilestoneSettings()) == []
