"""Tools of one's own, and the events of a run as they happen.

    python examples/own_tools.py

The scripted backend stands in for a model, so that this runs anywhere. The same tools work on the
command line: `cascade run "Cancel order 1042" --tools examples/own_tools.py`.
"""

import anyio
import anyio.lowlevel

from cascade import Cascade, tool
from cascade.backends.scripted import ScriptedBackend, calling
from cascade.events import Drafted, Finished, ToolFinished

__all__ = ["cancel_order", "get_order", "main", "replies"]


@tool(side_effect="read", parallel=True)
def get_order(order_id: int) -> dict[str, str]:
    """Looks an order up.

    Args:
        order_id: The number on the receipt.
    """
    return {"order": str(order_id), "status": "packed"}


@tool(side_effect="irreversible", timeout_s=5)
async def cancel_order(order_id: int) -> str:
    """Cancels an order that has not been shipped.

    Args:
        order_id: The number on the receipt.
    """
    await anyio.lowlevel.checkpoint()  # where a real tool would wait for a server
    return f"order {order_id} is cancelled"


replies = [
    calling(("get_order", {"order_id": 1042}), text="First, has it been shipped?"),
    calling(("cancel_order", {"order_id": 1042})),
    "Order 1042 had not been shipped and is cancelled.",
]


async def main() -> None:
    """Runs one task and prints what happens."""
    backend = ScriptedBackend(replies)
    async with Cascade(lanes=[backend.lane], backends={backend.lane.name: backend}) as cascade:
        events = cascade.stream(
            "Cancel order 1042 if it has not shipped", tools=[get_order, cancel_order]
        )
        async for event in events:
            match event:
                case Drafted():
                    print(f"step {event.step} calls {[c.name for c in event.draft.message.calls]}")
                case ToolFinished():
                    print(f"  {event.result.name} gave {event.result.text}")
                case Finished():
                    print(f"{event.outcome}: {event.answer}")
                case _:
                    pass


if __name__ == "__main__":
    anyio.run(main)
