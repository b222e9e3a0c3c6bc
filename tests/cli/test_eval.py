"""`cascade eval`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cascade.evaluation import EvaluationReport

Command = Callable[..., Any]
Shelf = Callable[..., Any]


@pytest.fixture
def shelf(command: Command, examples: Path) -> Shelf:
    """Evaluates the suite of the example over its stand-in for a model."""
    suite = examples / "own_suite.py"

    def evaluate(*arguments: str) -> Any:
        model = f"scripted:{suite}:replies"
        return command("eval", f"{suite}:suite", "--tasks", "6", "--model", model, *arguments)

    return evaluate


def test_json_prints_the_documented_keys_and_nothing_else(shelf: Shelf):
    ended = shelf("--json", "--seed", "3")
    printed = json.loads(ended.out)
    assert ended.err == ""
    assert list(printed) == ["suite", "seed", "arms"]
    assert (printed["suite"], printed["seed"]) == ("shelf", 3)
    (arm,) = printed["arms"]
    assert list(arm)[:8] == [
        "name",
        "tasks",
        "success_rate",
        "by_family",
        "steps",
        "frontier_step_share",
        "cost_usd",
        "wall_s",
    ]
    assert arm["by_family"] == {"one": 1.0, "several": 0.0}
    assert (arm["tasks"], arm["success_rate"], arm["steps"]) == (6, 0.5, 2.0)
    assert (arm["frontier_step_share"], arm["cost_usd"]) == (0.0, 0.0)


def test_a_piped_evaluation_prints_a_line_a_task_and_a_table(shelf: Shelf):
    ended = shelf("--out", "here")
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "[6/6] " in ended.out
    assert ended.out.count("solved  one-") == 3
    assert "success 50%" in ended.out
    assert "several" in ended.out.splitlines()[-6]
    assert "trajectories and summary.json are in here" in ended.out


def test_the_folder_holds_a_judged_trajectory_a_task_and_the_summary(shelf: Shelf):
    printed = json.loads(shelf("--json", "--out", "here").out)
    names = sorted(path.name for path in Path("here").iterdir())
    assert names[:2] == ["00001-one-0.jsonl", "00002-several-1.jsonl"]
    assert names[6:] == ["plan.json", "summary.json"]
    last = Path("here/00002-several-1.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(last)["kind"] == "scored"
    summary = EvaluationReport.model_validate_json(Path("here/summary.json").read_bytes())
    assert summary.model_dump(mode="json") == printed


def test_judged_tasks_are_not_run_again(shelf: Shelf):
    shelf("--out", "here")
    before = {path: path.stat().st_mtime_ns for path in Path("here").glob("*.jsonl")}
    ended = shelf("--out", "here")
    assert "6 of 6 tasks are judged already" in ended.out
    assert {path: path.stat().st_mtime_ns for path in Path("here").glob("*.jsonl")} == before


def test_a_folder_of_another_evaluation_is_refused(shelf: Shelf):
    shelf("--out", "here")
    ended = shelf("--out", "here", "--seed", "1")
    assert ended.code == 2
    assert "here holds another evaluation (seed was 0 and is 1)" in ended.err


def test_a_success_rate_below_the_wanted_one_ends_with_one(shelf: Shelf):
    assert shelf("--min-success", "0.5", "--json").code == 0
    assert shelf("--min-success", "0.51", "--json", "--out", "there").code == 1


def test_the_default_folder_is_named_after_the_suite(shelf: Shelf):
    shelf("--json")
    (folder,) = Path("runs").iterdir()
    assert folder.name.startswith("shelf-")


def test_the_tasks_own_error_names_the_task(command: Command):
    Path("faulty.py").write_text(
        "from types import SimpleNamespace\n"
        "def check(answer):\n"
        "    raise KeyError('total')\n"
        "episode = SimpleNamespace(tools=[], check=check)\n"
        "task = SimpleNamespace(id='t1', family='f', seed=1, prompt='p', system='',\n"
        "    open=lambda: episode)\n"
        "suite = SimpleNamespace(name='mine', families=['f'], tasks=lambda n, seed: [task])\n"
        "replies = ['yes']\n",
        encoding="utf-8",
    )
    model = ("--model", "scripted:faulty.py:replies")
    ended = command("eval", "faulty.py:suite", "--tasks", "1", *model)
    assert ended.code == 2
    assert ended.err == "cascade: task 't1': its `check` raised KeyError: 'total'\n"
