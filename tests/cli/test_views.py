"""The live views on a terminal."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pytest
from rich.console import Console
from rich.text import Text

from cascade import Cascade
from cascade.backends.scripted import ScriptedBackend, calling
from cascade.cli.consoles import output_console
from cascade.cli.live import TrajectoryView
from cascade.cli.loading import load_tools
from cascade.cli.progress import SuiteView, report_table
from cascade.evaluation import Arm, Attempt, TaskLabel
from cascade.exchange import Delta, Usage
from cascade.runtime import TickingClock


@pytest.fixture
def terminal() -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, width=90, color_system="standard", _environ={}
    )


@pytest.fixture
def seconds() -> Iterator[float]:
    return map(float, count())


def shown(console: Console, view: TrajectoryView | SuiteView) -> str:
    with console.capture() as capture:
        console.print(view)
    return Text.from_ansi(capture.get()).plain


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.anyio
async def test_a_run_shows_its_steps_above_what_is_under_way(
    terminal: Console, seconds: Iterator[float]
):
    backend = ScriptedBackend([calling(("look", {"number": 6}), text="Let me look."), "It is 42."])
    view = TrajectoryView(terminal, monotonic=lambda: next(seconds))
    during: list[str] = []

    def on_delta(delta: Delta) -> None:
        view.on_delta(delta)
        during.append(shown(terminal, view))

    with view:
        async with Cascade(
            lanes=[backend.lane], backends={"scripted": backend}, clock=TickingClock()
        ) as cascade:
            await cascade.run(
                "What?",
                tools=load_tools(["tools.py"]),
                on_event=view.on_event,
                on_delta=on_delta,
            )
    assert "Let me look." in during[2]
    assert "step 1: scripted is writing · 1 tokens/s · 0 steps" in " ".join(during[2].split())
    assert "1 steps · 1 tool calls" in during[-1]
    assert "look" in printed(terminal)
    assert "\x1b[?25h" in printed(terminal)  # the cursor is back
    assert view.state.finished is not None


def test_what_is_being_written_is_cut_to_its_last_lines(terminal: Console):
    view = TrajectoryView(terminal)
    view.on_delta(Delta(text="".join(f"line {number}\n" for number in range(40))))
    text = shown(terminal, view)
    assert "line 39" in text
    assert "line 30" not in text


def attempt(number: int, *, success: bool, cost_usd: Decimal | None = None) -> Attempt:
    at = datetime(2026, 1, 1, 0, 0, number, tzinfo=UTC)
    return Attempt(
        trajectory_id=str(number),
        label=TaskLabel(
            suite="s", task=f"task-{number}", family="f", seed=1, drawn_tasks=9, drawn_seed=0
        ),
        outcome="completed",
        success=success,
        reward=float(success),
        reason="wrong id",
        steps=2,
        frontier_steps=0,
        tool_calls=1,
        usage=Usage(output_tokens=10),
        cost_usd=cost_usd,
        began_at=at,
        ended_at=at,
        elapsed_s=1.5,
        trace=None,
    )


def test_a_suite_shows_a_bar_the_rate_and_the_latest_trajectories(
    terminal: Console, seconds: Iterator[float]
):
    done = [attempt(0, success=True)]
    view = SuiteView(terminal, title="s", tasks=9, done=done, monotonic=lambda: next(seconds))
    with view:
        for number in range(1, 9):
            view.on_attempt(attempt(number, success=number % 2 == 0))
        text = shown(terminal, view)
    assert "9/9" in text
    assert "success 56%" in text
    assert "failed  task-7 · 2 steps · 1.50 s · wrong id" in text
    assert "task-2" not in text
    assert "\x1b[?25h" in printed(terminal)


def test_before_the_first_judgement_there_is_no_rate(terminal: Console):
    view = SuiteView(terminal, title="s", tasks=2)
    assert "none judged yet" in shown(terminal, view)


def test_an_unknown_cost_is_said_in_the_table(terminal: Console):
    with terminal.capture() as capture:
        terminal.print(report_table(Arm.of("local", [attempt(1, success=True)], ["f"])))
    assert "cost unknown" in capture.get()


def test_with_json_nothing_for_people_goes_to_a_pipe(capsys: pytest.CaptureFixture[str]):
    output_console(as_json=True).print("for people")
    assert capsys.readouterr() == ("", "")


def test_colours_follow_no_color(seconds: Iterator[float]):
    environment = {"NO_COLOR": "1", "TERM": "xterm-256color"}
    console = Console(file=io.StringIO(), force_terminal=True, _environ=environment)
    view = SuiteView(console, title="s", tasks=2, monotonic=lambda: next(seconds))
    view.on_attempt(attempt(1, success=True))
    console.print(view)
    assert "solved" in printed(console)
    assert "\x1b[32m" not in printed(console)
