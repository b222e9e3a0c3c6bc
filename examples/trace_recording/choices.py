"""Scenes in which the policy chooses the lane, evidence or not; and what never leaves."""

import json
import re

from cascade import Policy
from cascade.exchange import View
from cascade.lanes import Profile
from cascade.policy import AtRandom, Escalating, Gating, Monitoring, Redacting, Routing

from .lines import Line, calls, says
from .scenes import LARGE, SMALL, Scene

__all__ = ["SCENES"]

_LIND = calls("list_orders", name="Ada Lind")
_SHIP = calls("ship", order="4817")
_SHIPPED = says("The lamp, order 4817, is shipped.")
_TASK = "Ship the lamp that Ada Lind ordered."


def _directive(lane: str, scope: str, reason: str) -> Line:
    said = {"reason": reason, "lane": lane, "scope": scope, "steps": 1, "effort": "default"}
    return says(json.dumps(said))


def _noted(view: View) -> Line:
    """What a lane says that was shown a placeholder and not the address."""
    shown = "".join(message.text for message in view.messages if message.role == "user")
    (address,) = {*re.findall(r"<EMAIL_\d+>", shown)}
    return calls("set_note", order="4817", text=f"tell {address} when it is shipped")


_REDACTED = Scene(
    name="redacted",
    shows="A lane elsewhere is shown placeholders; what it writes has the values back in it.",
    task="Note on order 4817: tell ada.lind@example.org when it is shipped. "
    "Her account is DE89 3704 0044 0532 0130 00.",
    small=[
        calls("set_note", order="4871", text="tell Ada", p=0.3),
        says("It is noted on order 4817."),
    ],
    large=[_noted],
    policy=Policy(version="redacts", redaction=Redacting(enabled=True)),
)

_PINNED = Scene(
    name="pinned",
    shows="Every step is pinned to one lane, which nothing overrides.",
    task=_TASK,
    small=[],
    large=[_LIND, _SHIP, _SHIPPED],
    policy=Policy(version="pinned", routing=Routing(pin="large")),
)

_AT_RANDOM = Scene(
    name="scheduled-at-random",
    shows="Steps go up by the dice, with the probability of each choice: a baseline.",
    task=_TASK,
    small=[_LIND, calls("get_order", order="4817"), _SHIPPED],
    large=[_SHIP],
    policy=Policy(version="dice", schedule=AtRandom(rate=0.3)),
)

_DIFFICULT = Scene(
    name="difficult",
    shows="A task above the home lane's declared ceiling goes up from its first step.",
    task="Ship the lamp that Ada Lind ordered, order 4817; then write on order 4900 that it "
    "goes with 4817, and on 4871 that Bo Ek was told.",
    small=[],
    large=[
        _SHIP,
        calls("set_note", order="4900", text="goes with 4817"),
        calls("set_note", order="4871", text="Bo Ek was told"),
        says("Order 4817 is shipped, 4900 and 4871 are noted."),
    ],
    policy=Policy(version="by-difficulty", routing=Routing(mode="difficulty")),
    lanes=(SMALL.model_copy(update={"profile": Profile(ceiling=0.2)}), LARGE),
)

_DIRECTED = Scene(
    name="directed",
    shows="A lane is asked for directives: a step goes up, later a word of advice comes down.",
    task=_TASK,
    small=[calls("get_order", order="4817"), _SHIP, _SHIPPED],
    large=[
        _directive("large", "step", "Her orders have to be found first."),
        _LIND,
        _directive("large", "advise", "Order 4817 is the lamp: ship it."),
    ],
    policy=Policy(
        version="directed",
        routing=Routing(mode="controller", controller="large", controller_every=2),
    ),
)

_DECIDED = Scene(
    name="decided-only",
    shows="The policy decides and calls nobody.",
    task=_TASK,
    small=[],
    policy=Policy(version="dry", routing=Routing(execution="decision_only")),
)

_OWN_RULES = Scene(
    name="own-monitor-and-gate",
    shows="A monitor of one's own notices drift, a gate of one's own refuses a draft.",
    task="Order 4817 is a gift: say so on it.",
    small=[
        calls("get_order", order="4871"),
        calls("set_note", order="4817", text="a gift, so wrap it, and put no bill in"),
        says("Order 4817 says that it is a gift."),
    ],
    large=[calls("get_order", order="4817"), calls("set_note", order="4817", text="gift")],
    policy=Policy(
        version="own-rules",
        monitors=Monitoring(extra=("own_monitor:Strayed",)),
        gates=Gating(extra=("trace_recording.own_gate:ShortNotes",)),
        escalation=Escalating(nudge=False, span_steps=1),
    ),
)

SCENES = (_REDACTED, _PINNED, _AT_RANDOM, _DIFFICULT, _DIRECTED, _DECIDED, _OWN_RULES)
