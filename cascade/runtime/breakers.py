"""Circuit breakers: a lane that keeps failing rests, until one call finds that it is back.

Pure bookkeeping: the time is an argument, nothing waits and nothing is sent.
"""

import math
from dataclasses import dataclass

from cascade.errors import ConfigError, FailureKind

__all__ = [
    "AGAINST_THE_LANE",
    "ASKED_TO_WAIT",
    "NEEDS_A_PERSON",
    "Breaker",
    "BreakerSettings",
]

AGAINST_THE_LANE: frozenset[FailureKind] = frozenset(
    {"timeout", "server", "overloaded", "protocol", "permission", "not_found"}
)
"""What speaks against one model of a server. A refused request, a prompt that is too long, a block
that was not accepted and a cancelled call speak against no lane."""

NEEDS_A_PERSON: frozenset[FailureKind] = frozenset({"auth", "quota", "permission", "not_found"})
"""What goes on until somebody changes something: the first such failure opens a breaker."""

ASKED_TO_WAIT: frozenset[FailureKind] = frozenset({"rate_limit", "overloaded", "server"})
"""Failures with which a server may say when it wants to be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a lane rests, and for how long.

    Raises:
        ConfigError: A number is out of its range.
    """

    failures: int = 3
    """So many failures in a row, over all trajectories, open the breaker; at least 1."""
    cool_down_s: float = 5.0
    """The rest after the first opening; also what a call is told to wait while another one finds
    out whether the lane is back."""
    growth: float = 2.0
    """Each opening in a row rests so many times as long as the one before; at least 1."""
    longest_s: float = 120.0
    """No rest grows beyond this."""
    longest_asked_s: float = 600.0
    """A server that asks for a longer rest than this is tried again after this."""

    def __post_init__(self) -> None:
        if self.failures < 1 or self.growth < 1 or not 0 < self.cool_down_s <= self.longest_s:
            raise ConfigError(
                "breakers need failures >= 1, growth >= 1 and 0 < cool_down_s <= longest_s, not "
                f"{self.failures}, {self.growth:g}, {self.cool_down_s:g} and {self.longest_s:g}"
            )

    def rest_s(self, opening: int) -> float:
        """How long the *opening*-th opening in a row rests, counted from 1, in seconds."""
        # The exponent is capped, as a power of it may be too large for a float.
        return min(self.longest_s, self.cool_down_s * self.growth ** min(opening - 1, 60))


class Breaker:
    """One scope's: closed, open (resting), or half-open (rested, and unproven).

    While it is half-open one call at a time goes through, the probe; a call that is served closes
    it, once no rest is pending. No event ever shortens a rest.
    """

    __slots__ = (
        "_failures",
        "_openings",
        "_probe",
        "_probes",
        "_rests_until",
        "_settings",
        "is_clear",
    )

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._failures = 0
        self._openings = 0
        """In a row, since the last call that closed it."""
        self._rests_until = -math.inf
        self._probe = 0
        """The number of the probe under way; 0 for none."""
        self._probes = 0
        self.is_clear = True
        """Whether nothing has happened that a call needs to look at."""

    @property
    def rests_until(self) -> float:
        """The monotonic time in seconds at which its rest ends; minus infinity where none does."""
        return self._rests_until

    def rest_s(self, now: float) -> float:
        """Seconds until a call should come again; 0 where one may be made."""
        if now < self._rests_until:
            return self._rests_until - now
        return self._settings.cool_down_s if self._probe else 0.0

    def admit(self) -> int:
        """Notes that a call is made, which `rest_s` allowed.

        Returns:
            The number of the probe that it is; 0 for an ordinary call.
        """
        if not self._openings:
            return 0
        self._probes += 1
        self._probe = self._probes
        return self._probe

    def ended(self, probe: int) -> None:
        """That probe is over, with whatever result; its result is noted first."""
        if probe == self._probe:
            self._probe = 0

    def served(self, now: float) -> None:
        """A call was served."""
        self._failures = 0
        if now >= self._rests_until:
            self._openings = 0
            self._probe = 0
            self._rests_until = -math.inf
            self.is_clear = True

    def failed(self, now: float, *, at_once: bool = False, probe: int = 0) -> None:
        """A call failed in a way that counts.

        Args:
            now: Monotonic, in seconds.
            at_once: Open whatever the count.
            probe: Its number, where it is a probe. Only that makes the next rest longer: calls
                that were under way when the breaker opened tell nothing that it does not know.
        """
        self.is_clear = False
        self._failures += 1
        if self._openings:
            self._openings += 0 < probe == self._probe
        elif at_once or self._failures >= self._settings.failures:
            self._openings = 1
        if self._openings:
            self._rest(now + self._settings.rest_s(self._openings))

    def asked_to_wait(self, now: float, seconds: float) -> None:
        """The server wants to be left alone for that long."""
        self.is_clear = False
        self._rest(now + min(seconds, self._settings.longest_asked_s))

    def _rest(self, until: float) -> None:
        self._rests_until = max(self._rests_until, until)
