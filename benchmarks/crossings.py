"""Random trajectories over all lanes and strict simulated providers, with faults in some calls.

    python benchmarks/crossings.py --trajectories 10000

Every draft is made on a lane of its own choosing: in process, Anthropic Messages, OpenAI Responses
or Chat Completions, all on 127.0.0.1 and held to the real providers' rules, signatures included.
Some drafts cannot be used and are made again elsewhere, some answers are of a given form. A
trajectory is *wedged* if it ends without its answer; a call is *lost* or *doubled* if a tool ran
less or more than once for it; a 400 is any request that a provider refused.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import anyio

# The trajectories are those of the tests; they are no part of the package.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from crossings import Crossing, Providers, crossing, providers
from journeys import random_journey

__all__ = ["main"]

AT_ONCE = 16
REPORT_EVERY = 1000


async def measured(trajectories: int, faults: float, seed: int) -> None:
    """Runs them all and prints what came of them."""
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    began = time.monotonic()
    async with providers() as there:
        numbers = iter(range(seed * trajectories, (seed + 1) * trajectories))

        async def worker() -> None:
            for number in numbers:
                journey = random_journey(number, faults=faults)
                made = await crossing(there, journey, number)
                count(made, counts, reasons)
                if counts["trajectories"] % REPORT_EVERY == 0:
                    print(f"  {counts['trajectories']} done", file=sys.stderr, flush=True)

        async with anyio.create_task_group() as tasks:
            for _ in range(AT_ONCE):
                tasks.start_soon(worker)
        report(there, counts, reasons, time.monotonic() - began)


def count(made: Crossing, counts: Counter[str], reasons: Counter[str]) -> None:
    """Adds one trajectory."""
    counts["trajectories"] += 1
    counts["calls"] += len(made.lanes)
    counts["failed calls"] += sum(event.kind == "failed" for event in made.events)
    counts["tool calls"] += made.worked.total()
    counts["lost tool calls"] += (made.wanted - made.worked).total()
    counts["doubled tool calls"] += (made.worked - made.wanted).total()
    counts["rejected drafts"] += made.rejected
    counts["structured answers"] += made.journey.structured
    counts["changes of lane"] += sum(
        one != other for one, other in zip(made.lanes, made.lanes[1:], strict=False)
    )
    if made.state.finished is None or made.state.outcome != "completed":
        counts["wedged"] += 1
        reasons[made.state.finished.reason if made.state.finished else "no end"] += 1


def report(there: Providers, counts: Counter[str], reasons: Counter[str], took_s: float) -> None:
    """Prints the table."""
    counts["refused requests (400)"] = sum(
        simulation.refused for simulation in there.simulations.values()
    )
    for name in (
        "trajectories",
        "calls",
        "changes of lane",
        "failed calls",
        "rejected drafts",
        "structured answers",
        "tool calls",
        "wedged",
        "lost tool calls",
        "doubled tool calls",
        "refused requests (400)",
    ):
        print(f"  {name:24} {counts[name]:8}")
    for reason, times in reasons.most_common(5):
        print(f"  wedged {times} times: {reason}")
    for refusal in there.refusals[:5]:
        print(f"  refused: {refusal}")
    print(f"  {took_s:.0f} s")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trajectories", type=int, default=10_000)
    parser.add_argument("--faults", type=float, default=0.2, help="share of calls that go wrong")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"random trajectories over four lanes, faults in {options.faults:.0%} of the calls")
    anyio.run(measured, options.trajectories, options.faults, options.seed)


if __name__ == "__main__":
    main()
