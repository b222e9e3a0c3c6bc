"""Lanes open at the same time and all of them are closed, whatever one of them does."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import pytest
from anyio.lowlevel import checkpoint
from event_loops import run_on

from cascade import Cascade, ConfigError
from cascade.backends.scripted import ScriptedBackend
from cascade.errors import MissingKey, ModelError
from cascade.lanes import Lane, Locality


class Door(ScriptedBackend):
    """A backend that opens as it is told, and remembers what happened to it."""

    def __init__(
        self,
        name: str,
        opening: Callable[[], Awaitable[object]] = checkpoint,
        closing: Callable[[], Awaitable[object]] = checkpoint,
        *,
        locality: Locality = "remote",
    ) -> None:
        lane = Lane(name=name, backend="scripted", model="m", locality=locality)
        super().__init__(("the answer",), lane=lane)
        self._opening = opening
        self._closing = closing
        self.opened = False
        self.closed = 0

    async def open(self) -> Lane:
        await self._opening()
        self.opened = True
        return await super().open()

    async def aclose(self) -> None:
        self.closed += 1
        await self._closing()


def failing(error: Exception) -> Callable[[], Awaitable[object]]:
    async def fail() -> None:
        raise error

    return fail


def behind(*doors: Door) -> Cascade:
    return Cascade(lanes=[door.lane for door in doors], backends={d.lane.name: d for d in doors})


async def enter(*doors: Door) -> tuple[Lane, ...]:
    async with behind(*doors) as cascade:
        return cascade.lanes


def test_remote_lanes_wait_for_their_servers_together_and_keep_their_order(loop: str):
    async def run() -> tuple[Lane, ...]:
        last_is_open = anyio.Event()

        async def tell() -> None:
            last_is_open.set()

        with anyio.fail_after(30):
            return await enter(
                Door("a", last_is_open.wait), Door("b", last_is_open.wait), Door("c", tell)
            )

    assert [lane.name for lane in run_on(loop, run)] == ["a", "b", "c"]


def test_models_of_this_process_are_loaded_one_after_the_other(loop: str):
    under_way: list[str] = []
    most: list[int] = []

    def loading(name: str) -> Callable[[], Awaitable[object]]:
        async def load() -> None:
            under_way.append(name)
            most.append(len(under_way))
            await checkpoint()
            under_way.remove(name)

        return load

    doors = [Door(name, loading(name), locality="local") for name in ("a", "b", "c")]
    run_on(loop, partial(enter, *doors))
    assert most == [1, 1, 1]


def test_a_lane_that_cannot_be_opened_stops_the_others_and_everything_is_closed(loop: str):
    doors = [
        Door("quick"),
        Door("wrong", failing(ConfigError("lane 'wrong' is wrong"))),
        Door("slow", anyio.sleep_forever),
    ]
    with pytest.raises(ConfigError, match="lane 'wrong' is wrong"):
        run_on(loop, partial(enter, *doors))
    assert [door.closed for door in doors] == [1, 1, 1]
    assert not doors[2].opened


def test_two_lanes_that_cannot_be_opened_are_one_error_with_the_other_beside_it(loop: str):
    doors = [
        Door("one", failing(ConfigError("one is wrong"))),
        Door("two", failing(ModelError("two is wrong"))),
    ]
    with pytest.raises((ConfigError, ModelError)) as caught:
        run_on(loop, partial(enter, *doors))
    told = str(caught.value) + "".join(getattr(caught.value, "__notes__", ()))
    assert "one is wrong" in told
    assert "two is wrong" in told


def test_a_lane_without_its_key_is_left_out_while_the_others_open(
    loop: str, caplog: pytest.LogCaptureFixture
):
    doors = [Door("a"), Door("keyless", failing(MissingKey("no key"))), Door("b")]
    lanes = run_on(loop, partial(enter, *doors))
    assert [lane.name for lane in lanes] == ["a", "b"]
    assert [door.closed for door in doors] == [1, 1, 1]
    assert "no key; it is left out" in caplog.text


def test_opening_that_is_cancelled_closes_everything(loop: str):
    doors = [Door("quick"), Door("slow", anyio.sleep_forever)]

    async def run() -> bool:
        async def leave() -> None:
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leave)
            await enter(*doors)
        return tasks.cancel_scope.cancelled_caught

    assert run_on(loop, run)
    assert [door.closed for door in doors] == [1, 1]


def test_a_lane_that_cannot_be_closed_leaves_no_other_one_open(
    loop: str, caplog: pytest.LogCaptureFixture
):
    doors = [
        Door("a", closing=failing(OSError("stuck"))),
        Door("b"),
        Door("c", closing=failing(OSError("rusty"))),
    ]
    with pytest.raises(OSError, match=r"stuck|rusty"):
        run_on(loop, partial(enter, *doors))
    assert [door.closed for door in doors] == [1, 1, 1]
    assert "lane a could not be closed: OSError: stuck" in caplog.text
    assert "lane c could not be closed: OSError: rusty" in caplog.text


def test_a_lane_that_never_closes_is_given_up_and_the_others_are_closed():
    doors = [Door("a", closing=anyio.sleep_forever), Door("b")]
    # Only trio's clock jumps over the seconds that this takes.
    run_on("trio", partial(enter, *doors))
    assert [door.closed for door in doors] == [1, 1]


def test_what_the_caller_raised_counts_more_than_what_closing_did(
    loop: str, caplog: pytest.LogCaptureFixture
):
    async def run() -> None:
        async with behind(Door("a", closing=failing(OSError("stuck")))):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_on(loop, run)
    assert "lane a could not be closed" in caplog.text
    assert all(record.levelno == logging.ERROR for record in caplog.records)


def test_what_kept_a_lane_from_opening_counts_more_than_what_closing_raised(loop: str):
    door = Door("a", failing(ConfigError("wrong")), failing(OSError("stuck")))
    with pytest.raises(ConfigError, match="wrong"):
        run_on(loop, partial(enter, door))


def test_a_runtime_that_could_not_be_opened_or_closed_can_be_entered_again(loop: str):
    tries: list[int] = []

    async def fail_once() -> None:
        tries.append(len(tries))
        if len(tries) == 1:
            raise OSError("once")

    async def run() -> str | None:
        cascade = behind(Door("a", fail_once))
        with pytest.raises(OSError, match="once"):
            await cascade.__aenter__()
        async with cascade:
            return (await cascade.run("?")).answer

    assert run_on(loop, run) == "the answer"
