"""Prints the JSON schema: python -m cascade.config > cascade/config/cascade.schema.json."""

import json
import sys

from cascade.config.schema import config_schema

__all__: list[str] = []

if __name__ == "__main__":
    sys.stdout.write(json.dumps(config_schema(), indent=2) + "\n")
