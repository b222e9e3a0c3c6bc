"""The command line. `app` is its entry; one file a command; `narration` turns events into lines.

Commands are imported when they are called, so that `cascade --help` stays quick.
"""

from cascade.cli.app import main

__all__ = ["main"]
