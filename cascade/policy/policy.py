"""Policy: everything that decides how a trajectory is run, recorded at its head."""

from functools import cached_property
from hashlib import sha256

from pydantic import NonNegativeInt

from cascade.frozen import Frozen
from cascade.policy.budget import Budget, Retries
from cascade.policy.escalating import Escalating
from cascade.policy.gating import Gating
from cascade.policy.handing_over import HandingOver, Redacting
from cascade.policy.monitoring import Monitoring
from cascade.policy.routing import Routing
from cascade.policy.scheduling import Schedule

__all__ = ["Policy"]


class Policy(Frozen):
    """Everything that decides how a trajectory is run, recorded at its head."""

    version: str = "1"
    """The user's name for this state of the policy; decisions carry it."""
    budget: Budget = Budget()
    max_redrafts: NonNegativeInt = 1
    """How often one step may be drafted anew because the draft could not be used."""
    retries: Retries = Retries()
    commit_deltas: bool = False
    """Whether text that a listener was given counts as said: what breaks off or is rejected after
    it then ends the trajectory, as a second draft would say it again."""
    home_lane: str | None = None
    """Name of the lane that runs the loop; `None` takes the lowest of the ladder."""
    routing: Routing = Routing()
    monitors: Monitoring = Monitoring()
    gates: Gating = Gating()
    escalation: Escalating = Escalating()
    schedule: Schedule | None = None
    """Steps that go up whatever the evidence says; a baseline for comparisons, and a source of
    propensities below 1."""
    handoff: HandingOver = HandingOver()
    redaction: Redacting = Redacting()

    @cached_property
    def digest(self) -> str:
        """The first 16 hex digits of the SHA-256 of the policy's JSON."""
        return sha256(self.model_dump_json().encode()).hexdigest()[:16]

    @classmethod
    def preset(cls, name: str) -> "Policy":
        """A policy for a common wish, such as `local_first`; `cascade.policy.presets` lists them.

        Raises:
            ConfigError: There is no such preset.
        """
        from cascade.policy.presets import preset  # noqa: PLC0415 - presets are made of policies

        return preset(name)
