"""What an office holds: customers, orders, files; frozen, so a task can be opened many times."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

__all__ = ["STATUSES", "TIERS", "Customer", "Order", "Records", "Status"]

Status = Literal["open", "packed", "shipped", "delivered", "returned", "cancelled", "closed"]
STATUSES: tuple[Status, ...] = get_args(Status)
TIERS = ("basic", "silver", "gold", "platinum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Somebody who buys.

    Attributes:
        customer_id: Three digits.
        name: First and last name.
        tier: One of `TIERS`.
    """

    customer_id: str
    name: str
    tier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One thing that somebody bought.

    Attributes:
        order_id: Four digits.
        customer_id: Whose order it is.
        item: One word.
        total: Price in whole currency units.
        status: Where it stands.
        note: Free text for the staff; empty for none.
    """

    order_id: str
    customer_id: str
    item: str
    total: int
    status: Status
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The content of an office before anybody has touched it.

    Attributes:
        customers: In order of their identifiers' making.
        orders: Oldest first.
        files: Text by path.
        replaced: New order id by the id that it replaced.
        timeouts: Calls, as `tool:first argument`, of which the first attempt times out.
    """

    customers: tuple[Customer, ...]
    orders: tuple[Order, ...]
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    replaced: Mapping[str, str] = field(default_factory=dict[str, str])
    timeouts: frozenset[str] = frozenset()

    def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        """Return one customer's orders, oldest first."""
        return tuple(order for order in self.orders if order.customer_id == customer_id)
