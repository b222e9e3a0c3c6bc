"""Decode-bound generation: many sequences at once against one, and the engine's own overhead.

    python benchmarks/random_model.py CACHE/random-0.1b.gguf
    python benchmarks/engine_decode.py --model CACHE/random-0.1b.gguf

Short prompts, long answers. The ratio is tokens per second against one sequence in the same run;
overhead is the time the engine's thread spends outside `llama_decode`, of all its working time.
"""

import argparse

import anyio
import engine_workload as workload
from engine_workload import Stopwatch

from cascade.backends.llama.engine import Engine, EngineSettings, GenerateRequest, Model

__all__ = ["main"]


async def generate(engine: Engine, sequences: int, tokens: int) -> None:
    """Let sequences generate at the same time from prompts of some ten tokens."""
    async with anyio.create_task_group() as group:
        for index in range(sequences):
            prompt = engine.tokenize(f"the order of customer {index} was shipped")
            request = GenerateRequest(key=f"{sequences} {index}", prompt=prompt, max_tokens=tokens)
            group.start_soon(engine.generate, request)


def measure(engine: Engine, sequences: int, tokens: int) -> float:
    """Print the speed of some sequences at once, and return it in tokens per second."""
    before = engine.statistics()
    with Stopwatch() as watch:
        anyio.run(generate, engine, sequences, tokens)
    after = engine.statistics()
    sampled = after.tokens_sampled - before.tokens_sampled
    decode_s = after.decode_s - before.decode_s
    outside_s = after.outside_s - before.outside_s
    speed = sampled / watch.cost.wall_s
    print(
        f"{sequences:3d} sequences: {speed:8.1f} tokens/s, "
        f"{watch.cost.cpu_s / sampled * 1e3:7.3f} ms CPU a token, "
        f"outside llama_decode {outside_s / (outside_s + decode_s):6.2%} "
        f"({outside_s / sampled * 1e6:.0f} us a token)"
    )
    return speed


def main() -> None:
    """Measure 1, 8 and 16 sequences, and 1 again to see how steady the machine is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled:desk", help="a model reference")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each answer")
    parser.add_argument("--threads", type=int, default=0, help="0: the engine's default")
    arguments = parser.parse_args()
    model = Model(workload.model_argument(arguments.model))
    settings = EngineSettings(context_tokens=512, sequences=16, threads=arguments.threads)
    with Engine(model, settings) as engine:
        print(f"{model.path.name}, {engine.settings.threads} threads")
        anyio.run(generate, engine, 1, 8)
        first = measure(engine, 1, arguments.tokens)
        eight = measure(engine, 8, arguments.tokens)
        sixteen = measure(engine, 16, arguments.tokens)
        second = measure(engine, 1, arguments.tokens)
    one = (first + second) / 2
    print(f"ratio to one sequence: {eight / one:.2f} x at 8, {sixteen / one:.2f} x at 16")
    model.close()


if __name__ == "__main__":
    main()
