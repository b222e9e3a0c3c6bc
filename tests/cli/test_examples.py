"""The examples run and print what they promise."""

import subprocess
import sys
from pathlib import Path

import pytest

from cascade.traces import read_trace


@pytest.mark.parametrize(
    ("name", "last_line"),
    [
        ("own_tools.py", "completed: Order 1042 had not been shipped and is cancelled."),
        ("own_suite.py", "50% of 8 tasks, {'one': 1.0, 'several': 0.0}"),
        ("resume.py", "completed after 4 steps: 1, 4 and 9."),
    ],
)
def test_an_example_runs_offline(examples: Path, name: str, last_line: str):
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(examples / name)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines()[-1] == last_line


def test_a_step_moves_to_another_provider_and_the_ledger_says_so(examples: Path):
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(examples / "failover.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines()[:5] == [
        "step 1  claude: quota",
        "step 1  gpt: calls a tool",
        "step 2  claude: cooling",
        "step 2  gpt: There are 12 lamps.",
        "There are 12 lamps. | completed",
    ]


def printed_by(example: Path) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(example)], capture_output=True, text=True, check=True
    )
    return ended.stdout.splitlines()


def test_a_stuck_step_is_handed_up_as_a_packet_and_the_small_model_goes_on(examples: Path):
    lines = printed_by(examples / "handing_up.py")
    told = "count was called 3 times with the same arguments and the same result"
    assert any(line.startswith(f"  | Why you are asked: {told}") for line in lines)
    assert [line for line in lines if line.startswith("step ")] == [
        "step 1  small: home_lane",
        "step 2  small: home_lane",
        "step 3  small: home_lane",
        "step 4  large: stuck, over_threshold",
        "step 5  small: home_lane",
    ]
    assert lines[-1] == "completed: There are 12 lamps."


def test_a_monitor_of_ones_own_hands_the_next_step_up(examples: Path):
    assert printed_by(examples / "own_monitor.py") == [
        "step 1  small: order 4871 has been shipped",
        "step 2  large: order 4817 has been shipped",
        "Order 4817 has been shipped.",
    ]


def test_advice_is_asked_for_given_and_followed(examples: Path):
    lines = printed_by(examples / "asking.py")
    assert any(line.startswith("large advises: There is none for gifts.") for line in lines)
    assert lines[-2:] == ["  advice followed: True", "Order 4817 is marked as a gift."]


def test_the_scripted_trajectories_are_recorded_again_byte_for_byte(examples: Path, tmp_path: Path):
    script = [sys.executable, "-W", "error", str(examples / "record_traces.py")]
    into = tmp_path / "traces"
    ended = subprocess.run(
        [*script, "--scripted", "--into", str(into)], capture_output=True, text=True, check=True
    )
    recorded = sorted(into.iterdir())
    assert [path.stem for path in recorded] == sorted(ended.stdout.split())
    assert len(recorded) >= 12
    stale = [
        path.stem
        for path in recorded
        if path.read_bytes() != (examples.parent / "traces" / path.name).read_bytes()
    ]
    assert stale == [], "run: python examples/record_traces.py"


def test_trajectories_over_simulated_providers_are_recorded(examples: Path, tmp_path: Path):
    names = ["failed-over", "retried", "stopped-and-resumed"]
    script = [sys.executable, "-W", "error", str(examples / "record_traces.py")]
    into = tmp_path / "traces"
    subprocess.run([*script, *names, "--into", str(into)], capture_output=True, check=True)
    outcomes = {path.stem: read_trace(path).state().outcome for path in into.iterdir()}
    assert outcomes == dict.fromkeys(names, "completed")


@pytest.mark.slow
def test_all_trajectories_can_be_recorded_anew(examples: Path, tmp_path: Path):
    into = tmp_path / "traces"
    script = [sys.executable, str(examples / "record_traces.py"), "--into", str(into)]
    subprocess.run(script, capture_output=True, check=True)
    kept = {path.name for path in (examples.parent / "traces").glob("*.jsonl")}
    assert {path.name for path in into.iterdir()} == kept


@pytest.mark.slow
def test_the_smallest_example_runs_the_bundled_model(examples: Path):
    ended = subprocess.run(
        [sys.executable, str(examples / "smallest.py")], capture_output=True, text=True, check=True
    )
    assert "completed" in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("Score(success=")
