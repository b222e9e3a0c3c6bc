"""Running one tool call, whatever comes of it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import anyio
import anyio.to_thread
from pydantic import ValidationError

from cascade.events import ToolOutcome
from cascade.frozen import made
from cascade.messages import Text, ToolCall, ToolResult
from cascade.runtime.exceptions import described, leaves
from cascade.tools import Tool, argument_problem, result_text, shorten

__all__ = ["ToolRun", "run_tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRun:
    """What came of one call."""

    result: ToolResult
    outcome: ToolOutcome
    omitted_characters: int = 0


async def run_tool(
    tools: Mapping[str, Tool],
    call: ToolCall,
    *,
    remaining_s: float | None,
    threads: anyio.CapacityLimiter | None = None,
) -> ToolRun:
    """Runs *call*; every failure but cancellation becomes a result that the model can read.

    A sync tool runs in a thread. Such a thread cannot be stopped: when its time is up or the run
    is cancelled, it is abandoned and its result ignored.

    Args:
        tools: By name.
        call: The call.
        remaining_s: Seconds left to the whole trajectory; `None` where there is no limit.
        threads: Limits how many sync tools run at once; anyio's default limit by default.
    """
    tool = tools.get(call.name)
    if tool is None:
        known = ", ".join(tools) or "none"
        return _run(call, f"there is no tool {call.name!r}; the tools are: {known}", "unknown_tool")
    try:
        bound = tool.bind(call.arguments)
    except ValidationError as error:
        return _run(call, argument_problem(error), "invalid_arguments", tool)
    limits = [limit for limit in (tool.timeout_s, remaining_s) if limit is not None]
    limit_s = max(min(limits), 0.0) if limits else None
    with anyio.move_on_after(limit_s):
        try:
            value: Any = bound() if tool.is_async else await _in_thread(bound, threads)
            if isawaitable(value):
                value = await value
            text = result_text(value)
        except BaseException as error:  # noqa: BLE001 - what is not the tool's own leaves again
            inner = leaves(error)
            for one in inner:
                if not _is_the_tools(one):
                    # Alone, as a scope lets a group through and takes only its own part out of it.
                    raise one from one.__cause__
            return _run(call, "; ".join(described(one) for one in inner), "error", tool)
        return _run(call, text, "ok", tool)
    # Whatever else ends the block returns from it.
    return _run(call, f"timed out after {limit_s:g} s", "timeout", tool)


def _is_the_tools(error: BaseException) -> bool:
    """Whether the tool failed with it, and nobody asked this run to stop."""
    if isinstance(error, asyncio.CancelledError | anyio.get_cancelled_exc_class()):
        # A tool that awaits a task of its own gets to see that task's cancellation.
        return not _is_cancelled()
    return isinstance(error, Exception | SystemExit)


def _is_cancelled() -> bool:
    if anyio.get_current_task().has_pending_cancellation():
        return True
    if anyio.get_cancelled_exc_class() is not asyncio.CancelledError:
        return False
    # asyncio's own `Task.cancel`, which anyio no longer sees once it was delivered.
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _in_thread(bound: Callable[[], Any], threads: anyio.CapacityLimiter | None) -> Any:
    # Boxed, as trio refuses a coroutine as a thread's result, and a sync function may return one.
    boxed = await anyio.to_thread.run_sync(
        lambda: (bound(),), abandon_on_cancel=True, limiter=threads
    )
    return boxed[0]


def _run(call: ToolCall, text: str, outcome: ToolOutcome, tool: Tool | None = None) -> ToolRun:
    omitted = 0
    if tool is not None:
        text, omitted = shorten(result_text(text), tool.max_characters)
    result = made(
        ToolResult,
        call_id=call.id,
        name=call.name,
        parts=(made(Text, text=text),),
        is_error=outcome != "ok",
    )
    return ToolRun(result=result, outcome=outcome, omitted_characters=omitted)
