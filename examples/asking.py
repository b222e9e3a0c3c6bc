"""A small model asks an expert, is advised, and goes on by itself.

    python examples/asking.py

`ask_expert` is offered to every lane below the top; nobody has to declare it. Both models are
scripted, so that this runs anywhere.
"""

import anyio

from cascade import Cascade, Lane, tool
from cascade.backends.scripted import ScriptedBackend, calling
from cascade.events import Advised, Drafted, Event


@tool(side_effect="write")
def set_note(order_id: str, text: str) -> str:
    """Writes a note on an order."""
    return f"order {order_id}: {text}"


def tell(event: Event) -> None:
    """Prints who said what."""
    match event:
        case Drafted():
            for call in event.draft.message.calls:
                print(f"{event.lane} calls {call.name} with {call.arguments}")
            if event.advice_followed is not None:
                print(f"  advice followed: {event.advice_followed}")
        case Advised():
            print(f"{event.lane} advises: {event.advice}")
        case _:
            pass


async def main() -> None:
    """Runs one task with one question in it."""
    home = Lane(name="small", backend="scripted", model="small", locality="local")
    high = Lane(name="large", backend="scripted", model="large", locality="remote", tier=1)
    note = {"order_id": "4817", "text": "gift"}
    small = [
        calling(("ask_expert", {"question": "Which tool marks an order as a gift?"})),
        calling(("set_note", note)),
        "Order 4817 is marked as a gift.",
    ]
    large = ['There is none for gifts. Call set_note with {"order_id": "4817", "text": "gift"}.']
    backends = {
        "small": ScriptedBackend(small, lane=home),
        "large": ScriptedBackend(large, lane=high),
    }
    async with Cascade(lanes=[home, high], backends=backends) as cascade:
        result = await cascade.run("Order 4817 is a gift.", tools=[set_note], on_event=tell)
    print(result.answer)


if __name__ == "__main__":
    anyio.run(main)
