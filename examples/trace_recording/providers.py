"""Recordings over simulated providers: real wire formats, on ports of this machine."""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import anyio

from cascade import Cascade, Lane, Policy
from cascade.events import Event
from cascade.policy import Retries
from cascade.prices import prices_for
from cascade.runtime.clock import TickingClock
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.faults import Fails, Faults, at_requests, no_faults
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.script import Calls, Turn, by_turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation

from .scenes import SEED, SYSTEM, key_of
from .shop import Shop

__all__ = ["SCENES"]

_TASK = "Ship the lamp that Ada Lind ordered."
_SIMULATED = "both providers are simulated on this machine"
_SAYS = by_turn(
    Turn(
        thinking="First I need her orders.",
        calls=(Calls(name="list_orders", arguments={"name": "Ada Lind"}),),
    ),
    Turn(
        thinking="Which of the two is the lamp?",
        calls=(Calls(name="get_order", arguments={"order": "4817"}),),
    ),
    Turn(thinking="That is the lamp.", calls=(Calls(name="ship", arguments={"order": "4817"}),)),
    Turn(thinking="All is done.", text="The lamp, order 4817, is shipped."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Play:
    """A recording over providers.

    Attributes:
        name: Of its file, without the ending.
        act: What is done.
    """

    name: str
    act: Callable[[str, Path], Awaitable[None]]

    async def record(self, folder: Path) -> None:
        """Runs it, into the folder."""
        await self.act(self.name, folder)


def _claude(stack: ExitStack, faults: Faults = no_faults) -> Lane:
    simulation = Simulation(wires=[AnthropicMessages()], script=_SAYS, faults=faults)
    return Lane(
        name="claude",
        backend="anthropic",
        api="messages",
        model="claude-opus-5-5",
        endpoint=stack.enter_context(served(simulation)),
        account="simulated",
        locality="remote",
        prices=prices_for("anthropic", "claude-opus-5-5"),
    )


def _gpt(stack: ExitStack) -> Lane:
    simulation = Simulation(wires=[OpenAIResponses()], script=_SAYS)
    return Lane(
        name="gpt",
        backend="openai",
        api="responses",
        model="gpt-6.1-sol",
        endpoint=stack.enter_context(served(simulation)) + "/v1",
        account="simulated",
        locality="remote",
        prices=prices_for("openai", "gpt-6.1-sol"),
    )


# Request 0 asks for the model when the lane opens; the steps follow.


async def _failed_over(name: str, folder: Path) -> None:
    with ExitStack() as stack:
        overloaded = at_requests({2: Fails(failure="overloaded")})
        claude = _claude(stack, overloaded).model_copy(update={"fallbacks": ("gpt",)})
        async with Cascade(
            lanes=[claude, _gpt(stack)],
            credentials={lane: key_of(lane) for lane in ("claude", "gpt")},
            policy=Policy(version="no-retries", home_lane="claude", retries=Retries(on_a_lane=1)),
            traces=folder,
            clock=TickingClock(),
        ) as cascade:
            shows = (
                "The second step moves to another provider and the third comes back: each is "
                "shown the thinking that it signed itself, and none of the other's."
            )
            await cascade.run(
                _TASK, tools=Shop().tools(), system=SYSTEM, seed=SEED, trajectory_id=name,
                metadata={"shows": shows, "simulated": _SIMULATED},
            )  # fmt: skip


async def _retried(name: str, folder: Path) -> None:
    with ExitStack() as stack:
        overloaded = at_requests({1: Fails(failure="overloaded", retry_after_s=2)})
        async with Cascade(
            lanes=[_claude(stack, overloaded)],
            credentials={"claude": key_of("claude")},
            traces=folder,
            clock=TickingClock(),
        ) as cascade:
            shows = "An overloaded provider names a time; the call is made again after it."
            await cascade.run(
                _TASK, tools=Shop().tools(), system=SYSTEM, seed=SEED, trajectory_id=name,
                metadata={"shows": shows, "simulated": "the provider is"},
            )  # fmt: skip


async def _other_key(name: str, folder: Path) -> None:
    """The thinking of the first part was signed for an account that the second key is not of."""
    shop = Shop()
    with ExitStack() as stack:
        claude, clock = _claude(stack), TickingClock()
        shows = (
            "A run is stopped and goes on with the key of another account: what was signed for "
            "the first is refused, and the call is made again without it."
        )
        async with Cascade(
            lanes=[claude], credentials={"claude": key_of("claude", "first")}, traces=folder,
            clock=clock,
        ) as cascade:  # fmt: skip
            with anyio.CancelScope() as scope:

                def stop_at_a_result(event: Event) -> None:
                    if event.kind == "tool_finished":
                        scope.cancel()

                await cascade.run(
                    _TASK, tools=shop.tools(), system=SYSTEM, seed=SEED, trajectory_id=name,
                    metadata={"shows": shows, "simulated": "the provider is"},
                    on_event=stop_at_a_result,
                )  # fmt: skip
        async with Cascade(
            lanes=[claude], credentials={"claude": key_of("claude", "second")}, clock=clock
        ) as cascade:
            await cascade.resume(folder / f"{name}.jsonl", tools=shop.tools())


SCENES = (
    _Play(name="failed-over", act=_failed_over),
    _Play(name="retried", act=_retried),
    _Play(name="stopped-and-resumed", act=_other_key),
)
