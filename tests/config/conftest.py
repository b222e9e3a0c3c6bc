"""Reading configurations from text."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from cascade.config.configuration import Configuration, parse
from cascade.errors import ConfigError

Read = Callable[..., Configuration]
Faults = Callable[..., str]


@pytest.fixture
def read() -> Read:
    """Reads a text as `cascade.toml`, with the environment variables that are given by name."""

    def read(text: str, **environment: str) -> Configuration:
        return parse(dedent(text), path=Path("cascade.toml"), environment=environment)

    return read


@pytest.fixture
def faults(read: Read) -> Faults:
    """The error that a text gives."""

    def faults(text: str, **environment: str) -> str:
        with pytest.raises(ConfigError) as raised:
            read(text, **environment)
        # What caused it would show values in a traceback.
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__ or raised.value.__context__ is None
        return str(raised.value)

    return faults
