"""What a family of tasks is, and the stage on which one task's records are set up."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from cascade.desk import names
from cascade.desk.calls import Plan
from cascade.desk.names import Pool
from cascade.desk.records import TIERS, Customer, Order, Records, Status
from cascade.desk.wording import Wordings

__all__ = ["Brief", "Family", "Fault", "Level", "Stage"]

Level = Literal["routine", "medium", "hard"]
Fault = Literal["timeout", "replaced", "misspelt", "renamed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What one task asks for.

    Attributes:
        slots: Text for the slots of the wording.
        plan: Starts the plan that solves the task.
    """

    slots: Mapping[str, str]
    plan: Callable[[], Plan]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A kind of task.

    Attributes:
        name: One word.
        level: How hard it is meant to be for a tiny model.
        wordings: How it is asked for.
        faults: What may go wrong on the way, at most one in a task.
        build: Sets a stage up and returns the brief.
    """

    name: str
    level: Level
    wordings: Wordings
    faults: tuple[Fault, ...]
    build: Callable[["Stage"], Brief]


@dataclass(slots=True, kw_only=True)
class Stage:
    """The records of one task while they are being made up.

    Attributes:
        rng: Source of every choice.
        pool: Where names, items and remarks come from.
        fault: What is to go wrong; the methods that name things in the prompt bring it about.
    """

    rng: random.Random
    pool: Pool
    fault: Fault | None
    customers: list[Customer] = field(default_factory=list[Customer])
    orders: list[Order] = field(default_factory=list[Order])
    files: dict[str, str] = field(default_factory=dict[str, str])
    replaced: dict[str, str] = field(default_factory=dict[str, str])

    def customer(self) -> Customer:
        """Add a customer with a name and id not yet taken."""
        taken = {customer.name for customer in self.customers}
        name = names.person(self.rng, self.pool)
        while name in taken:
            name = names.person(self.rng, self.pool)
        made = Customer(
            customer_id=self._free_id(100, {customer.customer_id for customer in self.customers}),
            name=name,
            tier=self.rng.choice(TIERS),
        )
        self.customers.append(made)
        return made

    def order(self, customer: Customer, *, status: Status, total: int | None = None) -> Order:
        """Add an order of a customer."""
        made = Order(
            order_id=self.order_id(),
            customer_id=customer.customer_id,
            item=names.item(self.rng, self.pool),
            total=self.rng.randrange(12, 400) if total is None else total,
            status=status,
        )
        self.orders.append(made)
        return made

    def order_id(self) -> str:
        """Return an order id that nothing uses yet."""
        return self._free_id(1000, {order.order_id for order in self.orders} | set(self.replaced))

    def shown_order(self, order: Order) -> str:
        """Return the id by which the prompt calls an order: an old one, if that is the fault."""
        if self.fault != "replaced":
            return order.order_id
        old = self.order_id()
        self.replaced[old] = order.order_id
        return old

    def shown_name(self, customer: Customer) -> str:
        """Return the name by which the prompt calls a customer: misspelt, if that is the fault."""
        if self.fault != "misspelt":
            return customer.name
        known = [other.name for other in self.customers]
        slip = names.misspell(self.rng, customer.name)
        while slip in known or get_close_matches(slip, known, n=1, cutoff=0.75) != [customer.name]:
            slip = names.misspell(self.rng, customer.name)
        return slip

    def shown_path(self, folder: str, stem: str, text: str) -> str:
        """Add a file and return the path that the prompt gives, an old one if that is the fault."""
        path = f"{folder}/{stem}.txt"
        actual = path
        if self.fault == "renamed":
            actual = (
                f"{folder}/{stem}_{self.rng.choice(('2', '3', '4', 'new', 'old', 'final'))}.txt"
            )
        self.files[actual] = text
        return path

    def records(self) -> Records:
        """Return what was set up, with bystanders and a file that nobody asks for added."""
        for _ in range(self.rng.randrange(1, 3)):
            bystander = self.customer()
            self.order(bystander, status=self.rng.choice(("open", "shipped", "delivered")))
        self.files.setdefault(
            self.rng.choice(("policy/hours.txt", "notes/phone.txt")), "Open 9 to 17."
        )
        return Records(
            customers=tuple(self.customers),
            orders=tuple(self.orders),
            files=dict(self.files),
            replaced=dict(self.replaced),
        )

    def _free_id(self, low: int, taken: set[str]) -> str:
        made = str(self.rng.randrange(low, low * 10))
        while made in taken:
            made = str(self.rng.randrange(low, low * 10))
        return made
