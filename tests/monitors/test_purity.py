"""What holds for all trajectories: same prefix, same signals, and nothing that moves is a loop."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from watched_steps import Done, Trajectory, codes_in, did, done, said, tool_of

from cascade.messages import AssistantMessage, Text
from cascade.monitors import STUCK_CODES, Milestones, Stuck
from cascade.policy import Budget, MilestoneSettings, StuckSettings

TOOLS = (
    tool_of("read"),
    tool_of("write", side_effect="write"),
    tool_of("send", side_effect="irreversible", goal="sent"),
    tool_of("wait", waits=True),
)
WORDS = (
    "done",
    "not yet",
    '{"state": "open"}',
    "KeyError: 'x'",
    "HTTP 503",
    "exit code: 1\nno",
    "",
)

made_calls = st.builds(
    did,
    st.sampled_from(TOOLS) | st.just("unknown"),
    st.dictionaries(st.sampled_from("ab"), st.integers(0, 1), max_size=2),
    st.sampled_from(WORDS),
    error=st.booleans(),
)
made_steps: SearchStrategy[Done] = st.builds(
    Done,
    calls=st.lists(made_calls, max_size=2).map(tuple),
    text=st.sampled_from(("", "I look at it once more, as it may have changed by now.", "Hm.")),
    after_s=st.sampled_from((1.0, 5.0, 60.0)),
)
trajectories = st.builds(
    Trajectory,
    done=st.lists(made_steps, max_size=14),
    tools=st.just(TOOLS),
    budget=st.just(Budget(steps=8, tokens=600)),
    since=st.integers(1, 6),
)


@given(trajectories)
def test_the_same_prefix_gives_the_same_signals_whoever_asks_and_whenever(trajectory: Trajectory):
    monitor = Stuck()
    grown = [list(monitor.watch(prefix)) for prefix in trajectory.prefixes()]
    again = [list(monitor.watch(prefix)) for prefix in trajectory.prefixes()]
    # Steps that all prefixes share, against steps made afresh for each and another monitor.
    afresh = [
        list(Stuck().watch(replace(trajectory, done=trajectory.done[:count]).prefix()))
        for count in range(1, len(trajectory.done) + 1)
    ]
    assert grown == again == afresh


@given(trajectories)
def test_signals_say_where_and_why(trajectory: Trajectory):
    for prefix in trajectory.prefixes():
        for signal in Stuck().watch(prefix):
            assert signal.code in STUCK_CODES
            assert signal.steps
            assert max(signal.steps) == len(prefix.steps)
            assert min(signal.steps) >= trajectory.since
            assert signal.evidence
            assert len(prefix.counted) >= StuckSettings().first_step


@given(trajectories)
def test_a_draft_is_no_sign_of_being_stuck(trajectory: Trajectory):
    draft = AssistantMessage(parts=(Text(text="Done."),))
    assert list(Stuck().watch(trajectory.prefix(draft))) == []


@given(trajectories, st.text(min_size=1, max_size=5))
def test_a_result_that_never_came_before_is_neither_a_repetition_nor_idle(
    trajectory: Trajectory, text: str
):
    fresh = done(TOOLS[0], {"a": 1}, f"never seen before: {text}")
    longer = replace(trajectory, done=[*trajectory.done, fresh], since=1)
    count = len(longer.done)
    found = codes_in(Stuck(), longer)
    for code in ("repeated_call", "repeated_error", "alternation", "no_change", "monologue"):
        assert count not in found.get(code, [])


@given(trajectories)
def test_words_alone_never_repeat_a_call(trajectory: Trajectory):
    longer = replace(trajectory, done=[*trajectory.done, said("And so on."), said("And so on.")])
    found = codes_in(Stuck(), longer)
    assert not {len(longer.done), len(longer.done) - 1} & set(found.get("repeated_call", []))


@given(st.lists(made_steps, min_size=1, max_size=8))
def test_more_patience_never_finds_more(steps: list[Done]):
    steps = [replace(step, after_s=5.0) for step in steps]
    hasty = codes_in(Stuck(), Trajectory(done=steps))
    patient = StuckSettings(
        repeated_calls=5, repeated_errors=5, monologue=4, steps_without_change=6, alternations=3
    )
    found = codes_in(Stuck(patient), Trajectory(done=steps))
    assert all(set(counts) <= set(hasty.get(code, [])) for code, counts in found.items())


@given(trajectories)
def test_milestones_are_pure_too(trajectory: Trajectory):
    settings = MilestoneSettings(
        claims=True, first_write_after_reads=2, goals_reviewed=True, span_ends=True
    )
    one, other = Milestones(settings), Milestones(settings)
    for draft in (None, AssistantMessage(parts=(Text(text="Done."),))):
        found = list(one.watch(trajectory.prefix(draft)))
        assert found == list(other.watch(trajectory.prefix(draft)))
        assert all(signal.hard and signal.kind == "milestone" for signal in found)
