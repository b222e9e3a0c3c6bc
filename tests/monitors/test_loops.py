"""Which steps count as coming again: the same call, the same error, the same steps in turn."""

import pytest
from watched_steps import Done, Trajectory, codes_in, did, done, tool_of

from cascade.monitors import Stuck
from cascade.policy import StuckSettings

SEARCH = tool_of("search")
SAVE = tool_of("save", side_effect="write")
SHELL = tool_of(
    "shell",
    side_effect="write",
    parameters={"type": "object", "properties": {"cmd": {"type": "string", "format": "shell"}}},
)


def codes(*steps: Done, settings: StuckSettings | None = None) -> dict[str, list[int]]:
    return codes_in(Stuck(settings), Trajectory(done=steps))


def only(code: str, *steps: Done, settings: StuckSettings | None = None) -> list[int]:
    return codes(*steps, settings=settings).get(code, [])


def test_the_same_call_with_the_same_result_is_soft_at_first_and_then_hard():
    trajectory = Trajectory(done=[done(SEARCH, {"query": "rain"}, "No hits for rain.")] * 4)
    monitor = Stuck(StuckSettings(first_step=1, repeated_calls=2, repeated_calls_hard=3))
    found = [
        [signal.hard for signal in monitor.watch(prefix) if signal.code == "repeated_call"]
        for prefix in trajectory.prefixes()
    ]
    assert found == [[], [False], [True], [True]]


def test_a_repetition_says_what_it_saw():
    trajectory = Trajectory(done=[done(SEARCH, {"query": "rain"}, "No hits for rain.")] * 3)
    (signal,) = [s for s in Stuck().watch(trajectory.prefix()) if s.code == "repeated_call"]
    assert signal.hard
    assert signal.steps == (1, 2, 3)
    assert "search was called 3 times with the same arguments" in signal.evidence
    assert "steps 1, 2, 3" in signal.evidence
    assert signal.p_fail is not None
    assert signal.calibration is None


def test_a_call_that_is_repeated_within_one_step_counts_once():
    twice = Done(calls=(did(SEARCH, {"query": "rain"}, "None."),) * 2)
    assert only("repeated_call", twice, settings=StuckSettings(first_step=1)) == []


def test_other_calls_in_between_do_not_hide_a_repetition():
    same = done(SEARCH, {"query": "rain"}, "No hits for rain.")
    other = [done(SEARCH, {"query": str(n)}, f"hit {n}") for n in range(3)]
    assert only("repeated_call", same, other[0], same, other[1], same) == [3, 5]


def test_a_result_that_changes_is_no_repetition():
    steps = [done(SEARCH, {"query": "rain"}, f"{n} hits") for n in (1, 2, 3, 4, 5)]
    assert codes(*steps) == {}


def test_a_result_that_changes_back_starts_the_count_anew():
    wet, dry = (done(SEARCH, {"query": "rain"}, word) for word in ("wet", "dry"))
    assert only("repeated_call", wet, dry, wet, dry) == []
    assert only("repeated_call", wet, dry, wet, wet) == [4]


def test_a_change_in_between_makes_the_same_reading_call_worth_making():
    look = done(SEARCH, {"query": "rain"}, "3 files")
    saves = [done(SAVE, {"text": word}, "saved") for word in ("one", "two", "three")]
    assert codes(look, saves[0], look, saves[1], look, saves[2], look) == {}


def test_the_same_change_made_again_is_a_repetition():
    save = done(SAVE, {"text": "one"}, "saved")
    assert only("repeated_call", save, save, save) == [2, 3]


def test_a_change_that_failed_is_no_change():
    look = done(SEARCH, {"query": "rain"}, "3 files")
    failing = [done(SAVE, {"text": str(n)}, f"PermissionError: {n}", error=True) for n in range(2)]
    assert only("repeated_call", look, failing[0], look, failing[1], look) == [3, 5]


def test_nothing_is_said_before_the_first_step_that_may_be_judged():
    steps = [done(SEARCH, {"query": "rain"}, "None.")] * 6
    assert only("repeated_call", *steps, settings=StuckSettings(first_step=5)) == [5, 6]


def test_steps_before_a_spans_end_do_not_count():
    steps = [done(SEARCH, {"query": "rain"}, "None.")] * 5
    assert codes_in(Stuck(), Trajectory(done=steps, since=5)) == {}


def test_a_monitor_that_is_off_says_nothing():
    steps = [done(SEARCH, {"query": "rain"}, "None.")] * 5
    assert codes(*steps, settings=StuckSettings(enabled=False)) == {}


def failing(query: str, text: str) -> Done:
    return done(SEARCH, {"query": query}, text, error=True)


def test_the_same_class_of_error_again_is_soft_at_first_and_hard_in_the_end():
    steps = [failing(str(n), f"KeyError: 'column {n}'") for n in range(6)]
    trajectory = Trajectory(done=steps)
    found = [
        [(s.code, s.hard) for s in Stuck().watch(prefix) if s.code == "repeated_error"]
        for prefix in trajectory.prefixes()
    ]
    softly, hard = [("repeated_error", False)], [("repeated_error", True)]
    settings = StuckSettings()
    first = max(settings.repeated_errors, settings.first_step)
    until_hard = settings.repeated_errors_hard - first
    assert found == [[]] * (first - 1) + [softly] * until_hard + [hard] * (
        6 - settings.repeated_errors_hard + 1
    )


def test_errors_of_other_classes_are_other_errors():
    words = ("KeyError: 'a'", "ValueError: bad date", "TypeError: not a list", "OSError: gone")
    assert only("repeated_error", *[failing(str(n), word) for n, word in enumerate(words)]) == []


def test_a_success_of_the_tool_ends_its_errors():
    wrong = [failing(str(n), "KeyError: 'a'") for n in range(4)]
    right = done(SEARCH, {"query": "x"}, "found")
    limit = StuckSettings().repeated_errors
    steps = [*wrong[: limit - 1], right, *wrong[: limit - 1]]
    assert only("repeated_error", *steps) == []


def test_a_failure_that_asks_to_be_tried_again_may_be_met_once_more():
    busy, wrong = (
        [failing("x", text)] * 4 for text in ("HTTP 503 Service Unavailable", "HTTP 404 Not Found")
    )
    assert only("repeated_call", *busy) == [4]
    assert only("repeated_call", *wrong) == [2, 3, 4]
    assert only("repeated_error", *busy) == [4]
    assert only("repeated_error", *wrong) == [2, 3, 4]


@pytest.mark.parametrize("period", [2, 3])
def test_the_same_steps_in_turn_are_a_loop(period: int):
    turn = [done(SEARCH, {"query": str(n)}, f"file {n}") for n in range(period)]
    assert only("alternation", *turn, *turn) == [2 * period]


def test_toggling_the_same_setting_is_a_loop():
    on, off = (done(SAVE, {"light": word}, "ok") for word in ("on", "off"))
    assert only("alternation", on, off, on, off) == [4]


def test_steps_in_turn_whose_results_change_are_no_loop():
    steps = [done(SEARCH, {"query": str(n % 2)}, f"file {n}") for n in range(8)]
    assert codes(*steps) == {}


def test_one_class_of_command_on_and_on_is_a_loop():
    steps = [done(SHELL, {"cmd": f"grep -n word{n} src/a.py"}, f"{n}: word") for n in range(16)]
    assert only("command_loop", *steps) == [15, 16]


def test_a_command_that_changes_something_ends_a_loop_of_commands():
    steps = [done(SHELL, {"cmd": f"grep -n word{n} src/a.py"}, f"{n}: word") for n in range(20)]
    steps[10] = done(SHELL, {"cmd": "sed -i s/a/b/ src/a.py"}, "")
    assert only("command_loop", *steps) == []


def test_numbers_that_vary_in_the_words_of_an_error_do_not_make_it_another():
    steps = [failing("x", f"RuntimeError: request {n}a7 failed after {n} ms") for n in range(1, 5)]
    assert only("repeated_error", *steps) == [2, 3, 4]
