"""Pieces of plans: look-ups and writes that follow the hints in error messages."""

import json
import re
from collections.abc import Generator
from typing import Any

from cascade.desk.calls import Call, Reply

__all__ = ["Lookup", "call", "customer_named", "file_at", "on_order", "order_ids", "order_with"]

Lookup = Generator[Call, Reply, dict[str, Any]]
"""A piece of a plan that ends in the record it looked up."""


def call(name: str, /, **arguments: object) -> Call:
    """Return a call of the named tool."""
    return Call(name=name, arguments=arguments)


def customer_named(name: str) -> Lookup:
    """Find a customer, under the similar name that the office offers if need be."""
    reply = yield call("find_customer", name=name)
    if reply.is_error:
        reply = yield call("find_customer", name=_hint(r"similar: (.+)$", reply))
    return json.loads(reply.text)


def order_ids(customer_id: str) -> Generator[Call, Reply, list[str]]:
    """List a customer's orders, oldest first."""
    reply = yield call("list_orders", customer_id=customer_id)
    return json.loads(reply.text)["orders"]


def order_with(order_id: str) -> Lookup:
    """Get an order, or the one that replaced it."""
    return (yield from on_order("get_order", order_id))


def on_order(tool: str, order_id: str, /, **arguments: object) -> Lookup:
    """Call a tool on an order, or on the one that replaced it."""
    reply = yield call(tool, order_id=order_id, **arguments)
    if reply.is_error:
        reply = yield call(tool, order_id=_hint(r"see (\d+)$", reply), **arguments)
    return json.loads(reply.text)


def file_at(path: str) -> Generator[Call, Reply, str]:
    """Read a file, or the renamed one of the same stem."""
    reply = yield call("read_file", path=path)
    if reply.is_error:
        stem = path.removesuffix(".txt")
        listed = _hint(r"files: (.+)$", reply).split(", ")
        reply = yield call("read_file", path=next(p for p in listed if p.startswith(stem)))
    return reply.text


def _hint(pattern: str, reply: Reply) -> str:
    found = re.search(pattern, reply.text)
    if found is None:
        raise LookupError(f"the office gave no hint in: {reply.text}")
    return found.group(1)
