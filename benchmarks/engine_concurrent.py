"""Concurrent and sequential trajectories: this engine against llama-cpp-python's `Llama`.

    python benchmarks/engine_concurrent.py --model bundled:desk

The baseline is what users of llama-cpp-python do: one `Llama`, a lock, `create_completion` on the
same prompts, greedy, in one thread per trajectory. It is run with the prefix matching that `Llama`
always does, and again with its `LlamaRAMCache`; the ratio is to the faster of the two.
"""

import argparse
import threading
from collections.abc import Callable, Sequence, Sized
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import engine_workload as workload
from engine_workload import Cost, Stopwatch, Trajectory

from cascade.backends.llama.engine import Engine, EngineSettings, Model
from cascade.backends.llama.engine.bindings import llama_library

__all__ = ["main"]


def run_engine(engine: Engine, trajectories: Sequence[Trajectory], *, concurrent: bool) -> Cost:
    """Measure the engine on trajectories, all at once or one after another."""

    async def one_by_one() -> None:
        for trajectory in trajectories:
            await workload.follow(engine, trajectory)

    with Stopwatch() as watch:
        if concurrent:
            anyio.run(workload.follow_all, engine, trajectories)
        else:
            anyio.run(one_by_one)
    return watch.cost


def run_baseline(
    path: Path,
    trajectories: Sequence[Trajectory],
    *,
    context: int,
    concurrent: bool,
    cache: bool,
    count_tokens: bool,
) -> Cost:
    """Measure `create_completion` on the prompts that the engine recorded."""
    import llama_cpp  # noqa: PLC0415 - after the engine has silenced its log

    llama_library()
    package: Any = llama_cpp
    llama = package.Llama(str(path), n_ctx=context, n_threads=1, n_threads_batch=1, verbose=False)
    if cache:
        llama.set_cache(package.LlamaRAMCache(capacity_bytes=2 << 30))
    lock = threading.Lock()

    def one(trajectory: Trajectory) -> None:
        for prompt in trajectory.prompts:
            options: dict[str, Any] = {}
            if count_tokens:
                full = len(prompt) + workload.ANSWER_TOKENS
                stop = partial(_is_full, full)
                options["stopping_criteria"] = package.StoppingCriteriaList([stop])
            with lock:
                llama.create_completion(
                    prompt,
                    max_tokens=workload.ANSWER_TOKENS,
                    temperature=0.0,
                    repeat_penalty=1.0,
                    **options,
                )

    with Stopwatch() as watch:
        _in_threads(one, trajectories) if concurrent else [one(each) for each in trajectories]
    llama.close()
    return watch.cost


def _is_full(full: int, tokens: Sized, _scores: object) -> bool:
    return len(tokens) >= full


def _in_threads(one: Callable[[Trajectory], None], trajectories: Sequence[Trajectory]) -> None:
    threads = [threading.Thread(target=one, args=(each,)) for each in trajectories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def compare(path: Path, arguments: argparse.Namespace, *, concurrent: bool) -> None:
    """Print one row for the engine and one for each baseline."""
    name = "concurrent" if concurrent else "sequential"
    model = Model(path)
    settings = EngineSettings(context_tokens=arguments.context, threads=arguments.threads)
    with Engine(model, settings) as engine:
        run_engine(engine, workload.tasks(model, 2, seed=2), concurrent=concurrent)
        before = engine.statistics()
        trajectories = workload.tasks(model, arguments.trajectories, steps=arguments.steps)
        ours = run_engine(engine, trajectories, concurrent=concurrent)
        after = engine.statistics()
    model.close()
    print(f"{name}: {len(trajectories)} trajectories of {arguments.steps} steps")
    decode_s = after.decode_s - before.decode_s
    print(f"  engine            {ours.wall_s:7.3f} s wall {ours.cpu_s:7.3f} s CPU")
    print(f"    in llama_decode {decode_s:7.3f} s, {after.decodes - before.decodes} decodes")
    costs: list[Cost] = []
    for cache in (False, True):
        cost = run_baseline(
            path,
            trajectories,
            context=arguments.context,
            concurrent=concurrent,
            cache=cache,
            count_tokens=arguments.count_tokens,
        )
        costs.append(cost)
        label = "Llama + RAM cache" if cache else "Llama            "
        print(f"  {label} {cost.wall_s:7.3f} s wall {cost.cpu_s:7.3f} s CPU")
    wall = min(cost.wall_s for cost in costs) / ours.wall_s
    cpu = min(cost.cpu_s for cost in costs) / ours.cpu_s
    print(f"  ratio to the better baseline: {wall:.2f} x wall, {cpu:.2f} x CPU")
    evaluated = after.prompt_tokens_evaluated - before.prompt_tokens_evaluated
    new = sum(trajectory.new_tokens for trajectory in trajectories)
    print(f"  prompt tokens evaluated / new: {evaluated} / {new} = {evaluated / new:.3f}")


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled:desk", help="a model reference")
    parser.add_argument("--trajectories", type=int, default=16)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--count-tokens",
        action="store_true",
        help="stop the baseline by our own token count: with random weights it waits for whole "
        "UTF-8 characters, far beyond max_tokens",
    )
    arguments = parser.parse_args()
    path = workload.model_argument(arguments.model)
    for concurrent in (True, False):
        compare(path, arguments, concurrent=concurrent)


if __name__ == "__main__":
    main()
