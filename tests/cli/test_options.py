"""Options that several commands share."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cascade.cli.options import RuntimeOptions
from cascade.policy import Budget

Command = Callable[..., Any]
RUN = ("run", "x", "--model", "scripted:tools.py:replies", "--tools", "tools.py")


@pytest.mark.parametrize("option", ["--max-usd", "--max-seconds", "--temperature"])
@pytest.mark.parametrize("number", ["nan", "inf"])
def test_a_number_that_is_none_is_a_usage_error(command: Command, option: str, number: str):
    ended = command(*RUN, option, number)
    assert ended.code == 2
    assert f"'{option}': {number} is not a finite number" in ended.err


def test_a_success_rate_that_is_no_number_is_a_usage_error(command: Command):
    ended = command("eval", "desk", "--min-success", "nan")
    assert ended.code == 2
    assert "'--min-success': nan is not a finite number" in ended.err


def test_budgets_that_were_given_replace_the_default_ones():
    options = RuntimeOptions(max_steps=3, max_usd=0.1)
    assert options.policy().budget == Budget(steps=3, usd=Decimal("0.1"))


def test_a_key_goes_to_no_other_server_than_the_configured_one():
    Path("cascade.toml").write_text(
        '[lanes.own]\nprovider = "openai"\nmodel = "m"\n'
        '[lanes.other]\nbackend = "openai"\nmodel = "m"\ntier = 2\n'
        'endpoint = "https://example.test/v1"\napi_key_env = "OTHER_KEY"',
        encoding="utf-8",
    )
    options = RuntimeOptions(config=Path("cascade.toml"))
    own, other = options.lanes()
    opened = own.model_copy(update={"endpoint": "https://api.openai.com/v1"})
    assert set(options.credentials((opened, other))) == {"own", "other"}
    moved = [
        lane.model_copy(update={"endpoint": f"https://{host}/v1"})
        for lane in (own, other)
        for host in ("evil.test", "api.openai.com.evil.test", "api.anthropic.com")
    ]
    for lane in moved:
        assert options.credentials((lane,)) == {}
    assert options.credentials((own.model_copy(update={"backend": "anthropic"}),)) == {}


def test_budgets_are_checked_wherever_they_come_from():
    with pytest.raises(ValidationError):
        RuntimeOptions(max_seconds=float("nan")).policy()
