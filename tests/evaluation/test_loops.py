"""How long a trajectory went in circles."""

from watched_steps import Done, Trajectory, done, tool_of

from cascade.evaluation.loops import longest_loop

LOOK = tool_of("look")
WAIT = tool_of("wait", waits=True)


def loop_of(*steps: Done) -> int:
    return longest_loop(step.calls for step in Trajectory(done=steps).steps())


def test_the_same_call_with_the_same_result_is_a_loop_and_its_first_time_counts():
    assert loop_of(*[done(LOOK, {"at": 1}, "nothing")] * 11) == 11


def test_steps_in_turn_are_a_loop_too():
    pair = [done(LOOK, {"at": 1}, "one"), done(LOOK, {"at": 2}, "two")]
    assert loop_of(*pair, *pair, *pair) == 5


def test_a_result_that_changes_is_no_loop():
    assert loop_of(*(done(LOOK, {"at": 1}, f"{number} left") for number in range(12))) == 0


def test_waiting_is_no_loop():
    assert loop_of(*[done(WAIT, {}, "not yet")] * 12) == 0


def test_something_new_ends_a_loop():
    again = [done(LOOK, {"at": 1}, "one")] * 3
    assert loop_of(*again, done(LOOK, {"at": 2}, "two"), *again) == 4


def test_nothing_done_is_no_loop():
    assert loop_of() == 0
