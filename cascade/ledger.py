"""The ledger: every token and cent of a trajectory, by what caused it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, NamedTuple

from cascade.decision import HopRole
from cascade.exchange import Usage

__all__ = ["Account", "Cause", "Ledger", "Spend"]

Cause = Literal["accepted", "held", "rejected", "failed", "cancelled"]
"""What became of the model call that the money went to; `held` while that is open."""


class Account(NamedTuple):
    """What a sum is kept by."""

    lane: str
    role: HopRole
    cause: Cause


class Spend(NamedTuple):
    """A sum over model calls."""

    hops: int = 0
    usage: Usage = Usage()
    cost_usd: Decimal | None = Decimal(0)
    """`None` as soon as the cost of one call is unknown."""

    def plus(self, usage: Usage, cost_usd: Decimal | None) -> "Spend":
        """This sum and one more call."""
        known = None if self.cost_usd is None or cost_usd is None else self.cost_usd + cost_usd
        return Spend(self.hops + 1, self.usage + usage, known)

    def minus(self, usage: Usage, cost_usd: Decimal | None) -> "Spend":
        """This sum without a call that is in it."""
        known = None if self.cost_usd is None or cost_usd is None else self.cost_usd - cost_usd
        mine = self.usage
        rest = Usage(
            input_tokens=mine.input_tokens - usage.input_tokens,
            cache_read_tokens=mine.cache_read_tokens - usage.cache_read_tokens,
            cache_write_tokens=mine.cache_write_tokens - usage.cache_write_tokens,
            output_tokens=mine.output_tokens - usage.output_tokens,
            estimated=mine.estimated,
        )
        return Spend(self.hops - 1, rest, known)


_EMPTY: Mapping[Account, Spend] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ledger:
    """Sums of all model calls, in total and by lane, role and cause."""

    total: Spend = field(default_factory=Spend)
    accounts: Mapping[Account, Spend] = field(default_factory=lambda: _EMPTY)

    def charge(self, account: Account, usage: Usage, cost_usd: Decimal | None) -> "Ledger":
        """Returns the ledger with one more call; the work depends on the accounts, not on it."""
        total = self.total.plus(usage, cost_usd)
        before = self.accounts.get(account, self.total if not self.accounts else Spend())
        # As long as there is one account, its sum and the total are one object, added up once.
        after = total if before is self.total else before.plus(usage, cost_usd)
        return Ledger(total, {**self.accounts, account: after})

    def move(
        self, source: Account, target: Account, usage: Usage, cost_usd: Decimal | None
    ) -> "Ledger":
        """Returns the ledger with one call of *source* put to *target*; the total stays."""
        accounts = dict(self.accounts)
        left = accounts.pop(source, Spend()).minus(usage, cost_usd)
        if left.hops > 0:
            accounts[source] = left
        accounts[target] = accounts.get(target, Spend()).plus(usage, cost_usd)
        return Ledger(self.total, accounts)
