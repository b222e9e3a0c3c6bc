"""`cascade doctor`: what is installed, what answers, and what mends the rest."""

import click
from rich.text import Text

from cascade.cli.app import DONE, UNSUCCESSFUL
from cascade.cli.checks import examine
from cascade.cli.consoles import output_console
from cascade.cli.options import RuntimeOptions, json_option, model_options

__all__ = ["command"]

EPILOG = """\b
Examples:
  cascade doctor
  cascade doctor --model path/to/model.gguf --json

\b
--json prints {"ok", "checks": [{"name", "status", "detail", "mend"}]}; status is
  ok, missing (optional), or broken. Exits with 1 when something needed is broken.
Nothing is sent anywhere; `cascade lanes --check` asks the remote lanes.
"""

STYLES = {"ok": "green", "missing": "yellow", "broken": "red"}


@click.command(name="doctor", epilog=EPILOG)
@model_options
@json_option
def command(*, options: RuntimeOptions, as_json: bool) -> int:
    """Check the installation and the lanes, and let a local model answer once."""
    examination = examine(options)
    if as_json:
        click.echo(examination.model_dump_json())
    else:
        console = output_console()
        for check in examination.checks:
            line = Text.assemble(
                (f"{check.status:<8}", STYLES[check.status]), f"{check.name:<20}  ", check.detail
            )
            console.print(line, soft_wrap=True)
            if check.mend:
                console.print(Text(f"{'':<30}→ {check.mend}", "bold"), soft_wrap=True)
    return DONE if examination.ok else UNSUCCESSFUL
