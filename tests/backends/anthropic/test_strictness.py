"""What the codec writes, held to the provider's rules by the simulated API itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from anthropic_wire import TOOL, foreign_turns, request_of, results_for, unmarked
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from cascade.backends.anthropic import ANTHROPIC, MessagesCodec
from cascade.backends.anthropic.models import described, known_model
from cascade.exchange import Draft, OutputSchema, Timing, View
from cascade.lanes import Capabilities, Lane
from cascade.messages import (
    AssistantMessage,
    Content,
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
LOOKS_UP = Turn(thinking="Hm.", calls=(Calls(name="look_up", arguments={"key": "A"}),))
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
def lanes(draw: st.DrawFn, twin: Lane | None = None) -> Lane:
    """Any model of the simulation, by any of the variants, for one of two accounts.

    Or a lane of the model and account of *twin*.
    """
    return lane_of(
        draw(st.sampled_from(sorted(MODELS))) if twin is None else twin.model,
        account=draw(st.sampled_from(["acme", "other"])) if twin is None else twin.account,
        forced=draw(st.booleans()),
        **draw(st.sampled_from(VARIANTS)),
    )


_Parts = tuple[Content, ...]
_results: st.SearchStrategy[tuple[_Parts, bool]] = st.tuples(
    st.sampled_from([(Text(text="found"),), (), (Text(text=" "),), (PICTURE,)]), st.booleans()
)
"""Results of every sort: with a text, a picture, nothing; good or bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step of a trajectory does.

    Attributes:
        lane: Which lane is asked, as an index.
        turn: What its model says.
        foreign: Said by a lane of another provider instead.
        forgets: Whether the lane's blocks are left out up to here, as after a refusal.
        aside: Whether the lane alone is shown a message of its own first.
        results: For the calls, at least as many.
        goes_on: Whether a word of the user follows.
    """

    lane: int = 0
    turn: Turn = LOOKS_UP
    foreign: AssistantMessage | None = None
    forgets: bool = False
    aside: bool = False
    results: tuple[tuple[_Parts, bool], ...] = (((Text(text="found"),), False),) * 3
    goes_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A trajectory over some lanes."""

    lanes: tuple[Lane, ...]
    steps: tuple[Step, ...]
    output: OutputSchema | None = None
    system: str | None = "You look things up."
    effort: str | None = None


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Up to six steps over up to three lanes; two of one model and account are not rare."""
    choices = draw(st.lists(lanes(), min_size=1, max_size=2))
    if draw(st.booleans()):
        choices.append(draw(lanes(choices[0])))
    seldom = st.integers(0, 5).map(lambda number: number == 0)
    steps = [
        Step(
            lane=draw(st.integers(0, len(choices) - 1)),
            turn=draw(_turns),
            foreign=draw(foreign_turns(turn=turn)) if draw(seldom) else None,
            forgets=draw(seldom),
            aside=draw(seldom),
            results=tuple(draw(st.lists(_results, min_size=3, max_size=3))),
            goes_on=draw(seldom),
        )
        for turn in range(draw(st.integers(1, 6)))
    ]
    return Story(
        lanes=tuple(choices),
        steps=tuple(steps),
        output=draw(st.sampled_from([None, FORM])),
        system=draw(st.sampled_from([None, "You look things up.", " "])),
        effort=draw(st.sampled_from([None, "low", "max"])),
    )


def _answers(step: Step, said: AssistantMessage) -> ToolMessage:
    return ToolMessage(
        parts=tuple(
            ToolResult(call_id=call.id, name=call.name, parts=parts, is_error=is_error)
            for call, (parts, is_error) in zip(said.calls, step.results, strict=False)
        )
    )


def _twins(first: dict[str, Any], second: dict[str, Any], *steps: Step) -> Story:
    """A trajectory over two lanes of one model and account."""
    both = (lane_of("claude-opus-5-5", **first), lane_of("claude-opus-5-5", **second))
    return Story(lanes=both, steps=steps, output=FORM)


@given(story=stories())
@example(story=_twins({}, {"forced": True}, Step(), Step(lane=1), Step()))
@example(story=_twins({}, {"strict_tools": False}, Step(), Step(lane=1), Step(), Step(lane=1)))
@example(story=_twins({}, {}, Step(forgets=True), Step(), Step(lane=1, forgets=True), Step()))
@example(story=_twins({}, {}, Step(aside=True), Step(lane=1), Step(lane=1, aside=True), Step()))
def test_no_trajectory_over_any_lanes_is_refused(story: Story):
    provider = Provider()
    start: list[Message] = [UserMessage(parts=(Text(text="Begin."), PICTURE))]
    seen = [list(start) for _ in story.lanes]
    plain_until = [0] * len(story.lanes)
    for number, step in enumerate(story.steps):
        said = step.foreign
        if said is None:
            messages = seen[step.lane]
            if step.aside:
                messages.append(UserMessage.of("For you alone."))
            if step.forgets:
                plain_until[step.lane] = len(messages)
            view = view_of(
                messages,
                plain_until=plain_until[step.lane],
                output=story.output,
                system=story.system,
            )
            asked = {"effort": story.effort, "hop": number + 1, "stream": number % 2 == 0}
            draft = drafted(provider.ask(story.lanes[step.lane], view, step.turn, **asked))
            assert draft.problem is None
            assert draft.dropped == ()
            said = draft.message
        heard: list[Message] = [said]
        if said.calls:
            heard.append(_answers(step, said))
        if not said.calls or step.goes_on:
            heard.append(UserMessage.of("Go on."))
        for shown in seen:
            shown.extend(heard)


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
    transcript: list[Message] = [*first, unmarked(said), results_for(said)]
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
    view = view_of([*first, unmarked(said), results_for(said)], system="Other.")
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
