# ruff: noqa: E501 - a pattern is read most easily on one line
"""Families about money: refunds within a limit, loyalty refunds by tier, sums of open orders."""

from cascade.desk.calls import Conclusion, Plan
from cascade.desk.families.base import Brief, Family, Stage
from cascade.desk.families.lookups import (
    call,
    customer_named,
    file_at,
    on_order,
    order_ids,
    order_with,
)
from cascade.desk.records import TIERS, Customer
from cascade.desk.wording import Wordings

__all__ = ["MONEY_FAMILIES", "price_customer"]

_POLICY_STEMS = ("refunds", "limits", "returns", "money", "rules", "payback")
_TIER_STEMS = ("tiers", "loyalty", "bonus", "rates", "levels", "percent")


def price_customer(stage: Stage) -> Customer:
    """Add a customer with two to four orders of different totals, one of them open at least."""
    customer = stage.customer()
    totals = stage.rng.sample(range(12, 400), stage.rng.randrange(2, 5))
    is_open = stage.rng.randrange(len(totals))
    for index, total in enumerate(totals):
        status = "open" if index == is_open else stage.rng.choice(("open", "delivered", "shipped"))
        stage.order(customer, status=status, total=total)
    return customer


def _refund(stage: Stage) -> Brief:
    limit = stage.rng.randrange(50, 350, 10)
    within = stage.rng.random() < 0.6
    total = (
        stage.rng.randrange(12, limit + 1)
        if within
        else stage.rng.randrange(limit + 1, limit + 300)
    )
    order = stage.order(stage.customer(), status="returned", total=total)
    path = stage.shown_path("policy", stage.rng.choice(_POLICY_STEMS), f"Refund limit: {limit}")
    shown = stage.shown_order(order)
    return Brief(slots={"order": shown, "path": path}, plan=lambda: _refund_plan(shown, path))


def _refund_plan(order_id: str, path: str) -> Plan:
    limit = int((yield from file_at(path)).rpartition(" ")[2])
    order = yield from order_with(order_id)
    found, total = order["order_id"], order["total"]
    if total > limit:
        return Conclusion(answer=f"Order {found} is over the limit, so it was not refunded.")
    yield call("issue_refund", order_id=found, amount=total)
    return Conclusion(answer=f"Order {found} was refunded.")


def _loyalty(stage: Stage) -> Brief:
    customer = stage.customer()
    order = stage.order(customer, status="delivered", total=stage.rng.randrange(20, 400, 20))
    rates = sorted(stage.rng.sample(range(5, 45, 5), len(TIERS)))
    text = "\n".join(f"{tier}: {rate}" for tier, rate in zip(TIERS, rates, strict=True))
    path = stage.shown_path("policy", stage.rng.choice(_TIER_STEMS), text)
    name, shown = stage.shown_name(customer), stage.shown_order(order)
    slots = {"order": shown, "name": name, "path": path}
    return Brief(slots=slots, plan=lambda: _loyalty_plan(shown, name, path))


def _loyalty_plan(order_id: str, name: str, path: str) -> Plan:
    customer = yield from customer_named(name)
    lines = (yield from file_at(path)).splitlines()
    rates = dict(line.split(": ") for line in lines)
    order = yield from order_with(order_id)
    amount = yield call(
        "calculator", expression=f"{order['total']} * {rates[customer['tier']]} / 100"
    )
    paid = int(amount.text)
    yield from on_order("issue_refund", order["order_id"], amount=paid)
    return Conclusion(answer=f"The refund is {paid}.", needed=(str(paid),))


def _total(stage: Stage) -> Brief:
    shown = stage.shown_name(price_customer(stage))
    return Brief(slots={"name": shown}, plan=lambda: _total_plan(shown))


def _total_plan(name: str) -> Plan:
    customer = yield from customer_named(name)
    ids = yield from order_ids(customer["customer_id"])
    totals: list[int] = []
    for order_id in ids:
        order = yield from order_with(order_id)
        if order["status"] == "open":
            totals.append(order["total"])
    if len(totals) == 1:
        return Conclusion(answer=f"The open total is {totals[0]}.", needed=(str(totals[0]),))
    reply = yield call("calculator", expression=" + ".join(map(str, totals)))
    return Conclusion(answer=f"The open total is {reply.text}.", needed=(reply.text,))


MONEY_FAMILIES = (
    Family(
        name="refund",
        level="medium",
        faults=("timeout", "replaced", "renamed"),
        build=_refund,
        wordings=Wordings(
            train=(
                "[Refund|Pay back] {order} in full if its total is [within|not over|at most] the limit in {path}.",
                "[If|When|Provided] the total of {order} is [within|not above] the limit in {path}, refund [it|all of it].",
                "[Please|Kindly] refund {order}, [but only up to|as far as it keeps within] the limit in {path}: [all or nothing|the whole total or nothing].",
                "[Can|Could] you refund {order}[| in full]? The [limit|highest amount] is in {path}.",
                "[The customer|The buyer] wants the money for {order} back. [Refund it|Pay it] if the limit in {path} allows it.",
                "{order} came back: refund the [whole |full |]total if {path} allows it.",
                "[Read|Check|See] {path} for the refund limit and refund {order} if its total [fits|is within it|is not over it].",
                "[Give|Pay] the [full |whole |]total of {order} back [unless|except if] it is over the limit in {path}.",
                "[I|We] [want|need] {order} refunded[| in full] if the limit in {path} allows [it|that].",
                "A refund for {order}[|, please]: [the limit is in|mind the limit in|see] {path}.",
                "{path} [holds|has|gives] the refund limit. [Refund|Pay back] {order} in full if it is [within|not over] it.",
                "[Return|Pay back] the money for {order} if [the total|it] is not more than {path} [says|allows].",
                "The [full |whole |]total of {order} [may|should|is to] be [refunded|paid back] [if|when] {path} allows [it|as much].",
                "{order} [can|may] [get|have] its money back [if|when] within the limit [in|of|from] {path}.",
            ),
            deeds=(
                "[refund|pay back|return] [the [full |whole |]total of |]{order}[ in full|], [if|when|provided|provided that|as long as] {path} [allows|permits] [it|that|so much]",
                "refund {order} [if|when] [its total|the total|it] is [within|not over|not above] the limit [in|from|of|by] {path}",
                "look [into|in|at] {path} for the limit and refund {order} [if|when] it [fits|is within it|is not over it]",
                "[open|read|use] {path} to see the limit, then refund {order} if [it is not passed|the total is within it]",
                "give {order} a full refund within the limit [in|of|from] {path}",
                "have {order} [paid back|refunded] in full if the limit [in|from] {path} is not [passed|broken]",
            ),
            evaluation=(
                "Would you refund the full total of {order}, provided {path} allows that much?",
                "[Look into|Open] {path} for the limit; when the total of {order} is not over it, refund the order.",
                "The full total of {order} can be refunded if it is within the limit from {path}.",
                "Please pay {order} back in full, if the limit in {path} is not passed.",
            ),
        ),
    ),
    Family(
        name="loyalty",
        level="medium",
        faults=("timeout", "misspelt", "renamed"),
        build=_loyalty,
        wordings=Wordings(
            train=(
                "[Give|Pay] {name} the [loyalty|tier] refund on {order}: the percent [by|for each] tier [is|are] in {path}.",
                "[Refund|Pay back] the tier percent of {order} to {name}; [the rates are in|see] {path}.",
                "{name} gets [a|the] [loyalty|tier] refund on {order}, with the percent from {path}.",
                "[By|According to] {path}, [refund|pay back] [|customer ]{name} the tier percent of {order}.",
                "[Loyalty|Tier] refund for {name} on {order}[|, please]: [rates|the percent by tier] in {path}.",
                "[Can|Could] you [pay|give] {name} the [loyalty|tier] refund for {order}? The rates are in {path}.",
                "[Work out|Compute] the tier percent of {order} for {name} with {path} and refund [it|that amount].",
                "[Read|Take|Use] {path} for the tier percent and refund [that share|that part] of {order} to {name}.",
                "{path} [lists|has|gives] the percent by tier. [Refund|Pay back] {name} [that share|the right share] of {order}.",
                "[I|We] owe {name} the [loyalty|tier] refund on {order}; [the percent is in|look in] {path}.",
                "{name} [is due|must get|is owed] [a|the] [loyalty|tier] [refund|share] [on|for] {order} [by|from|with] {path}.",
                "[A|The] [loyalty|tier] refund is [due|owed|open] on {order} [for|to] {name}; [use|see] {path}.",
                "For {order}, [pay|give] {name} the [share|percent] [that|which] {path} [has|gives] for the tier.",
            ),
            deeds=(
                "[pay|give|refund] {name} the [loyalty|tier] [refund|share|percent] [on|of|for] {order}, [with|by|as in] [the rates in |the tier percent in |]{path}",
                "[pay|refund] {name} the [tier |right |]share of {order}, using {path}",
                "[use|take|open] {path} and [pay|refund] {name} the [tier |right |]share of {order}",
                "look [in|into] {path} [which|what] [share|rate] [the tier of {name}|{name}'s tier] [has|gives|gets] and refund [it|that] [of|on|for] {order}",
                "refund [to |]{name} the share of {order} that {path} [gives|lists|names|sets] for [the|that|this] tier",
            ),
            evaluation=(
                "Would you pay the loyalty refund on {order} to {name}, using the tier percent in {path}?",
                "For {order}, {name} should get the share that {path} gives for the tier, as a refund.",
                "Please look in {path} which percent the tier of {name} gets and refund it on {order}.",
                "A loyalty refund is due to {name} for {order}, by the tier rates of {path}.",
            ),
        ),
    ),
    Family(
        name="total",
        level="hard",
        faults=("timeout", "misspelt"),
        build=_total,
        wordings=Wordings(
            train=(
                "[How much|What] [is|are] the open orders of {name} [worth|in total|together]?",
                "[What is|Tell me|Compute|Work out] the total of all open orders of {name}.",
                "[Add up|Sum up|Sum] [the|all] open orders of [|customer ]{name}.",
                "[I|We] [need|want] the sum of {name}'s open orders.",
                "[Can|Could] you [add up|sum up] the open orders of {name}?",
                "{name}: [what is|how much is] the [open total|sum of the open orders]?",
                "[Which|What] [sum|total] do the open orders of {name} [make|come to|reach]?",
                "The open orders of {name}: [what do they come to|add them up|how much in total]?",
                "[Find|Give me] the [sum|total] over [every|each] open order of {name}.",
                "[How much|What amount] does {name} have in open orders?",
                "[Count|Put] together the totals of the open orders of {name}.",
                "[Of|Among] [all |]the orders [of|by|from] {name}, [sum|count] the open ones[ up|].",
            ),
            deeds=(
                "add up [all |]the open [orders|ones] [of|by|from] {name}",
                "[add|sum|count] [all|the] orders [of|by|from] {name} that are open",
                "take the open orders [of|by|from] {name} and [add|sum] them[ up|]",
                "sum up what is open [for|from] {name}",
            ),
            questions=(
                "what [all |]the open orders [of|by|from] {name} [come to|make|add up to|cost]",
                "how much [the open orders of {name} [make|are|come to]|{name} has [open|in open orders]|is open for {name}]",
                "what [total|sum] [{name} has|we get for {name}|there is for {name}] [in|from|over] [the |]open orders",
            ),
            nouns=(
                "the [sum|total] of [all|the] open orders [of|by|from|for] {name}",
                "the open total [of|for|by] {name}",
            ),
            evaluation=(
                "Please tell me what all the open orders by {name} sum up to.",
                "What total do we get for the orders of {name} that are open?",
                "Let me have the sum of open orders for customer {name}.",
                "Of the orders by {name}, add the open ones up.",
            ),
        ),
    ),
)
