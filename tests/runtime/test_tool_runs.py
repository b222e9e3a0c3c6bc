"""Running tool calls: what becomes of them, and what runs beside what."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import anyio
import pytest
from event_loops import run_on
from worlds import runtime

from cascade import Tool, tool
from cascade.backends.scripted import calling
from cascade.events import Event, ToolFinished
from cascade.messages import ToolCall
from cascade.runtime.toolbox import ToolRun, run_tool

threads = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
"""Both loops on the real clock: trio's mock clock does not see that a thread is at work."""


async def call(made: Tool, **arguments: object) -> ToolRun:
    one = ToolCall.model_validate({"id": "call_1", "name": made.name, "arguments": arguments})
    return await run_tool({made.name: made}, one, remaining_s=None)


@pytest.mark.anyio
@threads
async def test_a_sync_tool_runs_in_a_thread_and_leaves_the_loop_free():
    entered, leave = threading.Event(), threading.Event()

    @tool
    def block() -> str:
        entered.set()
        leave.wait(10)
        return threading.current_thread().name

    async def free_it() -> None:
        await anyio.to_thread.run_sync(entered.wait, 10)
        leave.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(free_it)
        run = await call(block)
        assert run.outcome == "ok"
        assert run.result.text != threading.current_thread().name


@pytest.mark.anyio
async def test_an_error_is_told_by_type_and_message_and_without_a_traceback():
    @tool
    async def fail() -> None:
        raise LookupError("no customer 'Ada'")

    run = await call(fail)
    assert run.outcome == "error"
    assert run.result.is_error
    assert run.result.text == "LookupError: no customer 'Ada'"


@pytest.mark.anyio
@threads
@pytest.mark.parametrize("error", [StopIteration("x"), TimeoutError("mine"), OSError("\udcff")])
async def test_any_exception_of_a_sync_tool_becomes_a_result(error: Exception):
    @tool
    def fail() -> None:
        raise error

    run = await call(fail)
    assert run.outcome == "error"
    assert run.result.is_error
    run.result.text.encode()


class MuteError(Exception):
    def __str__(self) -> str:
        raise LookupError


@pytest.mark.anyio
async def test_an_error_without_a_text_becomes_a_result():
    @tool
    async def fail() -> None:
        raise MuteError

    run = await call(fail)
    assert run.outcome == "error"
    assert run.result.text == "MuteError: (no message: its text raised LookupError)"


@pytest.mark.anyio
async def test_the_errors_of_a_tools_own_tasks_are_told_and_not_their_group():
    @tool
    async def fail() -> None:
        raise BaseExceptionGroup("", [ExceptionGroup("", [LookupError("a")]), SystemExit(3)])

    run = await call(fail)
    assert run.outcome == "error"
    assert run.result.text == "LookupError: a; SystemExit: 3"


def own_task_cancelled(rounds: int = 0) -> Tool:
    @tool
    async def wait_for_it() -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    return wait_for_it


def test_the_cancellation_of_a_tools_own_task_is_an_error_of_the_tool():
    run = run_on("asyncio", lambda: call(own_task_cancelled()))
    assert (run.outcome, run.result.text) == ("error", "CancelledError: ")


def test_a_tools_cancellation_beside_that_of_the_run_stops_the_run():
    async def by_asyncio() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.get_loop().call_soon(task.cancel)
        await call(own_task_cancelled(3))

    async def by_scope() -> bool:
        with anyio.CancelScope() as scope:
            asyncio.get_running_loop().call_soon(scope.cancel)
            await call(own_task_cancelled(3))
        return scope.cancelled_caught

    with pytest.raises(asyncio.CancelledError):
        run_on("asyncio", by_asyncio)
    assert run_on("asyncio", by_scope)


def test_a_failure_while_a_tool_is_given_up_becomes_a_result_too(loop: str):
    @tool(timeout_s=0.01)
    async def fail_late() -> None:
        async def fail() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                raise LookupError

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fail)
            await anyio.sleep_forever()

    run = run_on(loop, lambda: call(fail_late))
    assert run.outcome in {"error", "timeout"}


@pytest.mark.anyio
async def test_what_a_tool_does_to_its_arguments_does_not_reach_the_log():
    @tool
    async def change(things: dict[str, object], raw: object) -> None:
        things["more"] = 1
        assert isinstance(raw, list)
        raw.clear()

    one = ToolCall(id="c", name="change", arguments={"things": {}, "raw": [1, {"a": 2}]})
    assert (await run_tool({"change": change}, one, remaining_s=None)).outcome == "ok"
    assert one.arguments == {"things": {}, "raw": [1, {"a": 2}]}


@pytest.mark.anyio
@threads
async def test_a_sync_tool_starts_although_the_applications_threads_are_all_taken():
    shared = anyio.to_thread.current_default_thread_limiter()
    before, shared.total_tokens = shared.total_tokens, 1
    seen: list[Event] = []

    @tool(timeout_s=2)
    def work() -> str:
        return "worked"

    try:
        async with shared, runtime((calling(("work", {})), "end")) as cascade:
            await cascade.run("x", tools=[work], on_event=seen.append)
    finally:
        shared.total_tokens = before
    assert [e.result.text for e in seen if isinstance(e, ToolFinished)] == ["worked"]


@pytest.mark.anyio
async def test_bad_arguments_are_told_by_name_and_the_tool_is_not_run():
    @tool
    async def order(number: int, note: str = "") -> None:
        raise AssertionError((number, note))

    run = await call(order, number="many", colour="red")
    assert run.outcome == "invalid_arguments"
    assert run.result.text.startswith("invalid arguments: ")
    assert "number: Input should be a valid integer" in run.result.text
    assert "colour: Extra inputs are not permitted" in run.result.text
    assert "https://" not in run.result.text
    missing = await call(order)
    assert missing.result.text == "invalid arguments: number: Field required"


@pytest.mark.anyio
async def test_an_unknown_tool_is_told_which_there_are():
    @tool
    async def known() -> None: ...

    one = ToolCall(id="a", name="unknown", arguments={})
    run = await run_tool({"known": known}, one, remaining_s=None)
    assert run.outcome == "unknown_tool"
    assert run.result.text == "there is no tool 'unknown'; the tools are: known"
    none = await run_tool({}, one, remaining_s=None)
    assert none.result.text.endswith("the tools are: none")


@pytest.mark.parametrize(
    ("timeout_s", "remaining_s", "told"),
    [(3, None, "3 s"), (None, 2, "2 s"), (3, 2, "2 s"), (3, 9, "3 s"), (3, -1, "0 s")],
)
def test_a_tool_is_given_up_at_the_nearer_of_its_own_limit_and_the_runs(
    timeout_s: float | None, remaining_s: float | None, told: str
):
    @tool(timeout_s=timeout_s)
    async def hang() -> None:
        await anyio.sleep_forever()

    one = ToolCall(id="a", name="hang", arguments={})
    run = run_on("trio", lambda: run_tool({"hang": hang}, one, remaining_s=remaining_s))
    assert run.outcome == "timeout"
    assert run.result.text == f"timed out after {told}"


@pytest.mark.anyio
@threads
async def test_a_thread_that_takes_too_long_is_abandoned():
    leave = threading.Event()

    @tool(timeout_s=0.02)
    def block() -> None:
        leave.wait(10)

    run = await call(block)
    leave.set()
    assert run.outcome == "timeout"


@pytest.mark.anyio
@threads
async def test_an_async_function_behind_a_sync_face_is_awaited():
    async def inner() -> str:
        await anyio.lowlevel.checkpoint()
        return "done"

    @tool
    def face() -> Awaitable[str]:
        return inner()

    assert (await call(face)).result.text == "done"


@pytest.mark.anyio
async def test_a_long_result_is_cut_in_the_middle_with_a_mark():
    @tool(max_characters=30)
    async def talk() -> str:
        return "a" * 50 + "z" * 50

    run = await call(talk)
    assert run.outcome == "ok"
    assert run.omitted_characters == 70
    assert run.result.text.startswith("a" * 20 + "\n[... 70 of 100 characters left out ...]\n")
    assert run.result.text.endswith("z" * 10)


@pytest.mark.anyio
async def test_a_long_error_is_cut_too():
    @tool(max_characters=10)
    async def fail() -> None:
        raise ValueError("x" * 100)

    run = await call(fail)
    assert run.outcome == "error"
    assert run.omitted_characters > 0


@pytest.mark.anyio
async def test_results_that_are_no_text_are_json():
    @tool
    async def table() -> object:
        return {"rows": [(1, None)], "name": "größe"}

    assert (await call(table)).result.text == '{"rows": [[1, null]], "name": "größe"}'


@pytest.mark.anyio
async def test_a_result_that_cannot_be_told_is_an_error():
    @tool
    async def loop() -> object:
        endless: list[object] = []
        endless.append(endless)
        return endless

    run = await call(loop)
    assert run.outcome == "error"
    assert "ValueError" in run.result.text


def meeting(*, parallel: bool) -> tuple[Callable[[], Awaitable[list[str]]], list[Event]]:
    """A run of two calls of which each waits for the other to have begun."""
    events: list[Event] = []

    async def main() -> list[str]:
        begun = {"a": anyio.Event(), "b": anyio.Event()}
        order: list[str] = []

        @tool(parallel=parallel, timeout_s=5)
        async def meet(me: str, other: str) -> str:
            order.append(f"{me} begins")
            begun[me].set()
            await begun[other].wait()
            order.append(f"{me} ends")
            return "met"

        script = (
            calling(("meet", {"me": "a", "other": "b"}), ("meet", {"me": "b", "other": "a"})),
            "done",
        )
        async with runtime(script) as cascade:
            await cascade.run("meet", tools=[meet], on_event=events.append)
        return order

    return main, events


def test_parallel_calls_overlap(loop: str):
    main, events = meeting(parallel=True)
    order = run_on(loop, main)
    assert sorted(order[:2]) == ["a begins", "b begins"]
    assert [e.outcome for e in events if isinstance(e, ToolFinished)] == ["ok", "ok"]


def test_other_calls_do_not():
    # On trio, where waiting for what cannot happen takes no time.
    main, events = meeting(parallel=False)
    assert run_on("trio", main) == ["a begins", "b begins", "b ends"]
    assert [e.outcome for e in events if isinstance(e, ToolFinished)] == ["timeout", "ok"]


@pytest.mark.anyio
async def test_neighbours_run_together_and_what_may_not_waits_for_them():
    running: set[str] = set()
    seen: list[set[str]] = []

    async def enter(name: str) -> str:
        running.add(name)
        await anyio.wait_all_tasks_blocked()
        seen.append(set(running))
        running.discard(name)
        return name

    @tool(parallel=True, side_effect="read")
    async def beside(name: str) -> str:
        return await enter(name)

    @tool
    async def alone(name: str) -> str:
        return await enter(name)

    calls = calling(
        ("beside", {"name": "a"}),
        ("beside", {"name": "b"}),
        ("alone", {"name": "c"}),
        ("beside", {"name": "d"}),
    )
    async with runtime((calls, "done")) as cascade:
        result = await cascade.run("go", tools=[beside, alone])
    assert result.tool_calls == 4
    assert seen[0] == {"a", "b"}
    assert {"c"} in seen
    assert {"d"} in seen
    message = result.state.transcript[2]
    assert message.role == "tool"
    assert [part.text for part in message.parts] == ["a", "b", "c", "d"]
