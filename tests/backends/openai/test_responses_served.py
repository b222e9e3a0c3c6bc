"""The Responses codec over a real connection, against a server that enforces the API's rules."""

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json
from responses_wire import LANE, view_of

from cascade.backends.openai.provider import openai_backend
from cascade.backends.remote.backend import RemoteBackend
from cascade.credentials import Credential
from cascade.errors import BackendError
from cascade.exchange import Draft, Dropped, OutputSchema, Request, ToolSpec, View
from cascade.lanes import Capabilities, Lane
from cascade.messages import (
    Artefact,
    AssistantMessage,
    AssistantPart,
    Image,
    Message,
    Origin,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from cascade.simulated.faults import CutsOff, Fails, Fault
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.received import Account, Conversation, Received
from cascade.simulated.script import Calls, Turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation

T = TypeVar("T")

LOOK_UP = ToolSpec(
    name="look_up",
    description="Looks a key up.",
    parameters={
        "type": "object",
        "properties": {"key": {"type": "string"}},
        "required": ["key"],
    },
    parallel=True,
)
READ = ToolSpec(
    name="files.read",
    description="Reads a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}, "lines": {"type": "integer", "default": 9}},
        "required": ["path"],
    },
)
TOOLS = (LOOK_UP, READ)
ACCOUNTS = (
    Account(name="a", keys=("sk-a", "sk-a-new")),
    Account(name="b", keys=("sk-b",)),
)


class Served:
    """A simulated OpenAI whose next turn and fault a test sets."""

    def __init__(self) -> None:
        self.turn = Turn(text="Hello.")
        self.fault: Fault | None = None
        self.url = ""
        self.simulation = Simulation(
            wires=[OpenAIResponses()], script=self._say, faults=self._fail, accounts=ACCOUNTS
        )

    def _say(self, _conversation: Conversation) -> Turn:
        return self.turn

    def _fail(self, _received: Received) -> Fault | None:
        return self.fault

    def last_body(self) -> bytes:
        return self.simulation.received[-1].body

    def lane(self, name: str = "sol", **fields: Any) -> Lane:
        return LANE.model_copy(update={"name": name, "endpoint": f"{self.url}/v1"} | fields)


@pytest.fixture(scope="module")
def keys() -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESPONSES_KEY_A", "sk-a")
        patch.setenv("RESPONSES_KEY_A_NEW", "sk-a-new")
        patch.setenv("RESPONSES_KEY_B", "sk-b")
        yield


@pytest.fixture(scope="module")
def there(keys: None) -> Generator[Served]:  # noqa: ARG001 - they have to be set
    """One server for all tests of the module, as it remembers nothing between requests."""
    server = Served()
    with served(server.simulation) as url:
        server.url = url
        yield server


@pytest.fixture
def fresh(there: Served) -> Served:
    there.turn, there.fault = Turn(text="Hello."), None
    return there


def backend_of(lane: Lane, key: str = "RESPONSES_KEY_A") -> RemoteBackend:
    return openai_backend(lane, Credential(lane=lane.name, env=key))


async def draft_of(backend: RemoteBackend, view: View, request: Request | None = None) -> Draft:
    asked = request or Request(hop=len(view.messages), max_output_tokens=400, seed=1)
    async with backend.call(view, asked) as hop:
        async for _ in hop:
            pass
        return hop.draft


def with_backend(
    backend: RemoteBackend, work: Callable[[RemoteBackend], Awaitable[T]], loop: str = "asyncio"
) -> T:
    async def run() -> T:
        await backend.open()
        try:
            return await work(backend)
        finally:
            await backend.aclose()

    return anyio.run(run, backend=loop)


def answered(message: AssistantMessage) -> Message:
    """What follows a turn: the results of its calls, or a person's next words."""
    if not message.calls:
        return UserMessage.of("And then?")
    results = (
        ToolResult(call_id=call.id, name=call.name, parts=(Text(text="42"),))
        for call in message.calls
    )
    return ToolMessage(parts=tuple(results))


@pytest.mark.parametrize("stream", [True, False])
def test_a_tool_loop_runs_to_its_end_with_its_reasoning(fresh: Served, loop: str, stream: bool):  # noqa: FBT001 - parametrised
    async def run(backend: RemoteBackend) -> list[Draft]:
        messages: list[Message] = [UserMessage.of("What are a and b?")]
        drafts: list[Draft] = []
        two = (Calls(name="look_up", arguments={"key": "a"}), Calls(name="look_up", arguments={}))
        for turn in (
            Turn(thinking="Both.", text="I look.", calls=two),
            Turn(thinking="More.", calls=two[:1]),
            Turn(thinking="Done.", text="42 each."),
        ):
            fresh.turn = turn
            drafts.append(await draft_of(backend, view_of(*messages, tools=TOOLS)))
            messages += [drafts[-1].message, answered(drafts[-1].message)]
        return drafts

    lane = fresh.lane(settings={"stream": stream})
    first, second, third = with_backend(backend_of(lane), run, loop)
    assert [draft.finish_reason for draft in (first, second, third)] == [
        "tool_calls",
        "tool_calls",
        "stop",
    ]
    assert [call.name for call in first.message.calls] == ["look_up", "look_up"]
    assert third.message.text == "42 each."
    assert isinstance(first.message.parts[0], Reasoning)
    assert (first.dropped, second.dropped, third.dropped) == ((), (), ())
    sent = fresh.last_body()
    for draft in (first, second):
        artefact = draft.message.artefact
        assert artefact is not None
        assert isinstance(artefact.raw, dict)
        assert to_json(artefact.raw["output"])[1:-1] in sent
    assert third.served_model == "gpt-6.1-sol"
    assert third.response_id is not None
    assert not third.usage.estimated


def test_usage_sums_to_what_the_server_counted(fresh: Served):
    long = UserMessage.of("So much to read. " * 800)

    async def run(backend: RemoteBackend) -> Draft:
        first = await draft_of(backend, view_of(long))
        return await draft_of(backend, view_of(long, first.message, UserMessage.of("And?")))

    usage = with_backend(backend_of(fresh.lane()), run).usage
    counted = (fresh.simulation.exchanges[-1].answer or {})["usage"]
    assert usage.prompt_tokens == counted["input_tokens"]
    assert usage.total_tokens == counted["total_tokens"]
    assert usage.cache_read_tokens == counted["input_tokens_details"]["cached_tokens"] > 0


THOUGHTFUL = Turn(
    thinking="Secret.", text="First.", calls=(Calls(name="look_up", arguments={"key": "a"}),)
)


def test_blocks_of_another_account_are_refused_and_a_plain_view_is_accepted(fresh: Served):
    """An account that a person named is believed, and the key may still be another's."""
    fresh.turn = THOUGHTFUL
    said = with_backend(
        backend_of(fresh.lane(account="ours")), lambda backend: draft_of(backend, view_of())
    ).message
    messages = (UserMessage.of("What is a?"), said, answered(said))

    async def run(backend: RemoteBackend) -> Draft:
        with pytest.raises(BackendError) as caught:
            await draft_of(backend, view_of(*messages, tools=TOOLS))
        assert caught.value.failure == "signature"
        plain = View(
            trajectory_id="t-1", system=None, messages=messages, tools=TOOLS, plain_until=3
        )
        return await draft_of(backend, plain)

    draft = with_backend(backend_of(fresh.lane(account="ours"), "RESPONSES_KEY_B"), run)
    assert draft.dropped == (Dropped(what="reasoning", why="not_accepted", count=1),)
    body = from_json(fresh.last_body())
    assert [item["type"] for item in body["input"]] == [
        "message",
        "message",
        "function_call",
        "function_call_output",
    ]
    assert not any("id" in item for item in body["input"])


def test_a_new_key_of_the_same_account_reads_the_old_ones_blocks(fresh: Served):
    fresh.turn = THOUGHTFUL
    said = with_backend(
        backend_of(fresh.lane(account="ours")), lambda backend: draft_of(backend, view_of())
    ).message
    view = view_of(UserMessage.of("What is a?"), said, answered(said))
    backend = backend_of(fresh.lane(account="ours"), "RESPONSES_KEY_A_NEW")
    assert with_backend(backend, lambda opened: draft_of(opened, view)).dropped == ()
    assert b"encrypted_content" in fresh.last_body()


def test_reasoning_that_the_server_removes_is_told(fresh: Served):
    """An earlier message was edited, which binds the block to another conversation."""
    fresh.turn = THOUGHTFUL

    async def run(backend: RemoteBackend) -> Draft:
        said = (await draft_of(backend, view_of())).message
        edited = view_of(UserMessage.of("What is b?"), said, answered(said))
        return await draft_of(backend, edited)

    draft = with_backend(backend_of(fresh.lane()), run)
    assert draft.dropped == (Dropped(what="reasoning", why="not_accepted", count=1),)


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (Fails(failure="overloaded", after_events=4), "overloaded"),
        (Fails(failure="rate_limit", after_events=4), "rate_limit"),
        (Fails(failure="server", after_events=4), "server"),
        (CutsOff(after_bytes=1500), "connection"),
    ],
)
def test_an_answer_that_breaks_off_is_a_failure_of_its_kind(
    fresh: Served, fault: Fault, failure: str
):
    fresh.turn = Turn(text="A long answer that does not come to its end. " * 20)
    fresh.fault = fault

    async def run(backend: RemoteBackend) -> None:
        asked = Request(hop=1, max_output_tokens=400, seed=1, stream=True)
        async with backend.call(view_of(), asked) as hop:
            with pytest.raises(BackendError) as caught:
                async for _ in hop:
                    pass
            assert caught.value.failure == failure
            assert hop.usage.estimated
            assert hop.usage.input_tokens > 0

    with_backend(backend_of(fresh.lane()), run)


def test_an_answer_in_a_form_of_its_own_is_accepted(fresh: Served):
    output = OutputSchema(
        name="verdict",
        definition={
            "type": "object",
            "properties": {"good": {"type": "boolean"}, "why": {"type": "string", "default": ""}},
            "required": ["good"],
        },
    )
    fresh.turn = Turn(text='{"good": true, "why": ""}')
    view = view_of(tools=TOOLS, output=output)
    draft = with_backend(backend_of(fresh.lane()), lambda backend: draft_of(backend, view))
    assert draft.message.text == '{"good": true, "why": ""}'
    assert from_json(fresh.last_body())["text"]["format"]["strict"] is True


def test_images_are_accepted_in_messages_and_results(fresh: Served):
    picture = Image(media_type="image/png", data="AAAA")
    call = ToolCall(id="call_1", name="files.read", arguments={"path": "p"})
    result = ToolResult(call_id="call_1", name="files.read", parts=(Text(text=""), picture))
    view = view_of(
        UserMessage(parts=(Text(text="See"), picture)),
        AssistantMessage(parts=(call,)),
        ToolMessage(parts=(result,)),
        tools=TOOLS,
    )
    draft = with_backend(backend_of(fresh.lane()), lambda backend: draft_of(backend, view))
    assert draft.dropped == ()
    assert fresh.last_body().count(b"data:image/png;base64,AAAA") == 2


def test_a_model_without_reasoning_gets_sampling_and_log_probabilities(fresh: Served):
    capabilities = Capabilities(log_probabilities=True, sampling=True)
    lane = fresh.lane(model="gpt-4.1-mini", capabilities=capabilities)
    draft = with_backend(backend_of(lane), lambda backend: draft_of(backend, view_of()))
    assert draft.tokens is not None
    assert len(draft.tokens.logprobs) > 0
    assert draft.dropped == ()


def test_a_conversation_of_odd_turns_is_accepted(fresh: Served):
    """Empty texts, unknown tools with impossible names, and a reply that was cut off."""
    odd = ToolCall(id="x", name="no such tool!", arguments={})
    view = view_of(
        UserMessage.of(""),
        AssistantMessage(parts=(Text(text=""), odd)),
        ToolMessage(parts=(ToolResult(call_id="x", name=odd.name, parts=()),)),
        AssistantMessage(parts=()),
        AssistantMessage(parts=(Reasoning(text="Hm."),)),
        UserMessage.of("\n"),
        system="",
    )
    draft = with_backend(backend_of(fresh.lane()), lambda backend: draft_of(backend, view))
    assert draft.message.text == "Hello."


calls = st.builds(
    Calls,
    name=st.sampled_from(["look_up", "no_such_tool"]),
    arguments=st.sampled_from([{"key": "a"}, {}, {"key": "ü", "more": [1, None]}]),
)
turns = st.builds(
    Turn,
    text=st.sampled_from(["", "So.", "Ünïcode \u2028 \U0001f600", "\x00\x1f"]),
    thinking=st.sampled_from([None, "Hm."]),
    calls=st.lists(calls, max_size=3).map(tuple),
).map(
    lambda turn: turn if turn.text or turn.calls else Turn(text="Nothing.", thinking=turn.thinking)
)
LANES = ("a", "b", "luna", "local")
steps = st.lists(st.tuples(st.sampled_from(LANES), turns, st.booleans()), min_size=1, max_size=8)


def local(number: int, turn: Turn) -> AssistantMessage:
    """The turn as a local model would have made it."""
    origin = Origin(provider="llama_cpp", model="m")
    parts: list[AssistantPart] = [Reasoning(text=turn.thinking)] if turn.thinking else []
    parts.append(Text(text=turn.text))
    for index, call in enumerate(turn.calls):
        assert not isinstance(call.arguments, str)
        made = ToolCall(
            id=f"call_local_{number}_{index}", name=call.name, arguments=dict(call.arguments)
        )
        parts.append(made)
    artefact = Artefact(origin=origin, raw={"text": f"LOCAL {turn.text}"})
    return AssistantMessage(parts=tuple(parts), artefact=artefact)


@dataclass(frozen=True, slots=True)
class OpenLanes:
    """Lanes that are open on an event loop of their own, for many short trajectories."""

    portal: BlockingPortal
    backends: Mapping[str, RemoteBackend]
    lanes: Mapping[str, Lane]


@pytest.fixture(scope="module")
def open_lanes(there: Served) -> Generator[OpenLanes]:
    backends = {
        "a": backend_of(there.lane("a")),
        "b": backend_of(there.lane("b"), "RESPONSES_KEY_B"),
        "luna": backend_of(there.lane("luna", model="gpt-6-luna")),
    }
    with start_blocking_portal() as portal:
        lanes = {name: portal.call(backend.open) for name, backend in backends.items()}
        yield OpenLanes(portal, backends, lanes)
        for backend in backends.values():
            portal.call(backend.aclose)


async def wandered(
    there: Served, open_lanes: OpenLanes, plan: Sequence[tuple[str, Turn, bool]]
) -> None:
    """Walks a trajectory over many lanes; the server refuses whatever breaks a rule."""
    plain_until: dict[str, int] = dict.fromkeys(LANES, 0)
    messages: list[Message] = [UserMessage.of("The task.")]
    for number, (lane, turn, goes_plain) in enumerate(plan):
        if lane == "local":
            said = local(number, turn)
        else:
            if goes_plain:
                plain_until[lane] = len(messages)
            there.turn = turn
            view = View(
                trajectory_id="t-9",
                system="Be brief.",
                messages=tuple(messages),
                tools=TOOLS,
                plain_until=plain_until[lane],
            )
            draft = await draft_of(open_lanes.backends[lane], view)
            assert draft.problem is None
            removed = [each for each in draft.dropped if each.why == "not_accepted"]
            assert plain_until[lane] or not removed
            assert b"LOCAL" not in there.last_body()
            own = [each for each in messages if is_of(each, open_lanes.lanes[lane])]
            shown = own if not plain_until[lane] else []
            assert all(raw_items(each) in there.last_body() for each in shown)
            said = draft.message
            assert [call.name for call in said.calls] == [call.name for call in turn.calls]
        messages += [said, answered(said)]


def is_of(message: Message, lane: Lane) -> bool:
    """Whether that lane wrote the message and gave it a form of its own."""
    if not isinstance(message, AssistantMessage) or message.artefact is None:
        return False
    origin = message.artefact.origin
    return (origin.model, origin.account) == (lane.model, lane.account)


def raw_items(message: Message) -> bytes:
    assert isinstance(message, AssistantMessage)
    assert message.artefact is not None
    assert isinstance(message.artefact.raw, dict)
    return to_json(message.artefact.raw["output"])[1:-1]


@given(plan=steps)
def test_trajectories_that_wander_between_lanes_are_never_refused(
    there: Served, open_lanes: OpenLanes, plan: list[tuple[str, Turn, bool]]
):
    there.fault = None
    for backend in open_lanes.backends.values():
        backend.release("t-9")
    open_lanes.portal.call(wandered, there, open_lanes, plan)
    assert there.simulation.errors == []
