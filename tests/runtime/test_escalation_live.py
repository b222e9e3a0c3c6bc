"""Escalation through the runtime: steps that go up, opinions, and everything that can go wrong."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from live_ladder import BROKEN_MONITOR, CALLS, GUARDED, HOME, TASK, TOP, Office, Traffic, live
from worlds import ending, snapshot

from cascade import BackendUnavailable, ConfigError, Policy, Result
from cascade.backends.scripted import Reply, calling
from cascade.errors import GateError, MonitorError
from cascade.events import (
    Consulted,
    Drafted,
    Failed,
    Interrupted,
    Restarted,
)
from cascade.exchange import Delta, Request, Usage, View
from cascade.policy import (
    Escalating,
    Gating,
    JudgeSettings,
    Monitoring,
    Reviewing,
    Routing,
)
from cascade.traces.record import Trace, read_trace

pytestmark = pytest.mark.anyio

STUCK = Monitoring(extra=("live_ladder:StuckAtTwo",))


async def whole(folder: Path | None = None, **options: Any) -> tuple[Result, Traffic, Office]:
    """A run to its end."""
    traffic, office = Traffic(), Office()
    async with live(traffic, traces=folder, **options) as cascade:
        result = await cascade.run(TASK, tools=office.tools, trajectory_id="t")
    return result, traffic, office


async def test_a_step_goes_up_and_control_comes_back_and_each_opinion_is_had():
    result, traffic, office = await whole()
    assert tuple(traffic.calls) == CALLS
    assert (result.outcome, result.answer) == ("completed", "All is done.")
    assert (office.looked, office.sent) == (["a", "b"], ["x"])
    spent = {(a.lane, a.role, a.cause): s.hops for a, s in result.state.ledger.accounts.items()}
    assert spent == {
        ("home", "draft", "accepted"): 4,
        ("home", "draft", "rejected"): 1,
        ("top", "draft", "accepted"): 1,
        ("top", "advice", "accepted"): 1,
        ("top", "review", "accepted"): 1,
    }


async def test_what_the_higher_lane_does_not_see_is_the_failed_draft():
    _, traffic, _ = await whole()
    (up,) = (view for call, view in zip(traffic.calls, traffic.views, strict=True) if call == "top")
    assert [message.role for message in up.messages] == ["user"]
    assert "unsure" not in str(up.messages)
    assert "the value of a" in str(up.messages)


@pytest.mark.parametrize("gone_from", range(3))
async def test_without_network_the_home_lane_goes_on_but_does_nothing_final_alone(gone_from: int):
    at_top = 0
    office = Office()

    def top(view: View, _request: Request) -> Reply:
        nonlocal at_top
        at_top += 1
        if at_top > gone_from:
            return BackendUnavailable("no route", backend="scripted", failure="connection")
        kind = view.trajectory_id.partition(":")[2]
        return "Call `send`." if kind else calling(("look", {"key": "b"}))

    async with live(top=top) as cascade:
        result = await cascade.run(TASK, tools=office.tools)
    assert result.outcome == "halted"
    assert office.sent == []
    assert office.looked == ["a", "unsure" if gone_from == 0 else "b"]
    assert result.state.finished is not None
    assert "no review approved it" in result.state.finished.reason


def recorded_in(folder: Path) -> list[Path]:
    """The files of trajectories."""
    return list(folder.glob("*.jsonl"))


def check_ledger(trace: Trace) -> None:
    """Every call is charged, and once."""
    total, hops = Usage(), 0
    for event in trace.events:
        match event:
            case Drafted() | Consulted():
                total, hops = total + event.draft.usage, hops + 1
            case Failed():
                total, hops = total + event.usage, hops + 1
            case Interrupted() if event.lane is not None:
                total, hops = total + event.usage, hops + 1
            case _:
                pass
    ledger = trace.state().ledger
    assert (ledger.total.usage, ledger.total.hops) == (total, hops)
    assert not any(account.cause == "held" for account in ledger.accounts)


@pytest.mark.parametrize("number", range(1, len(CALLS) + 1))
async def test_a_run_that_is_cancelled_inside_a_call_goes_on_to_the_same_end(
    tmp_path: Path, number: int
):
    uncut, _, _ = await whole()
    office, traffic = Office(), Traffic()
    scope = anyio.CancelScope()

    async def cut(_told: str, _view: View) -> None:
        if len(traffic.calls) == number:
            scope.cancel()
            await checkpoint()

    traffic.passing = cut
    async with live(traffic, traces=tmp_path) as cascade:
        with scope:
            await cascade.run(TASK, tools=office.tools, trajectory_id="t")
    assert scope.cancelled_caught
    path = tmp_path / "t.jsonl"
    stopped = read_trace(path)
    assert stopped.torn_bytes == 0
    last = stopped.events[-1]
    assert isinstance(last, Interrupted)
    assert last.lane == traffic.calls[-1].partition(":")[0]
    again = Traffic()
    async with live(again) as cascade:
        result = await cascade.resume(path, tools=office.tools)
    assert (*traffic.calls[:-1], *again.calls) == CALLS
    assert ending(result.state) == ending(uncut.state)
    assert (office.looked, office.sent) == (["a", "b"], ["x"])
    check_ledger(read_trace(path))
    assert read_trace(path).state() == result.state


@pytest.mark.parametrize("number", [2, 3])
async def test_a_span_that_is_cut_goes_on_as_the_span_that_it_was(tmp_path: Path, number: int):
    policy = Policy(monitors=STUCK, escalation=Escalating(nudge=False, span_steps=2))
    uncut, traffic, _ = await whole(policy=policy)
    assert traffic.calls[:3] == ["home", "top", "top"]
    office, cut = Office(), Traffic()
    scope = anyio.CancelScope()

    async def passing(_told: str, _view: View) -> None:
        if len(cut.calls) == number:
            scope.cancel()
            await checkpoint()

    cut.passing = passing
    async with live(cut, policy=policy, traces=tmp_path) as cascade:
        with scope:
            await cascade.run(TASK, tools=office.tools, trajectory_id="t")
    again = Traffic()
    async with live(again, policy=policy) as cascade:
        result = await cascade.resume(tmp_path / "t.jsonl", tools=office.tools)
    assert [*cut.calls[:-1], *again.calls] == traffic.calls
    assert ending(result.state) == ending(uncut.state)
    assert result.state.spans == uncut.state.spans == 1


async def test_a_listener_hears_drafts_and_no_opinions():
    heard: list[str] = []
    office = Office()
    async with live() as cascade:
        await cascade.run(TASK, tools=office.tools, on_delta=lambda delta: heard.append(delta.text))
    said = "".join(heard)
    assert "First a." in said
    assert "All is done." in said
    assert "milestone" not in said
    assert "Call `send`" not in said


async def test_text_that_counts_as_said_is_not_drafted_a_second_time():
    heard: list[Delta] = []
    office, traffic = Office(), Traffic()

    def home(view: View, _request: Request) -> Reply:
        if len(view.messages) > 1:
            return "Done."
        return calling(("look", {"key": "unsure"}), text="I look it up.")

    policy = GUARDED.model_copy(update={"commit_deltas": True})
    async with live(traffic, home=home, policy=policy) as cascade:
        result = await cascade.run(TASK, tools=office.tools, on_delta=heard.append)
    assert traffic.calls == ["home", "home"]
    assert office.looked == ["unsure"]
    assert result.outcome == "completed"


async def test_what_is_final_is_reviewed_though_its_text_was_said():
    def home(view: View, _request: Request) -> Reply:
        done = len(view.messages) > 1
        return "Done." if done else calling(("send", {"to": "x"}), text="I send it.")

    def top(_view: View, _request: Request) -> Reply:
        no = {"milestone": "m", "reason": "not x", "on_track": False, "correction": "send y"}
        return json.dumps(no)

    office, traffic = Office(), Traffic()
    policy = GUARDED.model_copy(update={"commit_deltas": True})
    async with live(traffic, home=home, top=top, policy=policy) as cascade:
        result = await cascade.run(TASK, tools=office.tools, on_delta=lambda _delta: None)
    assert traffic.calls == ["home", "top:review"]
    assert (result.outcome, office.sent) == ("halted", [])


async def test_a_policy_that_begins_anew_needs_the_way_back_when_it_is_resumed(tmp_path: Path):
    policy = Policy(monitors=STUCK, escalation=Escalating(nudge=False, restart=True))
    office = Office()
    resets: list[int] = []

    async def reset() -> None:
        resets.append(len(office.looked))
        raise OSError("the world is not there")

    async with live(policy=policy, traces=tmp_path) as cascade:
        with pytest.raises(OSError, match="not there"):
            await cascade.run(TASK, tools=office.tools, trajectory_id="t", reset=reset)
    path = tmp_path / "t.jsonl"
    async with live(policy=policy) as cascade:
        with pytest.raises(ConfigError, match="no `reset`"):
            await cascade.resume(path, tools=office.tools)

    async def sound() -> None:
        office.looked.clear()

    traffic = Traffic()

    def top(view: View, _request: Request) -> Reply:
        return "Begun anew." if "key" in str(view.messages) else calling(("look", {"key": "key"}))

    async with live(traffic, policy=policy, top=top) as cascade:
        result = await cascade.resume(path, tools=office.tools, reset=sound)
    assert traffic.calls == ["top", "top"]
    assert result.answer == "Begun anew."
    assert office.looked == ["key"]
    assert sum(isinstance(event, Restarted) for event in read_trace(path).events) == 1


async def test_many_trajectories_share_a_runtime_and_none_hears_of_another():
    uncut, _, _ = await whole()
    results: dict[int, Result] = {}
    offices = [Office() for _ in range(32)]
    async with live() as cascade, anyio.create_task_group() as tasks:

        async def one(number: int) -> None:
            results[number] = await cascade.run(
                f"{TASK} This is task {number}.", tools=offices[number].tools
            )

        for number in range(len(offices)):
            tasks.start_soon(one, number)
    for number, result in results.items():
        assert result.state.transcript[0].text == f"{TASK} This is task {number}."  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - the task is a user's message
        assert snapshot(result.state.transcript)[1:] == snapshot(uncut.state.transcript)[1:]
        assert result.state.ledger.total.hops == len(CALLS)
    assert all((office.looked, office.sent) == (["a", "b"], ["x"]) for office in offices)


async def test_a_monitor_that_raises_stops_the_run_and_is_named(tmp_path: Path):
    office = Office()
    async with live(policy=BROKEN_MONITOR, traces=tmp_path) as cascade:
        with pytest.raises(MonitorError, match="'broken' raised ZeroDivisionError in step 2") as c:
            await cascade.run(TASK, tools=office.tools, trajectory_id="t")
    assert c.value.monitor == "broken"
    trace = read_trace(tmp_path / "t.jsonl")
    assert trace.events[-1].kind == "interrupted"
    assert office.looked == ["a"]


async def test_a_gate_without_a_verdict_stops_the_run_and_is_named(tmp_path: Path):
    policy = Policy(gates=Gating(extra=("live_ladder:BrokenGate",)))
    async with live(policy=policy, traces=tmp_path) as cascade:
        with pytest.raises(GateError, match="'forgetful' gave a NoneType") as caught:
            await cascade.run(TASK, tools=Office().tools, trajectory_id="t")
    assert caught.value.gate == "forgetful"
    trace = read_trace(tmp_path / "t.jsonl")
    last = trace.events[-1]
    assert isinstance(last, Interrupted)
    assert last.usage.total_tokens > 0
    check_ledger(trace)


async def test_rules_that_cannot_be_had_are_refused_before_anything_is_recorded(tmp_path: Path):
    gone = Policy(gates=Gating(extra=("live_ladder:Gone",)))
    async with live(traces=tmp_path) as cascade:
        with pytest.raises(ConfigError, match="Gone"):
            await cascade.run(TASK, tools=Office().tools, policy=gone)
    assert recorded_in(tmp_path) == []


@pytest.mark.parametrize(
    ("policy", "setting"),
    [
        (Policy(routing=Routing(pin="tpo")), "routing.pin"),
        (Policy(routing=Routing(mode="controller", controller="tpo")), "routing.controller"),
        (Policy(escalation=Escalating(review=Reviewing(lane="tpo"))), "escalation.review.lane"),
        (Policy(gates=Gating(judge=JudgeSettings(lane="tpo"))), "gates.judge.lane"),
    ],
)
async def test_a_policy_that_names_no_lane_of_the_ladder_is_refused(policy: Policy, setting: str):
    async with live() as cascade:
        with pytest.raises(ConfigError, match=f"{setting} is 'tpo'.*'home', 'top'"):
            await cascade.run(TASK, tools=Office().tools, policy=policy)


async def test_a_resumed_run_keeps_the_rules_that_it_began_with(tmp_path: Path):
    office, traffic = Office(), Traffic()
    scope = anyio.CancelScope()

    async def passing(_told: str, _view: View) -> None:
        scope.cancel()
        await checkpoint()

    traffic.passing = passing
    async with live(traffic, traces=tmp_path) as cascade:
        with scope:
            await cascade.run(TASK, tools=office.tools, trajectory_id="t")
    path = tmp_path / "t.jsonl"
    again = Traffic()
    unguarded = Policy(escalation=Escalating(enabled=False))
    async with live(again, policy=unguarded) as cascade:
        await cascade.resume(path, tools=office.tools)
    assert tuple(again.calls) == CALLS
    assert read_trace(path).state().head().policy == GUARDED


async def test_a_resumed_run_whose_rules_are_gone_is_refused(tmp_path: Path):
    office = Office()
    async with live(policy=BROKEN_MONITOR, traces=tmp_path) as cascade:
        with pytest.raises(MonitorError):
            await cascade.run(TASK, tools=office.tools, trajectory_id="t")
    path = tmp_path / "t.jsonl"
    before = path.read_bytes().replace(b"live_ladder:BrokenMonitor", b"live_ladder:Gone")
    path.write_bytes(before)
    async with live() as cascade:
        with pytest.raises(ConfigError, match="Gone"):
            await cascade.resume(path, tools=office.tools)
    assert path.read_bytes() == before


async def test_a_lane_that_failed_elsewhere_never_gets_what_may_not_leave():
    home = HOME.model_copy(update={"fallbacks": ("top",)})
    top = TOP.model_copy(update={"data_classes": ()})
    traffic = Traffic()

    def broken(_view: View, _request: Request) -> Reply:
        return BackendUnavailable("out of memory", backend="scripted", failure="quota")

    async with live(traffic, home=broken, lanes=(home, top)) as cascade:
        result = await cascade.run(TASK, tools=Office().tools, data_classes=("health",))
    assert traffic.calls == ["home"]
    assert result.outcome == "failed"
