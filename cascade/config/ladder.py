"""Whether the lanes of a configuration make a ladder, and in which order."""

import re
from collections.abc import Iterator, Mapping, Sequence

from cascade.config.faults import Fault
from cascade.config.positions import Path
from cascade.config.schema import nearest
from cascade.lanes import Lane
from cascade.policy import Policy

__all__ = ["ladder_faults", "name_faults", "ordered", "reference_faults"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def name_faults(names: Sequence[str], fallbacks: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
    """Names that cannot be used, and fallbacks that lead nowhere.

    Args:
        names: Of all lanes.
        fallbacks: Of each lane that could be read.
    """
    known = ", ".join(names)
    for name in names:
        if _NAME.fullmatch(name) is None:
            message = "a lane's name has up to 64 letters, digits, dots, hyphens and underscores"
            yield Fault(path=("lanes", name), message=message)
    for name, chain in fallbacks.items():
        for index, other in enumerate(chain):
            path = ("lanes", name, "fallbacks", index)
            if other == name:
                yield Fault(path=path, message="a lane cannot stand in for itself")
            elif other not in names:
                yield Fault(
                    path=path, message=f"no lane is called that{_meant(other, names)}{known}"
                )


def ladder_faults(lanes: Sequence[Lane], home: str | None) -> Iterator[Fault]:
    """Whether it is clear which lane is home.

    Args:
        lanes: Those that could be read.
        home: As the policy names it.
    """
    if home is not None:
        return
    lowest = [lane for lane in lanes if lane.tier == min(each.tier for each in lanes)]
    standing_in = {name for lane in lowest for name in lane.fallbacks}
    rivals = [lane.name for lane in lowest if lane.name not in standing_in]
    if len(rivals) > 1:
        message = (
            f"{', '.join(rivals)} share the lowest tier, so it is open which one is home: give "
            "them different tiers, name one in policy.home_lane, or make one a fallback of another"
        )
        yield Fault(path=("lanes", rivals[1], "tier"), message=message)


def reference_faults(policy: Policy, names: Sequence[str]) -> Iterator[Fault]:
    """Lanes that the policy names, and that are none.

    Args:
        policy: As the file has it.
        names: Of all lanes.
    """
    named: tuple[tuple[Path, str | None], ...] = (
        (("home_lane",), policy.home_lane),
        (("routing", "pin"), policy.routing.pin),
        (("routing", "controller"), policy.routing.controller),
        (("gates", "judge", "lane"), policy.gates.judge.lane),
        (("escalation", "review", "lane"), policy.escalation.review.lane),
    )
    for path, name in named:
        if name is not None and name not in names:
            message = f"no lane is called that{_meant(name, names)}{', '.join(names)}"
            yield Fault(path=("policy", *path), message=message)


def ordered(lanes: Sequence[Lane]) -> tuple[Lane, ...]:
    """The lanes by tier; in one tier a lane stands before those that stand in for it."""
    standing_in = {
        (lane.tier, name) for lane in lanes for name in lane.fallbacks if name != lane.name
    }
    return tuple(sorted(lanes, key=lambda lane: (lane.tier, (lane.tier, lane.name) in standing_in)))


def _meant(name: str, names: Sequence[str]) -> str:
    meant = nearest(name, names)
    return "; there are: " if meant is None else f"; did you mean {meant}? There are: "
