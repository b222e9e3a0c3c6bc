"""Every span ends exactly once, however its work ends."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import anyio
import pytest
from opentelemetry.sdk.trace import SpanProcessor
from telemetry_watch import Watch, attributes
from worlds import SCRIPT, TASK, World, in_order

from cascade import BackendUnavailable
from cascade.backends.scripted import Reply, Script
from cascade.exchange import Request, View
from cascade.runtime import TickingClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def watch() -> Watch:
    return Watch()


class Ended(SpanProcessor):
    """Counts how often each span ends."""

    def __init__(self) -> None:
        self.ends: dict[int, int] = {}

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        del parent_context
        self.ends[span.get_span_context().span_id] = 0

    def on_end(self, span: Any) -> None:
        self.ends[span.get_span_context().span_id] += 1


def cancel_in_model(cancel: Callable[[], None]) -> Script:
    async def reply(_view: View, _request: Request) -> Reply:
        cancel()
        await anyio.lowlevel.checkpoint()
        raise AssertionError

    return reply


async def cancelled_run(watch: Watch, where: str) -> None:
    with anyio.CancelScope() as scope:
        script = cancel_in_model(scope.cancel) if where == "model" else SCRIPT
        passing = scope.cancel if where == "tool" else (lambda: None)
        async with watch.runtime(script) as cascade:
            await cascade.run(TASK, tools=World(passing).tools)


@pytest.mark.parametrize("where", ["model", "tool"])
async def test_spans_end_once_when_a_run_is_cancelled(watch: Watch, where: str):
    ended = Ended()
    watch.spans_to.add_span_processor(ended)
    await cancelled_run(watch, where)
    assert set(ended.ends.values()) == {1}
    (agent,) = watch.named("invoke_agent")
    assert attributes(agent)["cascade.outcome"] == "interrupted"
    (cut,) = watch.named("chat" if where == "model" else "execute_tool")
    assert attributes(cut)["error.type"] == "cancelled"


@pytest.mark.parametrize("kind", ["decided", "drafted", "tool_started", "tool_finished"])
async def test_spans_end_once_when_a_listener_raises(watch: Watch, kind: str):
    def listen(event: Any) -> None:
        if event.kind == kind:
            raise LookupError(kind)

    ended = Ended()
    watch.spans_to.add_span_processor(ended)
    async with watch.runtime() as cascade:
        with pytest.raises(LookupError):
            await cascade.run(TASK, tools=World().tools, on_event=listen)
    assert ended.ends
    assert set(ended.ends.values()) == {1}
    if kind == "tool_finished":
        assert attributes(watch.named("execute_tool")[0])["error.type"] == "LookupError"


async def test_a_call_that_could_not_even_be_recorded_has_a_span_that_ends(watch: Watch):
    def listen(event: Any) -> None:
        if event.kind in {"failed", "interrupted"}:
            raise LookupError(event.kind)

    ended = Ended()
    watch.spans_to.add_span_processor(ended)
    async with watch.runtime(in_order(BackendUnavailable("down", backend="x"))) as cascade:
        with pytest.raises(LookupError, match="failed"):
            await cascade.run(TASK, on_event=listen)
    assert set(ended.ends.values()) == {1}


class FailingClock(TickingClock):
    """Raises from a given reading on."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._left = at

    def utc(self) -> datetime:
        self._left -= 1
        if self._left <= 0:
            raise LookupError("no time")
        return super().utc()


async def test_spans_end_once_wherever_the_clock_fails():
    reading, completed = 0, False
    while not completed:
        reading += 1
        watch, ended = Watch(), Ended()
        watch.spans_to.add_span_processor(ended)
        async with watch.runtime(clock=FailingClock(reading)) as cascade:
            try:
                await cascade.run(TASK, tools=World().tools)
            except LookupError:
                assert all(count == 1 for count in ended.ends.values())
            else:
                completed = True
    assert reading > 20
