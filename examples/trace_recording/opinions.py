"""Scenes in which a higher lane is asked: advice, reviews, a judge, a handover."""

from cascade import Policy
from cascade.policy import (
    Escalating,
    Gating,
    Goal,
    JudgeSettings,
    MilestoneSettings,
    Monitoring,
    Reviewing,
)

from .lines import calls, says, verdict
from .scenes import LARGE, SMALL, Scene

__all__ = ["SCENES"]

_LIND = calls("list_orders", name="Ada Lind")

_ADVICE = Scene(
    name="advice-followed",
    shows="The home lane asks an expert and does what it is told.",
    task="Order 4817 is a gift.",
    small=[
        calls("ask_expert", question="Which tool marks an order as a gift?"),
        calls("set_note", order="4817", text="gift"),
        says("Order 4817 is marked as a gift."),
    ],
    large=[
        says('There is none for gifts. Call set_note with {"order": "4817", "text": "gift"}.'),
    ],
)

_HANDED_OVER = Scene(
    name="handed-over",
    shows="The home lane asks to be relieved, is for two steps, and goes on after them.",
    task="Ship the lamp that Ada Lind ordered.",
    small=[
        calls("escalate", reason="I cannot tell which of the orders is meant."),
        says("The lamp, order 4817, is shipped."),
    ],
    large=[_LIND, calls("ship", order="4817")],
    policy=Policy(version="two-steps", escalation=Escalating(span_steps=2)),
)

_MILESTONES = Scene(
    name="milestone-and-claim",
    shows="A goal that was reached is reviewed and verified; the claim after it is rejected.",
    task="Ship the lamp that Ada Lind ordered, and say its number.",
    small=[
        _LIND,
        calls("ship", order="4817"),
        says("It is shipped."),
    ],
    large=[
        verdict("Order 4817 is shipped.", "It is her lamp."),
        verdict(
            "The task is claimed to be finished.",
            "The number of the order is missing.",
            correction="Say the number, 4817.",
        ),
        says("The lamp, order 4817, is shipped."),
    ],
    policy=Policy(
        version="reviews-all",
        monitors=Monitoring(
            milestones=MilestoneSettings(
                claims=True, goals=(Goal(name="shipped", tool="ship"),), goals_reviewed=True
            )
        ),
    ),
)

_CORRECTED = Scene(
    name="review-corrected-at-home",
    shows="A refund of the wrong order is stopped; the home lane is told, and makes it right.",
    task="Refund the lamp that Ada Lind ordered.",
    small=[
        _LIND,
        calls("refund", order="4900"),
        calls("refund", order="4817"),
        says("The lamp, order 4817, is refunded."),
    ],
    large=[
        verdict(
            "A refund of order 4900.",
            "Nobody has looked at what order 4900 is, and it is not the lamp.",
            correction="Refund order 4817.",
        ),
        verdict("A refund of order 4817.", "It is the lamp."),
    ],
    policy=Policy(
        version="corrects", escalation=Escalating(review=Reviewing(on_failure="correct"))
    ),
)

_NO_VERDICT = Scene(
    name="review-without-verdict",
    shows="A reviewer that does not say yes or no: nothing irreversible is done on its word.",
    task="Refund order 4817.",
    small=[calls("refund", order="4817"), says("Order 4817 is refunded.")],
    large=[says("I would have to think about that."), calls("refund", order="4817")],
)

_JUDGED = Scene(
    name="judged",
    shows="Two borderline drafts before a judge: one stands, the other goes up.",
    task="Write on the desk of Bo Ek that it is late.",
    small=[
        calls("list_orders", name="Bo Ek", p=0.7),
        calls("set_note", order="4817", text="late", p=0.6),
        says("Order 4871 says that it is late."),
    ],
    large=[
        says("yes", p=0.97),
        says("no", p=0.96),
        calls("set_note", order="4871", text="late"),
    ],
    policy=Policy(version="judged", gates=Gating(judge=JudgeSettings(enabled=True))),
)

_UNPRICED = Scene(
    name="prices-not-known",
    shows="Where no prices are known a threshold decides; a draft without evidence goes up too.",
    task="Write on the desk of Bo Ek that it is late.",
    small=[
        calls("list_orders", name="Bo Ek", p=0.9),
        calls("set_note", order="4817", text="late", p=0.3),
        says("All is done.", p=None),
    ],
    large=[
        calls("set_note", order="4871", text="late"),
        says("Order 4871 says that it is late."),
    ],
    policy=Policy(version="careful", gates=Gating(on_no_evidence="escalate")),
    lanes=(SMALL, LARGE.model_copy(update={"prices": None})),
)

SCENES = (_ADVICE, _HANDED_OVER, _MILESTONES, _CORRECTED, _NO_VERDICT, _JUDGED, _UNPRICED)
