"""No restricted value reaches a remote transport: every byte on three real wires is searched."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from pydantic import BaseModel, Field
from wiretap import forms_of, tapped

from cascade import Cascade, Policy, Result, tool
from cascade.backends.scripted import ScriptedBackend, calling
from cascade.credentials import Credential
from cascade.events import Drafted, Event
from cascade.exchange import Delta, Request, View
from cascade.lanes import Capabilities, Lane, Prices, Timeouts
from cascade.messages import AssistantMessage, Image, Text
from cascade.policy import HandingOver, Redacting
from cascade.runtime import TickingClock
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.received import Conversation
from cascade.simulated.script import Calls, Turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation
from cascade.tools import Tool

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"]),
    pytest.mark.parametrize("name", ["claude", "gpt", "chat"]),
]

PLACES = (
    *("system", "tool.text", "tool.schema", "task", "task.split", "answer.form", "argument"),
    *("argument.name", "result", "result.json", "result.base64", "result.split", "question"),
    *("reason", "said", "metadata", "digest"),
)
MAILS = {place: f"{place}.canary@acme-corp.example" for place in PLACES}
PICTURE = base64.b64encode(b"\x89PNG picture.canary@acme-corp.example").decode()
ID = "AKIA" + "CANARY2CANARY234"
SOUGHT = {
    **{place: f"{place}.canary" for place in PLACES},
    "trajectory id": ID,
    "picture": PICTURE,
    "number": "4111111111111111",
    "number that is cut": "5555 5555",
}
"""What gives a canary away: half of it is enough."""
PRICES = Prices.model_validate(
    {"input_usd": 2, "output_usd": 10, "cache_read_usd": "0.1", "cache_write_usd": "2.5"}
)
PLACEHOLDER = re.compile(r"<EMAIL_\d+>")


class Answer(BaseModel):
    """A form that names somebody: answer.form.canary@acme-corp.example."""

    text: str = Field(description=f"As {MAILS['answer.form']} wants it.")


class Provider:
    """A provider on a real wire, and everything that was sent to it."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        wire, self._backend, self._api, self._model, path = {
            "claude": (AnthropicMessages(), "anthropic", "messages", "claude-opus-5-5", ""),
            "gpt": (OpenAIResponses(), "openai", "responses", "gpt-6.1-sol", "/v1"),
            "chat": (OpenAIChat(), "openai", "chat_completions", "gpt-4.1", "/v1"),
        }[name]
        self.simulation = Simulation(wires=[wire], script=self._say)
        address, self.sent = stack.enter_context(
            tapped(stack.enter_context(served(self.simulation)))
        )
        self._endpoint = address + path
        self.turns: list[Turn] = []
        """What the model says next where it is to make a step."""
        self.asked: list[str] = []
        """What it was asked for: a step, a review or advice."""

    def lane(self, *, tier: int = 1) -> Lane:
        """The way there."""
        return Lane.model_validate(
            {
                "name": "remote",
                "backend": self._backend,
                "api": self._api,
                "model": self._model,
                "endpoint": self._endpoint,
                "locality": "remote",
                "tier": tier,
                "capabilities": Capabilities(parallel_tools=True, images=True),
                "prices": PRICES,
                "timeouts": Timeouts(silence_s=5),
            }
        )

    def _say(self, conversation: Conversation) -> Turn:
        """A review or advice where that is wanted, else the next turn.

        `{0}` in it stands for the first placeholder of a mail address that can be seen.
        """
        seen = PLACEHOLDER.findall(conversation.request.body.decode())
        first = seen[0] if seen else "nobody"
        if b"on_track" in conversation.request.body:
            self.asked.append("review")
            said = {"milestone": f"for {first}", "on_track": True, "reason": "", "correction": ""}
            return Turn(text=json.dumps(said))
        if not conversation.tools:
            self.asked.append("advice")
            return Turn(text=f"Ask {first}.")
        self.asked.append("step")
        turn = self.turns.pop(0)
        calls = tuple(
            Calls(name=call.name, arguments=_filled(call.arguments, first)) for call in turn.calls
        )
        return Turn(text=turn.text.replace("{0}", first), thinking=turn.thinking, calls=calls)

    def leaks(self) -> list[str]:
        """The places whose canary was seen."""
        seen = bytes(self.sent)
        small = seen.lower()
        return [
            place
            for place, canary in SOUGHT.items()
            if any(form in seen or form in small for form in forms_of(canary))
            or canary.lower().encode() in small
        ]


def _filled(arguments: Mapping[str, Any] | str, first: str) -> Mapping[str, Any]:
    assert not isinstance(arguments, str)
    return {
        name: value.replace("{0}", first) if isinstance(value, str) else value
        for name, value in arguments.items()
    }


@pytest.fixture
def provider(name: str) -> Iterator[Provider]:
    with ExitStack() as stack:
        yield Provider(name, stack)


def tools(ran: list[Mapping[str, Any]]) -> list[Tool]:
    """Two tools full of canaries, and what they were called with."""

    @tool(side_effect="read")
    async def look(key: str, extra: dict[str, Any] | None = None) -> list[str]:
        """Looks something up, as tool.text.canary@acme-corp.example asked.

        Args:
            key: What, such as tool.schema.canary@acme-corp.example.
            extra: More.
        """
        ran.append({"key": key, "extra": extra})
        inner = json.dumps({"to": [MAILS["result.json"]], "card": 4111111111111111})
        hidden = base64.b64encode(f"it is {MAILS['result.base64']} there".encode()).decode()
        return [MAILS["result"], json.dumps({"inner": inner}), hidden, "x " * 150]

    @tool(side_effect="irreversible")
    async def send(to: str) -> str:
        """Sends something that nobody can take back."""
        ran.append({"to": to})
        return f"Sent to {to}."

    return [look, send]


def task() -> list[Text | Image]:
    half = len(MAILS["task.split"]) // 2
    return [
        Text(text=f"Help {MAILS['task']} and also {MAILS['task.split'][:half]}"),
        Image(media_type="image/png", data=PICTURE),
        Text(text=f"{MAILS['task.split'][half:]} with order 4817."),
    ]


async def run(
    provider: Provider,
    lanes: Sequence[Lane],
    *,
    home: ScriptedBackend | None = None,
    policy: Policy,
    ran: list[Mapping[str, Any]],
    events: list[Event],
    **options: Any,
) -> Result:
    """One trajectory over these lanes, with a canary wherever a caller can put one."""
    del provider
    runtime = Cascade(
        lanes=lanes,
        backends={} if home is None else {"home": home},
        policy=policy,
        clock=TickingClock(),
        credentials={"remote": Credential(lane="remote", command=("echo", "sk-of-the-test"))},
    )
    async with runtime as cascade:
        return await cascade.run(
            task(),
            tools=tools(ran),
            system=f"You work for {MAILS['system']}.",
            trajectory_id=ID,
            metadata={"owner": MAILS["metadata"]},
            on_event=events.append,
            **options,
        )


async def test_a_conversation_on_a_remote_lane_leaves_without_its_values(provider: Provider):
    call = Calls(name="look", arguments={"key": "{0}", "extra": {"n": 1}})
    provider.turns = [
        Turn(thinking="Let me look.", calls=(call,)),
        Turn(calls=(Calls(name="send", arguments={"to": "{0}"}),)),
        Turn(text="Sent to {0}, order 4817."),
    ]
    ran: list[Mapping[str, Any]] = []
    events: list[Event] = []
    said: list[Delta] = []
    result = await run(
        provider,
        [provider.lane()],
        policy=Policy(home_lane="remote", redaction=Redacting(enabled=True)),
        ran=ran,
        events=events,
        on_delta=said.append,
    )
    assert result.outcome == "completed", result.reason
    assert provider.simulation.refusals == []
    assert provider.leaks() == []
    assert b"order 4817" in provider.sent
    # What came back was meant for the tools and the caller, who see the values.
    assert ran[0]["key"] == MAILS["system"]
    assert ran[1] == {"to": MAILS["system"]}
    assert result.answer == f"Sent to {MAILS['system']}, order 4817."
    assert "".join(delta.text for delta in said).endswith(result.answer or "nothing")


async def test_the_form_of_an_answer_is_redacted_too(provider: Provider):
    provider.turns = [Turn(text=json.dumps({"text": "For {0}."}))]
    ran: list[Mapping[str, Any]] = []
    result = await run(
        provider,
        [provider.lane()],
        policy=Policy(home_lane="remote", redaction=Redacting(enabled=True)),
        ran=ran,
        events=[],
        response_format=Answer,
    )
    assert result.outcome == "completed", result.reason
    assert provider.leaks() == []
    assert isinstance(result.parsed, Answer)
    assert result.parsed.text.removeprefix("For ").removesuffix(".") in MAILS.values()


def cut(times: int) -> str:
    """A text which can hardly be cut anywhere but inside of a value."""
    return "y" * 37 + " 5555 5555 5555 4444;" * times


def home_script() -> Callable[[View, Request], AssistantMessage | str]:
    """A home lane that works with values in clear, asks, hands over, and sends something."""
    extra = {MAILS["argument.name"]: [{"to": MAILS["argument"], "card": 4111111111111111}]}
    halves = MAILS["result.split"][:9], MAILS["result.split"][9:]
    script = [
        calling(("look", {"key": MAILS["said"], "extra": extra}), text=f"For {MAILS['said']}."),
        calling(("look", {"key": cut(31), "extra": {"in": list(halves), "long": cut(95)}})),
        calling(("ask_expert", {"question": f"What does {MAILS['question']} want?"})),
        calling(("look", {"key": "more"})),
        calling(("escalate", {"reason": f"{MAILS['reason']} is angry"})),
        calling(("look", {"key": f"again {MAILS['digest']}"}), text="Let us see."),
        calling(("send", {"to": MAILS["said"]})),
        calling(("escalate", {"reason": "still angry"})),
        "done",
    ]
    return lambda _view, _request: script.pop(0)


@pytest.mark.parametrize("up", ["packet", "transcript"])
async def test_what_a_local_lane_hands_over_leaves_without_its_values(provider: Provider, up: Any):
    look = Calls(name="look", arguments={"key": "{0}"})
    provider.turns = [Turn(thinking="Hm.", text="For {0}.", calls=(look,)) for _ in range(12)]
    home = Lane(
        name="home",
        backend="scripted",
        model="script",
        locality="local",
        capabilities=Capabilities(parallel_tools=True),
        prices=Prices.free(),
    )
    ran: list[Mapping[str, Any]] = []
    events: list[Event] = []
    result = await run(
        provider,
        [home, provider.lane()],
        home=ScriptedBackend(home_script(), lane=home),
        policy=Policy(
            home_lane="home",
            redaction=Redacting(enabled=True),
            handoff=HandingOver(up=up),
        ),
        ran=ran,
        events=events,
    )
    assert result.outcome == "completed", result.reason
    assert provider.simulation.refusals == []
    assert provider.leaks() == []
    assert {"step", "advice", "review"} <= set(provider.asked)
    lanes = [event.lane for event in events if isinstance(event, Drafted)]
    assert "remote" in lanes
    assert "home" in lanes
    # The higher lane's call ran with the value behind the placeholder that it named.
    assert all("<EMAIL" not in str(each) for each in ran)
    assert "<EMAIL" not in str(result.answer)


async def test_without_redaction_the_same_canaries_are_seen(provider: Provider):
    """What the other tests look for is really there."""
    provider.turns = [Turn(calls=(Calls(name="look", arguments={"key": "x"}),)), Turn(text="ok")]
    await run(
        provider,
        [provider.lane()],
        policy=Policy(home_lane="remote"),
        ran=[],
        events=[],
    )
    assert {"system", "tool.text", "task", "result", "result.json", "result.base64", "picture"} <= (
        set(provider.leaks())
    )
