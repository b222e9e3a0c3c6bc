"""Running one trajectory before the user's eyes: what `run` and `resume` share."""

import shlex
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import click

from cascade.cli.app import DONE, INTERRUPTED, UNSUCCESSFUL
from cascade.cli.consoles import output_console
from cascade.cli.interrupts import run_until_interrupted
from cascade.cli.live import TrajectoryView
from cascade.cli.summary import TrajectorySummary, totals
from cascade.runtime.result import Result
from cascade.state import EMPTY, State

__all__ = ["follow"]


def follow(
    work: Callable[[TrajectoryView], Awaitable[Result]],
    *,
    as_json: bool,
    trace_of: Callable[[State], Path | None],
    again: Sequence[str],
    state: State = EMPTY,
) -> int:
    """Runs a trajectory with its live view and prints how it ended.

    Args:
        work: Runs it, reporting to the view.
        as_json: Print one JSON object only.
        trace_of: Where the trajectory is recorded.
        again: Options that a resume needs besides the file.
        state: What is known already of a trajectory that is resumed.

    Returns:
        The exit code.
    """
    console = output_console(as_json=as_json)
    view = TrajectoryView(console, state=state)

    def stopping() -> None:
        view.stop()
        click.echo("stopping; once more to quit at once", err=True)

    with view:
        result = run_until_interrupted(lambda: work(view), on_stop=stopping)
    if result is None:
        click.echo(_how_to_resume(view.state, trace_of, again), err=True)
        return INTERRUPTED
    if as_json:
        click.echo(TrajectorySummary.of(view.state, result.trace).model_dump_json())
    else:
        console.print(totals(view.state), soft_wrap=True)
        if result.trace is not None:
            console.print(f"recorded in {result.trace}", style="dim", soft_wrap=True, markup=False)
            if result.outcome == "halted":
                why = shlex.join(["cascade", "explain", str(result.trace)])
                console.print(f"see why: {why}", soft_wrap=True, markup=False)
    return DONE if result.outcome in {"completed", "decided"} else UNSUCCESSFUL


def _how_to_resume(
    state: State, trace_of: Callable[[State], Path | None], again: Sequence[str]
) -> str:
    trace = None if state.started is None else trace_of(state)
    if trace is None:
        return "interrupted; nothing was recorded, so start again"
    if state.head().content == "omitted":
        return f"interrupted; {trace} was recorded without content, so start again"
    command = shlex.join(["cascade", "resume", str(trace), *again])
    return f"interrupted; go on with: {command}"
