"""Where the command prints."""

import sys

from rich.console import Console

__all__ = ["output_console"]


def output_console(*, as_json: bool = False) -> Console:
    """The console for what people read.

    With `--json` standard output belongs to the machine: people get theirs on standard error, and
    only if that is a terminal. Colours follow `NO_COLOR`, `TERM` and whether there is a terminal.
    """
    if as_json:
        return Console(stderr=True, highlight=False, quiet=not sys.stderr.isatty())
    return Console(highlight=False)
