"""One trajectory's totals, for people and for machines."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Self

from pydantic import PlainSerializer
from rich import box
from rich.table import Table
from rich.text import Text

from cascade.cli.wording import dollars
from cascade.decision import HopRole
from cascade.events import Outcome, Scored
from cascade.exchange import Usage
from cascade.frozen import Frozen
from cascade.gates.judging import break_even_share
from cascade.ledger import Account, Cause
from cascade.state import State

__all__ = [
    "AccountSummary",
    "Dollars",
    "TrajectorySummary",
    "accounts_of",
    "accounts_table",
    "shares",
    "totals",
]

Dollars = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
"""US dollars, a number in JSON too."""


class AccountSummary(Frozen):
    """What one lane used in one role, by what became of the calls."""

    lane: str
    role: HopRole
    cause: Cause
    calls: int
    usage: Usage
    cost_usd: Dollars | None


class TrajectorySummary(Frozen):
    """What `--json` prints for a trajectory."""

    trajectory_id: str
    task: str
    outcome: Outcome | None
    """`None` while the trajectory is not over."""
    reason: str
    answer: str | None
    steps: int
    tool_calls: int
    usage: Usage
    cost_usd: Dollars | None
    """US dollars; `None` where the price of a model call is not known."""
    elapsed_s: float
    """Seconds in which it was being run."""
    accounts: tuple[AccountSummary, ...]
    scores: tuple[Scored, ...]
    trace: str | None
    """The recorded trajectory, where there is one."""

    @classmethod
    def of(cls, state: State, trace: Path | None) -> Self:
        """The totals of a trajectory, whether it is over or not."""
        started = state.head()
        finished = state.finished
        total = state.ledger.total
        return cls(
            trajectory_id=started.trajectory_id,
            task=started.task.text,
            outcome=state.outcome,
            reason="" if finished is None else finished.reason,
            answer=None if finished is None else finished.answer,
            steps=state.steps_done,
            tool_calls=state.tool_calls,
            usage=total.usage,
            cost_usd=total.cost_usd,
            elapsed_s=round(state.elapsed_s, 6),
            accounts=accounts_of(state),
            scores=state.scores,
            trace=None if trace is None else str(trace),
        )


def accounts_of(state: State) -> tuple[AccountSummary, ...]:
    """The ledger: tokens and cost by lane, role and what became of the calls."""
    return tuple(
        AccountSummary(
            lane=account.lane,
            role=account.role,
            cause=account.cause,
            calls=spend.hops,
            usage=spend.usage,
            cost_usd=spend.cost_usd,
        )
        for account, spend in state.ledger.accounts.items()
    )


def totals(state: State) -> Text:
    """Totals in one line."""
    usage = state.ledger.total.usage
    parts = (
        f"{state.steps_done} steps",
        f"{state.tool_calls} tool calls",
        f"{usage.prompt_tokens} prompt tokens ({usage.cache_read_tokens} cached)",
        f"{usage.output_tokens} output tokens",
        dollars(state.ledger.total.cost_usd),
        f"{state.elapsed_s:.2f} s",
    )
    return Text(" · ".join(parts), "dim")


def shares(state: State) -> Text | None:
    """What lanes other than the home lane did and cost; `None` where there is none of it."""
    accounts = state.ledger.accounts
    steps = sum(
        spend.hops
        for account, spend in accounts.items()
        if account.lane != state.home and account.cause == "accepted" and account.role in _STEPS
    )
    opinions = [spend for account, spend in accounts.items() if account.role in _OPINIONS]
    if not steps and not opinions:
        return None
    told = f"{steps} of {state.steps_done} steps on other lanes than {state.home}"
    if opinions:
        calls = sum(spend.hops for spend in opinions)
        costs = [spend.cost_usd for spend in opinions]
        known = [cost for cost in costs if cost is not None]
        cost_usd = sum(known, Decimal(0)) if len(known) == len(costs) else None
        total_usd = state.ledger.total.cost_usd
        share = f", {cost_usd / total_usd:.0%} of the bill" if cost_usd and total_usd else ""
        told += f" · {calls} opinions for {dollars(cost_usd)}{share}"
    least = _break_even(state)
    if least is not None and least > 1:
        told += " · a judgement costs more than a step there"
    elif least is not None:
        told += f" · judging pays where it spares the other lanes {least:.0%} of the judged steps"
    return Text(told, "dim")


def _break_even(state: State) -> Decimal | None:
    """The share of judged steps that has to stay at home; `None` where the costs do not tell."""
    judging = _mean_usd(state, lambda account: account.role in _JUDGING)
    large = _mean_usd(state, lambda account: _is_step(account) and account.lane != state.home)
    small = _mean_usd(state, lambda account: _is_step(account) and account.lane == state.home)
    if judging is None or large is None:
        return None
    return break_even_share(judge_usd=judging, large_usd=large, small_usd=small or Decimal(0))


def _mean_usd(state: State, counts: Callable[[Account], bool]) -> Decimal | None:
    spent = [spend for account, spend in state.ledger.accounts.items() if counts(account)]
    calls = sum(spend.hops for spend in spent)
    known = [spend.cost_usd for spend in spent if spend.cost_usd is not None]
    return sum(known, Decimal(0)) / calls if calls and len(known) == len(spent) else None


def _is_step(account: Account) -> bool:
    return account.role in _STEPS and account.cause == "accepted"


_STEPS: frozenset[HopRole] = frozenset({"draft", "redraft", "failover"})
_JUDGING: frozenset[HopRole] = frozenset({"review", "judge"})
_OPINIONS: frozenset[HopRole] = frozenset({"advice", "review", "judge", "sample", "directive"})


def accounts_table(state: State) -> Table:
    """The ledger as `accounts_of` has it, for people."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    table.add_column("lane", overflow="fold")
    for heading in ("role", "became"):
        table.add_column(heading, no_wrap=True)
    for heading in ("calls", "input", "cached", "written", "output", "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    for account, spend in state.ledger.accounts.items():
        usage = spend.usage
        figures = (
            spend.hops,
            usage.input_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.output_tokens,
        )
        table.add_row(*account, *map(str, figures), dollars(spend.cost_usd))
    return table
