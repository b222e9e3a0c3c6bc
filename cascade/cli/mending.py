"""Commands that mend this very environment."""

import shlex
import sys
from collections.abc import Sequence

__all__ = ["OTLP_PACKAGE", "install_command"]

OTLP_PACKAGE = "opentelemetry-exporter-otlp-proto-http"


def install_command(package: str, *, options: Sequence[str] = ()) -> str:
    """The command that installs *package* beside the running Python.

    uv makes environments without pip, so uv is told which Python it is for.

    Args:
        package: The requirement.
        options: Options of `uv pip install`.
    """
    python = ["--python", sys.executable]
    return shlex.join(["uv", "pip", "install", *python, *options, package])
