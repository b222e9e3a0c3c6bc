"""A step is handed up when the small model is stuck, and the small model goes on from there.

    python examples/handing_up.py

Both models are scripted, so that this runs anywhere; what the large one is shown is printed.
"""

import anyio

from cascade import Cascade, Lane, Policy, tool
from cascade.backends.scripted import Reply, ScriptedBackend, calling
from cascade.events import Decided, Finished, ToolFinished
from cascade.exchange import Request, View
from cascade.policy import Escalating


@tool(side_effect="read")
def count(item: str, shelf: str) -> str:
    """Counts an item on a shelf."""
    return f"12 of {item}" if shelf == "B" else f"no {item} on shelf {shelf}"


def small(view: View, _request: Request) -> Reply:
    """Looks on shelf A, again and again, until it is shown another result."""
    if "12 of lamp" in str(view.messages[-1]):
        return "There are 12 lamps."
    return calling(("count", {"item": "lamp", "shelf": "A"}), text="It must be on A.")


def large(view: View, _request: Request) -> Reply:
    """Prints what it is shown, and tries the next shelf."""
    told = "".join(message.text for message in view.messages if message.role == "user")
    print("  | " + told.replace("\n", "\n  | "))
    return calling(("count", {"item": "lamp", "shelf": "B"}))


async def main() -> None:
    """Runs one task and prints who makes each step, and why."""
    home = Lane(name="small", backend="scripted", model="small", locality="local")
    high = Lane(name="large", backend="scripted", model="large", locality="remote", tier=1)
    backends = {
        "small": ScriptedBackend(small, lane=home),
        "large": ScriptedBackend(large, lane=high),
    }
    policy = Policy(escalation=Escalating(nudge=False, span_steps=1))
    async with Cascade(lanes=[home, high], backends=backends, policy=policy) as cascade:
        async for event in cascade.stream("How many lamps are there?", tools=[count]):
            match event:
                case Decided(decision=made):
                    print(f"step {event.step}  {made.lane}: {', '.join(made.reasons)}")
                case ToolFinished():
                    print(f"  -> {event.result.text}")
                case Finished():
                    print(f"{event.outcome}: {event.answer}")
                case _:
                    pass


if __name__ == "__main__":
    anyio.run(main)
