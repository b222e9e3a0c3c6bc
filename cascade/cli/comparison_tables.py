"""Arms side by side, as tables."""

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cascade.evaluation.arms import is_baseline
from cascade.evaluation.bootstrap import Figure
from cascade.evaluation.comparing import PolicyReport

__all__ = ["comparison_tables"]


def comparison_tables(report: PolicyReport) -> Iterator[RenderableType]:
    """What the arms solve and cost, where the money went, and differences with their intervals."""
    first, last = report.seeds[0], report.seeds[-1]
    seeds = f"seed {first}" if first == last else f"seeds {first} to {last}"
    frontier = f"{report.frontier}{', simulated by the oracle' if report.simulated else ''}"
    yield Text(
        f"{report.suite}: {report.tasks} tasks, {seeds}; home {report.home}, frontier {frontier}; "
        "in brackets 95 % intervals over tasks; up: to the frontier, reviews and advice included"
    )
    yield _outcomes(report)
    yield _spending(report)
    yield from _differences(report)


def _outcomes(report: PolicyReport) -> Table:
    table = _table("arm", "success\n%", "gap recovered\n%", "frontier steps\n%", "saved\n%")
    for arm in report.arms:
        table.add_row(
            arm.name,
            _share(arm.success),
            _share(arm.gap_recovered),
            _share(arm.frontier_step_share),
            _share(arm.saving),
        )
    return table


def _spending(report: PolicyReport) -> Table:
    table = _table(
        *("arm", "cost of\na task", "judging\n%", "calls\nup %", "tokens\nup %"),
        *("rescued\n%", "harmed\n%", "loops\n%", "steps"),
    )
    for arm in report.arms:
        table.add_row(
            arm.name,
            "unknown" if arm.usd is None else f"${arm.usd.value:.4f}",
            _bare(arm.judging_share),
            _bare(arm.frontier_call_share),
            _bare(arm.frontier_token_share),
            _bare(arm.rescues),
            _bare(arm.harms),
            _bare(arm.long_loops),
            f"{arm.steps.value:.2f}",
        )
    return table


def _differences(report: PolicyReport) -> Iterator[RenderableType]:
    """Of the whole policy where it was run, as the others' stand in the report."""
    arms = [arm for arm in report.arms if arm.name == "cascade"]
    arms = arms or [arm for arm in report.arms if not is_baseline(arm.name)]
    if not any(arm.differences for arm in arms):
        return
    table = _table("arm", "against", "points of success more")
    for arm in arms:
        for each in arm.differences:
            table.add_row(arm.name, each.against, _points(each.success))
    yield table


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    for title in others:
        table.add_column(title, justify="right")
    return table


def _bare(figure: Figure | None) -> str:
    return "-" if figure is None else f"{100 * figure.value:.3g}"


def _share(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    low, high = 100 * figure.low, 100 * figure.high
    return f"{100 * figure.value:.3g} [{low:.0f},{high:.0f}]"


def _points(figure: Figure) -> str:
    low, high = 100 * figure.low, 100 * figure.high
    return f"{100 * figure.value:+.1f} [{low:.1f},{high:.1f}]"
