"""Directives: a lane of the user's choice says which lane goes on, and how far.

The question is worded for small models: short sentences, one object to write, its reason first. An
answer that cannot be followed is ignored with the reason, and the trajectory goes on as it would
have without it; no directive brings back a lane that the constraints have removed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, JsonValue, PositiveInt, ValidationError

from cascade.decision import Exclusion
from cascade.exchange import OutputSchema
from cascade.frozen import Frozen
from cascade.lanes import Lane
from cascade.policy.routing import Routing
from cascade.routing.reasons import EXCLUSIONS

__all__ = [
    "DEFAULT_EFFORT",
    "Directive",
    "DirectiveScope",
    "Ignored",
    "directive_schema",
    "instructions",
    "question",
    "read_directive",
]

DirectiveScope = Literal["step", "span", "advise", "halt"]
"""How much is handed to the lane; for `halt` nothing, as a person has to look at it."""

DEFAULT_EFFORT = "default"
"""What a directive calls the model's own reasoning effort."""


class Directive(Frozen):
    """What the controller lane wants."""

    lane: str
    scope: DirectiveScope
    steps: PositiveInt = 1
    """Steps that a span lasts; 1 for other scopes."""
    effort: str | None = None
    """Reasoning effort by the lane's name for it; `None` leaves the model's default."""
    reason: str = ""
    """In the controller's words."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A directive that cannot be followed."""

    reason: str
    """Why, in words."""


class _Said(BaseModel):
    """A directive as it arrives. What else stands beside it does no harm."""

    reason: str = ""
    lane: str = ""
    scope: DirectiveScope
    steps: int | None = None
    effort: str | None = None


def directive_schema(lanes: Sequence[Lane], routing: Routing) -> OutputSchema:
    """The form of a directive over these lanes.

    All fields are required and none may be null, as providers' strict modes want it.
    """
    efforts = dict.fromkeys(effort for lane in lanes for effort in lane.capabilities.efforts)
    properties: dict[str, JsonValue] = {
        "reason": {"type": "string"},
        "lane": {"type": "string", "enum": [lane.name for lane in lanes]},
        "scope": {"type": "string", "enum": ["step", "span", "advise", "halt"]},
        "steps": {"type": "integer", "minimum": 1, "maximum": routing.controller_steps},
        "effort": {"type": "string", "enum": [DEFAULT_EFFORT, *efforts]},
    }
    return OutputSchema(
        name="directive",
        definition={
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    )


def instructions(lanes: Sequence[Lane], routing: Routing) -> str:
    """The system text for the controller lane: the same for a whole trajectory.

    Args:
        lanes: All lanes of the ladder.
        routing: Says how long a span can be.
    """
    ladder = sorted(lanes, key=lambda lane: (lane.tier, lane.name))
    names = ", ".join(lane.name for lane in ladder)
    told = "\n".join(f"- {lane.name}: {_described(lane)}" for lane in ladder)
    return f"""\
You choose which model does the next steps of a task. You do not do the task yourself.

Models, from the lowest to the highest:
{told}

Write one JSON object and nothing else, like this:
{{"reason": "The last two steps went well.", "lane": "{ladder[0].name}", "scope": "step", \
"steps": 1, "effort": "{DEFAULT_EFFORT}"}}

reason: one short sentence. Write it first.
lane: {names}.
scope: "step" if that model is to do the next step. "span" if it is to do several steps. "advise" \
if it is only to give advice in words. "halt" if a person has to look at the task.
steps: how many steps a span lasts, from 1 to {routing.controller_steps}. Otherwise 1.
effort: "{DEFAULT_EFFORT}", or one of the levels of thinking that the model has.

Rules:
- Keep the lowest model as long as the work goes well. Higher models cost more.
- A first error is normal. Choose a higher model if the same error comes again, or if nothing new \
is learnt.
- Choose a higher model before a call that nobody can take back and that looks wrong.
- Write "halt" only if no model can go on."""


def question(
    step: int, in_charge: Lane, eligible: Sequence[Lane], *, noticed: Sequence[str] = ()
) -> str:
    """The question for one directive.

    Args:
        step: The next step, from 1.
        in_charge: The lane that made the last step, or that is to make the first.
        eligible: Lanes that may be chosen.
        noticed: What monitors noticed, a sentence each.
    """
    signs = "".join(f"\n- {each}" for each in noticed) or " nothing."
    names = ", ".join(lane.name for lane in eligible) or "none"
    return (
        f"Step {step} is next. The model in charge is {in_charge.name}.\n"
        f"Signs of trouble:{signs}\n"
        f"Models that may be chosen: {names}.\n"
        "Write the JSON object."
    )


def read_directive(
    answer: str,
    eligible: Sequence[Lane],
    excluded: Mapping[str, Exclusion],
    routing: Routing,
) -> Directive | Ignored:
    """What the controller lane wants, or why that cannot be followed.

    An object within other text is found, letter case in a lane's name is forgiven, a span is cut to
    its longest, and a level of effort that the lane does not have leaves the model's default.

    Args:
        answer: Text of the controller lane's answer.
        eligible: Lanes that the constraints have left.
        excluded: Why each of the others is out of the question.
        routing: Says how long a span can be.
    """
    said = _said(answer)
    if isinstance(said, Ignored):
        return said
    lane = _named(said.lane, eligible)
    if lane is None and said.scope == "halt":
        # Whoever is named, nobody is called.
        return Directive(lane=said.lane, scope="halt", reason=said.reason)
    if lane is None:
        why = excluded.get(said.lane)
        known = ", ".join(each.name for each in eligible) or "none"
        because = EXCLUSIONS[why] if why else f"There is no such lane; there are: {known}."
        return Ignored(f"The directive names lane {said.lane!r}. {because}")
    longest = routing.controller_steps if said.scope == "span" else 1
    return Directive(
        lane=lane.name,
        scope=said.scope,
        steps=min(max(said.steps or 1, 1), longest),
        effort=said.effort if said.effort in lane.capabilities.efforts else None,
        reason=said.reason,
    )


def _said(answer: str) -> _Said | Ignored:
    start = answer.find("{")
    if start < 0:
        return Ignored("The answer holds no JSON object.")
    try:
        value, _ = json.JSONDecoder().raw_decode(answer, start)
        return _Said.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return Ignored(f"The directive's {place} cannot be used: {first['msg']}.")
    except (ValueError, RecursionError) as error:
        return Ignored(f"The answer is no JSON object: {error}.")


def _named(name: str, lanes: Sequence[Lane]) -> Lane | None:
    wanted = name.strip()
    exact = next((lane for lane in lanes if lane.name == wanted), None)
    alike = [lane for lane in lanes if lane.name.casefold() == wanted.casefold()]
    return exact or (alike[0] if len(alike) == 1 else None)


_PLACES = {
    "local": "on this machine",
    "private": "on a machine of the same owner",
    "remote": "at a provider",
}


def _described(lane: Lane) -> str:
    profile, prices = lane.profile, lane.prices
    told = [_PLACES[lane.locality]]
    if prices is not None:
        dear = prices.input_usd or prices.output_usd
        told.append(
            f"${prices.input_usd:f} in and ${prices.output_usd:f} out for a million tokens"
            if dear
            else "free"
        )
    if profile.quality is not None:
        told.append(f"right in {profile.quality:.0%} of its steps")
    if profile.latency_s is not None:
        told.append(f"{profile.latency_s:.1f} s a call")
    if lane.capabilities.efforts:
        told.append(f"levels of thinking: {', '.join(lane.capabilities.efforts)}")
    return "; ".join(told)
