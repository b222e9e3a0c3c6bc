"""Scenes in which something goes wrong: stuck, unusable drafts, limits."""

from cascade import Budget, Policy
from cascade.policy import Escalating

from .lines import calls, says
from .scenes import LARGE, SMALL, Scene

__all__ = ["SCENES"]

_TASK = "Ship the lamp that Ada Lind ordered."
_ASTRAY = calls("list_orders", name="Ada Lund")
_SHIPPED = says("The lamp, order 4817, is shipped.")

_STUCK = Scene(
    name="stuck-nudged-then-a-span",
    shows="Stuck: first a nudge, then two steps on the higher lane, then the home lane goes on.",
    task=_TASK,
    small=[*[_ASTRAY] * 4, calls("ship", order="4817"), _SHIPPED],
    large=[calls("list_orders", name="Ada Lind"), calls("get_order", order="4817")],
    policy=Policy(version="two-steps", escalation=Escalating(span_steps=2)),
)

_LATCHED = Scene(
    name="latched",
    shows="Stuck with no span left: the higher lane keeps the task to its end.",
    task=_TASK,
    small=[_ASTRAY] * 3,
    large=[calls("list_orders", name="Ada Lind"), calls("ship", order="4817"), _SHIPPED],
    policy=Policy(version="no-spans", escalation=Escalating(nudge=False, spans=0)),
)

_RESTARTED = Scene(
    name="restarted",
    shows="Stuck where the world can be reset: the task begins anew on the higher lane.",
    task=_TASK,
    small=[calls("ship", order="4900"), *[calls("get_order", order="4900")] * 3],
    large=[calls("list_orders", name="Ada Lind"), calls("ship", order="4817"), _SHIPPED],
    policy=Policy(version="restarts", escalation=Escalating(nudge=False, restart=True)),
    resettable=True,
)

_BUDGET = Scene(
    name="budget-reached",
    shows="A limit on steps ends the trajectory with what it has.",
    task=_TASK,
    small=[calls("list_orders", name="Ada Lind", said="I look for her orders."),
           calls("get_order", order="4900")],
    policy=Policy(version="two-steps-in-all", budget=Budget(steps=2)),
)  # fmt: skip

_REDRAFT = Scene(
    name="redrafted",
    shows="A draft that was cut off is written again by the same lane, which is told why.",
    task="What is order 4817?",
    small=[
        calls("get_order", order="4817"),
        says("Order 4817 is a lamp for Ada", finish="length"),
        says("Order 4817 is a lamp for Ada Lind."),
    ],
)

_REPAIRED = Scene(
    name="schema-repaired",
    shows="A call that does not fit its tool is repaired by the same lane.",
    task="What is order 4817?",
    small=[
        calls("get_order", number="4817"),
        calls("get_order", order="4817"),
        says("Order 4817 is a lamp for Ada Lind."),
    ],
)

_NO_USABLE_DRAFT = Scene(
    name="no-usable-draft",
    shows="Two drafts in a row that cannot be used: the step goes up, and comes back.",
    task="What is order 4817?",
    small=[
        says("", p=None),
        calls("look_up", order="4817"),
        says("Order 4817 is a lamp for Ada Lind."),
    ],
    large=[calls("get_order", order="4817")],
)

_NOBODY_COULD = Scene(
    name="nobody-could",
    shows="Neither lane writes a draft that can be used: the trajectory fails.",
    task="What is order 4817?",
    small=[says("", p=None), says("", p=None)],
    large=[says("", p=None), says("I would rather not.", finish="refusal")],
)

_RESTRICTED = Scene(
    name="restricted-halts",
    shows="Data that may not leave: help is refused, and a stuck task halts for a person.",
    task=_TASK,
    small=[calls("ask_expert", question="What is her name?"), *[_ASTRAY] * 4],
    lanes=(SMALL, LARGE.model_copy(update={"data_classes": ("public",)})),
    policy=Policy.preset("private"),
    data_classes=("customers",),
)

SCENES = (
    _STUCK,
    _LATCHED,
    _RESTARTED,
    _BUDGET,
    _REDRAFT,
    _REPAIRED,
    _NO_USABLE_DRAFT,
    _NOBODY_COULD,
    _RESTRICTED,
)
