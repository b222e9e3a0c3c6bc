"""`cascade init`: a configuration to begin with."""

from pathlib import Path

import click

from cascade.cli.app import DONE
from cascade.config import DEFAULT_FILE, SCHEMA_FILE, STARTER_FILE
from cascade.errors import ConfigError

__all__ = ["command"]

EPILOG = """\b
Examples:
  cascade init
  cascade init conf/cascade.toml --force

It works as it stands, offline, with the bundled model; remote lanes stand in it as
comments. Keys never go into the file: it names the environment variables that hold them.
"""


@click.command(name="init", epilog=EPILOG)
@click.argument("path", type=click.Path(path_type=Path), default=DEFAULT_FILE)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(path: Path, *, force: bool) -> int:
    """Write a commented cascade.toml to PATH: a file, or a folder for it."""
    target = path / DEFAULT_FILE if path.is_dir() else path
    text = STARTER_FILE.read_text(encoding="utf-8")
    if target.exists() and not force:
        raise ConfigError(f"{target} is there already; --force replaces it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {target}; what it may hold is in {SCHEMA_FILE}")
    option = "" if target == DEFAULT_FILE else f" --config {target}"
    click.echo(f"next: cascade lanes{option}   and then   cascade lanes --check{option}")
    return DONE
