"""Figures of a trained model by family and split, as the model card gives them."""

from collections.abc import Sequence
from dataclasses import dataclass

from cascade.desk.families import FAMILIES
from cascade.desk.suite import DeskSuite
from cascade.desk.tasks import Split
from cascade.desk.training.player import Player, Run, Stepped, play

__all__ = ["Figures", "auroc", "figures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was seen over the tasks of one split.

    Attributes:
        split: The split.
        tasks: How many were played.
        success: Share solved.
        by_family: Share solved, by family.
        loops: Share that ended in a loop.
        clean_steps: Share of right steps among those before which all was right.
        auroc: How well the least token probability tells right steps from wrong ones.
    """

    split: Split
    tasks: int
    success: float
    by_family: dict[str, float]
    loops: float
    clean_steps: float
    auroc: float

    def __str__(self) -> str:
        families = ", ".join(f"{name} {share:.2f}" for name, share in self.by_family.items())
        return (
            f"{self.split}: success {self.success:.3f} of {self.tasks}, loops {self.loops:.3f}, "
            f"clean steps {self.clean_steps:.3f}, AUROC {self.auroc:.3f}\n    {families}"
        )


def figures(player: Player, split: Split, *, tasks: int, seed: int) -> tuple[Figures, list[Run]]:
    """Play tasks of a split and sum them up; the runs are returned as well."""
    runs = [play(player, task.desk) for task in DeskSuite(split=split).tasks(tasks, seed)]
    clean = [step for run in runs for step in run.steps if step.was_clean]
    return (
        Figures(
            split=split,
            tasks=len(runs),
            success=_share([run.success for run in runs]),
            by_family={
                name: _share([run.success for run in runs if run.task.family == name])
                for name in FAMILIES
            },
            loops=_share([run.looped for run in runs]),
            clean_steps=_share([step.is_right for step in clean]),
            auroc=auroc(clean),
        ),
        runs,
    )


def auroc(steps: Sequence[Stepped]) -> float:
    """Return the probability that a right step is more confident than a wrong one, ties halved.

    Not a number if there are no right or no wrong steps.
    """
    ranked = sorted(steps, key=lambda step: step.confidence)
    right_rank_sum, at = 0.0, 0
    while at < len(ranked):
        stop = at
        while stop < len(ranked) and ranked[stop].confidence == ranked[at].confidence:
            stop += 1
        right_rank_sum += sum(step.is_right for step in ranked[at:stop]) * (at + stop + 1) / 2
        at = stop
    right = sum(step.is_right for step in steps)
    wrong = len(steps) - right
    if not right or not wrong:
        return float("nan")
    return (right_rank_sum - right * (right + 1) / 2) / (right * wrong)


def _share(claims: Sequence[bool]) -> float:
    return sum(claims) / len(claims) if claims else float("nan")
