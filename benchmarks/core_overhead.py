"""What the core and the runtime cost: CPU per step over the scripted backend.

    python benchmarks/core_overhead.py

32 trajectories run at once, each of 10 steps: nine that call one async tool, and the answer. CPU is
that of the whole process, the exporter's thread included. The baseline is the same conversation
as a loop over lists of dictionaries, with nothing checked, recorded or traced. On a machine with
other work, CPU per step rises as caches and cores are shared; the ratio does so much less.
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from cascade import Budget, Cascade, Policy, tool
from cascade.backends.scripted import Reply, ScriptedBackend, calling

__all__ = ["main"]

TRAJECTORIES = 32
STEPS = 10
LENGTHS = (10, 20, 50, 100, 200)

CALL = calling(("add", {"first": 1, "second": 2}), text="Adding.")


class NullExporter(SpanExporter):
    """Takes spans in batches, as a real exporter does, and forgets them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Forgets them."""
        del spans
        return SpanExportResult.SUCCESS


@tool(side_effect="read")
async def add(first: int, second: int) -> int:
    """Adds two numbers.

    Args:
        first: One of them.
        second: The other one.
    """
    await checkpoint()
    return first + second


async def bare_trajectory(steps: int) -> int:
    """The loop that somebody would write by hand."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Add."}]
    for step in range(steps - 1):
        await checkpoint()
        call = {"id": f"call_{step}", "name": "add", "arguments": '{"first": 1, "second": 2}'}
        messages.append({"role": "assistant", "content": "Adding.", "tool_calls": [call]})
        result = await add.function(**json.loads(call["arguments"]))
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": json.dumps(result)})
    await checkpoint()
    messages.append({"role": "assistant", "content": "Done."})
    return len(messages)


async def at_once(one: Callable[[], Awaitable[object]], count: int) -> float:
    """CPU seconds of *count* of them, run together."""

    async def run() -> None:
        await one()

    began = time.process_time()
    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(run)
    return time.process_time() - began


async def bare(steps: int, trajectories: int) -> float:
    """CPU seconds of the loop written by hand."""
    return await at_once(lambda: bare_trajectory(steps), trajectories)


async def runtime(
    steps: int,
    trajectories: int,
    *,
    spans: bool = True,
    metrics: bool = False,
    traces: Path | None = None,
) -> float:
    """CPU seconds of the runtime."""
    script: list[Reply] = [*(CALL for _ in range(steps - 1)), "Done."]
    backend = ScriptedBackend(script)
    tracer = meter = None
    if spans:
        tracer = TracerProvider(shutdown_on_exit=False)
        tracer.add_span_processor(BatchSpanProcessor(NullExporter()))
    if metrics:
        meter = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    policy = Policy(budget=Budget(steps=None, tool_calls=None))
    async with Cascade(
        lanes=[backend.lane],
        backends={backend.lane.name: backend},
        policy=policy,
        traces=traces,
        tracer_provider=tracer,
        meter_provider=meter,
    ) as cascade:

        async def one() -> None:
            result = await cascade.run("Add.", tools=[add])
            assert result.steps == steps

        spent = await at_once(one, trajectories)
        began = time.process_time()
        if tracer is not None:
            tracer.shutdown()
        if meter is not None:
            meter.shutdown()
        return spent + time.process_time() - began


def microseconds(seconds: Sequence[float], steps: int) -> tuple[float, float]:
    """Median and least of the rounds, by step; the first round is left out, as it warms caches."""
    kept = seconds[1:]
    return statistics.median(kept) / steps * 1e6, min(kept) / steps * 1e6


def exponent(lengths: Sequence[int], totals: Sequence[float]) -> float:
    """The slope of total CPU over steps, both as logarithms; 1 where a step costs the same."""
    steps, spent = [math.log(length) for length in lengths], [math.log(each) for each in totals]
    return statistics.linear_regression(steps, spent).slope


def report_step(rounds: int) -> None:
    """One table: each way to run, in microseconds per step and as a ratio to the bare loop."""

    async def recorded() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return await runtime(STEPS, TRAJECTORIES, traces=Path(folder))

    ways: dict[str, Callable[[], Awaitable[float]]] = {
        "bare loop": lambda: bare(STEPS, TRAJECTORIES),
        "runtime, no provider": lambda: runtime(STEPS, TRAJECTORIES, spans=False),
        "runtime, spans on": lambda: runtime(STEPS, TRAJECTORIES),
        "runtime, spans and metrics on": lambda: runtime(STEPS, TRAJECTORIES, metrics=True),
        "runtime, spans on, trajectories recorded": recorded,
    }
    # In turns, so that whatever else the machine does meets all of them.
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, measure in ways.items():
            spent[name].append(anyio.run(measure))
    print(
        f"CPU of a step; {TRAJECTORIES} trajectories at once, {STEPS} steps each, {rounds} rounds"
    )
    base, _ = microseconds(spent["bare loop"], STEPS * TRAJECTORIES)
    for name, seconds in spent.items():
        median, least = microseconds(seconds, STEPS * TRAJECTORIES)
        times = f"{median / base:5.1f} x the bare loop"
        print(f"  {name:42} median {median:6.1f} us, least {least:6.1f} us, {times}")


def report_growth(rounds: int) -> None:
    """How the cost of a step grows with the length of its trajectory."""
    print("growth with length; 4 trajectories at once, spans on")
    totals: list[float] = []
    for length in LENGTHS:
        measure = partial(runtime, length, 4)
        spent = [anyio.run(measure) for _ in range(rounds + 1)]
        median, _ = microseconds(spent, length * 4)
        totals.append(median * length)
        print(f"  {length:4} steps: {median:6.1f} us a step")
    print(f"  exponent of total CPU over steps: {exponent(LENGTHS, totals):.3f}")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds: int = parser.parse_args().rounds
    report_step(rounds)
    report_growth(max(3, rounds // 3))


if __name__ == "__main__":
    main()
