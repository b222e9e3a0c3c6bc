"""A gate that knows the answers: it lets no wrong step of a desk task pass.

No router can have it; it shows what a perfect one would be worth. Policies name it as
`cascade.evaluation.oracle_router:desk_SPLIT_SEED_COUNT`, which says whose answers it knows, so that
a recorded policy is complete.
"""

import re
from collections.abc import Iterable

from cascade.desk.calls import Call, Exchange, Reply
from cascade.desk.calls import Step as DeskStep
from cascade.desk.oracle import oracle_next, step_is_right
from cascade.desk.suite import DeskSuite
from cascade.desk.tasks import DeskTask
from cascade.exchange import Draft
from cascade.lanes import Lane
from cascade.messages import AssistantMessage
from cascade.self_escalation import ASK_EXPERT, ESCALATE
from cascade.steps import DoneCall, Prefix
from cascade.verdicts import Verdict

__all__ = ["OracleRouter", "draft_is_right", "exchanges", "reference"]

_NAME = re.compile(r"desk_(train|familiar|names|wording|evaluation)_(\d+)_(\d+)")
_FOR_HELP = frozenset({ASK_EXPERT.name, ESCALATE.name})


def reference(suite: DeskSuite, *, seed: int, count: int) -> str | None:
    """How a policy names the gate for these tasks; `None` where that cannot be said in a name."""
    if suite.families != DeskSuite().families or seed < 0:
        return None
    return f"{__name__}:desk_{suite.split}_{seed}_{count}"


def __getattr__(name: str) -> "OracleRouter":
    """The gate that knows the answers to the tasks that *name* stands for."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    split, seed, count = found[1], int(found[2]), int(found[3])
    tasks = DeskSuite(split=split).tasks(count, seed)  # pyright: ignore[reportArgumentType] - as the pattern says
    return OracleRouter(task.desk for task in tasks)


class OracleRouter:
    """Passes the steps that bring a task closer to success, and no others.

    Args:
        tasks: Whose answers it knows; of others it says that it has nothing to go by.
    """

    name = "oracle_router"

    def __init__(self, tasks: Iterable[DeskTask]) -> None:
        self._tasks = {task.prompt: task for task in tasks}

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:
        """Whether the draft is right, after what was really done."""
        del lane
        task = self._tasks.get(prefix.task.text)
        if task is None:
            return Verdict(gate=self.name, passed=None, reason="the task is not known")
        history = exchanges(step.calls for step in prefix.steps)
        if oracle_next(task, history).beyond_repair:
            return Verdict(gate=self.name, passed=True, reason="nothing can put the task right")
        is_right = draft_is_right(task, history, draft.message)
        said = "right" if is_right else "wrong"
        return Verdict(gate=self.name, passed=is_right, reason=f"the oracle knows it is {said}")


def exchanges(steps: Iterable[Iterable[DoneCall]]) -> list[Exchange]:
    """What was done in the office, requests for help left out.

    Args:
        steps: The calls of each.
    """
    return [
        Exchange(
            call=Call(name=done.call.name, arguments=done.call.arguments),
            reply=Reply(text=done.result.text, is_error=done.result.is_error),
        )
        for calls in steps
        for done in calls
        if done.call.name not in _FOR_HELP
    ]


def draft_is_right(task: DeskTask, history: Iterable[Exchange], draft: AssistantMessage) -> bool:
    """Whether each call of a draft brings the task closer, or its answer solves it."""
    history = list(history)
    if not draft.calls:
        return step_is_right(task, history, DeskStep(answer=draft.text))
    for call in draft.calls:
        made = Call(name=call.name, arguments=call.arguments)
        if not step_is_right(task, history, DeskStep(call=made)):
            return False
        history.append(Exchange(call=made, reply=Reply(text="")))
    return True
