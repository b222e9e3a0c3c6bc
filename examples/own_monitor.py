"""A monitor of one's own: it notices work on things that the task does not name.

    python examples/own_monitor.py

A monitor is a pure function of what was done so far; the policy names it as `module:attribute`.
"""

import re
from collections.abc import Iterator

import anyio

from cascade import Cascade, Lane, Policy, tool
from cascade.backends.scripted import ScriptedBackend, calling
from cascade.policy import Escalating, Monitoring
from cascade.signals import Signal
from cascade.steps import Prefix


class Strayed:
    """Notices calls about orders that nobody asked about."""

    name = "strayed"

    def watch(self, prefix: Prefix) -> Iterator[Signal]:
        """Compares the orders in the newest calls with those in the task."""
        for step in prefix.counted[-1:]:
            called = re.findall(r"\d{4}", str([done.call.arguments for done in step.calls]))
            for order in sorted({*called} - {*re.findall(r"\d{4}", prefix.task.text)}):
                found = f"order {order} is not part of the task"
                yield Signal(
                    monitor=self.name, kind="drift", code="other_order", hard=True, evidence=found
                )


@tool(side_effect="read")
def get_order(order_id: str) -> str:
    """Shows an order."""
    return f"order {order_id} has been shipped"


async def main() -> None:
    """Runs one task and prints who made which step."""
    home = Lane(name="small", backend="scripted", model="small", locality="local")
    high = Lane(name="large", backend="scripted", model="large", locality="remote", tier=1)
    wrong, right = (calling(("get_order", {"order_id": order})) for order in ("4871", "4817"))
    # Scripts are read by position in the conversation; the second step is the large model's.
    small = ScriptedBackend([wrong, "(not asked)", "Order 4817 has been shipped."], lane=home)
    backends = {"small": small, "large": ScriptedBackend([right], lane=high)}
    monitors = Monitoring(extra=("own_monitor:Strayed",))
    policy = Policy(monitors=monitors, escalation=Escalating(nudge=False, span_steps=1))
    async with Cascade(lanes=[home, high], backends=backends, policy=policy) as cascade:
        result = await cascade.run("Where is order 4817?", tools=[get_order])
    for step in result.state.steps:
        print(f"step {step.number}  {step.lane}: {step.calls[0].result.text}")
    print(result.answer)


if __name__ == "__main__":
    anyio.run(main)
