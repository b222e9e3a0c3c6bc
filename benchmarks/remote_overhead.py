"""CPU, growth, memory and connections of remote lanes against a loop written by hand on httpx2.

    python benchmarks/remote_overhead.py --harness FOLDER [--server-python PYTHON]

FOLDER is the peers' overhead harness. Both runners work in this Python, in turns, against the
harness's fake server in a process of its own; ratios are taken round by round, then the median.
The server wants uvloop and httptools, in this Python or in the one that is named.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["main"]

OURS = Path(__file__).with_name("remote_runner.py")


class Harness:
    """The harness's runners and its server, which is running."""

    def __init__(self, folder: Path, root: str) -> None:
        self.folder = folder
        self.root = root

    def run(self, which: str, *arguments: str, stream: bool = False) -> dict[str, Any]:
        """Runs `ours` or `floor` once and returns the line that it prints."""
        script = OURS if which == "ours" else self.folder / "runners" / "floor_httpx.py"
        environment = {
            **os.environ,
            "CASCADE_HARNESS": str(self.folder),
            "BENCH_HTTPX": "httpx2",
            "OPENAI_API_KEY": "x",
            "NO_PROXY": "127.0.0.1",
        }
        if stream:
            environment["CASCADE_STREAM"] = "1"
        before = self._stats()
        done = subprocess.run(
            [sys.executable, str(script), "--root", self.root, *arguments],
            capture_output=True,
            check=False,
            text=True,
            env=environment,
        )
        if done.returncode:
            sys.exit(f"{script.name} failed:\n{done.stderr[-2000:]}")
        line = next(line for line in done.stdout.splitlines() if line.startswith('{"peer"'))
        return {**json.loads(line), "connections": self._stats()["conns"] - before["conns"]}

    def _stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.root}/stats") as answer:  # noqa: S310 - our own server
            return json.loads(answer.read())


@contextmanager
def served(folder: Path, python: str) -> Generator[Harness]:
    """The harness's server while the context lasts."""
    server = subprocess.Popen(
        [python, str(folder / "fakeserver.py")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        port = json.loads(server.stdout.readline())["port"]
        yield Harness(folder, f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait()


def steps_us(found: dict[str, Any]) -> float:
    """CPU of a step in the last phase, in microseconds."""
    return float(found["phases"][-1]["cpu_us_step"])


def report_cpu(harness: Harness, rounds: int) -> None:
    """CPU of a step at 32 trajectories at once, spans on and off, streamed and not."""
    print("CPU of a step, 32 trajectories at once, 10 steps; median of the rounds' ratios")
    for title, spans, stream in (
        ("spans on", "batch", False),
        ("spans off", "off", False),
        ("spans on, ours streamed", "batch", True),
    ):
        arguments = ("--mode", "cpu", "--c", "32", "--t", "64", "--otel", spans)
        ratios: list[float] = []
        ours_us: list[float] = []
        for _ in range(rounds):
            floor = steps_us(harness.run("floor", *arguments))
            ours = steps_us(harness.run("ours", *arguments, stream=stream))
            ours_us.append(ours)
            ratios.append(ours / floor)
        print(
            f"  {title:26} {statistics.median(ours_us):7.0f} us, "
            f"{statistics.median(ratios):.2f} x the loop on httpx2 (least {min(ratios):.2f})"
        )


def report_growth(harness: Harness) -> None:
    """The slope of CPU per step over steps, both as logarithms."""
    for which in ("floor", "ours"):
        phases = harness.run(which, "--mode", "growth", "--otel", "batch")["phases"]
        lengths = [math.log(phase["n"]) for phase in phases]
        totals = [math.log(phase["cpu_us_step"] * phase["n"]) for phase in phases]
        slope = statistics.linear_regression(lengths, totals).slope
        told = ", ".join(f"{phase['n']}: {phase['cpu_us_step']:.0f} us" for phase in phases)
        print(f"growth of {which:5}: exponent {slope:.2f} of total CPU over steps ({told} a step)")


def report_memory(harness: Harness, rounds: int) -> None:
    """Memory of a trajectory in flight, and connections for 1,280 requests."""
    arguments = ("--mode", "rss", "--c", "128")
    for which in ("floor", "ours"):
        found = [harness.run(which, *arguments) for _ in range(rounds)]
        kib = statistics.median(each["kb_per_traj"] for each in found)
        connections = max(each["connections"] for each in found)
        print(f"memory of {which:5}: {kib:.0f} KiB a trajectory of 128; {connections} connections")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--harness", type=Path, required=True, help="folder of the peers' harness")
    parser.add_argument("--server-python", default=sys.executable, help="has uvloop, httptools")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with served(options.harness.resolve(), options.server_python) as harness:
        report_cpu(harness, options.rounds)
        report_growth(harness)
        report_memory(harness, max(1, options.rounds // 2))


if __name__ == "__main__":
    main()
