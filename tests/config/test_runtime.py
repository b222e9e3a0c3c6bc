"""A runtime made of a configuration, and lanes that are left out of it."""

import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from cascade import Cascade
from cascade.backends.base import Backend, Hop
from cascade.backends.scripted import ScriptedBackend
from cascade.errors import ConfigError, MissingKey
from cascade.exchange import Request, View
from cascade.lanes import Lane
from cascade.policy import Budget, Policy

FILE = """\
[lanes.home]
backend = "scripted"
model = "home"
[lanes.above]
backend = "scripted"
model = "above"
tier = 1
[policy.budget]
steps = 3
"""


class Keyless:
    """A backend whose lane has no key."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.released: list[str] = []
        self.closed = False

    async def open(self) -> Lane:
        raise MissingKey(f"lane {self.name!r} has no key: set SOME_KEY or give api_key_cmd")

    def call(self, view: View, request: Request) -> AbstractAsyncContextManager[Hop]:
        raise AssertionError(f"{self.name} was left out and is called: {view}, {request}")

    def release(self, trajectory_id: str) -> None:
        self.released.append(trajectory_id)

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cascade.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def scripted(name: str) -> ScriptedBackend:
    lane = Lane(name=name, backend="scripted", model=name, locality="local", tier=name == "above")
    return ScriptedBackend(["Done."], lane=lane)


def backends(**given: Backend) -> Mapping[str, Backend]:
    return {"home": scripted("home"), "above": scripted("above"), **given}


@pytest.mark.anyio
async def test_a_runtime_has_the_lanes_and_the_policy_of_the_file(path: Path):
    async with Cascade.from_config(path, backends=backends()) as cascade:
        assert [lane.name for lane in cascade.lanes] == ["home", "above"]
        result = await cascade.run("x")
    assert result.answer == "Done."
    assert result.state.head().policy.budget.steps == 3


@pytest.mark.anyio
async def test_arguments_count_more_than_the_file(path: Path):
    policy = Policy(budget=Budget(steps=7))
    async with Cascade.from_config(str(path), backends=backends(), policy=policy) as cascade:
        result = await cascade.run("x")
    assert result.state.head().policy == policy


@pytest.mark.anyio
async def test_a_lane_without_its_key_is_left_out_with_one_warning(
    path: Path, caplog: pytest.LogCaptureFixture
):
    above = Keyless("above")
    with caplog.at_level(logging.WARNING, logger="cascade"):
        async with Cascade.from_config(path, backends=backends(above=above)) as cascade:
            assert [lane.name for lane in cascade.lanes] == ["home"]
            assert (await cascade.run("x")).answer == "Done."
    assert [record.getMessage() for record in caplog.records] == [
        "lane 'above' has no key: set SOME_KEY or give api_key_cmd; it is left out"
    ]
    assert above.released == []
    assert above.closed


@pytest.mark.usefixtures("caplog")
@pytest.mark.anyio
async def test_without_its_key_the_lowest_lane_makes_room_for_the_next(path: Path):
    given = backends(home=Keyless("home"))
    async with Cascade.from_config(path, backends=given) as cascade:
        result = await cascade.run("x")
    assert [lane.name for lane in result.state.head().lanes] == ["above"]
    assert result.answer == "Done."


@pytest.mark.anyio
async def test_a_home_lane_that_was_named_is_not_exchanged(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CASCADE_POLICY__HOME_LANE", "home")
    home = Keyless("home")
    with pytest.raises(MissingKey, match="lane 'home' has no key"):
        async with Cascade.from_config(path, backends=backends(home=home)):
            pass
    assert home.closed


@pytest.mark.anyio
async def test_without_any_key_nothing_is_opened(path: Path):
    given = backends(home=Keyless("home"), above=Keyless("above"))
    with pytest.raises(MissingKey, match="lane 'home' has no key"):
        async with Cascade.from_config(path, backends=given):
            pass


@pytest.mark.asyncio
async def test_without_a_configuration_it_is_the_bundled_lane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CASCADE_CONFIG", raising=False)
    async with Cascade.from_config() as cascade:
        assert [lane.model for lane in cascade.lanes] == ["bundled:desk"]


def test_a_faulty_file_is_told_before_anything_is_opened(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"there is no file .*nowhere\.toml"):
        Cascade.from_config(tmp_path / "nowhere.toml")
