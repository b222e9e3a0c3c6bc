"""Where the command prints."""

import errno
import sys

from rich.console import Console

__all__ = ["OutputConsole", "output_console"]


class OutputConsole(Console):
    """A console whose reader may leave, as `head` does."""

    def on_broken_pipe(self) -> None:
        """Lets the error rise: a `SystemExit` would tear the event loop down around its tasks."""
        self.quiet = True
        raise BrokenPipeError(errno.EPIPE, "the reader of the output has left")


def output_console(*, as_json: bool = False) -> Console:
    """The console for what people read.

    With `--json` standard output belongs to the machine: people get theirs on standard error, and
    only if that is a terminal. Colours follow `NO_COLOR`, `TERM` and whether there is a terminal.
    """
    if as_json:
        return OutputConsole(stderr=True, highlight=False, quiet=not sys.stderr.isatty())
    return OutputConsole(highlight=False)
