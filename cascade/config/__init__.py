"""`cascade.toml`: lanes, policy, and the environment variables that override them.

`settings` says what may stand in the file, `resolution` fills in what it leaves out,
`configuration` puts it together.
"""

from cascade.config.configuration import (
    DEFAULT_FILE,
    Configuration,
    check_lane_names,
    find,
    load,
    named_policy,
)
from cascade.config.files import SCHEMA_FILE, STARTER_FILE
from cascade.config.schema import config_schema

__all__ = [
    "DEFAULT_FILE",
    "SCHEMA_FILE",
    "STARTER_FILE",
    "Configuration",
    "check_lane_names",
    "config_schema",
    "find",
    "load",
    "named_policy",
]
