"""`cascade eval --arms`: a policy taken apart, over the simulated frontier."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cascade.evaluation.comparing import PolicyReport

Command = Callable[..., Any]

SMALL = ("eval", "desk", "--tasks", "4", "--concurrency", "4")


def test_arms_run_the_same_tasks_and_are_told_side_by_side(command: Command, folder: Path):
    ended = command(*SMALL, "--arms", "local,frontier,cascade", "--out", "run")
    assert ended.code == 0, ended.err
    told = " ".join(ended.out.split())
    assert "simulated by the oracle" in told
    assert "gap recovered" in told
    report = PolicyReport.model_validate_json((folder / "run" / "summary.json").read_bytes())
    assert [arm.name for arm in report.arms] == ["local", "frontier", "cascade"]
    assert report.simulated
    assert report.arm("frontier").success.value == 1
    assert report.arm("local").usd is not None
    for name in ("local", "frontier", "cascade"):
        assert len(list((folder / "run" / name / "seed-0").glob("*.jsonl"))) == 4


def test_json_is_the_report_and_nothing_else(command: Command):
    ended = command(*SMALL, "--arms", "oracle_router", "--seeds", "2", "--json")
    report = PolicyReport.model_validate_json(ended.out)
    assert report.seeds == (0, 1)
    assert report.arm("oracle_router").runs == 8
    assert report.arm("oracle_router").success.value == 1


def test_an_arm_at_the_rate_of_another_says_which_rate_that_was(command: Command):
    ended = command(*SMALL, "--arms", "random@cascade,cascade", "--json")
    report = PolicyReport.model_validate_json(ended.out)
    assert [arm.name for arm in report.arms] == ["cascade", "random@cascade"]
    share = report.arm("cascade").frontier_step_share
    assert share is not None
    assert report.arm("random@cascade").asked_rate == pytest.approx(share.value)
    against = [each.against for each in report.arm("cascade").differences]
    assert against == ["random@cascade"]


def test_finished_arms_are_not_run_again(command: Command):
    arguments = (*SMALL, "--arms", "local,first@1", "--out", "once")
    first = json.loads(command(*arguments, "--json").out)
    again = command(*arguments)
    assert again.out.count("4 of 4 tasks are judged already") == 2
    assert json.loads(command(*arguments, "--json").out) == first


def test_another_policy_in_the_same_folder_is_refused(command: Command):
    command(*SMALL, "--arms", "cascade", "--out", "once")
    ended = command(*SMALL, "--arms", "cascade", "--policy", "cheap", "--out", "once")
    assert ended.code == 2
    assert "holds another evaluation" in ended.err


def test_the_policy_for_desk_tasks_is_the_default_and_has_a_name(command: Command, folder: Path):
    command(*SMALL, "--arms", "cascade", "--out", "default")
    ended = command(*SMALL, "--arms", "cascade", "--policy", "desk", "--out", "default")
    assert "4 of 4 tasks are judged already" in ended.out
    plan = json.loads((folder / "default" / "cascade" / "seed-0" / "plan.json").read_text())
    assert plan["policy"]["version"].startswith("desk")
    assert [lane["name"] for lane in plan["above"]] == ["oracle"]
    assert plan["above"][0]["endpoint"] == ""


def test_the_specification_of_the_picture_is_drawn_without_an_extra(command: Command, folder: Path):
    ended = command(*SMALL, "--arms", "local", "--plot", "chart.json")
    assert ended.code == 0, ended.err
    assert "Quality against cost" in (folder / "chart.json").read_text()


def test_the_rate_of_success_that_is_asked_for_is_that_of_the_cascade(command: Command):
    arguments = (*SMALL, "--arms", "frontier,oracle_router,local")
    assert command(*arguments, "--min-success", "1").code == 1
    assert command(*SMALL, "--arms", "frontier,oracle_router", "--min-success", "1").code == 0


def test_another_suite_needs_a_lane_above_the_home_lane(command: Command, examples: Path):
    suite = f"{examples / 'own_suite.py'}:suite"
    ended = command("eval", suite, "--tasks", "2", "--arms", "local")
    assert ended.code == 2
    assert "configured above it: none" in ended.err
    ended = command("eval", suite, "--tasks", "2", "--arms", "local", "--frontier", "oracle")
    assert ended.code == 2
    assert "the oracle knows the suite `desk` only" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--arms", "moon"), "there is no such arm"),
        (("--arms", "local", "--lane", "local"), "--arms and --lane: give one of them"),
        (("--seeds", "2", "--plot", "chart.svg"), "--seeds, --plot: belongs to --arms"),
        (("--arms", "local", "--plot", "chart.gif"), "must end in one of"),
        (("--arms", "local", "--frontier", "moon"), "called 'moon'"),
    ],
)
def test_what_does_not_go_together_is_told(command: Command, arguments: tuple[str, ...], said: str):
    ended = command(*SMALL, *arguments)
    assert ended.code == 2
    assert said in ended.err


def test_a_suite_of_ones_own_is_compared_over_the_configured_lanes(
    command: Command, folder: Path, examples: Path
):
    script = f"{examples / 'own_suite.py'}:replies"
    (folder / "cascade.toml").write_text(
        f'[lanes.small]\nbackend = "scripted"\nmodel = "{script}"\n'
        f'[lanes.large]\nbackend = "scripted"\nmodel = "{script}"\ntier = 1\n'
    )
    suite = f"{examples / 'own_suite.py'}:suite"
    ended = command(
        *("eval", suite, "--tasks", "4", "--arms", "all", "--out", "own", "--plot", "own.json")
    )
    assert ended.code == 0, ended.err
    report = PolicyReport.model_validate_json((folder / "own" / "summary.json").read_bytes())
    assert not report.simulated
    assert report.frontier == script
    assert "oracle_router" not in {arm.name for arm in report.arms}
    assert report.arm("local").success.value == report.arm("frontier").success.value
    assert report.arm("cascade").gap_recovered is None
    always = report.arm("frontier").frontier_step_share
    assert always is not None
    assert always.value == 1
