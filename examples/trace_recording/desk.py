"""Recordings of the bundled model on desk tasks, with the simulated oracle as the higher lane."""

from dataclasses import dataclass
from pathlib import Path

from cascade import Cascade, Policy
from cascade.credentials import Credential
from cascade.desk import calibration
from cascade.desk.policies import policy as desk_policy
from cascade.desk.suite import SuiteTask
from cascade.desk.tasks import DeskTask, make_task
from cascade.evaluation.frontier import oracle_served
from cascade.policy import (
    AgreementSettings,
    ConfidenceSettings,
    Gating,
    MilestoneSettings,
    Monitoring,
)
from cascade.runtime.bundled import BUNDLED_LANE
from cascade.runtime.clock import TickingClock
from cascade.traces.score import append_score

__all__ = ["SCENES"]

_SIMULATED = "lane `oracle` is the desk oracle behind a simulated provider; `local` is real"


@dataclass(frozen=True, slots=True, kw_only=True)
class _DeskScene:
    """A desk task and the policy that it is done under.

    Attributes:
        name: Of its file, without the ending.
        shows: What it shows, in a sentence.
        family: Of the task.
        seed: Of the task.
        policy: `None` runs it on the bundled model alone.
    """

    name: str
    shows: str
    family: str
    seed: int
    policy: Policy | None

    @property
    def desk(self) -> DeskTask:
        """The task, in names and wordings that the model was never trained on."""
        return make_task(self.family, "evaluation", self.seed)

    async def record(self, folder: Path) -> None:
        """Runs the task and scores it."""
        if self.policy is None:
            async with Cascade(traces=folder, clock=TickingClock()) as cascade:
                await self._run(cascade, "nothing")
            return
        with oracle_served("openai", [self.desk]) as oracle:
            async with Cascade(
                lanes=[BUNDLED_LANE, oracle],
                credentials={"oracle": Credential(lane="oracle", command=("echo", "simulated"))},
                policy=self.policy,
                traces=folder,
                clock=TickingClock(),
            ) as cascade:
                await self._run(cascade, _SIMULATED)

    async def _run(self, cascade: Cascade, simulated: str) -> None:
        task = SuiteTask(desk=self.desk)
        episode = task.open()
        result = await cascade.run(
            task.prompt,
            tools=episode.tools,
            system=task.system,
            seed=task.seed,
            trajectory_id=self.name,
            metadata={"shows": self.shows, "simulated": simulated, "task": task.id},
        )
        found = episode.check(result.answer)
        if result.trace is not None and result.state.at is not None:
            append_score(
                result.trace,
                success=found.success,
                reward=found.reward,
                source="desk",
                at=result.state.at,
                reason=found.reason,
            )


def _with(version: str, **changes: object) -> Policy:
    return desk_policy().model_copy(update={"version": version, **changes})


_NO_GATE = Gating(confidence=ConfidenceSettings(enabled=False))
_STOPS = Gating(confidence=ConfidenceSettings(calibration=calibration(), while_generating=True))
_SAMPLES = Gating(
    confidence=ConfidenceSettings(calibration=calibration()),
    agreement=AgreementSettings(enabled=True, borderline=(0.1, 0.7)),
)
_CLAIMS = Monitoring(milestones=MilestoneSettings(claims=True))

SCENES = (
    _DeskScene(
        name="low-confidence",
        shows="A draft that is likely wrong goes up for its step, and the home lane goes on.",
        family="cancel",
        seed=5000046,
        policy=desk_policy(),
    ),
    _DeskScene(
        name="stopped-while-generating",
        shows="A draft is stopped at its first doubtful token, and the step goes up.",
        family="message",
        seed=5000020,
        policy=_with("desk-stops", gates=_STOPS),
    ),
    _DeskScene(
        name="samples-disagree",
        shows="Borderline drafts are compared with samples: one step goes up, one stands.",
        family="latest",
        seed=5000022,
        policy=_with("desk-samples", gates=_SAMPLES),
    ),
    _DeskScene(
        name="review-approves",
        shows="A message that cannot be taken back is reviewed, approved and sent.",
        family="notify",
        seed=5000021,
        policy=_with("desk-no-gate", gates=_NO_GATE),
    ),
    _DeskScene(
        name="review-rejects",
        shows="A wrong message is stopped before it is sent; the step goes up with the correction.",
        family="message",
        seed=5000020,
        policy=_with("desk-no-gate", gates=_NO_GATE),
    ),
    _DeskScene(
        name="claim-reviewed",
        shows="The claim to be finished is reviewed before it counts.",
        family="status",
        seed=5000015,
        policy=_with("desk-claims", gates=_NO_GATE, monitors=_CLAIMS),
    ),
    _DeskScene(
        name="nudged",
        shows="A stuck model is nudged, and finds its way by itself.",
        family="audit",
        seed=5000026,
        policy=_with("desk-no-gate", gates=_NO_GATE),
    ),
    _DeskScene(
        name="status-solved",
        shows="Local alone: an order is looked up.",
        family="status",
        seed=42,
        policy=None,
    ),
    _DeskScene(
        name="cancel-solved",
        shows="Local alone: an order is cancelled.",
        family="cancel",
        seed=73,
        policy=None,
    ),
    _DeskScene(
        name="recovered-from-an-error",
        shows="Local alone: a call fails, and the model goes on in another way.",
        family="tier",
        seed=88,
        policy=None,
    ),
    _DeskScene(
        name="total-failed",
        shows="Local alone: several orders are too much, and the answer is wrong.",
        family="total",
        seed=80,
        policy=None,
    ),
)
