"""Scores: how the eligible lanes rank where no evidence decides.

A score is a weighted sum of three figures from 0 to 1, the higher the better:

- quality: the lane's share of right steps, as its profile has it;
- speed: 1 less the lane's latency as a share of the slowest eligible lane's;
- thrift: 1 less the call's cost as a share of the dearest eligible lane's.

What is not known counts 0.5, neither for nor against. A locality preference adds `BAND` to the
lanes it prefers, so it decides between lanes that score alike and between no others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import assert_never

from cascade.lanes import Lane
from cascade.policy.routing import Routing, ScoringStrategy

__all__ = ["BAND", "NEUTRAL", "WEIGHTS", "Weights", "best", "scores"]

NEUTRAL = 0.5
"""What a figure that is not known counts."""

BAND = 0.05
"""Lanes whose scores differ by less than this score alike, for a locality preference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each figure counts; together 1."""

    quality: float
    speed: float
    thrift: float


WEIGHTS: Mapping[ScoringStrategy, Weights] = MappingProxyType(
    {
        "balanced": Weights(quality=0.4, speed=0.2, thrift=0.4),
        "quality": Weights(quality=0.8, speed=0.1, thrift=0.1),
        "latency": Weights(quality=0.2, speed=0.7, thrift=0.1),
        "cost": Weights(quality=0.2, speed=0.1, thrift=0.7),
    }
)


def scores(
    lanes: Sequence[Lane],
    routing: Routing,
    *,
    estimated_cost_usd: Mapping[str, Decimal | None],
    writes: bool,
) -> Mapping[str, float]:
    """The scores of eligible lanes by name, from 0 to 1 + `BAND`; higher is better.

    Args:
        lanes: Those that the constraints have left.
        routing: Strategy and locality preference.
        estimated_cost_usd: What the call would cost, by name of lane; `None` and absent alike mean
            unknown.
        writes: Whether the step is expected to change something. The preference `hybrid` takes
            local lanes for steps that only read, and the others for those that write.
    """
    weights = WEIGHTS[routing.strategy]
    speeds = _economies({lane.name: lane.profile.latency_s for lane in lanes})
    thrifts = _economies({lane.name: _known(estimated_cost_usd, lane) for lane in lanes})
    return {
        lane.name: weights.quality * _quality(lane)
        + weights.speed * speeds[lane.name]
        + weights.thrift * thrifts[lane.name]
        + (BAND if _is_preferred(lane, routing, writes=writes) else 0.0)
        for lane in lanes
    }


def best(lanes: Sequence[Lane], by_name: Mapping[str, float]) -> Lane:
    """The lane with the highest score.

    Of lanes with the same score, measured ones come before those whose figures are only declared,
    then lower tiers before higher ones, then names in alphabetical order.

    Args:
        lanes: At least one.
        by_name: Their scores; see `scores`.
    """
    return min(lanes, key=lambda lane: (-by_name[lane.name], not lane.profile.calls, *_place(lane)))


def _place(lane: Lane) -> tuple[int, str]:
    return lane.tier, lane.name


def _quality(lane: Lane) -> float:
    return NEUTRAL if lane.profile.quality is None else lane.profile.quality


def _known(estimated_cost_usd: Mapping[str, Decimal | None], lane: Lane) -> float | None:
    usd = estimated_cost_usd.get(lane.name)
    return None if usd is None else float(usd)


def _economies(spent: Mapping[str, float | None]) -> Mapping[str, float]:
    """From 0 for the largest known figure to 1 for nothing; all 1 where nothing is spent."""
    most = max((figure for figure in spent.values() if figure is not None), default=0.0)
    return {
        name: NEUTRAL if figure is None else 1.0 - figure / most if most > 0 else 1.0
        for name, figure in spent.items()
    }


def _is_preferred(lane: Lane, routing: Routing, *, writes: bool) -> bool:
    is_local = lane.locality == "local"
    match routing.locality:
        case "auto":
            return False
        case "local":
            return is_local
        case "remote":
            return not is_local
        case "hybrid":
            return is_local is not writes
        case _:
            assert_never(routing.locality)
