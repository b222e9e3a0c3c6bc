"""The office: an in-memory database whose public methods are the tools.

Every tool returns one short text, because a small model reads it; JSON where it is a record. What
cannot be done raises `ToolError` with a message that says how to go on. Nothing here reads a clock
or draws a random number, so the same calls always give the same results.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache

from cascade.desk.arithmetic import evaluate
from cascade.desk.records import Order, Records, Status
from cascade.exchange import SideEffect
from cascade.tools import Tool, tool

__all__ = ["TOOL_EFFECTS", "Message", "Office", "Refund", "ToolError"]

TOOL_EFFECTS: dict[str, SideEffect] = {
    "find_customer": "read",
    "list_orders": "read",
    "get_order": "read",
    "read_file": "read",
    "calculator": "read",
    "update_order": "write",
    "set_note": "write",
    "send_message": "irreversible",
    "issue_refund": "irreversible",
}
"""Name of each tool and what calling it does to the world, in the order in which models see
them."""


class ToolError(Exception):
    """A call that cannot be done; the message is meant for whoever made the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A text that has left the office."""

    customer_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money that has left the office, in whole currency units."""

    order_id: str
    amount: int


class Office:
    """One run's own copy of the records, changed only through its tools.

    Args:
        records: What the office holds at first.
        reliable: Leave the timeouts out, as the oracle does when it looks a result up.
    """

    def __init__(self, records: Records, *, reliable: bool = False) -> None:
        self._records = records
        self._orders = {order.order_id: order for order in records.orders}
        self._pending_timeouts: set[str] = set() if reliable else set(records.timeouts)
        self.messages: list[Message] = []
        self.refunds: list[Refund] = []

    @property
    def orders(self) -> dict[str, Order]:
        """The orders as they are at present, by id."""
        return dict(self._orders)

    def functions(self) -> dict[str, Callable[..., str]]:
        """Return the tools' functions, by name."""
        return {name: getattr(self, name) for name in TOOL_EFFECTS}

    def tools(self) -> list[Tool]:
        """Return the tools over this office, as the runtime takes them."""
        return [made.replace_function(getattr(self, made.name)) for made in _blueprints()]

    def find_customer(self, name: str) -> str:
        """Look a customer up by full name.

        Args:
            name: First and last name.
        """
        self._maybe_time_out("find_customer", name)
        by_name = {customer.name: customer for customer in self._records.customers}
        if name not in by_name:
            similar = get_close_matches(name, by_name, n=1, cutoff=0.75)
            hint = f"similar: {similar[0]}" if similar else "check the name"
            raise ToolError(f"no customer {name}; {hint}")
        found = by_name[name]
        return _text({"customer_id": found.customer_id, "name": found.name, "tier": found.tier})

    def list_orders(self, customer_id: str) -> str:
        """List the order ids of a customer, oldest first.

        Args:
            customer_id: Id from `find_customer`.
        """
        self._maybe_time_out("list_orders", customer_id)
        self._require_customer(customer_id)
        ids = [order.order_id for order in self._records.orders_of(customer_id)]
        return _text({"customer_id": customer_id, "orders": ids})

    def get_order(self, order_id: str) -> str:
        """Show one order: customer, item, total and status.

        Args:
            order_id: Four digits.
        """
        self._maybe_time_out("get_order", order_id)
        order = self._order(order_id)
        shown: dict[str, object] = {
            "order_id": order.order_id,
            "customer_id": order.customer_id,
            "item": order.item,
            "total": order.total,
            "status": order.status,
        }
        return _text(shown | ({"note": order.note} if order.note else {}))

    def read_file(self, path: str) -> str:
        """Read a text file of the office.

        Args:
            path: Folder and file name, for example `policy/refunds.txt`.
        """
        self._maybe_time_out("read_file", path)
        files = self._records.files
        if path not in files:
            raise ToolError(f"no file {path}; files: {', '.join(sorted(files))}")
        return files[path]

    def calculator(self, expression: str) -> str:
        """Compute an expression of numbers, + - * / and brackets.

        Args:
            expression: For example `84 + 120`.
        """
        self._maybe_time_out("calculator", expression)
        try:
            return evaluate(expression)
        except ValueError as error:
            raise ToolError(f"cannot compute {expression}: {error}") from error

    def update_order(self, order_id: str, status: Status) -> str:
        """Set the status of an order.

        Args:
            order_id: Four digits.
            status: The new status.
        """
        self._maybe_time_out("update_order", order_id)
        order = self._order(order_id)
        self._orders[order_id] = replace(order, status=status)
        return _text({"order_id": order_id, "status": status})

    def set_note(self, order_id: str, text: str) -> str:
        """Write the staff note of an order, replacing any earlier one.

        Args:
            order_id: Four digits.
            text: The note; empty to clear it.
        """
        self._maybe_time_out("set_note", order_id)
        order = self._order(order_id)
        self._orders[order_id] = replace(order, note=text)
        return _text({"order_id": order_id, "note": text})

    def send_message(self, customer_id: str, text: str) -> str:
        """Send a customer a message; it cannot be taken back.

        Args:
            customer_id: Id from `find_customer` or `get_order`.
            text: The message.
        """
        self._maybe_time_out("send_message", customer_id)
        self._require_customer(customer_id)
        self.messages.append(Message(customer_id=customer_id, text=text))
        return _text({"sent_to": customer_id})

    def issue_refund(self, order_id: str, amount: int) -> str:
        """Pay money of an order back; it cannot be undone.

        Args:
            order_id: Four digits.
            amount: Whole currency units, at most the order's total.
        """
        self._maybe_time_out("issue_refund", order_id)
        order = self._order(order_id)
        if any(refund.order_id == order_id for refund in self.refunds):
            raise ToolError(f"order {order_id} is already refunded")
        if not 0 < amount <= order.total:
            raise ToolError(f"amount {amount} is not between 1 and the total of {order.total}")
        self.refunds.append(Refund(order_id=order_id, amount=amount))
        return _text({"order_id": order_id, "refunded": amount})

    def _order(self, order_id: str) -> Order:
        if order_id in self._records.replaced:
            new_id = self._records.replaced[order_id]
            raise ToolError(f"order {order_id} was replaced, see {new_id}")
        if order_id not in self._orders:
            raise ToolError(f"no order {order_id}")
        return self._orders[order_id]

    def _require_customer(self, customer_id: str) -> None:
        if all(customer.customer_id != customer_id for customer in self._records.customers):
            raise ToolError(f"no customer with id {customer_id}")

    def _maybe_time_out(self, tool: str, argument: str) -> None:
        key = f"{tool}:{argument}"
        if key in self._pending_timeouts:
            self._pending_timeouts.discard(key)
            raise ToolError("timeout, try again")


@cache
def _blueprints() -> tuple[Tool, ...]:
    """Read the signatures once; every office then only binds its own methods."""
    office = Office(Records(customers=(), orders=()))
    return tuple(
        tool(side_effect=effect, parallel=effect == "read")(office.functions()[name])
        for name, effect in TOOL_EFFECTS.items()
    )


def _text(record: dict[str, object]) -> str:
    return json.dumps(record, ensure_ascii=False)
