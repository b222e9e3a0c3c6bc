"""Escalation over the real wire formats, to providers that refuse what the real ones refuse."""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from live_ladder import HOME, Office, Traffic

from cascade import Cascade, Policy, Result
from cascade.backends.anthropic import anthropic_backend
from cascade.backends.base import Backend
from cascade.backends.openai import openai_backend
from cascade.backends.scripted import Reply, calling
from cascade.credentials import Credential
from cascade.events import Advised, Decided, Drafted, Event, Judged, Reviewed
from cascade.exchange import Request, View
from cascade.lanes import Capabilities, Lane, Prices
from cascade.policy import Gating, JudgeSettings
from cascade.rubrics import ADVICE_SYSTEM, JUDGE_SYSTEM, REVIEW_SYSTEM
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.received import Conversation
from cascade.simulated.script import Calls, Turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation
from cascade.simulated.wire import Wire

HOME_STEPS: tuple[Reply, ...] = (
    calling(("look", {"key": "a"})),
    calling(("look", {"key": "unsure"})),
    calling(("look", {"key": "c"})),
    calling(("look", {"key": "unsure"})),
    calling(("ask_expert", {"question": "what about e?"})),
    calling(("look", {"key": "maybe"})),
    calling(("send", {"to": "x"})),
    "All is done.",
)
SEAL = re.compile(r'"(?:signature|encrypted_content)": ?"([^"]+)"')
CALLS = [
    "home:draft", "home:draft", "top:draft", "home:draft", "home:draft", "top:draft",
    "home:draft", "top:advice", "home:draft", "top:judge", "top:draft", "home:draft",
    "top:review", "home:draft",
]  # fmt: skip
POLICY = Policy(
    gates=Gating(
        extra=("live_ladder:Doubtful", "live_ladder:Maybe"),
        judge=JudgeSettings(enabled=True),
    )
)


def home_says(view: View, _request: Request) -> Reply:
    """By the steps that were made, whoever made them."""
    return HOME_STEPS[sum(message.role == "assistant" for message in view.messages)]


def top_says(conversation: Conversation) -> Turn:
    """The higher lane by what it is asked for; it thinks before it speaks."""
    # A wire without structured output adds the form to it.
    system = conversation.system
    if system.startswith(REVIEW_SYSTEM):
        verdict = {"milestone": "m", "reason": "r", "on_track": True, "correction": ""}
        return Turn(thinking="I weigh it.", text=json.dumps(verdict))
    if system.startswith(ADVICE_SYSTEM):
        return Turn(thinking="What would I do?", text="Look `maybe` up.")
    if system.startswith(JUDGE_SYSTEM):
        return Turn(text="no")
    own = sum(turn.role == "assistant" for turn in conversation.turns)
    call = Calls(name="look", arguments={"key": f"of top {own}"})
    return Turn(thinking=f"Thought {own}.", text="Let me.", calls=(call,))


@dataclass(frozen=True, kw_only=True)
class There:
    """A ladder whose higher lane is a provider."""

    simulation: Simulation
    lane: Lane
    top: Backend
    events: list[Event] = field(default_factory=list[Event])

    async def run(self) -> tuple[Result, Office]:
        """One task to its end."""
        office = Office()
        home = Traffic().through(HOME, home_says)
        async with Cascade(
            lanes=(HOME, self.lane), backends={"home": home, "top": self.top}, policy=POLICY
        ) as cascade:
            result = await cascade.run("Do it.", tools=office.tools, on_event=self.events.append)
        return result, office


WIRES: dict[str, tuple[Wire, str, str]] = {
    "messages": (AnthropicMessages(), "claude-opus-5-5", ""),
    "responses": (OpenAIResponses(), "gpt-6.1-sol", "/v1"),
    "chat_completions": (OpenAIChat(), "gpt-4.1", "/v1"),
}


@contextmanager
def there(api: str) -> Generator[There]:
    """The ladder with that wire format."""
    wire, model, path = WIRES[api]
    simulation = Simulation(wires=[wire], script=top_says, keep=100)
    is_chat = api == "chat_completions"
    with served(simulation) as address:
        lane = Lane.model_validate(
            {
                "name": "top",
                "backend": "anthropic" if api == "messages" else "openai",
                "model": model,
                "tier": 1,
                "locality": "remote",
                "endpoint": address + path,
                "api": api,
                "capabilities": Capabilities(
                    parallel_tools=True, sampling=is_chat, log_probabilities=is_chat
                ),
                "max_output_tokens": 2000,
                "prices": Prices.free(),
            }
        )
        make = anthropic_backend if api == "messages" else openai_backend
        key = Credential(lane="top", command=("echo", "key-top"))
        yield There(simulation=simulation, lane=lane, top=make(lane, key))


@pytest.mark.asyncio
@pytest.mark.parametrize("api", WIRES)
async def test_every_kind_of_hop_is_taken_by_the_provider(api: str):
    with there(api) as ladder:
        result, office = await ladder.run()
        refused = [each.refusal for each in ladder.simulation.refusals]
    assert refused == []
    decisions = [event.decision for event in ladder.events if isinstance(event, Decided)]
    assert [f"{each.lane}:{each.purpose}" for each in decisions] == CALLS
    assert (result.outcome, result.answer) == ("completed", "All is done.")
    assert office.looked == ["a", "of top 0", "c", "of top 1", "of top 2"]
    assert office.sent == ["x"]
    advised = next(event for event in ladder.events if isinstance(event, Advised))
    assert advised.advice == "Look `maybe` up."
    reviewed = next(event for event in ladder.events if isinstance(event, Reviewed))
    assert reviewed.review is not None


@pytest.mark.asyncio
@pytest.mark.parametrize("api", WIRES)
async def test_a_judge_gives_a_probability_where_its_wire_has_them(api: str):
    with there(api) as ladder:
        await ladder.run()
    judged = [v for e in ladder.events if isinstance(e, Judged) for v in e.verdicts]
    (verdict,) = [each for each in judged if each.gate == "judge"]
    assert verdict.passed is False
    assert (verdict.p_fail is not None) == (api == "chat_completions")


@pytest.mark.asyncio
@pytest.mark.parametrize("api", ["messages", "responses"])
async def test_what_the_provider_signed_comes_back_to_it_unchanged(api: str):
    with there(api) as ladder:
        await ladder.run()
        sent = [each.received.body.decode() for each in ladder.simulation.exchanges]
    seals = [
        seals_in(event)[0]
        for event in ladder.events
        if isinstance(event, Drafted) and event.lane == "top"
    ]
    assert len(seals) == 3
    counts = [sum(seal in body for body in sent) for seal in seals]
    assert counts == [2, 1, 0], "each goes back with every later step of its lane"


def seals_in(event: Drafted) -> list[str]:
    """What the provider signed a draft with."""
    artefact = event.draft.message.artefact
    raw = "" if artefact is None else json.dumps(artefact.raw).replace("\\", "")
    return [found[1] for found in SEAL.finditer(raw)]
