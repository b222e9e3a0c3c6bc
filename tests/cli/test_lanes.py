"""`cascade lanes`, and how the other commands use a configuration."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cascade.traces.record import read_trace

Command = Callable[..., Any]

FILE = """\
[lanes.home]
backend = "scripted"
model = "tools.py:replies"
[lanes.sol]
provider = "openai"
model = "gpt-6.1-sol"
api_key_env = "LANES_TEST_KEY"
[lanes.opus]
provider = "anthropic"
model = "claude-opus-5-5"
tier = 2
api_key_env = "LANES_OTHER_KEY"
[policy.budget]
steps = 7
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CASCADE_CONFIG", "LANES_TEST_KEY", "LANES_OTHER_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def configured(folder: Path) -> Path:
    path = folder / "cascade.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def lanes_of(command: Command, *arguments: str) -> dict[str, dict[str, Any]]:
    printed = json.loads(command("lanes", "--json", *arguments).out)
    return {lane["name"]: lane for lane in printed["lanes"]}


def test_without_a_configuration_it_lists_the_bundled_lane_and_says_how_to_begin(command: Command):
    ended = command("lanes")
    assert ended.code == 0
    assert "home" in ended.out
    assert "nothing is configured; begin with: cascade init" in ended.out


@pytest.mark.usefixtures("configured")
def test_it_lists_the_ladder_with_what_is_missing_and_what_mends_it(command: Command):
    ended = command("lanes")
    assert ended.code == 0
    for words in (
        "1050k",
        "2 / 10",
        "4 / 20",
        "free",
        "left out",
        "sol: LANES_TEST_KEY is not set",
        "→ export LANES_TEST_KEY=…",
        "opus: LANES_OTHER_KEY is not set",
        "from cascade.toml",
    ):
        assert words in ended.out


@pytest.mark.usefixtures("configured")
def test_json_has_the_documented_keys(command: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LANES_TEST_KEY", "x")
    printed = json.loads(command("lanes", "--json").out)
    assert printed["config"] == "cascade.toml"
    told = [(lane["name"], lane["key"], lane["status"]) for lane in printed["lanes"]]
    assert told == [
        ("home", "none needed", "home"),
        ("sol", "set", "ready"),
        ("opus", "missing", "left out"),
    ]
    assert list(printed["lanes"][0]) == [
        "name",
        "tier",
        "backend",
        "model",
        "api",
        "endpoint",
        "locality",
        "region",
        "data_classes",
        "profile",
        "context_tokens",
        "max_output_tokens",
        "prices",
        "fallbacks",
        "key",
        "status",
        "check",
    ]


def test_a_program_that_prints_the_key_is_not_run_by_listing(command: Command, folder: Path):
    (folder / "cascade.toml").write_text(
        '[lanes.a]\nprovider = "openai"\nmodel = "m"\napi_key_cmd = "touch ran"', encoding="utf-8"
    )
    assert lanes_of(command)["a"]["key"] == "command"
    assert command("doctor", "--json").code in {0, 1}
    assert not Path("ran").exists()


def test_a_program_that_is_not_installed_is_told(command: Command, folder: Path):
    (folder / "cascade.toml").write_text(
        '[lanes.a]\nprovider = "openai"\nmodel = "m"\napi_key_cmd = "no-such-program -x"',
        encoding="utf-8",
    )
    ended = command("lanes")
    assert "a: no-such-program is not installed" in ended.out
    assert "→ install no-such-program, or change api_key_cmd" in ended.out


@pytest.mark.usefixtures("configured")
def test_a_check_calls_each_lane_and_ends_with_one_if_any_fails(command: Command):
    ended = command("lanes", "--check")
    assert ended.code == 1
    assert "home: " in ended.out
    assert "answered in" in ended.out
    assert "sol: key: lane 'sol' has no key: set LANES_TEST_KEY" in ended.out
    assert "→ export LANES_TEST_KEY=…" in ended.out
    assert "opus: key: lane 'opus' has no key: set LANES_OTHER_KEY" in ended.out


def test_a_check_reports_what_it_found(command: Command, folder: Path):
    (folder / "cascade.toml").write_text(
        '[lanes.good]\nbackend = "scripted"\nmodel = "tools.py:replies"\n'
        '[lanes.bad]\nbackend = "scripted"\nmodel = "tools.py:broken"\ntier = 1\n',
        encoding="utf-8",
    )
    lanes = lanes_of(command, "--check")
    good, bad = lanes["good"]["check"], lanes["bad"]["check"]
    assert (good["ok"], good["cost_usd"], good["failure"]) == (True, "0", None)
    assert good["latency_s"] >= 0
    assert (bad["ok"], bad["failure"], bad["detail"]) == (False, "server", "nobody is there")
    assert bad["advice"]
    assert list(good) == [
        "ok",
        "latency_s",
        "served_model",
        "context_tokens",
        "usage",
        "cost_usd",
        "failure",
        "detail",
        "advice",
    ]


def test_a_check_of_lanes_that_all_answer_ends_with_zero(command: Command, folder: Path):
    (folder / "cascade.toml").write_text(FILE.partition("[lanes.sol]")[0], encoding="utf-8")
    assert command("lanes", "--check").code == 0


def test_a_faulty_file_is_one_clear_error_in_every_command(command: Command, configured: Path):
    configured.write_text(FILE + "stepz = 1", encoding="utf-8")
    told = "cascade: cascade.toml, line 15: policy.budget.stepz: there is no such key; did you mean"
    for arguments in (("lanes",), ("run", "x"), ("eval", "desk", "--tasks", "1")):
        ended = command(*arguments)
        assert ended.code == 2
        assert ended.err.startswith(told)
    ended = command("doctor", "--json")
    assert ended.code == 1
    (check,) = (each for each in json.loads(ended.out)["checks"] if each["status"] == "broken")
    assert check["name"] == "configuration"
    assert check["detail"].startswith(told.removeprefix("cascade: "))


def test_another_file_is_named_by_option_or_variable(
    command: Command, configured: Path, monkeypatch: pytest.MonkeyPatch
):
    configured.rename("other.toml")
    assert set(lanes_of(command)) == {"local"}
    assert set(lanes_of(command, "--config", "other.toml")) == {"home", "sol", "opus"}
    monkeypatch.setenv("CASCADE_CONFIG", "other.toml")
    assert set(lanes_of(command)) == {"home", "sol", "opus"}
    ended = command("lanes", "--config", "gone.toml")
    assert (ended.code, ended.err) == (
        2,
        "cascade: there is no file gone.toml; `cascade init` writes one to begin with\n",
    )


@pytest.mark.usefixtures("configured")
def test_a_run_takes_lanes_and_policy_from_the_file(command: Command):
    ended = command("run", "x", "--tools", "tools.py:both", "--max-tool-calls", "5", "--json")
    assert ended.code == 0
    printed = json.loads(ended.out)
    assert printed["answer"] == "It is 42."
    started = read_trace(Path(printed["trace"])).state().head()
    assert [lane.name for lane in started.lanes] == ["home"]
    assert (started.policy.budget.steps, started.policy.budget.tool_calls) == (7, 5)


@pytest.mark.usefixtures("configured")
def test_a_model_that_is_named_stands_alone_under_the_files_policy(
    command: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CASCADE_POLICY__HOME_LANE", "sol")
    arguments = ("--model", "scripted:tools.py:replies", "--tools", "tools.py:both", "--json")
    printed = json.loads(command("run", "x", *arguments).out)
    started = read_trace(Path(printed["trace"])).state().head()
    assert [lane.name for lane in started.lanes] == ["scripted"]
    assert started.policy.budget.steps == 7


@pytest.mark.usefixtures("configured")
def test_options_for_a_model_do_not_silently_change_a_configured_lane(command: Command):
    ended = command("run", "x", "--temperature", "1", "--set", "threads=2")
    assert ended.code == 2
    assert ended.err.startswith("cascade: --temperature, --set: belongs to a --model; for the lan")


@pytest.mark.usefixtures("configured")
def test_the_doctor_tells_missing_keys_and_calls_nobody(command: Command):
    ended = command("doctor", "--json")
    assert ended.code == 0
    checks = {check["name"]: check for check in json.loads(ended.out)["checks"]}
    assert checks["configuration"]["detail"] == "cascade.toml, home lane home"
    assert checks["lane sol"] == {
        "name": "lane sol",
        "status": "missing",
        "detail": "openai gpt-6.1-sol, LANES_TEST_KEY is not set: it is left out",
        "mend": "export LANES_TEST_KEY=…",
    }
    assert checks["lane opus"]["status"] == "missing"
    assert checks["model tools.py:replies"]["status"] == "ok"


def test_a_key_that_nothing_works_without_is_broken(
    command: Command, configured: Path, monkeypatch: pytest.MonkeyPatch
):
    configured.write_text("[lanes.sol]" + FILE.partition("[lanes.sol]")[2], encoding="utf-8")
    ended = command("doctor")
    assert ended.code == 1
    assert "broken" in ended.out
    assert command("run", "x").code == 2
    monkeypatch.setenv("LANES_TEST_KEY", "x")
    checks = json.loads(command("doctor", "--json").out)["checks"]
    assert [check["status"] for check in checks if check["name"].startswith("lane ")] == [
        "ok",
        "missing",
    ]
    assert not any(check["name"].startswith("model ") for check in checks)


def test_what_a_lane_declares_of_itself_is_shown_where_it_does(command: Command, configured: Path):
    profile = "profile = { quality = 0.95, latency_s = 2.5, ceiling = 0.9 }"
    classes = 'data_classes = ["public", "internal"]'
    text = configured.read_text("utf-8").replace("tier = 2", f"tier = 2\n{profile}\n{classes}")
    configured.write_text(text, "utf-8")
    said = (
        "right in 95% of its steps; 2.5 s a call; tasks up to difficulty 0.9; as declared; "
        "may see: public, internal"
    )
    assert f"opus: {said}\n" in command("lanes").out
    assert "home: " not in command("lanes").out
    opus = lanes_of(command)["opus"]
    assert opus["profile"] == {"quality": 0.95, "latency_s": 2.5, "ceiling": 0.9, "calls": 0}
    assert opus["data_classes"] == ["public", "internal"]
    assert lanes_of(command)["sol"]["data_classes"] is None
    assert f"anthropic claude-opus-5-5, {said}, LANES_OTHER_KEY" in command("doctor").out


def test_a_measured_profile_says_over_how_many_calls_and_no_class_at_all_is_said(
    command: Command, configured: Path
):
    declared = "profile = { quality = 0.5, calls = 20 }\ndata_classes = []"
    text = configured.read_text("utf-8").replace("tier = 2", f"tier = 2\n{declared}")
    configured.write_text(text, "utf-8")
    said = "opus: right in 50% of its steps; measured over 20 calls; may see: no classified data\n"
    assert said in command("lanes").out
