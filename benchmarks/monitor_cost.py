"""CPU of the built-in monitors in a step, at 200 steps of a trajectory.

Each step is watched as in the runtime: once before its draft, with the newest step's results seen
for the first time, and once with the draft. The trajectories are of four kinds: work that goes on,
work whose results are long, a shell session, and a loop, in which every rule has to look back far.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from decimal import Decimal

from cascade.appended import Appended
from cascade.exchange import ToolSpec, Usage
from cascade.messages import AssistantMessage, Text, ToolCall, ToolResult, UserMessage
from cascade.monitors import Monitor, load_monitors
from cascade.policy import Budget, MilestoneSettings, Monitoring
from cascade.steps import DoneCall, Prefix, Step

__all__ = ["main"]

STEPS = 200
LAST = 20

READ = ToolSpec(
    name="search",
    description="",
    parameters={"type": "object", "properties": {"query": {"type": "string"}}},
    side_effect="read",
)
WRITE = ToolSpec(
    name="save",
    description="",
    parameters={"type": "object", "properties": {"text": {"type": "string"}}},
)
SHELL = ToolSpec(
    name="shell",
    description="",
    parameters={"type": "object", "properties": {"cmd": {"type": "string", "format": "shell"}}},
)
TOOLS = (READ, WRITE, SHELL)
DRAFT = AssistantMessage(
    parts=(
        Text(text="Next I look."),
        ToolCall(id="c", name="search", arguments={"query": "x"}),
    )
)


def working(number: int) -> DoneCall:
    """A search with a few records, or now and then a write."""
    if number % 5 == 0:
        return _done(WRITE, {"text": f"note {number}"}, "saved")
    rows = [{"id": number * 10 + row, "name": f"row {row}"} for row in range(8)]
    return _done(READ, {"query": f"word {number}"}, json.dumps(rows))


def long_results(number: int) -> DoneCall:
    """A search whose result has 16,000 characters."""
    lines = "\n".join(f"{number}:{row}: some text of a line" for row in range(520))
    return _done(READ, {"query": f"word {number}"}, lines)


def shell(number: int) -> DoneCall:
    """Commands, some of which fail."""
    failed = number % 3 == 0
    command = f"cd /src && FOO=1 python -m pytest tests/test_{number}.py | tail -n 5"
    return _done(SHELL, {"cmd": command}, f"exit code: {int(failed)}\n{number} passed, 1 failed")


def looping(number: int) -> DoneCall:
    """The same forty things again and again."""
    lines = "\n".join(f"{(number % 40)}: line {row}" for row in range(60))
    return _done(READ, {"query": f"word {number % 40}"}, lines)


def _done(spec: ToolSpec, arguments: dict[str, str], result: str) -> DoneCall:
    call = ToolCall(id="c", name=spec.name, arguments={**arguments})
    return DoneCall(
        call=call,
        result=ToolResult(call_id="c", name=spec.name, parts=(Text(text=result),)),
        side_effect=spec.side_effect,
        spec=spec,
    )


def step_of(number: int, done: DoneCall) -> Step:
    """A step with a few sentences and one call."""
    text = (
        f"In step {number} I look for what is still missing, and then I go on with the work. " * 4
    )
    return Step(
        number=number,
        lane="small",
        message=AssistantMessage(parts=(Text(text=text), done.call)),
        calls=(done,),
        usage=Usage(input_tokens=2000, output_tokens=100),
        at_s=2.0 * number,
    )


def cost(monitors: Sequence[Monitor], make: Callable[[int], DoneCall]) -> float:
    """CPU milliseconds of each of the last steps of a trajectory, on average.

    The clock is read twice for all of them, as reading it can take longer than a step.
    """
    steps: Appended[Step] = Appended()
    prefixes: list[Prefix] = []
    for number in range(1, STEPS + 1):
        steps = steps.append(step_of(number, make(number)))
        if number <= STEPS - LAST:
            watch(monitors, _prefix(steps, None))
        else:
            prefixes += [_prefix(steps, None), _prefix(steps, DRAFT)]
    began = time.process_time()
    for prefix in prefixes:
        watch(monitors, prefix)
    return (time.process_time() - began) / LAST * 1e3


def watch(monitors: Sequence[Monitor], prefix: Prefix) -> None:
    """Asks them all."""
    for monitor in monitors:
        list(monitor.watch(prefix))


def _prefix(steps: Appended[Step], draft: AssistantMessage | None) -> Prefix:
    return Prefix(
        task=UserMessage.of("Do it."),
        tools=TOOLS,
        steps=steps,
        draft=draft,
        step=len(steps) + 1,
        budget=Budget(steps=400, tokens=2_000_000, usd=Decimal(1)),
        steps_done=len(steps),
        tokens_used=2100 * len(steps),
        usd_used=Decimal("0.2"),
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds: int = parser.parse_args().rounds
    milestones = MilestoneSettings(
        claims=True, first_write_after_reads=5, goals_reviewed=True, span_ends=True
    )
    monitors = load_monitors(Monitoring(milestones=milestones))
    print(f"CPU of all built-in monitors in a step, steps {STEPS - LAST + 1} to {STEPS}")
    for make in (working, long_results, shell, looping):
        spent = [cost(monitors, make) for _ in range(rounds)]
        print(
            f"  {make.__name__:14} median {statistics.median(spent):.3f} ms, "
            f"least {min(spent):.3f} ms"
        )


if __name__ == "__main__":
    main()
