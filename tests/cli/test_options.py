"""Options that several commands share."""

from collections.abc import Callable
from decimal import Decimal
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


def test_budgets_are_checked_wherever_they_come_from():
    with pytest.raises(ValidationError):
        RuntimeOptions(max_seconds=float("nan")).policy()
