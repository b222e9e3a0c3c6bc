"""Time from a failed call to the end of the fallback's answer, the answer itself left out.

    python benchmarks/failover_time.py

One lane fails in a way of its own, at once, and its fallback is a simulated provider on 127.0.0.1.
What remains is what failing over costs here: the decision, the record of it, a connection. The
baseline is the same answer asked for directly.
"""

import argparse
import socket
import statistics
import time
from contextlib import ExitStack

import anyio

from cascade import Cascade, Policy
from cascade.credentials import Credential
from cascade.events import Drafted, Event, Failed
from cascade.lanes import Lane
from cascade.policy import Retries
from cascade.runtime import Gatekeeper
from cascade.simulated.faults import CutsOff, Fails, Fault, no_faults
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.script import Turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation

__all__ = ["main"]

WAYS: dict[str, Fault | None] = {
    "connection refused": None,
    "503": Fails(failure="unavailable"),
    "cut stream": CutsOff(after_bytes=200),
}


def lane(name: str, address: str, *fallbacks: str) -> Lane:
    """A lane to a simulated provider."""
    return Lane(
        name=name,
        backend="openai",
        api="chat_completions",
        model="gpt-4.1",
        endpoint=f"{address}/v1",
        locality="remote",
        fallbacks=fallbacks,
    )


def provider(fault: Fault | None) -> Simulation:
    """A provider that always shows the fault, or never one."""

    def always(_received: object) -> Fault | None:
        return fault

    return Simulation(
        wires=[OpenAIChat()],
        script=lambda _conversation: Turn(text="the answer"),
        faults=always if fault else no_faults,
        keep=1,
    )


def free_address() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def overhead_s(lanes: tuple[Lane, ...]) -> tuple[float, float]:
    """Seconds between the failure and the draft without the draft's own; the draft's own."""
    at: dict[str, float] = {}
    drafts: list[Drafted] = []

    def note(event: Event) -> None:
        if isinstance(event, Failed):
            at["failed"] = time.perf_counter()
        elif isinstance(event, Drafted):
            at["drafted"] = time.perf_counter()
            drafts.append(event)

    keys = {each.name: Credential(lane=each.name, command=("echo", "k")) for each in lanes}
    policy = Policy(home_lane=lanes[0].name, retries=Retries(on_a_lane=1))
    # What earlier rounds learnt of the lane is not to make this one quicker.
    gatekeeper = Gatekeeper()
    async with Cascade(
        lanes=lanes, credentials=keys, policy=policy, gatekeeper=gatekeeper
    ) as cascade:
        result = await cascade.run("?", on_event=note)
    assert result.outcome == "completed", result.reason
    own_s = drafts[-1].draft.timing.total_s
    return at["drafted"] - at.get("failed", at["drafted"] - own_s) - own_s, own_s


async def repeated(lanes: tuple[Lane, ...], rounds: int) -> list[tuple[float, float]]:
    """The measurement so many times, each in a new runtime; the first is left out."""
    return [await overhead_s(lanes) for _ in range(rounds + 1)][1:]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds: int = parser.parse_args().rounds
    print(f"milliseconds over the failed call and the fallback's own answer, {rounds} rounds")
    with ExitStack() as stack:
        good = stack.enter_context(served(provider(None)))
        for way, fault in WAYS.items():
            bad = free_address()
            if fault is not None:
                bad = stack.enter_context(served(provider(fault)))
            lanes = (lane("first", bad, "second"), lane("second", good))
            found = anyio.run(repeated, lanes, rounds)
            over_ms = [over * 1000 for over, _ in found]
            own_ms = statistics.median(own * 1000 for _, own in found)
            print(
                f"  {way:20} median {statistics.median(over_ms):5.1f}, most {max(over_ms):5.1f}"
                f"   (the fallback's own answer: {own_ms:.1f})"
            )


if __name__ == "__main__":
    main()
