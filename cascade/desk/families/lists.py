# ruff: noqa: E501 - a pattern is read most easily on one line
"""Families that walk lists: the dearest order, two customers compared, a queue worked off."""

from dataclasses import replace

from cascade.desk.calls import Conclusion, Plan
from cascade.desk.families.base import Brief, Family, Stage
from cascade.desk.families.lookups import (
    Lookup,
    call,
    customer_named,
    file_at,
    on_order,
    order_ids,
    order_with,
)
from cascade.desk.families.money import price_customer
from cascade.desk.records import Customer
from cascade.desk.wording import Wordings

__all__ = ["LIST_FAMILIES"]

_QUEUE_STEMS = ("returns", "today", "inbox", "pending", "checks", "backlog")


def _audit(stage: Stage) -> Brief:
    orders = [
        stage.order(
            stage.customer(), status=stage.rng.choice(("returned", "returned", "shipped", "open"))
        )
        for _ in range(stage.rng.randrange(2, 5))
    ]
    text = "\n".join(order.order_id for order in orders)
    stem = f"{stage.rng.choice(_QUEUE_STEMS)}-{stage.rng.randrange(100, 1000)}"
    path = stage.shown_path("queue", stem, text)
    return Brief(slots={"path": path}, plan=lambda: _audit_plan(path))


def _audit_plan(path: str) -> Plan:
    for order_id in (yield from file_at(path)).splitlines():
        order = yield from order_with(order_id)
        if order["status"] == "returned":
            yield from on_order("update_order", order_id, status="closed")
    return Conclusion(answer="The queue is done.")


def _priciest(stage: Stage) -> Brief:
    customer = price_customer(stage)
    status = stage.rng.choice(("packed", "shipped", "closed", "cancelled"))
    shown = stage.shown_name(customer)
    slots = {"name": shown, "status": status}
    return Brief(slots=slots, plan=lambda: _priciest_plan(shown, status))


def _priciest_plan(name: str, status: str) -> Plan:
    customer = yield from customer_named(name)
    ids = yield from order_ids(customer["customer_id"])
    totals: dict[str, int] = {}
    for order_id in ids:
        totals[order_id] = (yield from order_with(order_id))["total"]
    dearest = max(totals, key=lambda order_id: totals[order_id])
    yield from on_order("update_order", dearest, status=status)
    return Conclusion(answer=f'Order {dearest} is now "{status}".', needed=(dearest,))


def _compare(stage: Stage) -> Brief:
    first, second = price_customer(stage), price_customer(stage)
    if _spent(stage, first) == _spent(stage, second):
        stage.orders[-1] = replace(stage.orders[-1], total=stage.orders[-1].total + 1)
    shown, other = stage.shown_name(first), second.name
    slots = {"name": shown, "other": other}
    return Brief(slots=slots, plan=lambda: _compare_plan(shown, other))


def _spent(stage: Stage, customer: Customer) -> int:
    return sum(order.total for order in stage.orders if order.customer_id == customer.customer_id)


def _compare_plan(name: str, other: str) -> Plan:
    first = yield from _spending(name)
    second = yield from _spending(other)
    ahead, behind = (first, second) if first["sum"] >= second["sum"] else (second, first)
    return Conclusion(
        answer=f'"{ahead["name"]}" has spent more.',
        needed=(ahead["name"],),
        banned=(behind["name"],),
    )


def _spending(name: str) -> Lookup:
    customer = yield from customer_named(name)
    ids = yield from order_ids(customer["customer_id"])
    totals: list[str] = []
    for order_id in ids:
        order = yield from order_with(order_id)
        totals.append(str(order["total"]))
    reply = yield call("calculator", expression=" + ".join(totals))
    return customer | {"sum": int(reply.text)}


LIST_FAMILIES = (
    Family(
        name="audit",
        level="medium",
        faults=("timeout", "renamed"),
        build=_audit,
        wordings=Wordings(
            train=(
                "[Go|Work|Walk] through {path}: [close|set to closed] every order [in it|on it|there] that is returned.",
                "{path} [lists|holds|names] orders[| to check]: close [those that are|the ones that are|each one that is] returned.",
                "[Check|Look at] [each|every] order in {path} and [close|set to closed] [it if it is|those that are|the ones] returned.",
                "[Close|Set to closed] all returned orders [listed |named |]in {path}.",
                "[Please|Kindly] work off {path}: returned orders [become|are set to|go to] closed.",
                "[Can|Could] you [check|go through|work off] {path} and close the returned orders?",
                "[For|With] each order in {path}: if it is returned, [close it|set it to closed].",
                "The orders in {path} need a check: [returned ones must be closed|close what is returned].",
                "[I|We] want every returned order in {path} closed.",
                "[Read|Open|Take] {path} and close each order [there|in it|on the list] that is returned.",
                "[Whatever is|Any order that is] returned in {path} [must|should|has to] be closed.",
                "[In|On] {path} there [are|is a list of] orders: close [the returned ones|each returned one].",
            ),
            deeds=(
                "close [whatever|what|each order that|every order that|all that] is returned [in|from|of|on the list in] {path}",
                "[go over|go through|walk through|work through|look at|look over] [the list in |the orders in |the orders from |]{path} and [close|set to closed] [what is|whatever is|all that are|each that is] returned",
                "[set|put|turn|move] [each|every|all] returned [order|one|orders] [in|from|of] {path} to closed",
                "let [each|every] returned order [in|from|of] {path} be closed",
                "have [all|the] returned orders [in|of|from] {path} closed",
                "look which orders in {path} are returned and close [them|those]",
            ),
            evaluation=(
                "Whatever order in {path} is returned, please close it.",
                "Have a look at the orders from {path} and close all that are returned.",
                "In {path} there are orders; set each returned one to closed.",
                "Go over the list in {path} and let the returned orders be closed.",
            ),
        ),
    ),
    Family(
        name="priciest",
        level="hard",
        faults=("timeout", "misspelt"),
        build=_priciest,
        wordings=Wordings(
            train=(
                "[Mark|Set|Flag] the [most expensive|dearest|priciest] order of {name} [as|to] {status}.",
                "[Find|Look up|Get] {name}'s [most expensive|dearest|priciest] order and [mark it as|set it to] {status}.",
                "The [order of {name} with the highest total|most expensive order of {name}] [must|should] be [set to|marked as] {status}.",
                "[Please|Kindly] [set|change] the status of {name}'s [most expensive|dearest|priciest] order to {status}.",
                "[Can|Could] you [mark|set] the order with the [highest|largest|biggest] total of {name} [as|to] {status}?",
                "[Among|Of] all orders of {name}, [set|mark] the [dearest|priciest|most expensive] [to|as] {status}.",
                "{name}: the [priciest|dearest|most expensive] order [becomes|goes to|is to be] {status}.",
                "[I|We] want the [largest|biggest|most expensive|dearest] order of {name} [set to|marked] {status}.",
                "[Change|Update|Move] the [most expensive|largest] order by {name} to {status}.",
                "[Whichever|Whatever] order [by|from] {name} [has the highest total|is the dearest] [must|should|is to] be {status}.",
                "The order [by|of|from] {name} [that|which] costs [the |]most [becomes|is now|goes to] {status}.",
            ),
            deeds=(
                "[set|put|mark|turn|move|change] the [most expensive|dearest|priciest|largest] order [of|by|from] {name} [to|as] {status}",
                "[look|see|check|find out] which order [of|by|from] {name} [is the [priciest|most expensive]|costs [the |]most|has the highest total] and [set|put|mark|turn] it [to|as] {status}",
                "have the [most expensive|dearest|priciest] order [of|by|from] {name} [set to|marked|put to|marked as] {status}",
                "let the [most expensive|dearest|priciest] order [of|by] {name} [become|go to] {status}",
                "make {name}'s [most expensive|dearest|priciest] order {status}",
                "give the [most expensive|dearest|priciest] order of {name} the status {status}",
                "take the order of {name} [that|which] costs [the |]most and [set|put|mark] it [to|as] {status}",
            ),
            evaluation=(
                "Whichever order of {name} costs the most, set it to {status}.",
                "Please have the order of {name} that has the highest total marked {status}.",
                "Let the most expensive order from {name} be {status}.",
                "Look which order of {name} is the dearest and put it to {status}.",
            ),
        ),
    ),
    Family(
        name="compare",
        level="hard",
        faults=("timeout", "misspelt"),
        build=_compare,
        wordings=Wordings(
            train=(
                "Who has [spent|paid|ordered for] more[| in total| over all], {name} or {other}?",
                "[Compare|Weigh] {name} and {other}: who has spent more?",
                "[Which of|Who of] {name} and {other} has spent more[| in total| over all]?",
                "[Tell me|Find out|Check|Work out] who has spent more, {name} or {other}.",
                "[Did|Has] {name} [spend|spent] more than {other}? [Name|Say] who is ahead.",
                "[Add up|Sum] the orders of {name} and [of |]{other}: [whose total is higher|who spent more]?",
                "[Between|Of] {name} and {other}, who [spent|has spent] more?",
                "{name} or {other}: [who|which customer] has the [higher|larger] total over all orders?",
                "[I|We] [need|want] to know who [spent|has spent] more: {name} or {other}.",
                "Is it {name} or {other} that [spent|paid] more?",
                "Was more [spent|paid] by {name} or [by |]{other}?",
                "[Looking|Going] [at|by] the totals, who is [ahead|higher], {name} or {other}?",
            ),
            deeds=(
                "compare [all |]the orders of {name} and {other} and [say|name|tell me] [who|which one] [spent more|has more|is ahead]",
                "compare {name} [with|to|and] {other} by [their|the] [total|totals] and name the [one|customer] [with|that has] more",
                "look at all orders of {name} and [of |]{other} and [name|say] who [spent|paid] more",
            ),
            questions=(
                "who [of|between] {name} and {other} [has |]spent more",
                "[whether|if] {name} or {other} [has |]spent more",
                "which [one|customer] of [the two, |]{name} and {other} [has the higher total|spent more|paid more|has more]",
                "who [has spent|spent|paid] more, {name} or {other}",
                "by [whom|which customer] more was [spent|paid], {name} or {other}",
            ),
            evaluation=(
                "Is it {name} or {other} who has the higher total of all orders?",
                "Please compare what {name} and {other} spent and name the one with more.",
                "Looking at all orders, was more spent by {name} or by {other}?",
                "Say which customer has spent more: {name} or {other}?",
            ),
        ),
    ),
)
