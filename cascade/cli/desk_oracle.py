"""`cascade desk-oracle`: the desk oracle behind a simulated provider, until it is stopped."""

from typing import get_args

import anyio
import click

from cascade.cli.app import DONE
from cascade.cli.interrupts import run_until_interrupted
from cascade.desk.suite import DeskSuite
from cascade.evaluation.frontier import OracleWire, oracle_served
from cascade.lanes import Lane

__all__ = ["command"]

_LANE = "desk-oracle"
"""Not `oracle`: `cascade eval --lane oracle` starts one of its own."""

_EVERYWHERE = "//0.0.0.0:"
_HERE = "//127.0.0.1:"
"""An address of every machine that listens everywhere, which is itself no address to go to."""

EPILOG = """\b
Examples:
  cascade desk-oracle --wire openai
  cascade desk-oracle --wire anthropic --port 8089 --tasks 500 --seed 3

\b
It stands in for a frontier model and is always labelled simulated: what it says is
the suite's own solution, so its figures are no claim about any real model. It holds
clients to the provider's rules: order and pairing of calls and results, signatures,
parameters. It knows the tasks that `cascade eval desk --tasks N --seed S` draws, by
their prompts. Any text serves as a key. Stop it with Ctrl-C.

\b
It prints a lane for cascade.toml, at the list prices of the model it stands for. With
--host 0.0.0.0 that lane is for this machine; elsewhere, put this machine's address in.
"""


@click.command(name="desk-oracle", epilog=EPILOG)
@click.option(
    "--wire",
    type=click.Choice(get_args(OracleWire)),
    default="openai",
    show_default=True,
    help="Which provider it plays.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="0 takes any that is free.  [default: 0]",
)
@click.option(
    "--tasks",
    metavar="N",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="How many tasks of the suite it knows.",
)
@click.option(
    "--seed", metavar="S", type=int, default=0, show_default=True, help="What they are drawn with."
)
def command(*, wire: OracleWire, host: str, port: int, tasks: int, seed: int) -> int:
    """Serve the desk suite's oracle as a simulated provider."""
    known = (task.desk for task in DeskSuite().tasks(tasks, seed))
    with oracle_served(wire, known, host=host, port=port) as lane:
        click.echo(_starter(wire, lane))
        run_until_interrupted(anyio.sleep_forever, on_stop=lambda: click.echo("stopped", err=True))
    return DONE


def _starter(wire: OracleWire, lane: Lane) -> str:
    """What to put into cascade.toml to use it."""
    endpoint = lane.endpoint.replace(_EVERYWHERE, _HERE)
    # A server of one's own may be spoken to without TLS, whatever its address.
    return "\n".join(
        (
            f"simulated {lane.model} at {endpoint} - in cascade.toml:",
            "",
            f"[lanes.{_LANE}]",
            f'backend = "{lane.backend}"',
            f'api = "{lane.api}"',
            f'model = "{lane.model}"',
            f'endpoint = "{endpoint}"',
            f'locality = "{lane.locality}"',
            f'account = "{lane.account}"',
            'api_key_cmd = "echo simulated"',
            f'priced_as = "{wire}/{lane.model}"  # simulated: what the real model would cost',
            "tier = 1",
            "",
        )
    )
