"""The shop: the few tools that scripted scenes are played with."""

from dataclasses import dataclass, field

from cascade import Tool, tool

__all__ = ["Shop"]


def _stock() -> dict[str, str]:
    return {
        "4817": "a lamp for Ada Lind, not shipped",
        "4871": "a desk for Bo Ek, shipped",
        "4900": "a chair for Ada Lind, not shipped",
    }


@dataclass(slots=True)
class Shop:
    """A shop of three orders, all of it in memory.

    Attributes:
        orders: What is known of each order, by number.
    """

    orders: dict[str, str] = field(default_factory=_stock)

    def tools(self) -> list[Tool]:
        """The tools over this shop."""
        return [
            tool(side_effect="read")(self.get_order),
            tool(side_effect="read")(self.list_orders),
            tool(side_effect="write")(self.set_note),
            tool(side_effect="write")(self.ship),
            tool(side_effect="irreversible")(self.refund),
        ]

    async def reset(self) -> None:
        """Everything is as it was at first."""
        self.orders = _stock()

    def get_order(self, order: str) -> str:
        """Shows an order.

        Args:
            order: Its number.
        """
        return f"order {order}: {self._known(order)}"

    def list_orders(self, name: str) -> str:
        """Lists the orders of a customer.

        Args:
            name: First and last name.
        """
        found = [order for order, what in self.orders.items() if name in what]
        return f"orders of {name}: {', '.join(found) or 'none'}"

    def set_note(self, order: str, text: str) -> str:
        """Writes a note on an order.

        Args:
            order: Its number.
            text: The note.
        """
        self.orders[order] = f"{self._known(order)}, note: {text}"
        return f"order {order}: {self.orders[order]}"

    def ship(self, order: str) -> str:
        """Ships an order.

        Args:
            order: Its number.
        """
        self.orders[order] = self._known(order).replace("not shipped", "shipped")
        return f"order {order}: {self.orders[order]}"

    def refund(self, order: str) -> str:
        """Pays the price of an order back.

        Args:
            order: Its number.
        """
        return f"order {order} is refunded, {self._known(order)}"

    def _known(self, order: str) -> str:
        if order not in self.orders:
            raise ValueError(f"there is no order {order}")
        return self.orders[order]
