"""What the stuck monitor's rules say about recorded runs of others, against "same call 3 times".

Thresholds were chosen on half of the tasks (by the SHA-256 of the task's id); the figures are of
the other half, unless `--half tuning` asks for the first. All rules, the one to compare with too,
are asked after every step of a run, as the runtime asks before the next draft; not after a step
that ended the run, by an answer or by a call that nothing came back from. By suite and rule, over
all models' runs:

- fire: share of the runs in which it fired;
- precision: share of those that failed, against the base rate of failing;
- recall: share of the failed runs in which it fired;
- position: how far the run had come, in steps;
- to come: share of the run's spend that still lay ahead.

"any" is the first signal of any rule; "acted on" the first that the runtime would count: a hard
one, or a soft one in two consecutive steps. The pooled rows add up all runs of all suites. Failure
is not benefit: nothing here says that another model would have succeeded.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorded_runs import SUITES, RecordedRun, is_for_tuning, recorded_runs

from cascade.monitors import STUCK_CODES, Stuck
from cascade.policy import StuckSettings

__all__ = ["Tally", "main"]

BASELINE = "same call 3 times"
ANY, ACTED_ON = "any", "acted on"
ROWS = (BASELINE, *STUCK_CODES, ANY, ACTED_ON)
POOLED = "all suites"


@dataclass(slots=True, kw_only=True)
class Tally:
    """One rule over the runs of a suite."""

    fired: int = 0
    failed: int = 0
    """Of those in which it fired."""
    position: float = 0.0
    to_come: float = 0.0

    def add(self, run: RecordedRun, count: int) -> None:
        """It fired after *count* steps of *run*."""
        self.fired += 1
        self.failed += not run.success
        self.position += count / len(run.steps)
        self.to_come += run.spend_after(count)


@dataclass(slots=True, kw_only=True)
class SuiteTally:
    """All rules over the runs of a suite."""

    runs: int = 0
    failed: int = 0
    rules: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(self, run: RecordedRun, first: Mapping[str, int]) -> None:
        """One run, with the number of steps after which each rule first fired in it."""
        self.runs += 1
        self.failed += not run.success
        for rule, count in first.items():
            self.rules[rule].add(run, count)


def baseline(run: RecordedRun) -> int | None:
    """After how many steps one call (name and JSON arguments) had been made three times."""
    made: Counter[str] = Counter()
    for count, step in enumerate(run.steps[: run.watched], start=1):
        made.update(
            f"{done.call.name} {json.dumps(done.call.arguments, sort_keys=True)}"
            for done in step.calls
        )
        if made and max(made.values()) >= 3:
            return count
    return None


def first_signals(run: RecordedRun, monitor: Stuck) -> dict[str, int]:
    """By rule, after how many steps it first fired."""
    first: dict[str, int] = {}
    before: set[str] = set()
    for count in range(1, run.watched + 1):
        signals = list(monitor.watch(run.prefix(count)))
        for signal in signals:
            first.setdefault(signal.code, count)
            first.setdefault(ANY, count)
            if signal.hard or signal.code in before:
                first.setdefault(ACTED_ON, count)
        before = {signal.code for signal in signals}
    repeated = baseline(run)
    return first if repeated is None else {**first, BASELINE: repeated}


def tallied(
    runs: Iterable[RecordedRun], settings: StuckSettings, into: Iterable[SuiteTally]
) -> None:
    """Adds the runs to all of the tallies."""
    tallies = list(into)
    monitor = Stuck(settings)
    for run in runs:
        first = first_signals(run, monitor)
        for tally in tallies:
            tally.add(run, first)


def table(suite: str, tally: SuiteTally) -> list[str]:
    """The lines of one suite."""
    head = f"{suite}: {tally.runs} runs, {tally.failed / max(tally.runs, 1):.3f} of them failed"
    lines = [f"\n{head}", f"  {'rule':18}   fire  precision  recall  position  to come"]
    for rule in ROWS:
        if rule in tally.rules:
            one = tally.rules[rule]
            lines.append(
                f"  {rule:18}  {one.fired / tally.runs:5.3f}  {one.failed / one.fired:9.3f}"
                f"  {one.failed / max(tally.failed, 1):6.3f}  {one.position / one.fired:8.2f}"
                f"  {one.to_come / one.fired:7.2f}"
            )
    base = tally.rules.get(BASELINE)
    for rule in (ANY, ACTED_ON):
        one = tally.rules.get(rule)
        if base is not None and one is not None and base.failed:
            gain = one.failed / one.fired - base.failed / base.fired
            lines.append(
                f"  {rule!r} against {BASELINE!r}: {one.failed / base.failed:.2f} x its recall, "
                f"precision {gain:+.3f}"
            )
    return lines


def as_json(tallies: Mapping[str, SuiteTally]) -> dict[str, Any]:
    """The counts, for other programs."""
    return {
        suite: {
            "runs": tally.runs,
            "failed": tally.failed,
            "rules": {
                rule: {"fired": one.fired, "failed": one.failed}
                for rule, one in tally.rules.items()
            },
        }
        for suite, tally in tallies.items()
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the recorded runs")
    parser.add_argument("--suites", default=",".join(SUITES), help="names, with commas between")
    parser.add_argument("--half", choices=("report", "tuning"), default="report")
    parser.add_argument("--settings", default="{}", help="`StuckSettings` that differ, as JSON")
    parser.add_argument("--json", type=Path, help="file to write the counts to as well")
    given = parser.parse_args()
    settings = StuckSettings.model_validate_json(given.settings)
    chosen: Callable[[RecordedRun], bool] = lambda run: (  # noqa: E731 - one line, used once
        is_for_tuning(run.task_id) == (given.half == "tuning")
    )
    pooled = SuiteTally()
    tallies: dict[str, SuiteTally] = {}
    for suite in str(given.suites).split(","):
        tallies[suite] = SuiteTally()
        runs = filter(chosen, recorded_runs(given.data, suite))
        tallied(runs, settings, (tallies[suite], pooled))
        print("\n".join(table(suite, tallies[suite])), flush=True)
    print("\n".join(table(POOLED, pooled)))
    if given.json is not None:
        held = as_json({**tallies, POOLED: pooled})
        given.json.write_text(json.dumps(held, indent=2) + "\n")


if __name__ == "__main__":
    main()
