"""The files that ship: the schema, the starter and the example."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cascade.config import SCHEMA_FILE, STARTER_FILE, config_schema
from cascade.config.configuration import Configuration
from cascade.runtime import BUNDLED_LANE

Read = Callable[..., Configuration]

EXAMPLE = Path(__file__).parents[2] / "examples" / "cascade.toml"

COMMENTED = re.compile(r"^#(?=\[|[a-z_]+ = )", re.MULTILINE)
"""A setting that is commented out, as against a comment, which begins with a space."""


def test_the_schema_that_ships_is_the_one_of_the_models():
    shipped = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert shipped == config_schema(), (
        "write it anew: python -m cascade.config > cascade/config/cascade.schema.json"
    )


def test_the_module_prints_the_schema():
    printed = subprocess.run(
        [sys.executable, "-m", "cascade.config"], capture_output=True, check=True, text=True
    ).stdout
    assert printed == SCHEMA_FILE.read_text(encoding="utf-8")


def properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, definition in (("", schema), *schema["$defs"].items()):
        for field, described in definition.get("properties", {}).items():
            yield f"{name}.{field}", described


def test_the_schema_describes_every_key_of_the_file_and_of_its_lanes():
    silent = [
        name
        for name, described in properties(config_schema())
        if name.startswith((".", "LaneSettings.", "CapabilitySettings."))
        and "description" not in described
    ]
    assert silent == []


def test_no_table_takes_keys_that_it_does_not_know():
    schema = config_schema()
    tables = [schema, *schema["$defs"].values()]
    closed = [table["additionalProperties"] for table in tables if "properties" in table]
    assert closed
    assert not any(closed)


def test_the_starter_works_as_it_stands_without_key_or_network(read: Read):
    found = read(STARTER_FILE.read_text(encoding="utf-8"))
    assert found.lanes == (BUNDLED_LANE,)
    assert found.credentials == {}


@pytest.mark.parametrize("path", [STARTER_FILE, EXAMPLE], ids=["starter", "example"])
def test_everything_that_is_commented_out_would_work_too(read: Read, path: Path):
    text = COMMENTED.sub("", path.read_text(encoding="utf-8"))
    assert len(tomllib.loads(text)["lanes"]) >= 4
    found = read(text)
    assert found.lanes[0].locality == "local"
    assert {lane.api for lane in found.lanes} >= {None, "responses", "messages"}


def test_the_example_is_a_whole_ladder(read: Read):
    found = read(EXAMPLE.read_text(encoding="utf-8"))
    assert [lane.locality for lane in found.lanes] == ["local", "private", "remote", "remote"]
    assert all(lane.prices is not None for lane in found.lanes)
