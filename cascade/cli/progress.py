"""The view of a suite that is being run, and the table at its end."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from cascade.cli.wording import dollars, one_line
from cascade.evaluation.attempt import Attempt
from cascade.evaluation.report import Arm
from cascade.events import Consulted, Drafted, Event, Finished, Started

__all__ = ["SuiteView", "report_table"]

LATEST = 6


class SuiteView:
    """Shows how far a suite is.

    On a terminal: a progress bar with the success rate so far, tokens per second, and the latest
    trajectories. Elsewhere: a line for each judged trajectory.

    Args:
        console: Where to print.
        title: The suite's name.
        tasks: How many tasks there are.
        done: Attempts that an earlier run has judged.
        monotonic: Seconds, for the rate of tokens.
    """

    def __init__(
        self,
        console: Console,
        *,
        title: str,
        tasks: int,
        done: Sequence[Attempt] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.finished = len(done)
        """Tasks that are judged."""
        self._solved = sum(attempt.success for attempt in done)
        self._tasks = tasks
        self._console = console
        self._monotonic = monotonic
        self._began_s = monotonic()
        self._running = 0
        self._tokens = 0
        self._latest: deque[Text] = deque(maxlen=LATEST)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._bar = self._progress.add_task(title, total=tasks, completed=self.finished)
        self._live = Live(self, console=console, refresh_per_second=8, transient=True)
        if done:
            console.print(f"{len(done)} of {tasks} tasks are judged already", style="dim")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Takes the live area away; calling it twice is harmless."""
        self._live.stop()

    def on_event(self, trajectory_id: str, event: Event) -> None:
        """Counts what is under way."""
        del trajectory_id
        match event:
            case Started():
                self._running += 1
            case Drafted() | Consulted():
                self._tokens += event.draft.usage.output_tokens
            case Finished():
                self._running -= 1
            case _:
                pass

    def on_attempt(self, attempt: Attempt) -> None:
        """Shows a judged trajectory."""
        self.finished += 1
        self._solved += attempt.success
        self._progress.update(self._bar, completed=self.finished)
        line = _attempt_line(attempt)
        if self._console.is_terminal:
            self._latest.append(line)
            return
        place = f"[{self.finished}/{self._tasks}] "
        rate = f" · success {self._solved / self.finished:.0%}"
        self._console.print(Text(place) + line + Text(rate), soft_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The bar, the running figures and the latest trajectories."""
        del console, options
        passed_s = self._monotonic() - self._began_s
        rate = f"success {self._solved / self.finished:.0%}" if self.finished else "none judged yet"
        speed = f"{self._tokens / passed_s:.0f} tokens/s" if passed_s else ""
        figures = f"{rate} · {self._running} under way · {speed}"
        yield Group(*self._latest, self._progress.get_renderable(), Text(figures, "dim"))


def report_table(arm: Arm) -> Group:
    """The families' success rates and the totals."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("family")
    table.add_column("tasks", justify="right")
    table.add_column("success", justify="right")
    for family, rate in arm.by_family.items():
        table.add_row(family, str(arm.tasks_by_family[family]), f"{rate:.0%}")
    table.add_section()
    table.add_row("all", str(arm.tasks), f"{arm.success_rate or 0:.1%}", style="bold")
    outcomes = ", ".join(f"{count} {name}" for name, count in arm.outcomes.items())
    totals = (
        f"{arm.name}: {arm.steps:.1f} steps a task · {arm.tokens_per_s:.0f} tokens/s · "
        f"{dollars(arm.cost_usd)} · {arm.wall_s:.1f} s · {outcomes}"
    )
    return Group(table, Text(totals))


def _attempt_line(attempt: Attempt) -> Text:
    mark, style = ("solved", "green") if attempt.success else ("failed", "red")
    told = f" · {attempt.steps} steps · {attempt.elapsed_s:.2f} s"
    why = "" if attempt.success else f" · {one_line(attempt.reason, 80)}"
    return Text.assemble(
        (mark, style),
        f"  {attempt.label.task}",
        (told + why, "dim"),
        no_wrap=True,
        overflow="ellipsis",
    )
