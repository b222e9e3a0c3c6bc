"""Monitors of monitors, and how a user's own are found."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from watched_steps import Trajectory, done, tool_of

from cascade import monitors
from cascade.errors import ConfigError
from cascade.monitors import (
    P_FAIL,
    STUCK_CODES,
    AnyOf,
    Calibrated,
    Confirmed,
    Milestones,
    Monitor,
    Only,
    Stuck,
    load_monitors,
)
from cascade.policy import Goal, MilestoneSettings, Monitoring, StuckSettings
from cascade.signals import Signal
from cascade.steps import Prefix

LOOP = Trajectory(done=[done(tool_of("read"), {}, "the same")] * 5).prefix()
README = Path(monitors.__file__).with_name("README.md")


class Loud:
    """A monitor that always says the same."""

    def __init__(self, name: str = "loud") -> None:
        self.name = name

    def watch(self, prefix: Prefix) -> Iterable[Signal]:
        yield Signal(monitor=self.name, kind="drift", code="loud", evidence=f"step {prefix.step}")


class Quiet:
    """A monitor that says nothing."""

    name = "quiet"

    def watch(self, prefix: Prefix) -> Iterable[Signal]:
        del prefix
        return ()


LOUD = Loud()
NUMBER = 7


def needy(wanted: str) -> Loud:
    return Loud(wanted)


def codes(monitor: Monitor) -> list[str]:
    return [signal.code for signal in monitor.watch(LOOP)]


def test_any_of_says_what_each_of_them_says():
    both = AnyOf(Stuck(), Loud(), name="both")
    assert both.name == "both"
    assert codes(both) == [*codes(Stuck()), "loud"]
    assert codes(AnyOf()) == []


def test_only_some_codes_are_heard():
    assert "repeated_call" in codes(Stuck())
    assert codes(Only(Stuck(), {"no_change"})) == ["no_change"]
    assert Only(Stuck(), ["claim"]).name == "stuck"


@pytest.mark.parametrize("wrong", [(), "repeated_call"])
def test_only_asks_for_a_set_of_codes(wrong: Any):
    with pytest.raises(ConfigError, match="name the codes"):
        Only(Stuck(), wrong)


def test_a_confirmed_monitor_is_heard_when_another_notices_something():
    assert codes(Confirmed(Stuck(), by=Loud())) == codes(Stuck())
    assert codes(Confirmed(Stuck(), by=Quiet())) == []
    assert Confirmed(Loud(), by=Quiet()).name == "loud"


def test_calibrated_signals_carry_what_was_measured_and_say_so():
    by_code = Calibrated(Stuck(), {"repeated_call": 0.25}, name="desk, 1200 runs")
    assert by_code.name == "stuck"
    for signal in by_code.watch(LOOP):
        known = signal.code == "repeated_call"
        assert signal.p_fail == (0.25 if known else P_FAIL[signal.code])
        assert signal.calibration == ("desk, 1200 runs" if known else None)
    steps = Calibrated(Stuck(), lambda signal: len(signal.steps) / 10, name="by steps")
    assert {signal.p_fail for signal in steps.watch(LOOP)} <= {0.2, 0.3, 0.4, 0.5}


def test_a_calibration_holds_probabilities():
    with pytest.raises(ConfigError, match=r"not probabilities in \[0, 1\]"):
        Calibrated(Stuck(), {"repeated_call": 80.0}, name="per cent")


def test_every_code_has_a_probability():
    assert set(P_FAIL) == set(STUCK_CODES)
    assert all(0 < p <= 1 for p in P_FAIL.values())


def test_the_built_in_monitors_come_first_with_their_settings():
    goal = Goal(name="all read", tool="read")
    settings = Monitoring(
        stuck=StuckSettings(enabled=False),
        milestones=MilestoneSettings(goals=(goal,), goals_reviewed=True),
        extra=(f"{__name__}:LOUD",),
    )
    stuck, milestones, loud = load_with_this_module(settings)
    assert isinstance(stuck, Stuck)
    assert codes(stuck) == []
    assert isinstance(milestones, Milestones)
    assert codes(milestones) == ["goal"]
    assert loud is LOUD


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group="cascade.monitors")


def load_with_this_module(settings: Monitoring, *installed: EntryPoint) -> tuple[Monitor, ...]:
    """This module is in `sys.modules` by its name, as a user's own would be."""
    return load_monitors(settings, installed=installed)


@pytest.mark.parametrize("what", ["LOUD", "Quiet", "Loud"])
def test_an_object_or_a_class_by_its_dotted_path_is_a_monitor(what: str):
    *_, found = load_with_this_module(Monitoring(extra=(f"{__name__}:{what}",)))
    assert found.name == what.lower()


def test_an_installed_package_offers_a_monitor_by_name():
    offered = entry("noise", f"{__name__}:Loud")
    *_, found = load_with_this_module(Monitoring(extra=("noise",)), offered)
    assert codes(found) == ["loud"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing_of_that_name", r"no installed monitor .*: noise\).*`module:attribute`"),
        ("no_such_module_at_all:Thing", "could not be imported.*PYTHONPATH"),
        (":Thing", "could not be imported"),
        (f"{__name__}:Missing", "has no 'Missing'"),
        (f"{__name__}:NUMBER", "is a int; a monitor has a `name`"),
        (f"{__name__}:needy", "without arguments"),
        ("broken", "could not be loaded"),
    ],
)
def test_what_is_not_a_monitor_is_refused_with_a_hint(name: str, message: str):
    offered = [entry("noise", f"{__name__}:Loud")]
    if name == "broken":
        offered.append(entry("broken", f"{__name__}:Missing"))
    with pytest.raises(ConfigError, match=message):
        load_with_this_module(Monitoring(extra=(name,)), *offered)


def test_without_any_installed_ones_the_message_says_so():
    with pytest.raises(ConfigError, match="there is none"):
        load_with_this_module(Monitoring(extra=("x",)))


def test_two_monitors_of_one_name_are_refused():
    path = f"{__name__}:LOUD"
    with pytest.raises(ConfigError, match="two are called 'loud'"):
        load_with_this_module(Monitoring(extra=(path, path)))


def test_the_environments_entry_points_are_looked_up_by_default():
    assert [each.name for each in load_monitors(Monitoring())] == ["stuck", "milestones"]
    with pytest.raises(ConfigError, match="no installed monitor"):
        load_monitors(Monitoring(extra=("nothing_of_that_name",)))


def test_the_monitor_in_the_readme_works():
    (code,) = [block.partition("```")[0] for block in README.read_text().split("```python\n")[1:]]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - it is our own page
    monitor: Monitor = names["Apologies"]()
    steps = [done(tool_of("read"), {"n": n}, str(n), text="Sorry, once more.") for n in range(4)]
    signals = list(monitor.watch(Trajectory(done=steps).prefix()))
    assert [signal.code for signal in signals] == ["apologies"]
    assert list(monitor.watch(Trajectory(done=steps[:2]).prefix())) == []
