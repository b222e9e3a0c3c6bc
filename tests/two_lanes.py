"""Trajectories of two scripted lanes that hand steps up, ask, review and come back down."""

import json
import random
from decimal import Decimal
from pathlib import Path

import anyio

from cascade import Cascade, Policy, tool
from cascade.backends.scripted import Reply, Script, ScriptedBackend, calling
from cascade.exchange import Request, View
from cascade.lanes import Capabilities, Lane, Prices
from cascade.policy import Escalating
from cascade.runtime import TickingClock

__all__ = [
    "ADVICE",
    "GPT",
    "LOCAL",
    "REVIEW",
    "SPAN_OF_TWO",
    "big",
    "look",
    "pay",
    "recorded",
    "small",
]

LOCAL = Lane(
    name="local",
    backend="scripted",
    model="small",
    locality="local",
    prices=Prices.free(),
    capabilities=Capabilities(log_probabilities=True),
)
GPT = Lane(
    name="gpt",
    backend="scripted",
    model="big",
    locality="remote",
    tier=1,
    prices=Prices(
        input_usd=Decimal(5),
        output_usd=Decimal(25),
        cache_read_usd=Decimal("0.5"),
        cache_write_usd=Decimal("6.25"),
    ),
)

ADVICE = 'Call pay with {"amount": 3}.'
REVIEW = {
    "milestone": "payment",
    "on_track": False,
    "reason": "the amount is wrong",
    "correction": "Pay 3.",
}


@tool(side_effect="read")
def look(number: int) -> str:
    """Looks a number up."""
    return f"it is {number * 7}"


@tool(side_effect="irreversible")
def pay(amount: int) -> str:
    """Pays."""
    return f"paid {amount}"


def small(view: View, _request: Request) -> Reply:
    """Loops, later asks for help, does not listen, and pays the wrong amount."""
    done = sum(message.role == "assistant" for message in view.messages)
    if done < 4:
        return calling(("look", {"number": 1}))
    match done:
        case 6:
            return calling(("ask_expert", {"question": "How much?"}))
        case 7:
            return calling(("pay", {"amount": 30}))
        case _:
            return "It is paid."


def big(view: View, _request: Request) -> Reply:
    """Looks at other numbers, gives advice, reviews, and pays the right amount."""
    if view.output is not None:
        return json.dumps(REVIEW)
    if not view.tools:
        return ADVICE
    done = sum(message.role == "assistant" for message in view.messages)
    return calling(
        ("pay", {"amount": 3}) if "Pay 3." in str(view) else ("look", {"number": 40 + done})
    )


SPAN_OF_TWO = Policy(escalation=Escalating(span_steps=2))


def recorded(
    folder: Path,
    home: Script = small,
    higher: Script = big,
    *,
    policy: Policy = SPAN_OF_TWO,
    content: bool = True,
    lanes: tuple[Lane, ...] = (LOCAL, GPT),
    resettable: bool = False,
) -> Path:
    """A trajectory of the two lanes, run to its end."""

    async def reset() -> None:
        """There is no world to set back."""

    async def run() -> Path:
        scripts = {"local": home, "gpt": higher}
        backends = {lane.name: ScriptedBackend(scripts[lane.name], lane=lane) for lane in lanes}
        async with Cascade(
            lanes=lanes,
            backends=backends,
            policy=policy,
            traces=folder / "runs",
            record_content=content,
            clock=TickingClock(),
            rng=random.Random(0),
        ) as cascade:
            result = await cascade.run(
                "Pay what is due.", tools=[look, pay], reset=reset if resettable else None
            )
        assert result.trace is not None
        return result.trace

    return anyio.run(run)
