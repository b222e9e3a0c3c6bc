"""A process that is killed while a step is with the higher lane, and another one that goes on."""

import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from live_ladder import CALLS, GUARDED, SPANNED, TASK, Office, Traffic, live

from cascade import Policy, Result
from cascade.traces.record import read_trace

VICTIM = """
import sys
sys.path.insert(0, sys.argv[1])
import anyio
import live_ladder

folder, number, policy = sys.argv[2], int(sys.argv[3]), getattr(live_ladder, sys.argv[4])
traffic = live_ladder.Traffic()

async def passing(told, view):
    if len(traffic.calls) == number:
        print("inside", flush=True)
        await anyio.sleep_forever()

async def main():
    traffic.passing = passing
    office = live_ladder.Office()
    async with live_ladder.live(traffic, traces=folder, policy=policy) as cascade:
        await cascade.run(live_ladder.TASK, tools=office.tools, trajectory_id="victim")

anyio.run(main)
"""


def killed(folder: Path, number: int, policy: str) -> Path:
    """Kills a run, with a signal that cannot be caught, in that model call, from 1."""
    here = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", VICTIM, here, str(folder), str(number), policy]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"inside\n"
        process.kill()
    assert process.returncode < 0
    return folder / "victim.jsonl"


def gone_on(path: Path, policy: Policy) -> tuple[Result, Traffic, Office]:
    """The run, resumed by this process."""
    traffic, office = Traffic(), Office()

    async def go_on() -> Result:
        async with live(traffic, policy=policy) as cascade:
            return await cascade.resume(path, tools=office.tools)

    return anyio.run(go_on), traffic, office


@pytest.mark.parametrize(
    ("number", "what"), [(3, "a held draft"), (5, "an open question"), (7, "a review to come")]
)
def test_after_kill_9_what_was_asked_of_the_higher_lane_is_asked_again(
    tmp_path: Path, number: int, what: str
):
    path = killed(tmp_path, number, "GUARDED")
    state = read_trace(path).state()
    assert (state.held is not None) == (what != "an open question")
    assert bool(state.pending) == (what == "an open question")
    result, traffic, office = gone_on(path, GUARDED)
    assert tuple(traffic.calls) == CALLS[number - 1 :]
    assert (result.outcome, result.answer) == ("completed", "All is done.")
    assert office.sent == ["x"]
    assert read_trace(path).state() == result.state
    assert not any(account.cause == "held" for account in result.state.ledger.accounts)


def test_after_kill_9_a_span_lasts_as_long_as_it_was_to_last(tmp_path: Path):
    path = killed(tmp_path, 3, "SPANNED")
    tenure = read_trace(path).state().tenure
    assert tenure is not None
    assert (tenure.lane, tenure.until) == ("top", 3)
    result, traffic, _ = gone_on(path, SPANNED)
    assert traffic.calls[:2] == ["top", "home"]
    assert result.state.spans == 1
    assert result.state.tenure is None
    assert result.outcome == "completed"
    assert [message.role for message in result.state.transcript[:2]] == ["user", "assistant"]
    assert TASK in str(result.state.transcript[0])
