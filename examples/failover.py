"""A step moves to another provider when the first one cannot serve, and comes back.

Both providers are simulated on this machine, so this needs neither keys nor a network:

    pip install 'cascade-runtime[server]' && python examples/failover.py
"""

import sys
from contextlib import ExitStack

import anyio

from cascade import Cascade, Policy, tool
from cascade.credentials import Credential
from cascade.events import Drafted, Event, Failed
from cascade.lanes import Lane
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.faults import Fails, at_requests
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.script import Calls, Turn, by_turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation

SAYS = by_turn(
    Turn(thinking="I need the stock.", calls=(Calls(name="stock", arguments={"item": "lamp"}),)),
    Turn(thinking="Twelve, then.", text="There are 12 lamps."),
)


@tool(side_effect="read")
def stock(item: str) -> str:
    """Counts an item.

    Args:
        item: What to count.
    """
    return f"12 of {item}"


def tell(event: Event) -> None:
    """Prints what became of each call."""
    match event:
        case Failed():
            print(f"step {event.step}  {event.lane}: {event.failure}")
        case Drafted():
            print(f"step {event.step}  {event.lane}: {event.draft.message.text or 'calls a tool'}")
        case _:
            pass


async def main() -> None:
    """Runs one task while the first provider has no money left for one call."""
    first = Simulation(
        wires=[AnthropicMessages()], script=SAYS, faults=at_requests({1: Fails(failure="quota")})
    )
    second = Simulation(wires=[OpenAIResponses()], script=SAYS)
    with ExitStack() as stack:
        claude = Lane(
            name="claude",
            backend="anthropic",
            model="claude-opus-5-5",
            endpoint=stack.enter_context(served(first)),
            locality="remote",
            fallbacks=("gpt",),
        )
        gpt = Lane(
            name="gpt",
            backend="openai",
            api="responses",
            model="gpt-6.1-sol",
            endpoint=stack.enter_context(served(second)) + "/v1",
            locality="remote",
        )
        key = (sys.executable, "-c", "print('any text is a key here')")
        async with Cascade(
            lanes=[claude, gpt],
            credentials={name: Credential(lane=name, command=key) for name in ("claude", "gpt")},
            policy=Policy(home_lane="claude"),
        ) as cascade:
            result = await cascade.run("How many lamps are there?", tools=[stock], on_event=tell)
    print(result.answer, result.outcome, sep=" | ")
    for account, spend in result.state.ledger.accounts.items():
        print(f"{account.lane} {account.role} {account.cause}: {spend.usage.total_tokens} tokens")


if __name__ == "__main__":
    anyio.run(main)
