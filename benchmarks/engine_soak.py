"""Many trajectories in one process: memory must stay flat, and none may be lost.

    python benchmarks/engine_soak.py --trajectories 2000

Prints resident memory after each tenth; the ratio is the last figure to the one after warm-up.
"""

import argparse
from pathlib import Path

import anyio
import engine_workload as workload

from cascade.backends.llama.engine import Engine, EngineSettings, Model

__all__ = ["main"]

_PAGE_BYTES = 4096


def resident_mb() -> float:
    """Return this process's resident memory (Linux)."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * _PAGE_BYTES / 1e6


async def run(engine: Engine, model: Model, count: int, concurrency: int) -> list[float]:
    """Run trajectories in waves, and return the resident memory after each wave."""
    figures: list[float] = []
    done = 0
    tenth = max(1, count // 10)
    while done < count:
        wave = min(concurrency, count - done)
        trajectories = workload.tasks(model, wave, steps=4, seed=done)
        await workload.follow_all(engine, trajectories)
        if any(len(each.answers) != 4 for each in trajectories):
            raise SystemExit("a trajectory was lost")
        if done // tenth != (done + wave) // tenth:
            figures.append(resident_mb())
            print(f"{done + wave:6d} trajectories: {figures[-1]:7.1f} MB", flush=True)
        done += wave
    return figures


def main() -> None:
    """Run the soak."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled:desk", help="a model reference")
    parser.add_argument("--trajectories", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=24, help="more than the 16 slots")
    parser.add_argument("--cache-mb", type=int, default=64)
    arguments = parser.parse_args()
    model = Model(workload.model_argument(arguments.model))
    settings = EngineSettings(context_tokens=1024, cache_bytes=arguments.cache_mb * 1024 * 1024)
    with Engine(model, settings) as engine:
        figures = anyio.run(run, engine, model, arguments.trajectories, arguments.concurrency)
        totals = engine.statistics()
    model.close()
    print(
        f"{totals.requests} requests, {totals.evictions} evictions, {totals.restores} restores, "
        f"{totals.prompt_tokens_recomputed} prompt tokens recomputed"
    )
    print(f"ratio of the last figure to the second: {figures[-1] / figures[1]:.3f}")


if __name__ == "__main__":
    main()
