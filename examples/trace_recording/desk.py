"""Recordings of the bundled model on desk tasks, with the simulated oracle as the higher lane."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cascade import Cascade, Policy
from cascade.desk import calibration
from cascade.desk.policies import policy as desk_policy
from cascade.desk.suite import SuiteTask
from cascade.desk.tasks import make_task
from cascade.evaluation.frontier import oracle_served
from cascade.policy import (
    AgreementSettings,
    ConfidenceSettings,
    Escalating,
    Gating,
    MilestoneSettings,
    Monitoring,
    SelfEscalation,
)
from cascade.runtime.bundled import BUNDLED_LANE
from cascade.runtime.clock import TickingClock
from cascade.traces.record import Trace, read_trace
from cascade.traces.score import append_score

from . import sights
from .scenes import NotShownError, key_of

__all__ = ["SCENES"]

_TRIALS = 160
_MOST_BYTES = 50_000
_HOME = "lane `local` is the bundled model; "
_SIMULATED = _HOME + "lane `oracle` is the desk's oracle behind a simulated provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class _DeskScene:
    """The first desk task, by seed, whose trajectory shows something.

    Attributes:
        name: Of its file, without the ending.
        shows: What it shows, in a sentence.
        families: Of the tasks, in turn.
        seen: Whether a trajectory shows it. Which task does depends on what the model learnt.
        policy: `None` runs it on the bundled model alone.
    """

    name: str
    shows: str
    families: tuple[str, ...]
    seen: Callable[[Trace], bool]
    policy: Policy | None = None

    async def record(self, folder: Path) -> None:
        """Runs tasks until one shows it.

        Raises:
            NotShownError: None of them did.
        """
        tasks = self._tasks()
        with ExitStack() as stack:
            lanes = [BUNDLED_LANE]
            if self.policy is not None:
                lanes.append(
                    stack.enter_context(oracle_served("openai", [task.desk for task in tasks]))
                )
            async with Cascade(
                lanes=lanes,
                credentials={lane.name: key_of(lane.name) for lane in lanes[1:]},
                policy=self.policy,
                traces=folder,
                clock=TickingClock(),
            ) as cascade:
                for task in tasks:
                    path = await self._run(cascade, task, folder)
                    if path.stat().st_size <= _MOST_BYTES and self.seen(read_trace(path)):
                        return
                    path.unlink()
        raise NotShownError(f"none of {len(tasks)} tasks of {', '.join(self.families)} shows it")

    def _tasks(self) -> Sequence[SuiteTask]:
        """In names and wordings that the model was never trained on."""
        seeds = range(1, _TRIALS // len(self.families) + 1)
        return [
            SuiteTask(desk=make_task(family, "evaluation", seed))
            for seed in seeds
            for family in self.families
        ]

    async def _run(self, cascade: Cascade, task: SuiteTask, folder: Path) -> Path:
        episode = task.open()
        result = await cascade.run(
            task.prompt,
            tools=episode.tools,
            system=task.system,
            seed=task.seed,
            trajectory_id=self.name,
            metadata={
                "shows": self.shows,
                "simulated": _HOME + "nothing is" if self.policy is None else _SIMULATED,
                "task": task.id,
            },
        )
        found = episode.check(result.answer)
        path = folder / f"{self.name}.jsonl"
        append_score(
            path,
            success=found.success,
            reward=found.reward,
            source="desk",
            at=read_trace(path).events[-1].at,
            reason=found.reason,
        )
        return path


_CALIBRATED = ConfidenceSettings(calibration=calibration())
_UNAIDED = Escalating(self_escalation=SelfEscalation(enabled=False))
_GATED = Policy(version="desk-gate", gates=Gating(confidence=_CALIBRATED), escalation=_UNAIDED)
_STOPS = Policy(
    version="desk-stops",
    gates=Gating(
        confidence=_CALIBRATED.model_copy(update={"while_generating": True, "stop_below": 0.3})
    ),
    escalation=_UNAIDED,
)
_SAMPLES = Policy(
    version="desk-samples",
    gates=Gating(
        confidence=_CALIBRATED, agreement=AgreementSettings(enabled=True, borderline=(0.05, 0.8))
    ),
    escalation=_UNAIDED,
)
_UNGATED = Policy(
    version="desk-no-gate",
    gates=Gating(confidence=ConfidenceSettings(enabled=False)),
    escalation=_UNAIDED,
)
_CLAIMS = _UNGATED.model_copy(
    update={
        "version": "desk-claims",
        "monitors": Monitoring(milestones=MilestoneSettings(claims=True)),
    }
)
_TWO_STEPS = _UNGATED.model_copy(
    update={
        "version": "desk-two-steps",
        "escalation": _UNAIDED.model_copy(update={"nudge": False, "span_steps": 2}),
    }
)

SCENES = (
    _DeskScene(
        name="low-confidence",
        shows="A draft that is likely wrong goes up for its step, and the home lane goes on.",
        families=("message", "notify", "note", "cancel"),
        seen=sights.one_step_up,
        policy=_GATED,
    ),
    _DeskScene(
        name="desk-policy",
        shows="The policy for the bundled model as it ships: a step goes up and is put right.",
        families=("cancel", "note", "tier", "notify"),
        seen=sights.put_right,
        policy=desk_policy(),
    ),
    _DeskScene(
        name="stopped-while-generating",
        shows="A draft is stopped at a doubtful token, and the step goes up.",
        families=("note", "message", "notify", "latest"),
        seen=sights.stopped,
        policy=_STOPS,
    ),
    _DeskScene(
        name="samples-disagree",
        shows="A borderline draft is compared with samples, which disagree: the step goes up.",
        families=("latest",),
        seen=sights.samples_disagree,
        policy=_SAMPLES,
    ),
    _DeskScene(
        name="review-approves",
        shows="A message that cannot be taken back is reviewed, approved and sent.",
        families=("notify",),
        seen=sights.approved,
        policy=_UNGATED,
    ),
    _DeskScene(
        name="review-rejects",
        shows="A wrong message is stopped before it is sent; the step goes up with the correction.",
        families=("message",),
        seen=sights.rejected,
        policy=_UNGATED,
    ),
    _DeskScene(
        name="claim-reviewed",
        shows="The claim to be finished is reviewed before it counts.",
        families=("status",),
        seen=sights.approved,
        policy=_CLAIMS,
    ),
    _DeskScene(
        name="stuck-then-a-span",
        shows="Stuck, and handed up at once: two steps of the oracle, then the model goes on.",
        families=("refund",),
        seen=sights.one_span,
        policy=_TWO_STEPS,
    ),
    _DeskScene(
        name="nudged",
        shows="A stuck model is nudged, and finds its way by itself.",
        families=("audit",),
        seen=sights.nudged_is_enough,
        policy=_UNGATED,
    ),
    _DeskScene(
        name="status-solved",
        shows="Local alone: an order is looked up.",
        families=("status",),
        seen=sights.solved,
    ),
    _DeskScene(
        name="cancel-solved",
        shows="Local alone: an order is cancelled.",
        families=("cancel",),
        seen=sights.solved,
    ),
    _DeskScene(
        name="recovered-from-an-error",
        shows="Local alone: a call fails, and the model goes on in another way.",
        families=("tier",),
        seen=sights.recovered,
    ),
    _DeskScene(
        name="total-failed",
        shows="Local alone: several orders are too much, and the answer is wrong.",
        families=("total",),
        seen=sights.failed,
    ),
)
