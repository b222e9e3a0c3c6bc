"""How many decodes follow a cancellation, and how soon a long prompt is abandoned.

    python benchmarks/engine_cancel.py --model bundled:desk

The first figure cancels a generation at its second token while the engine's thread stands still in
the token's callback, so that nothing but the cancellation decides what is decoded after it. The
second cancels a prompt in the middle of its evaluation and waits until the thread is idle.
"""

import argparse
import threading
import time

import anyio
import engine_workload as workload

from cascade.backends.llama.engine import (
    Engine,
    EngineSettings,
    GenerateRequest,
    Model,
    TokenInfo,
)
from cascade.backends.llama.engine.jobs import loop_scheduler

__all__ = ["main"]

_AT_TOKEN = 2


async def decodes_after_cancel(engine: Engine) -> int:
    """Cancel at a token, let the thread come to rest, and return the decodes in between."""
    scope = anyio.CancelScope()
    call_soon = loop_scheduler()
    done = threading.Event()
    seen: list[TokenInfo] = []
    decodes = 0

    def watch(token: TokenInfo) -> bool:
        nonlocal decodes
        seen.append(token)
        if len(seen) == _AT_TOKEN:
            decodes = engine.statistics().decodes
            call_soon(scope.cancel)
            done.wait(10)
        return False

    prompt = workload.tasks(engine.model, 1)[0].start
    with scope:
        try:
            await engine.generate(
                GenerateRequest(key="a", prompt=prompt, max_tokens=500, on_token=watch)
            )
        finally:
            done.set()
    if len(seen) < _AT_TOKEN:
        raise SystemExit("the model ended its answer before it could be cancelled")
    await idle(engine)
    return engine.statistics().decodes - decodes


async def prompt_abandoned_s(engine: Engine) -> float:
    """Cancel a prompt soon after it began; return the seconds until the thread is idle."""
    prompt = engine.tokenize("the order " * 3000)[: engine.context_tokens - 8]
    cancelled = 0.0
    async with anyio.create_task_group() as group:
        group.start_soon(engine.generate, GenerateRequest(key="long", prompt=prompt, max_tokens=1))
        while engine.statistics().sequences_active == 0:  # noqa: ASYNC110 - the thread tells no one
            await anyio.sleep(0.001)
        group.cancel_scope.cancel()
        cancelled = time.perf_counter()
    await idle(engine)
    return time.perf_counter() - cancelled


async def idle(engine: Engine) -> None:
    """Wait until no request is left."""
    while engine.statistics().sequences_active:  # noqa: ASYNC110 - the thread tells no one
        await anyio.sleep(0.0005)


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled:desk", help="a model reference")
    parser.add_argument("--threads", type=int, default=0, help="0: the engine's default")
    arguments = parser.parse_args()
    model = Model(workload.model_argument(arguments.model))
    with Engine(model, EngineSettings(sequences=2, threads=arguments.threads)) as engine:
        after = anyio.run(decodes_after_cancel, engine)
        abandoned_s = anyio.run(prompt_abandoned_s, engine)
        evaluated = engine.statistics().prompt_tokens_evaluated
    model.close()
    print(f"decodes after a cancel: {after}")
    print(f"long prompt abandoned after {abandoned_s * 1e3:.1f} ms, {evaluated} tokens evaluated")


if __name__ == "__main__":
    main()
