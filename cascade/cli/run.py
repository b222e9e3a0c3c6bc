"""`cascade run`: one task."""

import sys
from pathlib import Path

import click

from cascade.cli.following import follow
from cascade.cli.live import TrajectoryView
from cascade.cli.loading import load_tools
from cascade.cli.options import RuntimeOptions, json_option, runtime_options
from cascade.runtime.result import Result

__all__ = ["command"]

EPILOG = """\b
Examples:
  cascade run "Is order 1042 late?" --tools tools.py
  cascade run "Add 2 and 3" -t mymodule:add --max-steps 5 --json
  echo "Say hello" | cascade run -

\b
Tools:
  FILE.py or MODULE    every function made into a tool with @cascade.tool, or, where
                       there is an __all__, the tools and functions that it names
  FILE.py:NAME         that tool, function or list of them

\b
--json prints trajectory_id, task, outcome, reason, answer, steps, tool_calls, usage,
cost_usd, elapsed_s, accounts (tokens by lane, role and cause), scores, trace.
Ctrl-C stops and says how to resume. Exit codes: cascade --help
"""


@click.command(name="run", epilog=EPILOG)
@click.argument("task")
@click.option(
    "--tools", "-t", metavar="FILE_OR_MODULE", multiple=True, help="Tools; may be given again."
)
@click.option("--system", help="Text that stands before the conversation.")
@click.option(
    "--seed",
    metavar="S",
    type=int,
    help="Decides everything random; chosen and recorded by default.",
)
@click.option(
    "--traces",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder in which the trajectory is recorded.",
)
@click.option("--no-record", is_flag=True, help="Record nothing.")
@runtime_options
@json_option
def command(
    task: str,
    *,
    tools: tuple[str, ...],
    system: str | None,
    seed: int | None,
    traces: Path,
    no_record: bool,
    options: RuntimeOptions,
    as_json: bool,
) -> int:
    """Run one TASK, given as text, or as `-` to read it from standard input."""
    given = load_tools(tools)
    text = sys.stdin.read().strip() if task == "-" else task
    if not text:
        raise click.UsageError("the task is empty")
    folder = None if no_record else traces

    with options.runtime(traces=folder) as runtime:

        async def work(view: TrajectoryView) -> Result:
            async with runtime:
                return await runtime.run(
                    text,
                    tools=given,
                    system=system,
                    seed=seed,
                    on_event=view.on_event,
                    on_delta=view.on_delta,
                )

        return follow(
            work,
            as_json=as_json,
            trace_of=lambda state: (
                None if folder is None else folder / f"{state.head().trajectory_id}.jsonl"
            ),
            again=[part for reference in tools for part in ("--tools", reference)],
        )
