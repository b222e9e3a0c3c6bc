"""The live view of one trajectory: its events as lines, and below them what is under way."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cascade.cli.narration import Narration
from cascade.cli.wording import dollars, printable
from cascade.decision import Purpose
from cascade.events import Consulted, Decided, Drafted, Event, ToolStarted
from cascade.exchange import Delta
from cascade.fold import fold
from cascade.state import EMPTY, State

__all__ = ["TrajectoryView"]

TAIL_LINES = 6

_DOING: dict[Purpose, str] = {
    "draft": "is writing",
    "advice": "is giving advice",
    "review": "is reviewing",
    "judge": "is judging the draft",
    "sample": "is writing once more",
    "directive": "is choosing a lane",
}


class TrajectoryView:
    """Prints a trajectory while it runs.

    On a terminal the lines scroll past above a small area with the text as it is being written,
    tokens per second and running totals. Elsewhere only the lines are written.

    Args:
        console: Where to print.
        state: What is known already of a trajectory that is resumed.
        monotonic: Seconds, for the rate of tokens.
    """

    def __init__(
        self,
        console: Console,
        *,
        state: State = EMPTY,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = state
        self._console = console
        self._monotonic = monotonic
        self._narration = Narration()
        self._doing = "starting"
        self._written = ""
        self._tokens = 0
        self._first_s = 0.0
        self._spinner = Spinner("dots")
        self._live = Live(self, console=console, refresh_per_second=10, transient=True)

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
        """Takes the live area away and leaves the lines; calling it twice is harmless."""
        self._live.stop()

    def on_event(self, event: Event) -> None:
        """Prints what the event has to say."""
        self.state = fold(self.state, event)
        match event:
            case Decided():
                doing = _DOING[event.decision.purpose]
                self._doing = f"step {event.step}: {event.decision.lane} {doing}"
                self._written, self._tokens = "", 0
            case ToolStarted():
                self._doing = f"step {event.step}: {event.name} is running"
            case Drafted() | Consulted():
                self._written, self._tokens = "", 0
            case _:
                pass
        self.print(event)

    def print(self, event: Event) -> None:
        """Prints what an event has to say, without taking it for news."""
        for line in self._narration.lines(event):
            self._console.print(line, soft_wrap=not self._console.is_terminal)

    def on_delta(self, delta: Delta) -> None:
        """Shows a piece of text as it is written."""
        if not self._tokens:
            self._first_s = self._monotonic()
        self._written += delta.text
        self._tokens += delta.tokens

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What is under way."""
        written = printable(self._written).strip()
        if written:
            tail = Text(written, "dim").wrap(console, options.max_width)[-TAIL_LINES:]
            yield from tail
        row = Table.grid(padding=(0, 1))
        row.add_row(self._spinner, Text(f"{self._doing}{self._rate()} · {self._totals()}", "dim"))
        yield row

    def _rate(self) -> str:
        passed_s = self._monotonic() - self._first_s
        return f" · {self._tokens / passed_s:.0f} tokens/s" if self._tokens and passed_s else ""

    def _totals(self) -> str:
        total = self.state.ledger.total
        return (
            f"{self.state.steps_done} steps · {self.state.tool_calls} tool calls · "
            f"{total.usage.total_tokens} tokens · {dollars(total.cost_usd)}"
        )
