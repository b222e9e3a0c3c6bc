"""Options that several commands share."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cascade.cli.options import RuntimeOptions
from cascade.errors import ConfigError
from cascade.policy import Budget
from cascade.policy.presets import PRESETS, preset
from cascade.traces.record import read_trace

Command = Callable[..., Any]
RUN = ("run", "x", "--model", "scripted:tools.py:replies", "--tools", "tools.py")


@pytest.mark.parametrize("option", ["--max-usd", "--max-seconds", "--temperature"])
@pytest.mark.parametrize("number", ["nan", "inf"])
def test_a_number_that_is_none_is_a_usage_error(command: Command, option: str, number: str):
    ended = command(*RUN, option, number)
    assert ended.code == 2
    assert f"'{option}': {number} is not a finite number" in ended.err


def test_a_success_rate_that_is_no_number_is_a_usage_error(command: Command):
    ended = command("eval", "desk", "--min-success", "nan")
    assert ended.code == 2
    assert "'--min-success': nan is not a finite number" in ended.err


def test_budgets_that_were_given_replace_the_default_ones():
    options = RuntimeOptions(max_steps=3, max_usd=0.1)
    assert options.policy().budget == Budget(steps=3, usd=Decimal("0.1"))


def test_a_key_goes_to_no_other_server_than_the_configured_one():
    Path("cascade.toml").write_text(
        '[lanes.own]\nprovider = "openai"\nmodel = "m"\n'
        '[lanes.other]\nbackend = "openai"\nmodel = "m"\ntier = 2\n'
        'endpoint = "https://example.test/v1"\napi_key_env = "OTHER_KEY"',
        encoding="utf-8",
    )
    options = RuntimeOptions(config=Path("cascade.toml"))
    own, other = options.lanes()
    opened = own.model_copy(update={"endpoint": "https://api.openai.com/v1"})
    assert set(options.credentials((opened, other))) == {"own", "other"}
    moved = [
        lane.model_copy(update={"endpoint": f"https://{host}/v1"})
        for lane in (own, other)
        for host in ("evil.test", "api.openai.com.evil.test", "api.anthropic.com")
    ]
    for lane in moved:
        assert options.credentials((lane,)) == {}
    assert options.credentials((own.model_copy(update={"backend": "anthropic"}),)) == {}


def test_budgets_are_checked_wherever_they_come_from():
    with pytest.raises(ValidationError):
        RuntimeOptions(max_seconds=float("nan")).policy()


class TestANamedPolicy:
    @pytest.fixture(autouse=True)
    def configuration(self) -> None:
        Path("cascade.toml").write_text(
            '[lanes.home]\nbackend = "scripted"\nmodel = "tools.py:replies"\n'
            '[policy]\nversion = "configured"\n[policy.budget]\nsteps = 9\n',
            encoding="utf-8",
        )

    def test_takes_the_place_of_the_configured_one(self):
        assert RuntimeOptions().policy().version == "configured"
        assert RuntimeOptions(policy_from="cheap").policy() == preset("cheap")

    def test_gives_way_to_budgets_that_are_options(self):
        policy = RuntimeOptions(policy_from="cheap", max_steps=3).policy()
        assert policy.budget == Budget(steps=3)
        assert policy.escalation == preset("cheap").escalation

    def test_is_recorded_with_the_trajectory(self, command: Command):
        ended = command("run", "What?", "--tools", "tools.py", "--policy", "private", "--json")
        assert ended.code == 0
        (trace,) = Path("runs").iterdir()
        assert read_trace(trace).started.policy == preset("private")

    def test_of_a_file_must_fit_the_ladder(self, command: Command):
        Path("mine.toml").write_text('[policy]\nhome_lane = "hom"\n', encoding="utf-8")
        ended = command("run", "What?", "--policy", "mine.toml")
        assert ended.code == 2
        assert ended.err == (
            "cascade: mine.toml: policy.home_lane: no lane is called that; did you mean home? "
            "There are: home\n"
        )

    def test_of_a_file_may_name_lanes_that_a_model_takes_the_place_of(self):
        Path("mine.toml").write_text(
            '[policy]\nhome_lane = "x"\n'
            '[policy.routing]\npin = "x"\nmode = "controller"\ncontroller = "x"\n',
            encoding="utf-8",
        )
        with pytest.raises(ConfigError, match="has 3 faults"):
            RuntimeOptions(policy_from="mine.toml").policy()
        options = RuntimeOptions(policy_from="mine.toml", model="bundled:desk")
        routing = options.policy().routing
        assert (options.home().name, routing.pin, routing.mode) == ("local", None, "baseline")

    def test_that_is_nowhere_is_a_usage_error(self, command: Command):
        ended = command("run", "What?", "--policy", "cheep")
        assert ended.code == 2
        assert ended.err == (
            f"cascade: there is no file cheep, nor a preset of that name ({', '.join(PRESETS)}); "
            "did you mean cheap?\n"
        )

    def test_that_only_decides_comes_to_its_end_with_that(self, command: Command):
        Path("mine.toml").write_text('[policy.routing]\nexecution = "decision_only"\n', "utf-8")
        ended = command("run", "What?", "--policy", "mine.toml")
        assert ended.code == 0
        assert "decided: the policy only decides: lane home" in ended.out

    def test_that_stops_for_a_person_says_how_to_see_why(self, command: Command):
        Path("mine.toml").write_text('[policy.routing]\nexecution = "remote_only"\n', "utf-8")
        ended = command("run", "What?", "--policy", "mine.toml")
        assert ended.code == 1
        assert "halted: " in ended.out
        (trace,) = Path("runs").iterdir()
        assert ended.out.endswith(f"see why: cascade explain {trace}\n")

    @pytest.mark.parametrize("name", ["run", "eval"])
    def test_may_be_any_preset_that_the_help_lists(self, command: Command, name: str):
        told = " ".join(command(name, "--help").out.split())
        assert all(each in told for each in PRESETS)
