"""Constraints: which lanes a call may go to at all.

They come before any score, and they only remove lanes: what is left out here is never brought back
by a preference, a directive, a pin or a request of the model. A call for which no lane is left is
not made.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from cascade.decision import Exclusion
from cascade.lanes import Lane
from cascade.policy.routing import Routing

__all__ = ["Needs", "allowed", "exclusion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a model call asks of the lane that is to serve it."""

    prompt_tokens: int = 0
    """An estimate is enough; see `cascade.routing.estimate.tokens_of`."""
    output_tokens: int = 0
    tools: bool = False
    """Whether it may call tools."""
    forced_tool: bool = False
    """Whether it has to call a certain tool."""
    images: bool = False
    data_classes: frozenset[str] = frozenset()
    """Classes of the data in the prompt, besides those that the policy names for every task."""
    usd_left: Decimal | None = None
    """What the budget leaves for it; `None` where there is no limit."""


def exclusion(
    lane: Lane,
    needs: Needs,
    routing: Routing,
    *,
    pin: str | None = None,
    estimated_cost_usd: Decimal | None = None,
) -> Exclusion | None:
    """Why *lane* is out of the question for a call, or `None` where it is eligible.

    Of several reasons the one is given that protects most: what keeps data in its place before what
    the lane cannot do, and that before what was merely chosen otherwise.

    Args:
        lane: The lane in question.
        needs: What the call asks for.
        routing: The policy's constraints.
        pin: Name of the only lane that may be used; `None` takes the policy's pin. The constraints
            hold for a pinned lane as for any other.
        estimated_cost_usd: What the call would cost there. Where it is unknown, a budget cannot
            exclude the lane.
    """
    pin = pin if pin is not None else routing.pin
    classes = needs.data_classes.union(routing.data_classes)
    is_affordable = (
        needs.usd_left is None or estimated_cost_usd is None or estimated_cost_usd <= needs.usd_left
    )
    holds: Mapping[Exclusion, bool] = {
        "execution_mode": _may_run_there(lane, routing),
        "data_class": _may_see(lane, classes, routing),
        "region": _stands_well(lane, routing),
        "capability": _is_able(lane, needs),
        "context_window": _is_roomy(lane, needs),
        "budget": is_affordable,
        "pinned": pin is None or lane.name == pin,
    }
    return next((why for why, is_met in holds.items() if not is_met), None)


def allowed(
    lanes: Iterable[Lane],
    needs: Needs,
    routing: Routing,
    *,
    pin: str | None = None,
    estimated_cost_usd: Mapping[str, Decimal | None] = MappingProxyType({}),
    failed: Collection[str] = (),
) -> tuple[tuple[Lane, ...], Mapping[str, Exclusion]]:
    """The lanes that may serve a call, in the given order, and why each of the others may not.

    Args:
        lanes: All lanes of the ladder.
        needs: What the call asks for.
        routing: The policy's constraints.
        pin: Name of the only lane that may be used; `None` takes the policy's pin.
        estimated_cost_usd: What the call would cost, by name of lane.
        failed: Names of lanes that cannot serve at present.
    """
    eligible: list[Lane] = []
    excluded: dict[str, Exclusion] = {}
    for lane in lanes:
        cost = estimated_cost_usd.get(lane.name)
        why = exclusion(lane, needs, routing, pin=pin, estimated_cost_usd=cost)
        if why is None and lane.name in failed:
            why = "failed"
        if why is None:
            eligible.append(lane)
        else:
            excluded[lane.name] = why
    return tuple(eligible), excluded


def _may_run_there(lane: Lane, routing: Routing) -> bool:
    if routing.execution == "local_only":
        return lane.locality == "local"
    return routing.execution != "remote_only" or lane.locality != "local"


def _may_see(lane: Lane, classes: frozenset[str], routing: Routing) -> bool:
    if not classes:
        return True
    if lane.data_classes is None:
        return routing.unlisted == "open" or lane.locality == "local"
    return classes.issubset(lane.data_classes)


def _stands_well(lane: Lane, routing: Routing) -> bool:
    # What stands elsewhere under the owner's own roof is the owner's business.
    return routing.regions is None or lane.locality != "remote" or lane.region in routing.regions


def _is_able(lane: Lane, needs: Needs) -> bool:
    can = lane.capabilities
    return (
        (can.tools or not needs.tools)
        and (can.forced_tool_choice or not needs.forced_tool)
        and (can.images or not needs.images)
    )


def _is_roomy(lane: Lane, needs: Needs) -> bool:
    needed = needs.prompt_tokens + needs.output_tokens
    return lane.context_tokens is None or needed <= lane.context_tokens
