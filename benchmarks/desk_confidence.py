"""The confidence score of the bundled model against the oracle's labels, and what stopping saves.

    python benchmarks/desk_confidence.py

The model plays desk tasks and the oracle says of each step whether it was right. `familiar` is the
training distribution (its wordings and names, other tasks), `wording` has unseen wordings, `names`
unseen names, `evaluation` both; `cascade eval desk` plays the last. No seed here is one that the
bundled calibration was fitted on (`python -m cascade.evaluation.desk_calibration`), which saw
`familiar` only.

The model plays alone, where wrong steps stay. `all but lost` leaves out steps after something that
cannot be taken back went wrong, when no step is right any more; `clean` has only steps before which
all was right; `guided` plays other tasks in which the oracle replaces each wrong step, as a perfect
cascade would; in `guided, may ask` the model has `ask_expert` and `escalate` besides, and the
oracle answers.
Intervals are 95 %, from 1,000 draws of whole tasks.
"""

import argparse
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import anyio

from cascade.backends.llama.backend import LlamaBackend
from cascade.desk import calibration
from cascade.desk.suite import DeskSuite
from cascade.desk.tasks import Split
from cascade.evaluation.desk_calibration import DESK_LANE, rows_of
from cascade.evaluation.desk_steps import Play, PlayedStep, play_all
from cascade.exchange import Draft
from cascade.gates.confidence import default_p_fail, p_fail
from cascade.gates.fitting import auroc, calibration_error, interval_by_task, reliability

__all__ = ["main"]

SPLITS: tuple[Split, ...] = ("familiar", "names", "wording", "evaluation")
Scored = list[tuple[float, bool]]
Score = Callable[[dict[str, float]], float]


def scored(steps: Iterable[PlayedStep], score: Score) -> dict[str, Scored]:
    """Score and label of each step, by task."""
    by_task: dict[str, Scored] = defaultdict(list)
    for step in steps:
        for found, was_wrong in rows_of([step]):
            by_task[step.task_id].append((score(found), was_wrong))
    return by_task


def with_interval(by_task: dict[str, Scored], figure: Callable[[Scored], float]) -> str:
    """A figure over all steps, and its interval."""
    value = figure([one for held in by_task.values() for one in held])
    low, high = interval_by_task(by_task, lambda drawn: figure(list(drawn)))
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def report(name: str, steps: Sequence[PlayedStep]) -> None:
    """A line of figures."""
    used = [step for step in steps if step.draft.problem is None]
    after = scored(used, partial(p_fail, calibration()))
    before = scored(used, default_p_fail)
    wrong = sum(step.was_wrong for step in used)
    print(
        f"  {name:24s} {len(used):5d} {wrong:5d}   {with_interval(after, auroc):22s}"
        f" {with_interval(before, auroc):22s} {with_interval(after, calibration_error):22s}"
        f" {with_interval(before, calibration_error)}"
    )


def table(
    split: Split, alone: Sequence[Play], guided: Sequence[Play], asking: Sequence[Play]
) -> None:
    """The figures of one split."""
    steps = [step for play in alone for step in play.steps]
    solved = sum(play.success for play in alone) / len(alone)
    print(f"\n{split}: {len(alone)} tasks alone, {solved:.3f} of them solved")
    print(
        f"  {'steps':24s} {'all':>5s} {'wrong':>5s}   {'AUROC':22s} {'AUROC uncalibrated':22s}"
        f" {'ECE':22s} ECE uncalibrated"
    )
    report("all but lost", [step for step in steps if step.standing != "lost"])
    report("clean", [step for step in steps if step.standing == "clean"])
    report("all", steps)
    report("guided", [step for play in guided for step in play.steps])
    report("guided, may ask", [step for play in asking for step in play.steps])


def bins(steps: Sequence[PlayedStep]) -> None:
    """Probability against share, in bins of equally many steps."""
    held = [step for step in steps if step.standing != "lost"]
    by_task = scored(held, partial(p_fail, calibration()))
    print("\nevaluation, all but lost: p_fail on average, share wrong, steps")
    for one in reliability([each for part in by_task.values() for each in part]):
        print(f"  {one.p_fail:.3f}  {one.wrong:.3f}  {one.drafts:5d}")


def stops_at(draft: Draft, below: float) -> int | None:
    """How many tokens a draft would have had when its first unlikely token stopped it."""
    if draft.tokens is None:
        return None
    marked = sorted(
        at
        for span in draft.tokens.spans
        if span.kind in {"name", "key", "value"}
        for at in range(span.start, span.end)
    )
    limit = math.log(below)
    return next((at + 1 for at in marked if draft.tokens.logprobs[at] < limit), None)


def output_tokens(plays: Sequence[Play]) -> int:
    """All tokens that were generated."""
    return sum(step.draft.usage.output_tokens for play in plays for step in play.steps)


def savings(guided: Sequence[Play], stopped: Mapping[float, Sequence[Play]]) -> None:
    """What stopping saves: reckoned on whole drafts, and counted in runs that really stop."""
    drafts = [step for play in guided for step in play.steps]
    total = output_tokens(guided)
    print(f"\nstopping while generating; evaluation, guided: {len(drafts)} drafts, {total} tokens")
    print(
        "  below  drafts stopped  of them wrong  tokens saved of those drafts  of all  in real runs"
    )
    for below, plays in stopped.items():
        cut = [(step, at) for step in drafts if (at := stops_at(step.draft, below)) is not None]
        saved = sum(step.draft.usage.output_tokens - at for step, at in cut)
        theirs = sum(step.draft.usage.output_tokens for step, _ in cut)
        wrong = sum(step.was_wrong for step, _ in cut)
        share = saved / max(theirs, 1)
        print(
            f"  {below:5.2f}  {len(cut):14d}  {wrong:13d}  {saved:14d} ({share:6.1%})      "
            f"  {saved / total:20.1%}  {1 - output_tokens(plays) / total:12.1%}"
        )


async def measure(options: argparse.Namespace) -> None:
    """Plays and prints."""
    backend = LlamaBackend(DESK_LANE)
    lane = await backend.open()
    print(
        f"model {lane.model_digest}, calibration {calibration().name!r}: {calibration().fitted_on}"
    )
    if lane.model_digest != calibration().model:
        print(
            "the calibration is of another model: run "
            "`python -m cascade.evaluation.desk_calibration --write`"
        )
    for split in SPLITS:
        suite = DeskSuite(split=split)
        alone = await play_all(backend, suite.tasks(options.tasks, options.seed))
        guided_tasks = suite.tasks(options.tasks // 2, options.seed + 1)
        guided = await play_all(backend, guided_tasks, guided=True)
        asking_tasks = suite.tasks(options.tasks // 2, options.seed + 2)
        asking = await play_all(backend, asking_tasks, guided=True, asking=True)
        table(split, alone, guided, asking)
        if split == "evaluation":
            bins([step for play in alone for step in play.steps])
            stopped = {
                below: await play_all(backend, guided_tasks, guided=True, stop_below=below)
                for below in options.stop_below
            }
            savings(guided, stopped)
    await backend.aclose()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=280, help="for each split")
    parser.add_argument(
        "--seed", type=int, default=7, help="of the tasks; guided ones: the next two"
    )
    parser.add_argument("--stop-below", type=float, nargs="*", default=[0.2, 0.5])
    anyio.run(measure, parser.parse_args())


if __name__ == "__main__":
    main()
