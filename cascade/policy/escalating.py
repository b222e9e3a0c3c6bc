"""When a step is handed up, for how long, and what a wrong one would cost."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from cascade.decision import Probability
from cascade.frozen import Frozen

__all__ = ["Damage", "Escalating", "Reviewing", "SelfEscalation"]

_Usd = Annotated[Decimal, Field(ge=0)]


class Damage(Frozen):
    """What a wrong step costs, in US dollars, by what it does to the world."""

    read_usd: _Usd = Decimal("0.02")
    write_usd: _Usd = Decimal("0.05")
    irreversible_usd: _Usd = Decimal("1.00")
    answer_usd: _Usd = Decimal("0.05")
    """A final answer."""
    task_usd: _Usd = Decimal("0.10")
    """The whole task: what is at stake when it is stuck."""


class SelfEscalation(Frozen):
    """What a lane below the top may ask for by itself."""

    enabled: bool = True
    questions: NonNegativeInt = 6
    """Calls of `ask_expert` and `escalate` that a task may make."""
    advice_tokens: PositiveInt = 700
    """Longest advice."""


class Reviewing(Frozen):
    """How milestones are judged."""

    lane: str | None = None
    """`None` takes the next higher one."""
    reviews_of_a_claim: PositiveInt = 3
    on_failure: Literal["escalate", "correct"] = "escalate"
    """What follows where the judge finds the work wrong: the higher lane makes the step, or the
    lane in charge makes it again and is told what was wrong."""
    unknown: Literal["open", "closed"] = "open"
    """What follows where the judge gives no verdict: go on, or hand the step up."""
    unknown_irreversible: Literal["open", "closed"] = "closed"
    """The same before a call that cannot be taken back."""
    output_tokens: PositiveInt = 400
    """Longest verdict."""


class Escalating(Frozen):
    """Scopes and limits of escalation."""

    enabled: bool = True
    damage: Damage = Damage()
    span_steps: PositiveInt = 5
    """Steps that a stuck trajectory spends on the higher lane before the home lane goes on."""
    spans: NonNegativeInt = 3
    """How many spans there may be; the next one lasts to the end."""
    cool_down_steps: NonNegativeInt = 3
    """Steps of the home lane after a span in which soft signals do not escalate again."""
    nudge: bool = True
    """Whether a stuck lane is told so once before the step is handed up."""
    soft_confirmations: PositiveInt = 2
    """Steps in a row in which a soft signal has to come; a hard one counts at once."""
    p_rescue: Probability | None = None
    """Probability that the higher lane puts a failing step right; `None` takes the quality of its
    profile, and assumes that it does where there is none."""
    p_harm: Probability = 0.0
    """Probability that it spoils a step that was right."""
    after_side_effect: Probability = 1.0
    """What is left of `p_rescue` once something irreversible was done, as a share of what it was
    before."""
    restart: bool = False
    """Whether a stuck trajectory starts anew on the higher lane where its environment can be
    reset."""
    dead_end: Literal["go_on", "halt"] = "go_on"
    """What follows where a step ought to be handed up and nothing may take it: the home lane's
    draft, or a stop for a person."""
    calls_on_a_step: PositiveInt = 24
    """Model calls of all kinds that one step may make."""
    self_escalation: SelfEscalation = SelfEscalation()
    review: Reviewing = Reviewing()
