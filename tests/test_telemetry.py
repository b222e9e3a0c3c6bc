"""Spans and metrics, read through the SDK's in-memory exporters."""

import json

import anyio
import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, StatusCode
from telemetry_watch import Watch, attributes, identity, parent
from worlds import TASK, World, in_order, priced_lane, runtime

from cascade import BackendUnavailable, Budget, Policy, tool
from cascade.backends.scripted import Reply, Script, calling
from cascade.exchange import Draft, Timing, Usage
from cascade.messages import AssistantMessage, Reasoning, Text, ToolCall

pytestmark = pytest.mark.anyio


@pytest.fixture
def watch() -> Watch:
    return Watch()


async def test_a_run_is_a_tree_of_agent_calls_and_tools(watch: Watch):
    async with watch.runtime() as cascade:
        await cascade.run(TASK, tools=World().tools, trajectory_id="t")
    (agent,) = watch.named("invoke_agent")
    assert agent.name == "invoke_agent cascade"
    assert parent(agent) is None
    children = [span for span in watch.spans if span is not agent]
    assert {parent(span) for span in children} == {identity(agent)}
    assert [span.name for span in watch.named("chat")] == ["chat script"] * 4
    names = sorted(span.name for span in watch.named("execute_tool"))
    assert names == ["execute_tool look_up"] * 3 + ["execute_tool store"]
    assert {span.kind for span in watch.spans} == {SpanKind.INTERNAL}
    scopes = {span.instrumentation_scope.name for span in watch.spans if span.instrumentation_scope}
    assert scopes == {"cascade"}


async def test_a_remote_lane_is_a_client_call(watch: Watch):
    async with watch.runtime(("end",), lane=priced_lane(locality="remote")) as cascade:
        await cascade.run(TASK)
    assert [span.kind for span in watch.named("chat")] == [SpanKind.CLIENT]


async def test_every_trajectory_keeps_its_own_children_when_many_run_at_once(watch: Watch):
    async with watch.runtime() as cascade, anyio.create_task_group() as tasks:
        for index in range(12):

            async def one(name: str = f"t{index}") -> None:
                await cascade.run(TASK, tools=World().tools, trajectory_id=name)

            tasks.start_soon(one)
    agents = {
        identity(span): attributes(span)["gen_ai.conversation.id"]
        for span in watch.named("invoke_agent")
    }
    assert sorted(agents.values()) == sorted(f"t{index}" for index in range(12))
    chats = watch.named("chat")
    assert len(chats) == 48
    for span in chats:
        assert agents[parent(span) or 0] == attributes(span)["gen_ai.conversation.id"]
    tools = watch.named("execute_tool")
    assert {sum(parent(span) == agent for span in tools) for agent in agents} == {4}


async def test_the_agents_span_is_a_child_of_the_callers(watch: Watch):
    tracer = watch.spans_to.get_tracer("application")
    async with watch.runtime() as cascade:
        with tracer.start_as_current_span("request") as request:
            await cascade.run(TASK, tools=World().tools)
            assert trace.get_current_span() is request
    (agent,) = watch.named("invoke_agent")
    assert parent(agent) == request.get_span_context().span_id


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("parallel", [False, True])
async def test_a_tools_own_spans_are_children_of_its_call(watch: Watch, *, parallel: bool):
    tracer = watch.spans_to.get_tracer("application")

    def work(name: str) -> str:
        with tracer.start_as_current_span(f"work {name}"):
            return name

    @tool(parallel=parallel, timeout_s=None)
    async def beside(name: str) -> str:
        await anyio.lowlevel.checkpoint()
        return work(name)

    @tool(parallel=parallel, timeout_s=None)
    def in_thread(name: str) -> str:
        return work(name)

    script = (
        calling(("beside", {"name": "a"}), ("beside", {"name": "b"}), ("in_thread", {"name": "c"})),
        "end",
    )
    async with watch.runtime(script, trace_content=True) as cascade:
        await cascade.run(TASK, tools=[beside, in_thread])
    calls = {
        json.loads(attributes(span)["gen_ai.tool.call.arguments"])["name"]: identity(span)
        for span in watch.named("execute_tool")
    }
    works = {span.name.removeprefix("work "): parent(span) for span in watch.named("work")}
    assert works == calls


async def test_a_model_call_says_what_was_asked_and_what_came(watch: Watch):
    draft = Draft(
        message=AssistantMessage(parts=(Text(text="done"),)),
        finish_reason="stop",
        usage=Usage(input_tokens=10, cache_read_tokens=30, cache_write_tokens=2, output_tokens=4),
        timing=Timing(first_token_s=0.25, total_s=1),
        served_model="script-2",
    )
    async with watch.runtime((draft,)) as cascade:
        await cascade.run(TASK, trajectory_id="t")
    (chat,) = watch.named("chat")
    assert attributes(chat) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "script",
        "gen_ai.conversation.id": "t",
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.response.model": "script-2",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 42,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 30,
        "gen_ai.usage.cache_write.input_tokens": 2,
        "gen_ai.usage.cost.amount": 0.00005,
        "gen_ai.usage.cost.currency": "USD",
        "cascade.step": 1,
        "cascade.hop": 1,
        "cascade.hop.role": "draft",
        "cascade.lane": "scripted",
        "cascade.scope": "step",
        "cascade.reasons": ("home_lane", "only_candidate"),
        "cascade.propensity": 1.0,
        "cascade.accepted": True,
    }


async def test_a_tool_call_says_what_it_was_and_how_it_ended(watch: Watch):
    @tool(side_effect="read")
    async def fail() -> None:
        raise LookupError("nothing there")

    async with watch.runtime((calling(("fail", {}), ("unknown", {})), "end")) as cascade:
        await cascade.run(TASK, tools=[fail])
    failed, unknown = watch.named("execute_tool")
    found = attributes(failed)
    assert found.pop("gen_ai.tool.call.id").startswith("call_")
    assert found == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "fail",
        "gen_ai.tool.type": "function",
        "cascade.tool.side_effect": "read",
        "cascade.tool.outcome": "error",
        "error.type": "error",
    }
    assert failed.status.status_code is StatusCode.ERROR
    assert attributes(unknown)["cascade.tool.outcome"] == "unknown_tool"


async def test_a_trajectory_says_how_it_ended_and_what_it_cost(watch: Watch):
    async with watch.runtime() as cascade:
        result = await cascade.run(TASK, tools=World().tools, trajectory_id="t")
    found = attributes(watch.named("invoke_agent")[0])
    assert found["cascade.outcome"] == "completed"
    assert found["cascade.steps"] == 4
    assert found["cascade.hops"] == 4
    assert found["cascade.tool_calls"] == 4
    assert found["cascade.policy.version"] == "1"
    assert found["cascade.policy.digest"] == Policy().digest
    assert found["gen_ai.usage.input_tokens"] == result.usage.prompt_tokens
    assert found["gen_ai.usage.cost.amount"] == pytest.approx(float(result.cost_usd or 0))  # pyright: ignore[reportUnknownMemberType] - untyped there


async def test_an_unknown_price_is_left_out_and_not_zero(watch: Watch):
    async with watch.runtime(("end",), lane=priced_lane(prices=None)) as cascade:
        await cascade.run(TASK)
    for span in watch.spans:
        assert not any("cost" in key for key in attributes(span))


@pytest.mark.parametrize(
    ("replies", "outcome", "errors"),
    [
        (["end"], "completed", []),
        (
            [BackendUnavailable("down", backend="x")] * 2,
            "failed",
            ["BackendUnavailable", "BackendUnavailable"],
        ),
        ([""] * 2, "failed", []),
    ],
)
async def test_failures_show_on_their_spans(
    watch: Watch, replies: list[Reply], outcome: str, errors: list[str]
):
    async with watch.runtime(in_order(*replies)) as cascade:
        await cascade.run(TASK)
    (agent,) = watch.named("invoke_agent")
    assert attributes(agent)["cascade.outcome"] == outcome
    assert (agent.status.status_code is StatusCode.ERROR) == (outcome == "failed")
    chats = watch.named("chat")
    assert [attributes(s)["error.type"] for s in chats if "error.type" in attributes(s)] == errors


async def test_a_reached_budget_is_no_error(watch: Watch):
    async with watch.runtime() as cascade:
        await cascade.run(TASK, tools=World().tools, policy=Policy(budget=Budget(steps=1)))
    (agent,) = watch.named("invoke_agent")
    assert attributes(agent)["cascade.outcome"] == "budget_exhausted"
    assert agent.status.status_code is StatusCode.UNSET


SECRET = "kanarienvogel"


def secret_script() -> Script:
    message = AssistantMessage(
        parts=(
            Text(text=SECRET),
            Reasoning(text=SECRET),
            ToolCall(id="x", name="look_up", arguments={"key": SECRET}),
        )
    )
    return (message, f"{SECRET}!")


async def test_nothing_that_was_said_is_on_a_span_by_default(watch: Watch):
    async with watch.runtime(secret_script()) as cascade:
        await cascade.run(SECRET, tools=World().tools, system=SECRET)
    assert SECRET not in "".join(span.to_json() for span in watch.spans)


@pytest.mark.parametrize("content", [False, True])
async def test_failures_and_invented_names_quote_only_when_it_is_asked_for(
    watch: Watch, *, content: bool
):
    down = BackendUnavailable(SECRET, backend="x")
    script = in_order(calling((SECRET, {})), down, down)
    async with watch.runtime(script, trace_content=content) as cascade:
        result = await cascade.run(TASK, tools=World().tools)
    assert SECRET in result.reason
    names = {span.name for span in watch.named("execute_tool")}
    assert names == {f"execute_tool {SECRET}" if content else "execute_tool unknown_tool"}
    failed = [span.status for span in watch.spans if span.name.startswith(("chat", "invoke"))]
    said = [s.description for s in failed if s.status_code is StatusCode.ERROR]
    assert len(said) == 3
    assert all(SECRET in (one or "") for one in said) if content else said == [None] * 3
    points = watch.points()["gen_ai.execute_tool.duration"]
    assert [point.attributes["gen_ai.tool.name"] for point in points] == ["unknown_tool"]


async def test_what_was_said_is_there_when_it_is_asked_for(watch: Watch):
    async with watch.runtime(secret_script(), trace_content=True) as cascade:
        await cascade.run(SECRET, tools=World().tools)
    (agent,) = watch.named("invoke_agent")
    said = json.loads(attributes(agent)["gen_ai.input.messages"])
    assert said == [{"role": "user", "parts": [{"type": "text", "content": SECRET}]}]
    answered = json.loads(attributes(agent)["gen_ai.output.messages"])
    assert answered[0]["parts"][0]["content"] == f"{SECRET}!"
    drafted = json.loads(attributes(watch.named("chat")[0])["gen_ai.output.messages"])
    assert [part["type"] for part in drafted[0]["parts"]] == ["text", "reasoning", "tool_call"]
    assert drafted[0]["parts"][2]["arguments"] == {"key": SECRET}
    (call,) = watch.named("execute_tool")
    assert json.loads(attributes(call)["gen_ai.tool.call.arguments"]) == {"key": SECRET}
    assert attributes(call)["gen_ai.tool.call.result"] == f"the value of {SECRET}"


async def test_metrics_count_calls_tokens_and_times(watch: Watch):
    async with watch.runtime() as cascade:
        result = await cascade.run(TASK, tools=World().tools)
    points = watch.points()
    assert set(points) == {
        "gen_ai.invoke_agent.duration",
        "gen_ai.client.inference.duration",
        "gen_ai.execute_tool.duration",
        "gen_ai.client.inference.usage.input_tokens",
        "gen_ai.client.inference.usage.output_tokens",
        "gen_ai.client.inference.usage.cache_read.input_tokens",
    }
    (tokens,) = points["gen_ai.client.inference.usage.input_tokens"]
    assert tokens.value == result.usage.prompt_tokens
    assert dict(tokens.attributes)["gen_ai.request.model"] == "script"
    (calls,) = points["gen_ai.client.inference.duration"]
    assert calls.count == 4
    assert sum(p.count for p in points["gen_ai.execute_tool.duration"]) == 4
    (runs,) = points["gen_ai.invoke_agent.duration"]
    assert runs.count == 1
    assert runs.sum == pytest.approx(result.elapsed_s)  # pyright: ignore[reportUnknownMemberType] - untyped there


async def test_without_a_provider_nothing_is_recorded_and_none_is_set():
    before = (trace.get_tracer_provider(), metrics.get_meter_provider())
    async with runtime(trace_content=True) as cascade:
        result = await cascade.run(TASK, tools=World().tools)
    assert result.outcome == "completed"
    assert (trace.get_tracer_provider(), metrics.get_meter_provider()) == before
    assert not isinstance(before[0], TracerProvider)
    assert not isinstance(before[1], MeterProvider)


async def test_the_second_call_of_a_priced_lane_is_estimated(watch: Watch):
    async with watch.runtime() as cascade:
        await cascade.run(TASK, tools=World().tools)
    first, second = [attributes(span) for span in watch.named("chat")][:2]
    assert "cascade.cost.estimated_usd" not in first
    assert second["cascade.cost.estimated_usd"] > 0
