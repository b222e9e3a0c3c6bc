"""Fits the calibration of the bundled model, and writes it with `--write`.

    python -m cascade.evaluation.desk_calibration --write

The model plays tasks of the split `familiar`: wordings and names of its training, in tasks that
it never saw. It plays alone, where it lives with its own errors, and guided, where the oracle
replaces each wrong step, as in a cascade. Steps after something that cannot be taken back went
wrong are left out, since no step is right then, however sure the model may be. Two thirds of the
tasks fit the regression, the others the step function on top of it. No wording and no name of the
splits `wording`, `names` and `evaluation` is seen; `benchmarks/desk_confidence.py` measures there.
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

import anyio

from cascade.backends.llama.backend import LlamaBackend
from cascade.desk import calibrated
from cascade.desk.suite import DeskSuite
from cascade.evaluation.desk_steps import Play, PlayedStep, play_all
from cascade.gates.confidence import p_fail
from cascade.gates.features import features
from cascade.gates.fitting import auroc, calibration_error, fit
from cascade.gates.surroundings import surrounding_features
from cascade.lanes import Lane
from cascade.policy.gating import Calibration

__all__ = ["DESK_LANE", "Row", "fitted", "main", "rows_of"]

DESK_LANE = Lane(name="local", backend="llama_cpp", model="bundled:desk", locality="local")
"""The bundled model with the settings that lanes have by default."""

Row = tuple[dict[str, float], bool]
"""Features of a draft, and whether its step was wrong."""

_L2 = 3.0


def rows_of(steps: Sequence[PlayedStep]) -> list[Row]:
    """The features and labels of steps that a gate would judge: not of unreadable ones."""
    return [
        (features(step.draft) | surrounding_features(step.prefix, step.draft), step.was_wrong)
        for step in steps
        if step.draft.problem is None
    ]


def fitted(plays: Sequence[Play], *, model: str, fitted_on: str) -> Calibration:
    """The calibration that plays amount to.

    Args:
        plays: Of the split `familiar`.
        model: Digest of the model.
        fitted_on: The data, in words.
    """
    parts: dict[bool, list[PlayedStep]] = {False: [], True: []}
    for play in plays:
        held = [step for step in play.steps if step.standing != "lost"]
        parts[_is_for_knots(play.task.task_id)] += held
    return fit(
        rows_of(parts[False]),
        name="desk",
        model=model,
        fitted_on=fitted_on,
        l2=_L2,
        knots_from=rows_of(parts[True]),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line.

    Args:
        arguments: Those of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m cascade.evaluation.desk_calibration",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tasks", type=int, default=700, help="alone, and half as many guided")
    parser.add_argument("--seed", type=int, default=101, help="of the tasks; guided ones: the next")
    parser.add_argument(
        "--write",
        metavar="FILE",
        nargs="?",
        type=Path,
        const=Path(calibrated.__file__).with_name(calibrated.FILE),
        help=f"write it: {calibrated.FILE} beside the model, or FILE",
    )
    anyio.run(_run, parser.parse_args(arguments))


async def _run(options: argparse.Namespace) -> None:
    backend = LlamaBackend(DESK_LANE)
    lane = await backend.open()
    plays: list[Play] = []
    suite = DeskSuite(split="familiar")
    plays += await play_all(backend, suite.tasks(options.tasks, options.seed))
    plays += await play_all(backend, suite.tasks(options.tasks // 2, options.seed + 1), guided=True)
    await backend.aclose()
    made = fitted(
        plays,
        model=lane.model_digest or lane.model,
        fitted_on=(
            f"desk, split familiar, {options.tasks} tasks of seed {options.seed} alone and "
            f"{options.tasks // 2} of seed {options.seed + 1} guided by the oracle"
        ),
    )
    steps = [step for play in plays for step in play.steps if step.standing != "lost"]
    scored = [(p_fail(made, found), was_wrong) for found, was_wrong in rows_of(steps)]
    print(f"{len(steps)} steps, {sum(step.was_wrong for step in steps)} of them wrong")  # noqa: T201 - a command
    print(  # noqa: T201 - a command
        f"on the very data it was fitted on: AUROC {auroc(scored):.3f}, "
        f"ECE {calibration_error(scored):.3f}"
    )
    if options.write:
        options.write.write_text(f"{made.model_dump_json(indent=1)}\n", encoding="utf-8")
        print(f"written: {options.write}")  # noqa: T201 - a command


def _is_for_knots(task_id: str) -> bool:
    return int(hashlib.sha256(task_id.encode()).hexdigest(), 16) % 3 == 0


if __name__ == "__main__":
    main()
