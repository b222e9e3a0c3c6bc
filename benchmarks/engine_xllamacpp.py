"""16 concurrent trajectories: this engine against the llama-server embedded in `xllamacpp`.

    python -m venv OTHER && OTHER/bin/pip install xllamacpp
    python benchmarks/engine_xllamacpp.py --model bundled:desk --other OTHER/bin/python

The engine records the prompts; the server gets the same ones, as token ids, from 16 threads, with
16 slots and its prompt cache. It runs in an interpreter of its own: the package is no dependency.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["main"]


def serve(path: Path) -> None:
    """Run the recorded prompts through the server and print its seconds as JSON."""
    import xllamacpp  # noqa: PLC0415  # pyright: ignore[reportMissingImports] - other interpreter

    package: Any = xllamacpp
    work = json.loads(path.read_text(encoding="utf-8"))
    parameters = package.CommonParams()
    parameters.model.path = work["model"]
    parameters.n_ctx = work["context"] * work["slots"]
    parameters.n_parallel = work["slots"]
    parameters.cpuparams.n_threads = work["threads"]
    parameters.cpuparams_batch.n_threads = work["threads"]
    server = package.Server(parameters)

    def one(prompts: Sequence[Sequence[int]]) -> None:
        for prompt in prompts:
            answer = server.handle_completions(
                {
                    "prompt": prompt,
                    "max_tokens": work["answer"],
                    "temperature": 0,
                    "cache_prompt": True,
                }
            )
            assert "choices" in answer, answer

    one([work["trajectories"][0][0]])
    wall, cpu = time.perf_counter(), time.process_time()
    threads = [threading.Thread(target=one, args=(each,)) for each in work["trajectories"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print()
    print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))


def main() -> None:
    """Run the engine, then the server, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled:desk", help="a model reference")
    parser.add_argument("--other", default=sys.executable, help="an interpreter with xllamacpp")
    parser.add_argument("--trajectories", type=int, default=16)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve)
        return
    compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """Measure both sides."""
    import anyio  # noqa: PLC0415 - the other interpreter has none of these
    import engine_workload as workload  # noqa: PLC0415

    from cascade.backends.llama.engine import (  # noqa: PLC0415
        Engine,
        EngineSettings,
        Model,
    )

    path = workload.model_argument(arguments.model)
    model = Model(path)
    with Engine(model, EngineSettings(context_tokens=2048, threads=arguments.threads)) as engine:
        anyio.run(workload.follow_all, engine, workload.tasks(model, 1, seed=2))
        trajectories = workload.tasks(model, arguments.trajectories, steps=arguments.steps)
        with workload.Stopwatch() as watch:
            anyio.run(workload.follow_all, engine, trajectories)
    model.close()
    work = {
        "model": str(path),
        "context": 2048,
        "slots": 16,
        "threads": arguments.threads,
        "answer": workload.ANSWER_TOKENS,
        "trajectories": [each.prompts for each in trajectories],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "work.json"
        file.write_text(json.dumps(work), encoding="utf-8")
        command = [arguments.other, __file__, "--serve", str(file)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wall, cpu = next(
        json.loads(line) for line in reversed(output.splitlines()) if line.startswith("[")
    )
    print(f"engine     {watch.cost.wall_s:7.3f} s wall {watch.cost.cpu_s:7.3f} s CPU")
    print(f"xllamacpp  {wall:7.3f} s wall {cpu:7.3f} s CPU")
    print(f"ratio      {wall / watch.cost.wall_s:.2f} x wall, {cpu / watch.cost.cpu_s:.2f} x CPU")


if __name__ == "__main__":
    main()
