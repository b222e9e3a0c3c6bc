"""What the codec writes, held to the provider's rules by the simulated API itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from anthropic_wire import TOOL, foreign_turns, request_of, results_for
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from cascade.backends.anthropic import ANTHROPIC, MessagesCodec
from cascade.backends.anthropic.models import described, known_model
from cascade.exchange import Draft, OutputSchema, Timing, View
from cascade.lanes import Capabilities, Lane
from cascade.messages import (
    AssistantMessage,
    Image,
    Message,
    Origin,
    Text,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.anthropic_models import MODELS
from cascade.simulated.received import Account, Received
from cascade.simulated.script import Calls, Turn

FORM = OutputSchema(
    name="answer",
    definition={
        "type": "object",
        "properties": {"n": {"type": "integer", "maximum": 9}},
        "required": ["n"],
    },
)
DOTTED = TOOL.model_copy(update={"name": "files.read"})
PICTURE = Image(media_type="image/png", data="iVBORw0KGgo=")
VARIANTS: Sequence[dict[str, Any]] = (
    {},
    {"thinking": "disabled"},
    {"thinking": "enabled", "thinking_budget_tokens": 1500},
    {"thinking": "adaptive", "thinking_display": "summarized"},
    {"thinking_mismatch": "error", "cache_ttl": "1h"},
    {"cache_ttl": "off", "stream": False},
    {"api_version": "2023-06-01", "strict_tools": False},
)


def lane_of(model: str, *, account: str = "acme", forced: bool = False, **options: Any) -> Lane:
    """A lane as it is after it was opened, from the package's own table."""
    wanted = Capabilities(structured_output="forced_tool") if forced else Capabilities()
    lane = Lane(
        name=model,
        backend="anthropic",
        model=model,
        locality="remote",
        account=account,
        capabilities=wanted,
        settings=options,
    )
    facts = known_model(model)
    assert facts is not None
    return described(lane, facts)


@dataclass
class Provider:
    """The simulated API, without a server."""

    wire: AnthropicMessages = field(default_factory=AnthropicMessages)
    calls: int = 0

    def ask(self, lane: Lane, view: View, turn: Turn, **request: Any) -> Draft | str:
        """The draft of one call, or what rule it broke."""
        origin = Origin(provider="anthropic", model=lane.model, account=lane.account)
        codec = MessagesCodec(lane, origin)
        asked = request_of(**request)
        fragments = [
            fragment
            for index, message in enumerate(view.messages)
            for fragment in codec.message(message, plain=index < view.plain_until).fragments
        ]
        body = codec.body(fragments, view, asked)
        received = Received(
            number=self.calls,
            method="POST",
            path=codec.path,
            headers=dict(ANTHROPIC.headers(lane, "key")),
            body=body,
            json=from_json(body),
            account=Account(name=lane.account, keys=("key",)),
        )
        self.calls += 1
        refusal = self.wire.refuse(received)
        if refusal is not None:
            return refusal.message
        answer = self.wire.answer(received, turn)
        reader = codec.reader(view, asked)
        if received.asked.get("stream"):
            for event in self.wire.events(received, answer):
                list(reader.event(event.name, to_json(event.data)))
        else:
            reader.whole(to_json(answer))
        assert reader.is_complete
        return reader.draft(Timing())


def view_of(messages: Sequence[Message], **changes: Any) -> View:
    fields: dict[str, Any] = {
        "trajectory_id": "t",
        "system": "You look things up.",
        "messages": list(messages),
        "tools": (TOOL, DOTTED),
    }
    return View(**(fields | changes))


def drafted(answer: Draft | str) -> Draft:
    assert isinstance(answer, Draft), answer
    return answer


_names = st.sampled_from(["look_up", "files_read", "files.read"])
_calls = st.builds(Calls, name=_names, arguments=st.just({"key": "A"}))
_turns = st.builds(
    Turn,
    text=st.sampled_from(["", "Let me see.", '{"n": 1}']),
    thinking=st.sampled_from([None, "", "First A."]),
    redacted=st.booleans(),
    calls=st.lists(_calls, max_size=3).map(tuple),
).filter(lambda turn: bool(turn.text or turn.calls))


@st.composite
def lanes(draw: st.DrawFn) -> Lane:
    """Any model of the simulation, by any of the variants, for one of two accounts."""
    return lane_of(
        draw(st.sampled_from(sorted(MODELS))),
        account=draw(st.sampled_from(["acme", "other"])),
        forced=draw(st.booleans()),
        **draw(st.sampled_from(VARIANTS)),
    )


def _answers(data: st.DataObject, said: AssistantMessage) -> ToolMessage:
    """Results of every sort: with a text, a picture, nothing; good or bad."""
    parts = st.sampled_from([(Text(text="found"),), (), (Text(text=" "),), (PICTURE,)])
    return ToolMessage(
        parts=tuple(
            ToolResult(
                call_id=call.id,
                name=call.name,
                parts=data.draw(parts),
                is_error=data.draw(st.booleans()),
            )
            for call in said.calls
        )
    )


@given(data=st.data())
def test_no_trajectory_over_any_lanes_is_refused(data: st.DataObject):
    provider = Provider()
    choices = data.draw(st.lists(lanes(), min_size=1, max_size=3))
    frame: dict[str, Any] = {
        "output": data.draw(st.sampled_from([None, FORM])),
        "system": data.draw(st.sampled_from([None, "You look things up.", " "])),
    }
    effort = data.draw(st.sampled_from([None, "low", "max"]))
    messages: list[Message] = [UserMessage(parts=(Text(text="Begin."), PICTURE))]
    plain_until: dict[str, int] = {}
    for turn in range(data.draw(st.integers(1, 6))):
        lane = data.draw(st.sampled_from([*choices, None]))
        if lane is None:
            said = data.draw(foreign_turns(turn=turn))
        else:
            name = f"{lane.model}/{lane.account}"
            if data.draw(st.integers(0, 5)) == 0:
                plain_until[name] = len(messages)
            view = view_of(messages, plain_until=plain_until.get(name, 0), **frame)
            answer = provider.ask(
                lane, view, data.draw(_turns), effort=effort, hop=turn + 1, stream=turn % 2 == 0
            )
            draft = drafted(answer)
            assert draft.problem is None
            assert draft.dropped == ()
            said = draft.message
        messages.append(said)
        if said.calls:
            messages.append(_answers(data, said))
        if not said.calls or data.draw(st.integers(0, 4)) == 0:
            messages.append(UserMessage.of("Go on."))


@pytest.mark.parametrize("model", sorted(MODELS))
@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_every_generation_takes_the_body_that_is_made_for_it(model: str, options: dict[str, Any]):
    provider, messages = Provider(), [UserMessage.of("?")]
    transcript: list[Message] = list(messages)
    calls = (Calls(name="look_up", arguments={"key": "A"}), Calls(name="files_read"))
    for step in range(3):
        turn = Turn(thinking="Hm.", text="So:", calls=calls)
        view = view_of(transcript, output=FORM)
        draft = drafted(
            provider.ask(lane_of(model, **options), view, turn, effort="max", hop=step + 1)
        )
        assert len(draft.message.calls) == 2
        transcript += [draft.message, results_for(draft.message)]


def test_the_simulation_would_have_noticed():
    """A block that was changed, or stands behind another prefix, is refused there."""
    provider, lane = Provider(), lane_of("claude-opus-5-5")
    first = [UserMessage.of("?")]
    call = Turn(thinking="Hm.", calls=(Calls(name="look_up", arguments={"key": "A"}),))
    said = drafted(provider.ask(lane, view_of(first), call)).message
    transcript: list[Message] = [*first, said, results_for(said)]
    refused = provider.ask(lane, view_of(transcript, system="Other."), Turn(text="A."))
    assert isinstance(refused, str)
    assert "bound to a different conversation" in refused
    plain = view_of(transcript, system="Other.", plain_until=3)
    draft = drafted(provider.ask(lane, plain, Turn(thinking="Now.", text="A.")))
    # What is signed behind the plain turns is good there, and stays so.
    transcript += [draft.message, UserMessage.of("And B?")]
    again = view_of(transcript, system="Other.", plain_until=3)
    drafted(provider.ask(lane, again, Turn(text="B.")))
    assert any(part.kind == "reasoning" for part in draft.message.parts)


def test_blocks_of_another_conversation_can_be_dropped_by_the_provider():
    provider, lane = Provider(), lane_of("claude-opus-5-5", thinking_mismatch="drop_block")
    first = [UserMessage.of("?")]
    call = Turn(thinking="Hm.", calls=(Calls(name="look_up", arguments={"key": "A"}),))
    said = drafted(provider.ask(lane, view_of(first), call)).message
    view = view_of([*first, said, results_for(said)], system="Other.")
    (dropped,) = drafted(provider.ask(lane, view, Turn(text="A."))).dropped
    assert (dropped.what, dropped.why, dropped.count) == ("reasoning", "not_accepted", 1)


def test_a_round_that_another_lane_began_goes_on_with_thinking_off():
    provider = Provider()
    lane = lane_of("claude-sonnet-4-5", thinking="enabled", thinking_budget_tokens=1500)
    other = lane_of("claude-haiku-5-5")
    first = [UserMessage.of("?")]
    call = Turn(thinking="Hm.", calls=(Calls(name="look_up", arguments={"key": "A"}),))
    said = drafted(provider.ask(other, view_of(first), call)).message
    transcript: list[Message] = [*first, said, results_for(said)]
    draft = drafted(provider.ask(lane, view_of(transcript), Turn(thinking="Hm.", text="A.")))
    assert [part.kind for part in draft.message.parts] == ["text"]
    transcript += [draft.message, UserMessage.of("And B?")]
    draft = drafted(provider.ask(lane, view_of(transcript), Turn(thinking="Hm.", text="B.")))
    assert [part.kind for part in draft.message.parts] == ["reasoning", "text"]


def test_the_cache_is_read_from_the_second_step_on_however_many_calls_a_step_has():
    provider, lane = Provider(), lane_of("claude-opus-5-5")
    system = "You look things up. " * 300
    transcript: list[Message] = [UserMessage.of("?")]
    calls = tuple(Calls(name="look_up", arguments={"key": str(n)}) for n in range(15))
    prompts: list[int] = []
    for step in range(4):
        view = view_of(transcript, system=system)
        turn = Turn(thinking="Hm.", calls=calls)
        draft = drafted(provider.ask(lane, view, turn, hop=step + 1))
        usage = draft.usage
        assert usage.cache_write_tokens > 0
        assert usage.cache_read_tokens == (prompts[-1] if prompts else 0)
        assert not usage.estimated
        prompts.append(usage.prompt_tokens)
        transcript += [draft.message, results_for(draft.message)]
