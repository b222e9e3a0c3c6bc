"""`cascade resume`: go on with a stopped trajectory."""

from pathlib import Path

import click

from cascade.cli.following import follow
from cascade.cli.live import TrajectoryView
from cascade.cli.loading import load_suite, load_tools
from cascade.cli.options import RuntimeOptions, json_option, resume_options
from cascade.errors import ConfigError, TraceError
from cascade.evaluation.attempt import TaskLabel
from cascade.evaluation.draw import draw, open_task
from cascade.evaluation.judge import judge
from cascade.evaluation.restore import is_restorable, restore
from cascade.lanes import Lane
from cascade.runtime.cascade import Cascade
from cascade.runtime.clock import SystemClock
from cascade.runtime.result import Result
from cascade.suites import Episode
from cascade.tools import Tool
from cascade.traces.record import Trace, read_trace

__all__ = ["command"]

EPILOG = """\b
Examples:
  cascade resume runs/20260101T120000-1a2b3c4d.jsonl --tools tools.py
  cascade resume runs/desk-20260101T120000Z/00007-orders-7.jsonl

A tool call that was cut short is run again if the tool is a `read`; of any other the
model is told that it was interrupted. Models and budgets are those of the record; the
configuration only says where keys come from. A lane that only stands in for others is
left out if it has no key.

With --accept-changed-lanes, lanes that the configuration has take the place of those of
the record that have their names: other models, servers or accounts, priced as recorded.
None of them may be more public than it was, or allowed other classes of data.

A task of a suite brings its own tools, and its end is judged. A world that calls itself
restorable (desk does) is brought back by making the recorded calls again; for any other
no call is repeated. A suite or script that the record names is imported: resume only
records that you trust.
"""

UNRESTORED = (
    "the world does not call itself restorable: none of its {} recorded tool calls is repeated, "
    "their results are taken from the record"
)


@click.command(name="resume", epilog=EPILOG)
@click.argument("trace", type=click.Path(path_type=Path))
@click.option(
    "--tools", "-t", metavar="FILE_OR_MODULE", multiple=True, help="The same tools as before."
)
@click.option(
    "--accept-changed-lanes", "accept", is_flag=True, help="Take the lanes of the configuration."
)
@resume_options
@json_option
def command(
    trace: Path,
    *,
    tools: tuple[str, ...],
    accept: bool,
    options: RuntimeOptions,
    as_json: bool,
) -> int:
    """Go on with the recorded trajectory in the file TRACE."""
    recorded = read_trace(trace)
    state = recorded.state()
    if state.finished is not None:
        raise TraceError(f"is over ({state.outcome}), so there is nothing to resume", path=trace)
    label = None if tools else _label(recorded)
    episode, given = (None, load_tools(tools)) if label is None else _world(label)
    restorable = episode is not None and is_restorable(episode)
    if episode is not None and not restorable and state.tool_calls:
        click.echo(UNRESTORED.format(state.tool_calls), err=True)

    async def run(runtime: Cascade, view: TrajectoryView) -> Result:
        view.print(state.head())
        if episode is not None and restorable:
            await restore(episode, recorded)
        result = await runtime.resume(
            recorded,
            tools=given,
            accept_changed_lanes=accept,
            on_event=view.on_event,
            on_delta=view.on_delta,
        )
        if episode is not None and label is not None:
            scored = judge(
                episode, result, task=label.task, source=label.suite, clock=SystemClock()
            )
            view.on_event(scored)
        return result

    head = state.head()
    lanes = _exchanged(head.lanes, options) if accept else head.lanes
    with options.runtime(lanes=lanes, policy=head.policy) as runtime:

        async def work(view: TrajectoryView) -> Result:
            async with runtime:
                return await run(runtime, view)

        again = [part for reference in tools for part in ("--tools", reference)]
        again += ["--accept-changed-lanes"] if accept else []
        return follow(work, as_json=as_json, trace_of=lambda _: trace, again=again, state=state)


def _exchanged(recorded: tuple[Lane, ...], options: RuntimeOptions) -> tuple[Lane, ...]:
    """The recorded ladder, its lanes as the configuration has them, where it has them."""
    configured = options.configuration
    known = {} if configured is None else {lane.name: lane for lane in configured.lanes}
    # Who stands in for whom is the record's, as the trajectory goes on by that.
    return tuple(
        known[lane.name].model_copy(update={"fallbacks": lane.fallbacks})
        if lane.name in known
        else lane
        for lane in recorded
    )


def _label(recorded: Trace) -> TaskLabel | None:
    """Which task of a suite this is; `None` where it is none or its suite cannot be found."""
    try:
        label = TaskLabel.of(recorded.state(), recorded.path)
    except TraceError:
        return None
    return None if label.reference is None else label


def _world(label: TaskLabel) -> tuple[Episode, tuple[Tool, ...]]:
    suite = load_suite(str(label.reference))
    for task in draw(suite, label.drawn_tasks, label.drawn_seed):
        if task.id == label.task:
            return open_task(task)
    raise ConfigError(
        f"suite {label.reference} has no task {label.task!r} any more, so its world cannot be "
        "restored"
    )
