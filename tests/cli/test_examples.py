"""The examples run and print what they promise."""

import subprocess
import sys
from pathlib import Path

import pytest


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


@pytest.mark.slow
def test_the_smallest_example_runs_the_bundled_model(examples: Path):
    ended = subprocess.run(
        [sys.executable, str(examples / "smallest.py")], capture_output=True, text=True, check=True
    )
    assert "completed" in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("Score(success=")
