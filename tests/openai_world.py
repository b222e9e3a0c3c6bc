"""What the tests of the simulated OpenAI servers share: accounts, clients, and broken rules."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
import pytest

from cascade.simulated.faults import Faults, no_faults
from cascade.simulated.received import Account, Conversation
from cascade.simulated.script import Calls, Script, Turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation
from cascade.simulated.wire import Wire

HOME = Account(name="home", keys=("sk-home-0123456789abcdef",))
AWAY = Account(name="away", keys=("sk-away-0123456789abcdef",))
OLD = Account(name="old", keys=("sk-old-0123456789abcdef",), enforces_prefix=False)

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ASK = {"role": "user", "content": "How is the weather?"}
TOOL = {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}
REASONER = "gpt-6.1-sol"


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A request that breaks a rule, and what the API says of it."""

    rule: str
    body: dict[str, Any]
    message: str
    param: str | None = None
    code: str | None = None
    status: int = 400


@dataclass(frozen=True, kw_only=True)
class Served:
    """A simulated server that runs."""

    address: str
    simulation: Simulation
    http: httpx2.Client

    def client(self, account: Account = HOME) -> Any:
        """The real SDK, typed loosely: rules are broken here on purpose."""
        return openai.OpenAI(
            api_key=account.keys[0],
            base_url=f"{self.address}/v1",
            max_retries=0,
            http_client=self.http,
        )


@contextmanager
def serving(
    http: httpx2.Client,
    wire: Wire,
    script: Script,
    *,
    faults: Faults = no_faults,
    accounts: Sequence[Account] = (HOME, AWAY, OLD),
) -> Generator[Served]:
    """Serves one wire format.

    Args:
        http: Shared by all clients, as making one takes longer than most tests.
        wire: The format.
        script: What the model says.
        faults: What goes wrong.
        accounts: Who may come in.
    """
    simulation = Simulation(wires=[wire], script=script, faults=faults, accounts=accounts)
    with served(simulation) as address:
        yield Served(address=address, simulation=simulation, http=http)


def assert_refused(client: Any, path: str, broken: Broken) -> None:
    """The request is refused with that error; a message may be given by its beginning and `...`."""
    with pytest.raises(openai.APIStatusError) as caught:
        client.post(path, cast_to=object, body=broken.body)
    error: Any = caught.value
    assert error.status_code == broken.status
    said = error.body["message"]
    if broken.message.endswith("..."):
        said = f"{said[: len(broken.message) - 3]}..."
    assert said == broken.message
    assert error.body["type"] == "invalid_request_error"
    assert (error.param, error.code) == (broken.param, broken.code)


def talk(conversation: Conversation) -> Turn:
    """Calls the tool twice when it is offered and the user spoke last, else answers."""
    if conversation.tools and not conversation.turns[-1].results:
        calls = tuple(Calls(name="weather", arguments={"city": city}) for city in ("Oslo", "Rome"))
        return Turn(thinking="Two cities to look at.", text="Looking.", calls=calls)
    return Turn(thinking="That is all there is.", text="It is fair in both.")


def request(**changes: Any) -> dict[str, Any]:
    """A sound request for a response, changed; `...` takes a field out."""
    body: dict[str, Any] = {"model": REASONER, "input": [ASK], "store": False, "tools": [TOOL]}
    body |= changes
    return {name: value for name, value in body.items() if value is not ...}


def call(call_id: str = "call_1", **more: Any) -> dict[str, Any]:
    """A call as an input item."""
    return {
        "type": "function_call",
        "call_id": call_id,
        "name": "weather",
        "arguments": "{}",
    } | more


def output(call_id: str = "call_1", **more: Any) -> dict[str, Any]:
    """What a call gave back as an input item."""
    return {"type": "function_call_output", "call_id": call_id, "output": "fair"} | more


def said(*items: dict[str, Any]) -> dict[str, Any]:
    """A request with more items after the question."""
    return request(input=[ASK, *items])


def first_turn(client: Any, **changes: Any) -> list[dict[str, Any]]:
    """The input of the request that follows a first answer: reasoning, text, two calls, outputs."""
    body = request(**changes)
    answer = client.responses.create(**body)
    items = [*body["input"], *(item.to_dict() for item in answer.output)]
    items += [output(item["call_id"]) for item in items if item.get("type") == "function_call"]
    return items


def removed(client: Any, items: list[dict[str, Any]], **changes: Any) -> list[str]:
    """Why reasoning in the input was withheld from the model, in order."""
    answer = client.responses.create(**request(input=items, **changes))
    return [each.reason for each in answer.input_transformations]


def chat(*messages: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A sound request for a chat completion, changed; `...` takes a field out."""
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    body: dict[str, Any] = {"model": "gpt-4.1", "messages": [ASK, *messages], "tools": tools}
    body |= changes
    return {name: value for name, value in body.items() if value is not ...}


def calling(*identifiers: str, **more: Any) -> dict[str, Any]:
    """An assistant message with a call for each identifier."""
    function = {"name": "weather", "arguments": "{}"}
    calls = [
        {"id": identifier, "type": "function", "function": function} for identifier in identifiers
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls} | more


def result(identifier: str, **more: Any) -> dict[str, Any]:
    """A tool message."""
    return {"role": "tool", "tool_call_id": identifier, "content": "fair"} | more
