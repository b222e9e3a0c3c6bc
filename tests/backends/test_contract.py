"""What every backend must do, run over all of them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from contract_subjects import SUBJECTS
from pydantic import TypeAdapter

from cascade.backends import BACKENDS, Backend, backend_for
from cascade.backends.scripted import ScriptedBackend
from cascade.errors import BackendError, ConfigError
from cascade.exchange import Draft, Request, ToolSpec, Usage, View
from cascade.lanes import Lane
from cascade.messages import (
    AssistantMessage,
    CallId,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)

pytestmark = [
    pytest.mark.anyio,
    # The real clock: trio's mock clock does not see that an engine's thread is at work.
    pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"]),
]
each = pytest.mark.parametrize("name", SUBJECTS)

LOOK_UP = ToolSpec(
    name="look_up",
    description="Looks a value up.",
    parameters={
        "type": "object",
        "properties": {"key": {"type": "string"}},
        "required": ["key"],
        "additionalProperties": False,
    },
    side_effect="read",
)
TASK = UserMessage.of("Look a up.")
CALL = ToolCall(id="call_x_1_0", name="look_up", arguments={"key": "a"})
STEP: tuple[Message, ...] = (
    AssistantMessage(parts=(Text(text="First a."), CALL)),
    ToolMessage(parts=(ToolResult(call_id=CALL.id, name="look_up", parts=(Text(text="1"),)),)),
)


def view(*messages: Message, trajectory_id: str = "t") -> View:
    return View(
        trajectory_id=trajectory_id,
        system="You look things up.",
        messages=(TASK, *messages),
        tools=(LOOK_UP,),
    )


def request(hop: int = 1, *, stream: bool = False, timeout_s: float | None = None) -> Request:
    return Request(hop=hop, max_output_tokens=12, seed=5, stream=stream, timeout_s=timeout_s)


@asynccontextmanager
async def opened(name: str, folder: Path) -> AsyncGenerator[Backend]:
    backend = SUBJECTS[name](folder)
    try:
        await backend.open()
        yield backend
    finally:
        await backend.aclose()


async def draft_of(backend: Backend, shown: View, asked: Request) -> tuple[Draft, list[str]]:
    async with backend.call(shown, asked) as hop:
        texts = [delta.text async for delta in hop]
        return hop.draft, texts


@each
async def test_opening_tells_about_the_lane_and_closing_twice_is_harmless(
    name: str, tmp_path: Path
):
    backend = SUBJECTS[name](tmp_path)
    lane = await backend.open()
    assert isinstance(lane, Lane)
    assert lane.backend == name
    assert lane.name
    await backend.aclose()
    await backend.aclose()


@each
async def test_a_call_ends_in_one_draft_with_its_usage(name: str, tmp_path: Path):
    async with opened(name, tmp_path) as backend, backend.call(view(), request()) as hop:
        with pytest.raises(RuntimeError, match="iteration"):
            _ = hop.draft
        assert hop.usage.output_tokens == 0
        async for _ in hop:
            pass
        draft = hop.draft
        assert hop.usage == draft.usage
        assert draft.usage.prompt_tokens > 0
        assert 0 < draft.usage.output_tokens <= 12
        assert draft.served_model
        assert draft.timing.total_s >= draft.timing.queue_s >= 0


@each
async def test_pieces_are_made_where_they_are_asked_for(name: str, tmp_path: Path):
    async with opened(name, tmp_path) as backend:
        _, texts = await draft_of(backend, view(*STEP), request(2, stream=True))
        assert texts
        assert "".join(texts)


@each
async def test_streaming_changes_nothing_about_the_draft(name: str, tmp_path: Path):
    async with opened(name, tmp_path) as backend:
        whole, _ = await draft_of(backend, view(), request())
        backend.release("t")
        streamed, _ = await draft_of(backend, view(), request(stream=True))
        assert streamed.message == whole.message
        assert streamed.finish_reason == whole.finish_reason
        assert streamed.usage.total_tokens == whole.usage.total_tokens


@each
async def test_the_same_view_and_request_give_the_same_draft(name: str, tmp_path: Path):
    async with opened(name, tmp_path) as backend:
        first, _ = await draft_of(backend, view(trajectory_id="t"), request())
        again, _ = await draft_of(backend, view(trajectory_id="t"), request())
        assert again.message == first.message
        assert again.usage.total_tokens == first.usage.total_tokens


@each
async def test_a_trajectory_goes_on_over_its_results(name: str, tmp_path: Path):
    async with opened(name, tmp_path) as backend:
        first, _ = await draft_of(backend, view(), request(1))
        second, _ = await draft_of(backend, view(*STEP), request(2))
        assert second.usage.prompt_tokens > first.usage.prompt_tokens
        assert second.message != first.message


@each
async def test_ids_of_calls_are_plain_and_unique_in_their_trajectory(name: str, tmp_path: Path):
    async with opened(name, tmp_path) as backend:
        first, _ = await draft_of(backend, view(), request(1))
        answer = AssistantMessage(parts=(Text(text="the answer"),))
        more = (*STEP, answer, UserMessage.of("And b?"))
        second, _ = await draft_of(backend, view(*more), request(3))
        ids = tuple(call.id for draft in (first, second) for call in draft.message.calls)
        assert len(set(ids)) == len(ids)
        assert TypeAdapter(tuple[CallId, ...]).validate_python(ids) == ids
        # Random weights call nothing.
        assert len(ids) == 2 or name == "llama_cpp"


@each
async def test_trajectories_at_once_are_served_as_if_alone(name: str, tmp_path: Path):
    async with opened(name, tmp_path) as backend:
        alone, _ = await draft_of(backend, view(trajectory_id="alone"), request())
        drafts: list[Draft] = []

        async def one(index: int) -> None:
            made, _ = await draft_of(backend, view(trajectory_id=f"t{index}"), request())
            drafts.append(made)

        async with anyio.create_task_group() as tasks:
            for index in range(6):
                tasks.start_soon(one, index)
        assert len(drafts) == 6
        assert {draft.message.text for draft in drafts} == {alone.message.text}
        assert {draft.usage.total_tokens for draft in drafts} == {alone.usage.total_tokens}


@each
async def test_a_call_that_is_left_early_stops_and_the_next_one_works(name: str, tmp_path: Path):
    async with opened(name, tmp_path) as backend:
        before, _ = await draft_of(backend, view(trajectory_id="before"), request())
        scope = anyio.CancelScope()
        call = backend.call(view(), request())
        hop = await call.__aenter__()
        with scope:
            scope.cancel()
            async for _ in hop:
                raise AssertionError("a cancelled call went on")
        await call.__aexit__(None, None, None)
        assert scope.cancelled_caught
        assert hop.usage.output_tokens <= before.usage.output_tokens
        after, _ = await draft_of(backend, view(), request(2))
        assert after.message.text == before.message.text


@each
async def test_a_call_that_nobody_iterates_over_costs_nothing(name: str, tmp_path: Path):
    async with opened(name, tmp_path) as backend:
        async with backend.call(view(), request()):
            pass
        draft, _ = await draft_of(backend, view(), request(2))
        assert draft.usage.output_tokens > 0


@each
async def test_time_that_is_plenty_changes_nothing(name: str, tmp_path: Path):
    async with opened(name, tmp_path) as backend:
        draft, _ = await draft_of(backend, view(), request(timeout_s=600.0))
        assert draft.finish_reason != "deadline"


@each
async def test_releasing_what_was_never_there_is_harmless(name: str, tmp_path: Path):
    async with opened(name, tmp_path) as backend:
        backend.release("never seen")
        await draft_of(backend, view(), request())
        backend.release("t")
        backend.release("t")
        draft, _ = await draft_of(backend, view(), request(2))
        assert draft.usage.output_tokens > 0


async def test_every_named_backend_is_held_to_the_contract():
    assert set(BACKENDS) <= set(SUBJECTS)


async def test_a_lane_finds_its_backend_by_name():
    lane = Lane(name="x", backend="llama_cpp", model="m.gguf", locality="local")
    assert type(backend_for(lane)).__name__ == "LlamaBackend"
    with pytest.raises(ConfigError, match="there are: anthropic, llama_cpp, openai"):
        backend_for(lane.model_copy(update={"backend": "none"}))


async def test_a_script_says_what_it_was_told_to():
    thought = Reasoning(text="hm")
    said = AssistantMessage(parts=(thought, Text(text="so"), CALL, CALL))
    draft, _ = await draft_of(ScriptedBackend([said]), view(), request(3))
    assert draft.message.parts[:2] == said.parts[:2]
    first, second = draft.message.calls
    assert first.id == request(3).call_id(view(), 0)
    assert second.id == request(3).call_id(view(), 1)
    assert (draft.finish_reason, draft.usage) == (
        "tool_calls",
        Usage(input_tokens=1, output_tokens=5),
    )


async def test_a_script_raises_what_it_was_told_to():
    backend = ScriptedBackend([BackendError("as told", backend="scripted")])
    with pytest.raises(BackendError, match="as told"):
        await draft_of(backend, view(), request())


async def test_a_script_that_is_too_short_says_so():
    with pytest.raises(ConfigError, match="has 1 replies and is asked for number 2"):
        await draft_of(ScriptedBackend(["one"]), view(*STEP), request())
