"""Measured profiles: what lanes turned out to be like, from the trajectories that ended.

A plain value that grows by being replaced. Whoever keeps one puts its profiles onto the lanes that
the head of a new trajectory records, so that a replay sees the figures that decided.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cascade.lanes import Lane, Profile

__all__ = ["PRIOR_STEPS", "Measured", "Served", "Tally"]

PRIOR_STEPS = 10
"""A declared quality weighs as much as so many measured steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One model call that a lane has answered."""

    lane: str
    latency_s: float | None = None
    """From the request to the end of the answer; `None` where it was not timed."""
    is_right: bool | None = None
    """What the gates, a judge or a review made of the step; `None` where nothing judged it, so
    that a lane is not praised for steps that nobody looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Sums over the calls of one lane."""

    calls: int = 0
    timed: int = 0
    latency_s: float = 0.0
    """Of all timed calls together."""
    right: int = 0
    wrong: int = 0

    def including(self, served: Served) -> "Tally":
        """These sums with one more call."""
        return Tally(
            calls=self.calls + 1,
            timed=self.timed + (served.latency_s is not None),
            latency_s=self.latency_s + (served.latency_s or 0.0),
            right=self.right + (served.is_right is True),
            wrong=self.wrong + (served.is_right is False),
        )

    def quality(self, declared: float | None) -> float | None:
        """Share of right steps; a declared one counts as `PRIOR_STEPS` steps more."""
        judged = self.right + self.wrong
        if declared is None:
            return self.right / judged if judged else None
        return (self.right + declared * PRIOR_STEPS) / (judged + PRIOR_STEPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of each lane."""

    tallies: Mapping[str, Tally] = field(default_factory=dict[str, Tally])
    """By name of lane."""

    def including(self, calls: Iterable[Served]) -> "Measured":
        """The same with further calls, as a new value."""
        tallies = dict(self.tallies)
        for served in calls:
            tallies[served.lane] = tallies.get(served.lane, Tally()).including(served)
        return replace(self, tallies=tallies)

    def profile(self, lane: Lane) -> Profile:
        """The lane's profile: what was measured, and what is declared where nothing was.

        Calling it on a lane that carries a measured profile already would count its figures twice:
        give it the lane as it is configured.
        """
        tally = self.tallies.get(lane.name)
        if tally is None:
            return lane.profile
        latency_s = tally.latency_s / tally.timed if tally.timed else 0.0
        return Profile(
            quality=tally.quality(lane.profile.quality),
            latency_s=latency_s or lane.profile.latency_s,
            ceiling=lane.profile.ceiling,
            calls=tally.calls,
        )

    def stamped(self, lanes: Sequence[Lane]) -> tuple[Lane, ...]:
        """The lanes, as they are configured, with their measured profiles."""
        return tuple([lane.model_copy(update={"profile": self.profile(lane)}) for lane in lanes])
