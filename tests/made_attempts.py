"""Judged runs that nobody made, in as many words as a test needs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cascade.evaluation.attempt import Attempt, TaskLabel
from cascade.exchange import Usage
from cascade.ledger import Account, Ledger

__all__ = ["made_attempt"]

AT = datetime(2026, 1, 1, tzinfo=UTC)
_CALL = Usage(input_tokens=80, output_tokens=20)


def made_attempt(
    task: str,
    *,
    success: bool,
    seed: int = 0,
    local: int = 0,
    frontier: int = 0,
    reviews: int = 0,
    usd: str | None = "0.01",
    loop: int | None = 0,
) -> Attempt:
    """An attempt with so many steps of each lane; each frontier call costs *usd*, 100 tokens."""
    price = None if usd is None else Decimal(usd)
    ledger = Ledger()
    for account, count, cost in (
        (Account("local", "draft", "accepted"), local, Decimal(0)),
        (Account("oracle", "draft", "accepted"), frontier, price),
        (Account("oracle", "review", "accepted"), reviews, price),
    ):
        for _ in range(count):
            ledger = ledger.charge(account, _CALL, cost)
    return Attempt(
        trajectory_id=task,
        label=TaskLabel(
            suite="made", task=task, family="only", seed=0, drawn_tasks=1, drawn_seed=seed
        ),
        outcome="completed",
        success=success,
        reward=float(success),
        reason="",
        steps=local + frontier,
        frontier_steps=frontier,
        tool_calls=0,
        usage=ledger.total.usage,
        cost_usd=ledger.total.cost_usd,
        began_at=AT,
        ended_at=AT + timedelta(seconds=2),
        elapsed_s=2.0,
        trace=None,
        ledger=ledger,
        longest_loop=loop,
    )
