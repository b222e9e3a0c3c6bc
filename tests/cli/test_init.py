"""`cascade init`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cascade.config import SCHEMA_FILE, STARTER_FILE, load

Command = Callable[..., Any]


def test_it_writes_a_file_that_is_valid_and_says_what_comes_next(command: Command):
    ended = command("init")
    assert ended.code == 0
    assert Path("cascade.toml").read_bytes() == STARTER_FILE.read_bytes()
    assert load(environment={}) is not None
    assert "next: cascade lanes " in ended.out
    assert str(SCHEMA_FILE) in ended.out


def test_what_it_wrote_runs_offline(command: Command):
    command("init")
    assert command("run", "Say hello.", "--max-steps", "1", "--no-record").code in {0, 1}


@pytest.mark.parametrize(("path", "written"), [("a/b.toml", "a/b.toml"), (".", "cascade.toml")])
def test_it_takes_a_path_or_a_folder(command: Command, path: str, written: str):
    assert command("init", path).code == 0
    assert Path(written).is_file()


def test_the_next_command_names_another_file(command: Command):
    assert "next: cascade lanes --config other.toml" in command("init", "other.toml").out


def test_it_replaces_nothing_unless_forced_to(command: Command):
    Path("cascade.toml").write_text("mine", encoding="utf-8")
    ended = command("init")
    assert ended.code == 2
    assert ended.err == "cascade: cascade.toml is there already; --force replaces it\n"
    assert Path("cascade.toml").read_text(encoding="utf-8") == "mine"
    assert command("init", "--force").code == 0
    assert Path("cascade.toml").read_bytes() == STARTER_FILE.read_bytes()


def test_a_place_that_cannot_be_written_is_told(command: Command):
    Path("file").touch()
    ended = command("init", "file/cascade.toml")
    assert ended.code == 2
    assert ended.err.startswith("cascade: file/cascade.toml cannot be written: ")
