"""Whole runs over remote lanes: real clients, real wires, providers that misbehave by plan."""

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest
from telemetry_watch import Watch, attributes

from cascade import Cascade, Policy, Result, tool
from cascade.credentials import Credential
from cascade.events import Drafted, Event, Failed
from cascade.lanes import Capabilities, Lane, Prices, Timeouts
from cascade.policy import Budget, Retries
from cascade.runtime import TickingClock
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.faults import (
    CutsOff,
    Fails,
    Fault,
    Garbles,
    Revokes,
    Stalls,
    WrongType,
    at_requests,
    no_faults,
)
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.received import Account, Received
from cascade.simulated.script import Calls, Script, Turn, by_turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation
from cascade.traces.record import read_trace

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"]),
]

KEY = "sk-kanarienvogel-0123456789"
NEXT_KEY = "sk-nachtigall-9876543210"
TURNS = (
    Turn(thinking="Let me look.", calls=(Calls(name="look", arguments={"key": "a"}),)),
    Turn(text="it is a stone"),
)
PRICES = Prices.model_validate(
    {"input_usd": 2, "output_usd": 10, "cache_read_usd": "0.1", "cache_write_usd": "2.5"}
)


class Site:
    """Simulated providers by name, served as long as the test runs."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.simulations: dict[str, Simulation] = {}
        self.lanes: list[Lane] = []

    def add(
        self,
        name: str,
        *fallbacks: str,
        faults: dict[int, Fault] | None = None,
        script: Script | None = None,
        prices: Prices | None = PRICES,
    ) -> Lane:
        """A lane to a provider of its own; the name tells which one."""
        wire, backend, api, model, path = {
            "claude": (AnthropicMessages(), "anthropic", "messages", "claude-opus-5-5", ""),
            "gpt": (OpenAIResponses(), "openai", "responses", "gpt-6.1-sol", "/v1"),
            "chat": (OpenAIChat(), "openai", "chat_completions", "gpt-4.1", "/v1"),
        }[name]
        simulation = Simulation(
            wires=[wire],
            script=script or by_turn(*TURNS),
            faults=at_requests(faults) if faults else no_faults,
        )
        address = self._stack.enter_context(served(simulation))
        self.simulations[name] = simulation
        return self._lane(name, backend, api, model, address + path, fallbacks, prices)

    def add_nobody(self, name: str, *fallbacks: str) -> Lane:
        """A lane to a port where nobody listens."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        address = f"http://127.0.0.1:{port}/v1"
        return self._lane(name, "openai", "chat_completions", "gpt-4.1", address, fallbacks, PRICES)

    def _lane(  # noqa: PLR0917 - the rest of a row
        self,
        name: str,
        backend: str,
        api: str,
        model: str,
        endpoint: str,
        fallbacks: Sequence[str],
        prices: Prices | None,
    ) -> Lane:
        lane = Lane.model_validate(
            {
                "name": name,
                "backend": backend,
                "api": api,
                "model": model,
                "endpoint": endpoint,
                "locality": "remote",
                "fallbacks": tuple(fallbacks),
                "capabilities": Capabilities(parallel_tools=True, sampling=name == "chat"),
                "prices": prices,
                "timeouts": Timeouts(silence_s=0.5),
            }
        )
        self.lanes.append(lane)
        return lane

    def runtime(self, **options: object) -> Cascade:
        """A runtime over all lanes, the first one at home, whose waits take no time."""
        keys = {lane.name: Credential(lane=lane.name, command=("echo", KEY)) for lane in self.lanes}
        defaults = {
            "policy": Policy(home_lane=self.lanes[0].name),
            "clock": TickingClock(),
            "credentials": keys,
        }
        return Cascade(lanes=self.lanes, **(defaults | options))  # pyright: ignore[reportArgumentType] - the caller's


@pytest.fixture
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(stack)


@tool(side_effect="read")
async def look(key: str) -> str:
    """Looks something up.

    Args:
        key: What.
    """
    return f"{key} is a stone"


async def run(runtime: Cascade, events: list[Event], **options: object) -> Result:
    async with runtime as cascade:
        return await cascade.run("What is a?", tools=[look], on_event=events.append, **options)  # pyright: ignore[reportArgumentType] - the caller's


def told(events: Sequence[Event]) -> list[str]:
    """Lane and fate of each call."""
    return [
        f"{event.lane} {event.failure if isinstance(event, Failed) else 'ok'}"
        for event in events
        if isinstance(event, Drafted | Failed)
    ]


@pytest.mark.parametrize("name", ["claude", "gpt", "chat"])
async def test_a_trajectory_runs_on_one_provider(site: Site, name: str, tmp_path: Path):
    lane = site.add(name)
    events: list[Event] = []
    result = await run(site.runtime(traces=tmp_path), events)
    assert (result.outcome, result.answer) == ("completed", "it is a stone")
    assert told(events) == [f"{name} ok", f"{name} ok"]
    assert site.simulations[name].refusals == []
    assert result.cost_usd == sum(
        (PRICES.cost_usd(event.draft.usage) for event in events if isinstance(event, Drafted)),
        Decimal(0),
    )
    assert result.usage.output_tokens > 0
    drafts = [event.draft for event in events if isinstance(event, Drafted)]
    assert all(draft.served_model and draft.response_id for draft in drafts)
    assert result.trace is not None
    assert KEY not in result.trace.read_text()
    assert read_trace(result.trace).started.lanes[0].model == lane.model


FAULTS: dict[str, tuple[Fault, str]] = {
    "a 503": (Fails(failure="unavailable"), "overloaded"),
    "an overload": (Fails(failure="overloaded"), "overloaded"),
    "an overload in mid-stream": (Fails(failure="overloaded", after_events=2), "overloaded"),
    "a cut before the answer": (CutsOff(), "connection"),
    "a cut in the stream": (CutsOff(after_bytes=200), "connection"),
    "broken JSON": (Garbles(event=99), "protocol"),
    "a page of a proxy": (WrongType(), "protocol"),
    "silence": (Stalls(after_events=1), "timeout"),
    "a rate limit": (Fails(failure="rate_limit", retry_after_s=3), "rate_limit"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["claude", "gpt"])
async def test_a_fault_that_passes_is_survived_on_the_same_lane(site: Site, name: str, fault: str):
    site.add(name, faults={1: FAULTS[fault][0]})
    events: list[Event] = []
    result = await run(site.runtime(), events)
    assert result.outcome == "completed", result.reason
    kind = FAULTS[fault][1]
    assert sorted(told(events)) == sorted([f"{name} {kind}", f"{name} ok", f"{name} ok"])
    [failed] = [event for event in events if isinstance(event, Failed)]
    # Of an answer that broke off at its last word, the count had already come.
    known = failed.usage.total_tokens == 0 or fault == "broken JSON"
    assert failed.usage.estimated or known


@pytest.mark.parametrize("failure", ["quota", "authentication", "permission", "not_found"])
async def test_what_does_not_pass_goes_to_the_fallback_and_says_so_once(
    site: Site, failure: str, caplog: pytest.LogCaptureFixture
):
    fault = Fails(failure=failure)  # pyright: ignore[reportArgumentType] - one of its values
    site.add("claude", "gpt", faults=dict.fromkeys(range(20), fault))
    site.add("gpt")
    events: list[Event] = []
    with caplog.at_level(logging.WARNING, logger="cascade"):
        result = await run(site.runtime(), events)
    assert result.outcome == "completed", result.reason
    lanes = [told_of.split()[0] for told_of in told(events)]
    assert lanes == ["claude", "gpt", "claude", "gpt"]
    warnings = [record.getMessage() for record in caplog.records if "claude" in record.getMessage()]
    assert len(warnings) == 1
    assert KEY not in "".join(warnings)
    assert len(site.simulations["claude"].exchanges) <= 3


async def test_a_key_that_is_exchanged_in_mid_trajectory_costs_no_attempt_and_is_shown_nowhere(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    watch = Watch()
    file = tmp_path / "key"
    put(file, KEY)
    site.add("claude", "gpt")
    site.add("gpt")
    claude = site.simulations["claude"]
    claude.accounts = [Account(name="ours", keys=(KEY, NEXT_KEY))]

    def exchange(received: Received) -> Fault | None:
        if len(claude.exchanges) < 2 or KEY not in str(received.headers):
            return None
        put(file, NEXT_KEY)
        return Revokes()

    claude.faults = exchange
    keys = {"claude": Credential(lane="claude", command=("cat", str(file)))}
    keys["gpt"] = Credential(lane="gpt", command=("echo", KEY))
    events: list[Event] = []
    with caplog.at_level(logging.DEBUG):
        runtime = site.runtime(
            traces=tmp_path / "runs", credentials=keys, tracer_provider=watch.spans_to
        )
        result = await run(runtime, events)
    assert result.outcome == "completed", result.reason
    assert told(events) == ["claude ok", "claude ok"]
    assert any(isinstance(each.fault, Revokes) for each in claude.exchanges)
    # The thinking of the first step was signed under the same account, so it is still there.
    assert claude.refusals == []
    assert result.trace is not None
    everything = caplog.text + result.trace.read_text() + "".join(map(repr, events))
    everything += "".join(span.to_json() for span in watch.spans)
    assert KEY not in everything
    assert NEXT_KEY not in everything


def put(file: Path, key: str) -> None:
    file.write_text(key, encoding="utf-8")


async def test_nobody_listening_goes_to_the_fallback(site: Site):
    site.add_nobody("chat", "claude")
    site.add("claude")
    events: list[Event] = []
    policy = Policy(home_lane="chat", retries=Retries(on_a_lane=1))
    result = await run(site.runtime(policy=policy), events)
    assert result.outcome == "completed", result.reason
    assert told(events)[:2] == ["chat connection", "claude ok"]
    roles = {(account.lane, account.role) for account in result.state.ledger.accounts}
    assert ("claude", "failover") in roles


async def test_when_nobody_can_serve_the_reason_names_every_lane(site: Site):
    site.add_nobody("chat", "claude")
    site.add("claude", faults=dict.fromkeys(range(20), Fails(failure="quota")))
    events: list[Event] = []
    result = await run(site.runtime(), events)
    assert result.outcome == "failed"
    assert "lane chat" in result.reason
    assert "lane claude" in result.reason


async def test_every_attempt_has_a_span_of_its_own_and_no_header_of_it_goes_out(site: Site):
    watch = Watch()
    site.add("claude", "gpt", faults={1: Fails(failure="quota")})
    site.add("gpt")
    events: list[Event] = []
    runtime = site.runtime(tracer_provider=watch.spans_to)
    await run(runtime, events)
    chats = [attributes(span) for span in watch.named("chat")]
    assert len(chats) == len(told(events))
    assert "quota" in [chat.get("cascade.failure") for chat in chats]
    assert {chat["server.address"] for chat in chats} == {"127.0.0.1"}
    assert all(KEY not in span.to_json() for span in watch.spans)
    for simulation in site.simulations.values():
        for received in simulation.received:
            assert not {"traceparent", "tracestate", "baggage"} & set(received.headers)


async def test_a_budget_of_money_ends_a_trajectory_between_two_calls(site: Site):
    site.add("gpt")
    events: list[Event] = []
    policy = Policy(home_lane="gpt", budget=Budget(usd=Decimal("0.000001")))
    result = await run(site.runtime(policy=policy), events)
    assert result.outcome == "budget_exhausted"
    assert told(events) == ["gpt ok"]


async def test_an_unknown_price_is_unknown_in_the_sum_too(site: Site):
    site.add("gpt", prices=None)
    result = await run(site.runtime(), [])
    assert result.cost_usd is None
    assert result.usage.total_tokens > 0
