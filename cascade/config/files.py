"""The files that ship beside this package."""

from pathlib import Path

__all__ = ["SCHEMA_FILE", "STARTER_FILE"]

SCHEMA_FILE = Path(__file__).with_name("cascade.schema.json")
"""The JSON schema of `cascade.toml`, for editors."""

STARTER_FILE = Path(__file__).with_name("starter.toml")
"""What `cascade init` writes."""
