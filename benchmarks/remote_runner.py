"""This runtime as a runner of the peers' overhead harness; `remote_overhead.py` runs it.

The harness (its folder is the environment variable CASCADE_HARNESS) has the job, the fake server
and the measuring; here is only how the job is given to this runtime: one lane, Chat Completions,
answers in one piece as the loop written by hand has them, spans where the harness asks for them.
CASCADE_STREAM=1 streams the answers instead.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

import anyio

from cascade import Budget, Cascade, Policy, tool
from cascade.lanes import Lane, Prices

__all__ = ["build"]

sys.path.insert(0, os.environ["CASCADE_HARNESS"])
common: Any = import_module("common")

look_up = tool(side_effect="read")(common.lookup)


def build(
    base: str, steps: int, spans: Any
) -> tuple[Callable[[], Awaitable[str | None]], Callable[[], Awaitable[None]]]:
    """Makes one trajectory's coroutine function and what closes the runtime behind it."""
    del steps
    lane = Lane(
        name="fake",
        backend="openai",
        api="chat_completions",
        model=common.MODEL,
        endpoint=f"{base}/v1",
        locality="remote",
        settings={"stream": "CASCADE_STREAM" in os.environ},
        prices=Prices.free(),
    )
    policy = Policy(budget=Budget(steps=None, tool_calls=None))
    runtime = Cascade(
        lanes=[lane], policy=policy, max_trajectories=1_000_000, tracer_provider=spans
    )
    stop = anyio.Event()
    opened = anyio.Event()
    holder: asyncio.Task[None] | None = None

    async def hold() -> None:
        # In a task of its own: it has to be left in the task in which it was entered.
        async with runtime:
            opened.set()
            await stop.wait()

    async def run_one() -> str | None:
        nonlocal holder
        if holder is None:
            holder = asyncio.ensure_future(hold())
        await opened.wait()
        result = await runtime.run(common.PROMPT, system=common.SYSTEM, tools=[look_up])
        return result.answer

    async def close() -> None:
        stop.set()
        if holder is not None:
            await holder

    return run_one, close


if __name__ == "__main__":
    common.main("cascade", build)
