"""Traces that look like loops and are none: waiting for something, and tests written first."""

import json

import pytest
from watched_steps import Done, Trajectory, codes_in, did, done, tool_of

from cascade.monitors import Stuck
from cascade.policy import Budget

SUBMIT = tool_of("submit_job", side_effect="write")
STATUS = tool_of("get_status")
POLL = tool_of("poll", waits=True)
SLEEP = tool_of("sleep", waits=True)
PAUSE = tool_of("pause", side_effect="write")
READ = tool_of("read_file")
WRITE = tool_of("write_file", side_effect="write")
TEST = tool_of("run_tests")
SHELL = tool_of(
    "shell",
    side_effect="write",
    parameters={"type": "object", "properties": {"cmd": {"type": "string", "format": "shell"}}},
)
JOB = {"job": "build-12"}
WAITING = "The build has not finished, so I am going to look at its state once more in a while."


def submitted() -> Done:
    return done(SUBMIT, {"name": "build"}, '{"job": "build-12"}', text="First I start the build.")


def looks(*results: str, times: tuple[float, ...] = (), text: str = "") -> list[Done]:
    gaps = times or (5.0,) * len(results)
    return [
        done(STATUS, JOB, result, text=text, after_s=gap)
        for result, gap in zip(results, gaps, strict=True)
    ]


def states(*names: str) -> list[str]:
    return [json.dumps({"job": "build-12", "state": name}) for name in names]


def sh(command: str, output: str = "", *, code: int = 0, after_s: float = 5.0) -> Done:
    return done(
        SHELL,
        {"cmd": command},
        f"exit code: {code}\n{output}",
        error=code != 0,
        after_s=after_s,
    )


GROWING = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0)

POLLING: dict[str, list[Done]] = {
    "a tool declared to wait says the same twenty times": [
        submitted(),
        *[done(POLL, JOB, "pending")] * 20,
    ],
    "a tool declared to wait fails until the thing is there": [
        submitted(),
        *[done(POLL, JOB, "HTTP 404 Not Found", error=True)] * 12,
        done(POLL, JOB, "done"),
    ],
    "words that are the same at every look": [
        submitted(),
        *[done(POLL, JOB, "pending", text=WAITING)] * 10,
    ],
    "looks with declared pauses between them": [
        submitted(),
        *[each for _ in range(8) for each in (*looks(*states("running")), done(SLEEP, {"s": 30}))],
    ],
    "a look and a pause in one step": [
        submitted(),
        *[Done(calls=(did(STATUS, JOB, "running"), did(SLEEP, {"s": 30}, "slept")))] * 8,
    ],
    "a share that rises": [
        submitted(),
        *looks(*[json.dumps({"job": "build-12", "percent": n}) for n in range(0, 100, 7)]),
    ],
    "a state that changes at each look, in states that other jobs were seen in": [
        done(STATUS, {"job": "build-11"}, '{"job": "build-11", "state": "queued"}'),
        done(STATUS, {"job": "build-11"}, '{"job": "build-11", "state": "running"}'),
        done(STATUS, {"job": "build-11"}, '{"job": "build-11", "state": "done"}'),
        submitted(),
        *looks(*states("queued", "running", "done")),
    ],
    "a log that grows by a line": [
        submitted(),
        *looks(*["\n".join(f"compiled {m}.c" for m in range(n)) for n in range(1, 15)]),
    ],
    "a long log that grows at its end": [
        submitted(),
        *looks(*["x\n" * 6000 + f"line {n}" for n in range(10)]),
    ],
    "numbers in words that were all seen elsewhere": [
        done(READ, {"path": "numbers.txt"}, "\n".join(map(str, range(20)))),
        submitted(),
        *looks(*[f"Still going ({n} of 10)." for n in range(10)]),
    ],
    "looks further and further apart, at a state that does not change": [
        submitted(),
        *looks(*states(*["running"] * 6), times=GROWING),
    ],
    "looks further and further apart, with the same words": [
        submitted(),
        *looks(*states(*["running"] * 6), times=GROWING, text=WAITING),
    ],
    "errors further and further apart until it is there": [
        submitted(),
        *[done(STATUS, JOB, "HTTP 404 Not Found", error=True, after_s=gap) for gap in GROWING],
        *looks(*states("done")),
    ],
    "a service that is busy, and one more try": [
        done(READ, {"path": "a"}, "HTTP 503 Service Unavailable", error=True),
        done(READ, {"path": "a"}, "HTTP 503 Service Unavailable", error=True),
        done(READ, {"path": "a"}, "HTTP 503 Service Unavailable", error=True),
        done(READ, {"path": "a"}, "the text"),
    ],
    "a pause that nobody declared, between looks at something that moves": [
        submitted(),
        *[
            each
            for n in range(8)
            for each in (
                *looks(json.dumps({"percent": n * 10})),
                done(PAUSE, {"seconds": 30}, "ok"),
            )
        ],
    ],
    "a shell that sleeps before each look": [
        sh("make all > build.log 2>&1 &"),
        *[sh("sleep 30; tail -n 3 build.log", "CC main.o")] * 10,
    ],
    "a shell that sleeps longer each time": [
        sh("make all > build.log 2>&1 &"),
        *[sh(f"sleep {2**n} && cat build.log", "CC main.o") for n in range(8)],
    ],
    "three jobs watched in turn, one of which moves": [
        submitted(),
        *[
            done(STATUS, {"job": f"build-{n % 3}"}, f"build-{n % 3}: {'idle' if n % 3 else n}")
            for n in range(12)
        ],
    ],
    "pages of a list, the same call each time": [
        done(tool_of("next_page"), {}, "\n".join(f"row {n * 10 + m}" for m in range(10)))
        for n in range(12)
    ],
}


def wrote(path: str, content: str) -> Done:
    return done(WRITE, {"path": path, "content": content}, "written")


def ran_tests(passed: int, failed: int, text: str = "") -> Done:
    said = f"exit code: {1 if failed else 0}\n{text}\n{failed} failed, {passed} passed in 0.1s"
    return done(TEST, {}, said, error=failed > 0)


WRONG = "E   AssertionError: assert None == 3"

TEST_FIRST: dict[str, list[Done]] = {
    "a test first, then code until it passes": [
        wrote("test_a.py", "assert f(1) == 3"),
        ran_tests(0, 1, "E   NameError: name 'f' is not defined"),
        wrote("a.py", "def f(x): ..."),
        ran_tests(0, 1, WRONG),
        wrote("a.py", "def f(x): return 3"),
        ran_tests(1, 0),
    ],
    "the same failure after each of many different edits": [
        wrote("test_a.py", "assert f(1) == 3"),
        *[
            step
            for n in range(8)
            for step in (wrote("a.py", f"def f(x): return {n}  # try"), ran_tests(0, 1, WRONG))
        ],
    ],
    "more tests pass each time": [
        wrote("test_a.py", "ten tests"),
        *[ran_tests(n, 10 - n) for n in range(11)],
    ],
    "fewer tests pass for a while": [
        wrote("test_a.py", "ten tests"),
        *[
            step
            for n in (5, 4, 3, 6)
            for step in (wrote("a.py", f"version {n}"), ran_tests(n, 10 - n, WRONG))
        ],
    ],
    "a test is read again between edits": [
        wrote("test_a.py", "assert f(1) == 3"),
        *[
            step
            for n in range(6)
            for step in (
                done(READ, {"path": "test_a.py"}, "assert f(1) == 3"),
                wrote("a.py", f"def f(x): return {n}"),
                ran_tests(0, 1, WRONG),
            )
        ],
    ],
    "edits that are turned down, each for another reason": [
        done(WRITE, {"path": "a.py", "content": "a"}, "SyntaxError: invalid syntax", error=True),
        done(WRITE, {"path": "a.py", "content": "b"}, "IndentationError: unexpected", error=True),
        done(WRITE, {"path": "a.py", "content": "c"}, "TabError: inconsistent", error=True),
        wrote("a.py", "d"),
    ],
    "the whole suite, then the one that fails, then with more words": [
        wrote("test_a.py", "ten tests"),
        sh("pytest", "9 passed, 1 failed in 2.0s", code=1),
        sh("pytest tests/test_a.py", "2 passed, 1 failed in 0.1s", code=1),
        sh("pytest tests/test_a.py -vv", f"{WRONG}\n1 failed in 0.1s", code=1),
        sh("sed -i 's/None/3/' a.py"),
        sh("pytest", "10 passed in 2.0s"),
    ],
    "red, green, refactor, again and again": [
        step
        for n in range(5)
        for step in (
            wrote("test_a.py", f"test {n}"),
            ran_tests(n, 1, WRONG),
            wrote("a.py", f"code {n}"),
            ran_tests(n + 1, 0),
            wrote("a.py", f"tidier code {n}"),
            ran_tests(n + 1, 0),
        )
    ],
    "edits in a shell, with the same compiler error after each": [
        step
        for n in range(6)
        for step in (
            sh(f"cat > main.c <<'EOF'\nint main() {{ return f({n}); }}\nEOF"),
            sh("make", "main.c:1: error: implicit declaration of 'f'", code=2),
        )
    ],
    "patches with git, the same failing test after each": [
        step
        for n in range(6)
        for step in (sh(f"git apply fix{n}.patch"), sh("pytest -q", "1 failed, 3 passed", code=1))
    ],
    "unittest's way to count": [
        step
        for n in range(4)
        for step in (
            wrote("a.py", f"version {n}"),
            done(TEST, {}, f"Ran {n + 3} tests in 0.1s\n\nFAILED (failures=2)", error=True),
        )
    ],
    "a report in JSON whose counts move": [
        done(TEST, {}, json.dumps({"passed": n, "failed": 9 - n}), error=n < 9) for n in range(10)
    ],
    "failing on purpose, in other ways each time, before any code": [
        step
        for n, error in enumerate(("NameError", "ImportError", "AttributeError", "TypeError"))
        for step in (
            wrote(f"test_{n}.py", f"test {n}"),
            done(TEST, {"only": f"test_{n}.py"}, f"{error}: no f{n}", error=True),
        )
    ],
    "a tool that says it failed in a field, after each edit": [
        step
        for n in range(6)
        for step in (
            wrote("a.py", f"version {n}"),
            done(TEST, {}, json.dumps({"exit_code": 1, "stderr": "AssertionError: 3"})),
        )
    ],
}


@pytest.mark.parametrize("name", POLLING)
def test_waiting_is_not_being_stuck(name: str):
    for trajectory in with_budgets(POLLING[name]):
        assert codes_in(Stuck(), trajectory) == {}


@pytest.mark.parametrize("name", TEST_FIRST)
def test_failing_tests_after_other_edits_are_not_being_stuck(name: str):
    for trajectory in with_budgets(TEST_FIRST[name]):
        assert codes_in(Stuck(), trajectory) == {}


def with_budgets(steps: list[Done]) -> list[Trajectory]:
    """With room to spare, and with next to none."""
    counts = (50, max(len(steps), 10))
    return [Trajectory(done=steps, budget=Budget(steps=count)) for count in counts]


def test_the_suites_are_large_enough_to_mean_something():
    assert len(POLLING) >= 12
    assert len(TEST_FIRST) >= 12


def test_the_same_traces_without_what_excuses_them_are_loops():
    idle = [submitted(), *looks(*states(*["running"] * 6))]
    assert "repeated_call" in codes_in(Stuck(), Trajectory(done=idle))
    failing = [wrote("a.py", "same"), *[ran_tests(0, 1, WRONG)] * 4]
    assert "repeated_error" in codes_in(Stuck(), Trajectory(done=failing))
    no_sleep = [sh("tail -n 3 build.log", "CC main.o")] * 4
    assert "repeated_call" in codes_in(Stuck(), Trajectory(done=no_sleep))


def test_a_second_look_at_something_that_did_not_move_is_only_a_soft_sign():
    steps = [submitted(), *looks(*states("running", "running"))]
    signals = list(Stuck().watch(Trajectory(done=steps).prefix()))
    assert [(signal.code, signal.hard) for signal in signals] == [("repeated_call", False)]
