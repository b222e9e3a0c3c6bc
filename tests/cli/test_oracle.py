"""The desk's oracle in the place of a frontier model: `eval --lane` and `desk-oracle`."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cascade.config import load
from cascade.evaluation.frontier import oracle_served
from cascade.prices import prices_for

Command = Callable[..., Any]
Start = Callable[..., Any]


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_the_oracle_solves_every_task_over_a_real_wire_at_a_price(command: Command, wire: str):
    ended = command(
        "eval", "desk", "--tasks", "28", "--seed", "7", "--lane", "oracle", "--wire", wire, "--json"
    )
    (arm,) = json.loads(ended.out)["arms"]
    assert arm["name"] == "oracle (simulated)"
    assert arm["success_rate"] == 1.0
    assert arm["cost_usd"] > 0
    assert arm["usage"]["output_tokens"] > 0
    assert not arm["usage"]["estimated"]


def test_two_lanes_are_two_arms_with_a_folder_each(command: Command, folder: Path):
    ended = command(
        *("eval", "desk", "--tasks", "3", "--lane", "local", "--lane", "oracle", "--out", "both")
    )
    assert ended.code == 0
    assert "oracle (simulated)" in ended.out.replace("\n", "")
    summary = json.loads((folder / "both" / "summary.json").read_text())
    assert [arm["name"] for arm in summary["arms"]] == ["local", "oracle (simulated)"]
    for name in ("local", "oracle"):
        assert len(list((folder / "both" / name).glob("*.jsonl"))) == 3


def test_a_finished_comparison_is_not_run_again(command: Command):
    arguments = ("eval", "desk", "--tasks", "2", "--lane", "oracle", "--out", "once")
    command(*arguments)
    assert "2 of 2 tasks are judged already" in command(*arguments).out


def test_a_lane_that_does_not_exist_is_told_with_those_that_do(command: Command):
    ended = command("eval", "desk", "--tasks", "2", "--lane", "moon")
    assert ended.code == 2
    assert "there are: local, oracle" in ended.err


def test_the_oracle_knows_no_other_suite(command: Command, examples: Path):
    suite = f"{examples / 'own_suite.py'}:suite"
    ended = command("eval", suite, "--tasks", "2", "--lane", "oracle")
    assert ended.code == 2
    assert "the oracle knows the suite `desk` only" in ended.err


def test_a_port_that_is_taken_is_an_error_with_words(command: Command):
    with oracle_served("openai", []) as lane:
        port = lane.endpoint.rpartition(":")[2].partition("/")[0]
        ended = command("desk-oracle", "--port", port)
    assert ended.code == 2
    assert f"127.0.0.1:{port} cannot be served" in ended.err


def test_the_served_oracle_is_a_lane_like_any_other_and_stops_cleanly(
    start: Start, command: Command, folder: Path
):
    with start("desk-oracle", "--wire", "anthropic", "--tasks", "20", "--seed", "7") as process:
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("tier"):
                break
        assert lines[0].startswith("simulated claude-opus-5-5 at http://127.0.0.1:")
        (folder / "cascade.toml").write_text("".join(lines[2:]), encoding="utf-8")
        ended = command("eval", "desk", "--tasks", "4", "--seed", "7", "--json")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    (arm,) = json.loads(ended.out)["arms"]
    assert arm["success_rate"] == 1.0, ended.err
    assert arm["cost_usd"] > 0


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_an_oracle_that_listens_everywhere_prints_a_lane_that_can_be_used(
    start: Start, folder: Path, wire: str
):
    with start("desk-oracle", "--wire", wire, "--tasks", "1", "--host", "0.0.0.0") as process:  # noqa: S104 - what is tested
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("tier"):
                break
        process.kill()
        process.wait(timeout=60)
    (folder / "cascade.toml").write_text("".join(lines[2:]), encoding="utf-8")
    configured = load(folder / "cascade.toml")
    assert configured is not None
    (lane,) = configured.lanes
    assert lane.endpoint.startswith("http://127.0.0.1:")
    assert (lane.locality, lane.account) == ("private", "simulated")
    assert lane.prices == prices_for(wire, lane.model)
    assert any("simulated" in line for line in lines if line.startswith("priced_as"))


def test_the_name_of_the_simulated_oracle_is_not_taken_from_a_configured_lane(
    command: Command, folder: Path
):
    (folder / "cascade.toml").write_text(
        '[lanes.oracle]\nprovider = "bundled"\n[lanes.other]\nprovider = "bundled"\ntier = 1\n'
    )
    ended = command("eval", "desk", "--tasks", "1", "--lane", "oracle")
    assert ended.code == 2
    assert "--lane oracle: a lane of the configuration has that name" in ended.err
    assert "give the lane another name" in ended.err


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [("local", "local", "give a lane once"), ("a b", "a/b", "rename one of them")],
)
def test_two_arms_never_share_a_folder(
    command: Command, folder: Path, first: str, second: str, words: str
):
    ended = command("eval", "desk", "--tasks", "1", "--lane", first, "--lane", second)
    assert ended.code == 2
    assert f"--lane {first} --lane {second}: both would be recorded in the folder" in ended.err
    assert words in ended.err
    assert not (folder / "runs").exists()


def test_every_arm_has_to_reach_the_wanted_success(command: Command, folder: Path):
    (folder / "cascade.toml").write_text(
        '[lanes.good]\nprovider = "bundled"\n'
        '[lanes.cut]\nprovider = "bundled"\ntier = 1\nmax_output_tokens = 1\n'
    )
    good, cut = ("--lane", "good"), ("--lane", "cut")
    wanted = ("eval", "desk", "--tasks", "1", "--seed", "7", "--min-success", "0.5")
    assert command(*wanted, *good).code == 0
    ended = command(*wanted, *good, *cut)
    assert ended.code == 1
    assert "cut solved 0.0% of its tasks, not 50.0%" in ended.err
    assert "good solved" not in ended.err


def test_help_says_that_it_is_simulated(command: Command):
    assert "simulated" in command("desk-oracle", "--help").out
