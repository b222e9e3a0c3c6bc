"""A trajectory goes on over the lanes that it was recorded with, or says what changed."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from event_loops import run_on
from worlds import SCRIPT, TASK, World, in_order

from cascade import BackendUnavailable, Cascade, ConfigError, Policy, Result
from cascade.backends.base import Backend
from cascade.backends.scripted import Script, ScriptedBackend
from cascade.errors import MissingKey
from cascade.events import Failed
from cascade.lanes import Lane
from cascade.policy.routing import Routing
from cascade.runtime import TickingClock
from cascade.runtime.lane_changes import check_lanes
from cascade.state import State, Tenure
from cascade.traces.record import read_trace

HOME = Lane(
    name="home",
    backend="scripted",
    model="m",
    locality="private",
    endpoint="https://one.example/v1",
    account="ours",
    region="here",
    data_classes=("public", "internal"),
    fallbacks=("second", "third"),
)
SECOND = Lane(name="second", backend="scripted", model="n", locality="remote", tier=1)
THIRD = SECOND.model_copy(update={"name": "third"})
LADDER = (HOME, SECOND, THIRD)

DOWN = BackendUnavailable("nobody is there", backend="scripted", failure="quota")


class Keyless(ScriptedBackend):
    async def open(self) -> Lane:
        raise MissingKey(f"lane {self.lane.name!r} has no key")


def over(
    lanes: Sequence[Lane], scripts: dict[str, Script] | None = None, **options: Any
) -> Cascade:
    """A runtime in which every lane goes by the script of its name, else by that of the world."""
    backends: dict[str, Backend] = {
        lane.name: ScriptedBackend((scripts or {}).get(lane.name, SCRIPT), lane=lane)
        for lane in lanes
    }
    return Cascade(lanes=lanes, backends=backends, clock=TickingClock(), **options)


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A trajectory that was cut after its first step."""

    async def record() -> Result:
        async with over(LADDER, traces=tmp_path) as cascade:
            return await cascade.run(TASK, tools=World().tools, trajectory_id="t")

    run_on("asyncio", record)
    path = tmp_path / "t.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    kinds = [event.kind for event in read_trace(path).events]
    path.write_bytes(b"".join(lines[: kinds.index("tool_finished") + 1]))
    return path


async def resume(path: Path, cascade: Cascade, **options: Any) -> Result:
    async with cascade:
        return await cascade.resume(path, tools=World().tools, **options)


def changed(**fields: Any) -> tuple[Lane, ...]:
    return (HOME.model_copy(update=fields), SECOND, THIRD)


MOVES = [
    ({"backend": "other"}, "backend was scripted and is other"),
    ({"model": "m-2"}, "model was m and is m-2"),
    (
        {"endpoint": "https://two.example/v1"},
        "endpoint was https://one.example/v1 and is https://two.example/v1",
    ),
    ({"endpoint": ""}, "endpoint was https://one.example/v1 and is none"),
    ({"account": "theirs"}, "account was ours and is theirs (give the lane's account a name"),
    ({"region": "there"}, "region was here and is there"),
    ({"model": "m-2", "account": ""}, "model was m and is m-2; account was ours and is none"),
]


@pytest.mark.parametrize(("fields", "told"), MOVES)
def test_a_lane_that_lives_elsewhere_is_refused_unless_that_is_accepted(
    cut: Path, fields: dict[str, Any], told: str, loop: str, caplog: pytest.LogCaptureFixture
):
    before = cut.read_bytes()
    with pytest.raises(ConfigError) as caught:
        run_on(loop, partial(resume, cut, over(changed(**fields))))
    assert f"lane 'home': {told}" in str(caught.value)
    assert "lane 'second'" not in str(caught.value)
    assert "accept_changed_lanes=True" in str(caught.value)
    assert cut.read_bytes() == before
    accepted = partial(resume, cut, over(changed(**fields)), accept_changed_lanes=True)
    assert run_on(loop, accepted).outcome == "completed"
    assert f"lane 'home': {told}" in caplog.text


def test_every_lane_that_changed_is_named(cut: Path):
    second = SECOND.model_copy(update={"model": "larger"})
    lanes = (HOME.model_copy(update={"model": "m-2"}), second, THIRD)
    with pytest.raises(ConfigError) as caught:
        run_on("asyncio", partial(resume, cut, over(lanes)))
    assert "lane 'home': model was m and is m-2. lane 'second': model was n and is larger." in str(
        caught.value
    )


@pytest.mark.parametrize("accept", [False, True])
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"locality": "remote"}, "was private when the trajectory was recorded and is remote now"),
        ({"data_classes": None}, r"\[internal, public\] when .* is allowed all classes of data"),
        ({"data_classes": ("public", "internal", "secret")}, "internal, public, secret"),
        ({"data_classes": ("secret",)}, r"is allowed the classes of data \[secret\] now"),
        # The core goes by the record, and would send what the lane may not see any more.
        ({"data_classes": ("public",)}, r"is allowed the classes of data \[public\] now"),
    ],
)
def test_a_lane_to_which_other_data_may_go_is_refused_whatever_is_accepted(
    cut: Path, fields: dict[str, Any], told: str, *, accept: bool
):
    before = cut.read_bytes()
    with pytest.raises(ConfigError, match=told):
        run_on(
            "asyncio", partial(resume, cut, over(changed(**fields)), accept_changed_lanes=accept)
        )
    assert cut.read_bytes() == before


@pytest.mark.parametrize(
    "fields", [{"locality": "local"}, {"data_classes": ("internal", "public")}, {"tier": 0}]
)
def test_a_lane_that_is_nearer_or_the_same_in_other_words_serves_on(
    cut: Path, fields: dict[str, Any]
):
    result = run_on("asyncio", partial(resume, cut, over(changed(**fields))))
    assert result.outcome == "completed"


def alone(*lanes: Lane) -> tuple[Lane, ...]:
    """The lanes without those that are not among them."""
    names = {lane.name for lane in lanes}
    return tuple(
        lane.model_copy(update={"fallbacks": tuple(n for n in lane.fallbacks if n in names)})
        for lane in lanes
    )


def test_a_stand_in_that_is_gone_is_left_out(cut: Path, caplog: pytest.LogCaptureFixture):
    result = run_on("asyncio", partial(resume, cut, over(alone(HOME, THIRD))))
    assert result.outcome == "completed"
    assert "lane second of the trajectory is not served now; it is left out" in caplog.text


def test_a_stand_in_without_a_key_is_left_out(cut: Path, caplog: pytest.LogCaptureFixture):
    async def run() -> Result:
        backends: dict[str, Backend] = {
            lane.name: ScriptedBackend(SCRIPT, lane=lane) for lane in (HOME, THIRD)
        }
        backends["second"] = Keyless(SCRIPT, lane=SECOND)
        return await resume(cut, Cascade(lanes=LADDER, backends=backends, clock=TickingClock()))

    assert run_on("asyncio", run).outcome == "completed"
    assert "lane second of the trajectory is not served now" in caplog.text


def test_a_chain_goes_on_past_a_stand_in_that_is_gone(cut: Path, loop: str):
    scripts: dict[str, Script] = {"home": in_order(*[DOWN] * 9)}
    result = run_on(loop, partial(resume, cut, over(alone(HOME, THIRD), scripts)))
    assert result.outcome == "completed"
    failed = [event for event in read_trace(cut).events if isinstance(event, Failed)]
    gone = [event for event in failed if event.lane == "second"]
    assert [event.failure for event in gone] == ["cooling"] * 3
    assert not any(event.sent for event in gone)
    assert all(account.lane != "second" for account in result.state.ledger.accounts)


def test_where_nobody_else_can_serve_the_end_names_the_lane_that_is_gone(cut: Path, loop: str):
    scripts: dict[str, Script] = {"home": in_order(*[DOWN] * 9)}
    result = run_on(loop, partial(resume, cut, over(alone(HOME), scripts)))
    assert result.outcome == "failed"
    assert "lane 'second' of the record is not served now" in result.reason
    assert "lane 'third' of the record is not served now" in result.reason


def test_the_home_lane_is_never_done_without(cut: Path):
    with pytest.raises(ConfigError, match="lanes that this runtime lacks: home"):
        run_on("asyncio", partial(resume, cut, over((SECOND, THIRD))))


def with_policy(state: State, policy: Policy) -> State:
    started = state.head().model_copy(update={"policy": policy})
    return replace(state, started=started)


def test_a_lane_that_has_the_loop_is_not_done_without(cut: Path):
    state = read_trace(cut).state()
    assert check_lanes(state, [HOME, THIRD], accept_changed=False) == (SECOND,)
    pinned = with_policy(state, Policy(routing=Routing(pin="second")))
    in_a_span = replace(state, tenure=Tenure(lane="second", until=9))
    for held in (pinned, in_a_span):
        with pytest.raises(ConfigError, match="lacks: second"):
            check_lanes(held, [HOME, THIRD], accept_changed=False)
        assert check_lanes(held, [HOME, SECOND], accept_changed=False) == (THIRD,)


def test_a_model_file_that_was_exchanged_is_another_model(cut: Path):
    state = read_trace(cut).state()
    lanes = [lane.model_copy(update={"model_digest": "a"}) for lane in LADDER]
    held = replace(state, started=state.head().model_copy(update={"lanes": tuple(lanes)}))
    assert check_lanes(held, LADDER, accept_changed=False) == ()
    exchanged = [lanes[0].model_copy(update={"model_digest": "b"}), *lanes[1:]]
    with pytest.raises(ConfigError, match="model digest was a and is b"):
        check_lanes(held, exchanged, accept_changed=False)


def test_calls_of_an_accepted_lane_are_told_at_warning_level(
    cut: Path, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING, logger="cascade"):
        run_on(
            "asyncio",
            partial(resume, cut, over(changed(model="m-2")), accept_changed_lanes=True),
        )
    assert [record.levelname for record in caplog.records] == ["WARNING"]
