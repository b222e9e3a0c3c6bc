# ruff: noqa: E501 - a pattern is read most easily on one line
"""Families about one customer: tell the tier, send a message, tell whoever placed an order."""

from cascade.desk import names
from cascade.desk.calls import Conclusion, Plan
from cascade.desk.families.base import Brief, Family, Stage
from cascade.desk.families.lookups import call, customer_named, order_ids, order_with
from cascade.desk.records import STATUSES, TIERS
from cascade.desk.wording import Wordings

__all__ = ["CUSTOMER_FAMILIES"]


def _tier(stage: Stage) -> Brief:
    shown = stage.shown_name(stage.customer())
    return Brief(slots={"name": shown}, plan=lambda: _tier_plan(shown))


def _tier_plan(name: str) -> Plan:
    customer = yield from customer_named(name)
    others = tuple(tier for tier in TIERS if tier != customer["tier"])
    return Conclusion(
        answer=f'The tier is "{customer["tier"]}".', needed=(customer["tier"],), banned=others
    )


def _message(stage: Stage) -> Brief:
    shown = stage.shown_name(stage.customer())
    text = names.remark(stage.rng, stage.pool)
    return Brief(slots={"name": shown, "text": text}, plan=lambda: _message_plan(shown, text))


def _message_plan(name: str, text: str) -> Plan:
    customer = yield from customer_named(name)
    yield call("send_message", customer_id=customer["customer_id"], text=text)
    return Conclusion(answer=f"The message went to customer {customer['customer_id']}.")


def _notify(stage: Stage) -> Brief:
    order = stage.order(stage.customer(), status=stage.rng.choice(STATUSES))
    shown = stage.shown_order(order)
    text = names.remark(stage.rng, stage.pool)
    return Brief(slots={"order": shown, "text": text}, plan=lambda: _notify_plan(shown, text))


def _notify_plan(order_id: str, text: str) -> Plan:
    order = yield from order_with(order_id)
    yield call("send_message", customer_id=order["customer_id"], text=text)
    return Conclusion(answer=f"The message went to customer {order['customer_id']}.")


def _latest(stage: Stage) -> Brief:
    customer = stage.customer()
    for _ in range(stage.rng.randrange(1, 5)):
        stage.order(customer, status=stage.rng.choice(STATUSES))
    shown = stage.shown_name(customer)
    return Brief(slots={"name": shown}, plan=lambda: _latest_plan(shown))


def _latest_plan(name: str) -> Plan:
    customer = yield from customer_named(name)
    ids = yield from order_ids(customer["customer_id"])
    order = yield from order_with(ids[-1])
    return Conclusion(answer=f'The latest item is "{order["item"]}".', needed=(order["item"],))


CUSTOMER_FAMILIES = (
    Family(
        name="tier",
        level="routine",
        faults=("timeout", "misspelt"),
        build=_tier,
        wordings=Wordings(
            train=(
                "[Which|What] tier [does {name} have|is {name} in|is {name} on]?",
                "[Tell me|Give me|Show me|Look up|Find] the tier of [|customer |our customer ]{name}.",
                "[What is|What's] the tier of [|customer ]{name}?",
                "[Can|Could] you [tell me|check|see|look up] [the tier of {name}|which tier {name} has]?",
                "[Is {name} basic, silver, gold or platinum|Is {name} gold or silver or what]?",
                "[I|We] [need|want] [to know |]the tier of {name}.",
                "{name}: [which|what] tier?",
                "[Check|Find out|See] [which tier {name} has|what tier {name} is in].",
                "[In which|On which] tier is [|customer ]{name}?",
                "Tier of {name}[|, please|?]",
                "[Report|Say|Read out] the [customer |]tier of {name}.",
                "[How|As what] is {name} [ranked|rated]? [I need the tier|Tell me the tier].",
                "The tier of {name}[|, please| is missing here]: [look it up|what is it].",
            ),
            deeds=(
                "look up {name} and [say|tell me|give me] the tier",
                "look at {name} for the tier",
                "check [customer |]{name} [for the tier|and name the tier]",
            ),
            questions=(
                "[which|what] tier {name} [has|is in|belongs to|is on|got]",
                "[which|what] tier [we hold|is noted|is kept|stands] for {name}",
                "to [which|what] tier {name} [goes|is assigned]",
                "[whether|if] {name} is [gold|silver|basic|platinum] or [not|something else|what]",
                "[in|on] [which|what] tier {name} is",
            ),
            nouns=(
                "the [tier|customer tier] [of|for] [our customer |]{name}",
                "the tier {name} [has|is in|belongs to]",
            ),
            evaluation=(
                "Please say which tier [we have|is on file] for {name}.",
                "Do you know the tier of {name}?",
                "[Get|Bring] me the tier that {name} belongs to.",
                "To what tier does {name} belong?",
                "Have a look at {name} and tell me the tier.",
            ),
        ),
    ),
    Family(
        name="message",
        level="routine",
        faults=("timeout", "misspelt"),
        build=_message,
        wordings=Wordings(
            train=(
                '[Send|Write] [the message |]"{text}" to [|customer ]{name}.',
                '[Tell|Message|Inform|Write to] [|customer |our customer ]{name}: "{text}"[.|]',
                '[Please|Kindly] [send|write] {name} [a|this|the] message: "{text}"[.|]',
                '[Can|Could] you [tell|message|inform] {name} "{text}"?',
                '[Let|Make] {name} [know|aware]: "{text}"[.|]',
                '{name} [should|must|has to] [hear|read|get the message|be told] "{text}".',
                '[I|We] want {name} to [know|hear|read] "{text}".',
                'Message for {name}: "{text}"[.|]',
                '[Send|Give] {name} [word|a message|a line]: "{text}"[.|]',
                '[Pass|Forward] "{text}" [on |]to {name}.',
                '"{text}": [send|write|tell] [that|this] to {name}.',
                '[A|One] message [goes|must go] to {name}: "{text}"[.|]',
                '[Contact|Reach out to] {name} [with|and say] "{text}".',
                '[Notify|Alert] [customer |]{name}[ with|:] "{text}".',
                'The [message|text|words] "{text}" [must|has to|is to|will] [go|be sent|be told] to {name}.',
                '{name} [wants|waits|has] to [know|hear]: "{text}"[.|]',
                'What {name} [must|should] [read|hear|be told] is "{text}".',
            ),
            deeds=(
                '[tell|inform|message] {name} [that |]"{text}"',
                'let {name} [know|hear|see] "{text}"',
                '[send|write|give|drop] {name} [a|the|this] [message|text|line|word]: "{text}"',
                '[say|write|pass on|forward|report] [that |]"{text}" to [customer |]{name}',
                'get [word|the text|this] to {name}: "{text}"',
                'send the [text|words|message] "{text}" [on |over |out |]to {name}',
                'have "{text}" [sent|told|written|forwarded] to {name}',
                'message {name} [with|and say] "{text}"',
            ),
            evaluation=(
                'Would you let {name} know that "{text}"?',
                'The text "{text}" should be sent to {name}.',
                'Drop {name} a message which says "{text}".',
                'Please get this message to {name}: "{text}".',
                '[Say|Write] "{text}" to our customer {name}.',
            ),
        ),
    ),
    Family(
        name="notify",
        level="routine",
        faults=("timeout", "replaced"),
        build=_notify,
        wordings=Wordings(
            train=(
                '[Tell|Inform|Message|Write to] [whoever placed|the buyer of|the customer of|the owner of] {order}: "{text}"[.|]',
                '[Send|Write] "{text}" to [whoever placed|the buyer of|the customer of|the person behind] {order}.',
                '[The buyer|The customer|The owner] of {order} [should|must|has to] [know|hear|be told|read] "{text}".',
                '[Can|Could] you [tell|message|inform] [the buyer of|the customer behind|whoever bought] {order} "{text}"?',
                '[Let|Make] [the buyer of|the customer of|whoever placed] {order} [know|aware]: "{text}"[.|]',
                '[About|Concerning|On] {order}: [tell|message|inform] [the buyer|the customer|its owner] "{text}".',
                '[Find|See|Check] who [placed|bought|ordered] {order} and [tell them|send them|write to them] "{text}".',
                '{order}: [the customer|the buyer] [needs|gets] the message "{text}".',
                '[Notify|Contact|Reach] [the buyer|the customer|the owner] of {order}: "{text}"[.|]',
                '[I|We] want [the buyer|the customer] of {order} to [know|hear|read] "{text}".',
                'Message [for|to] [the buyer|the customer] of {order}: "{text}"[.|]',
                '[Pass|Forward] "{text}" [on |]to [the buyer|the customer] of {order}.',
                '[Who|Whoever] bought {order} should get the message "{text}".',
                'The [buyer|one|customer|person] who [placed|ordered] {order} [gets|must get|should hear|needs] [the message |the text |]"{text}".',
                'Whoever [placed|ordered] {order} [must|should|has to] [know|hear|be told] "{text}".',
            ),
            deeds=(
                '[tell|inform|message] [the buyer of|the customer of|whoever bought|the one who placed|the person behind] {order} [that |]"{text}"',
                'let [the buyer of|whoever ordered|the one who placed|the customer behind] {order} [hear|see|learn] "{text}"',
                'look up [who|the person that] [bought|placed|ordered] {order} and [send|write|tell|message] [them|that person] "{text}"',
                'say "{text}" to [the buyer of|whoever bought|the one who placed|the person behind] {order}',
                'bring the [text|line|words|message] "{text}" to [the buyer of|whoever ordered|the one who placed] {order}',
                'send [the buyer of|the customer of|whoever placed|the one who ordered] {order} [the message|the text|a line]: "{text}"',
                'have "{text}" [sent|told|written] to [the buyer of|whoever ordered|the customer behind] {order}',
            ),
            evaluation=(
                'The person who bought {order} must be told "{text}".',
                'Please get the message "{text}" to whoever ordered {order}.',
                'Say "{text}" to the customer who placed {order}.',
                'Look up the buyer of {order} and write "{text}" to that customer.',
                'Let the one who placed {order} know "{text}".',
            ),
        ),
    ),
    Family(
        name="latest",
        level="medium",
        faults=("timeout", "misspelt"),
        build=_latest,
        wordings=Wordings(
            train=(
                "[What|Which item] did {name} [buy|order] [last|most recently]?",
                "[What is|Tell me|Look up|Find] the item in the [latest|last|newest|most recent] order of {name}.",
                "[Which|What] [item|thing|product] is in {name}'s [latest|last|newest] order?",
                "[The|] [latest|last|newest] [item|purchase] of {name}[|, please|?]",
                "[Can|Could] you [tell me|check|see] what {name} [bought|ordered] [last|most recently]?",
                "[I|We] [need|want] [to know |]the item of the [latest|newest|last] order by {name}.",
                "[Check|See|Find out] what {name} ordered [last|last time|most recently].",
                "{name}: what was [the last item|the latest item|ordered last]?",
                "[Name|Say|Give me] the item that {name} ordered [last|most recently].",
                "[Look|Go] through the orders of {name}: what is the [newest|latest|last] [item|thing]?",
                "The [last|latest|most recent] thing [ordered|bought] by {name}: what is it?",
                "When {name} ordered the last time, [which|what] [item|thing] was it?",
                "Of all [the orders|purchases] [of|by|from] {name}, [which|what] [is|was] the [last|newest] item?",
            ),
            deeds=(
                "look at the [last|latest|newest] order [of|by|from] {name} and [say|name|tell me] the item",
                "go to {name}'s [last|latest|newest] order and [read|give] me the item",
            ),
            questions=(
                "[which|what] [item|thing|product] {name} [got|bought|ordered|chose] [last|most recently|in the latest order|with the last order]",
                "what the [last|latest|newest] order [of|by|from] {name} [was about|is about|was for|holds]",
                "[which|what] item came [last|latest] [for|from|with] {name}",
            ),
            nouns=(
                "the [latest|last|newest] [item|thing|purchase] [of|by|from] {name}",
                "the item [of|in|from] the [last|latest|newest|most recent] order [by|from|of] {name}",
                "the item {name} [got|bought|ordered] last",
            ),
            evaluation=(
                "Do you see what item {name} got with the latest order?",
                "Of all orders by {name}, which item came last?",
                "Please tell me which item the last order from {name} was about.",
                "When {name} last ordered, what item was it?",
            ),
        ),
    ),
)
