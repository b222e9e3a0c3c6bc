# ruff: noqa: E501 - a pattern is read most easily on one line
"""Families about one order: show it, mark it, note something on it, cancel it if it may be."""

from cascade.desk import names
from cascade.desk.calls import Conclusion, Plan
from cascade.desk.families.base import Brief, Family, Stage
from cascade.desk.families.lookups import on_order, order_with
from cascade.desk.records import STATUSES
from cascade.desk.wording import Wordings

__all__ = ["ORDER_FAMILIES"]


def _status(stage: Stage) -> Brief:
    order = stage.order(stage.customer(), status=stage.rng.choice(STATUSES))
    shown = stage.shown_order(order)
    return Brief(slots={"order": shown}, plan=lambda: _status_plan(shown))


def _status_plan(order_id: str) -> Plan:
    order = yield from order_with(order_id)
    others = tuple(status for status in STATUSES if status != order["status"])
    return Conclusion(
        answer=f'Order {order["order_id"]} is "{order["status"]}".',
        needed=(order["status"],),
        banned=others,
    )


def _mark(stage: Stage) -> Brief:
    before, after = stage.rng.sample(STATUSES, 2)
    order = stage.order(stage.customer(), status=before)
    shown = stage.shown_order(order)
    return Brief(slots={"order": shown, "status": after}, plan=lambda: _mark_plan(shown, after))


def _mark_plan(order_id: str, status: str) -> Plan:
    order = yield from on_order("update_order", order_id, status=status)
    return Conclusion(answer=f'Order {order["order_id"]} is now "{status}".')


def _note(stage: Stage) -> Brief:
    order = stage.order(stage.customer(), status="open")
    shown = stage.shown_order(order)
    text = names.remark(stage.rng, stage.pool)
    return Brief(slots={"order": shown, "text": text}, plan=lambda: _note_plan(shown, text))


def _note_plan(order_id: str, text: str) -> Plan:
    order = yield from on_order("set_note", order_id, text=text)
    return Conclusion(answer=f"The note is on order {order['order_id']}.")


def _cancel(stage: Stage) -> Brief:
    status = (
        "open" if stage.rng.random() < 0.5 else stage.rng.choice(("packed", "shipped", "delivered"))
    )
    order = stage.order(stage.customer(), status=status)
    shown = stage.shown_order(order)
    return Brief(slots={"order": shown}, plan=lambda: _cancel_plan(shown))


def _cancel_plan(order_id: str) -> Plan:
    order = yield from order_with(order_id)
    found, status = order["order_id"], order["status"]
    if status != "open":
        return Conclusion(
            answer=f'Order {found} is "{status}", so it was not cancelled.', needed=(status,)
        )
    yield from on_order("update_order", found, status="cancelled")
    return Conclusion(answer=f'Order {found} is now "cancelled".', needed=("cancelled",))


ORDER_FAMILIES = (
    Family(
        name="status",
        level="routine",
        faults=("timeout", "replaced"),
        build=_status,
        wordings=Wordings(
            train=(
                "[What is|What's|Tell me|Give me|Show me] the [status|state|current status] of {order}[|, please].",
                "[Where is|Where's] {order} [now|at present|at the moment|right now|]?",
                "[How far|How] is {order}[| along]?",
                "[Check|Look up|Find out|See] [how far {order} is|where {order} stands|the status of {order}].",
                "[Can|Could] you [tell me|see|check|find out] [where {order} is|the status of {order}|if {order} is on its way]?",
                "{order}: [what is its status|where is it|how does it stand]?",
                "[I need|I want|We need|I would like] the [status|current state] of {order}.",
                "[Has|Did] anything [happened|happen] [to|with] {order}? [What is its status|Which status is it in]?",
                "[Which|What] status does {order} have[| now| today]?",
                "[Is {order} open, shipped or something else|In which state is {order}]?",
                "[Please|Kindly] [report|read out|say] the status of {order}.",
                "Status of {order}[|, please|?]",
                "[Any news|What is new|Any update] [on|about] {order}?",
                "[A customer|Somebody] [wants to know|asks] [where {order} is|how {order} stands|the status of {order}].",
                "[Let me know|I must know] [where {order} stands|what state {order} is in].",
            ),
            deeds=(
                "look at {order} and [say|tell me] [its status|how far it is]",
                "[look {order} up|check on {order}|look after {order}] [and tell me the status|for its state]",
                "[get|fetch|read] the [status|state] of {order}",
            ),
            questions=(
                "[which|what] [status|state] {order} [has|is in|got]",
                "how {order} [stands|goes|is doing]",
                "[where|how far] {order} is",
                "what the [status|state] of {order} is",
                "[whether|if] {order} is [open|shipped|packed] or [not|what else]",
                "what [the system|our list|the screen] [shows|has|says|gives] [on|for|about] {order}",
            ),
            nouns=(
                "the [status|state|newest status|current state] [of|on|for] {order}",
                "[some|any|the] news [on|about|of] {order}",
            ),
            evaluation=(
                "Please look at {order} and say [which status|what state] it has.",
                "[May I ask|I wonder] [how {order} stands|what the status of {order} is]?",
                "What does the system [say|show] as the status of {order}?",
                "Do we know [where {order} is|the state of {order}] today?",
                "[Get|Bring] me the latest status on {order}.",
            ),
        ),
    ),
    Family(
        name="mark",
        level="routine",
        faults=("timeout", "replaced"),
        build=_mark,
        wordings=Wordings(
            train=(
                "[Mark|Flag|Set|Book] {order} [as|to] {status}.",
                "[Please|Kindly] [mark|set|change|switch] {order} [as|to] {status}.",
                "[Change|Set|Update|Switch|Move] the status of {order} to {status}.",
                "[Can|Could] you [mark|set|flag] {order} [as|to] {status}?",
                "{order} [must|should|has to|needs to] be [set to|marked as|put on] {status}.",
                "{order} is {status}[| now]: [update|change|set] it[| accordingly].",
                "[Update|Change] {order}: [the new status is|its status is now|status] {status}.",
                "[Make|Put] {order} {status}.",
                "[I|We] [want|need] {order} [set to|marked|marked as|changed to] {status}.",
                "[The status|Status] of {order} [must|should] [be|become|read] {status}.",
                "[Record|Enter|Save|Register] {order} as {status}.",
                "Put {order} [into|in] the {status} state.",
                "[The system|My list] is wrong: {order} [should be|is really] {status}. [Correct|Fix|Change] [it|that].",
                "New status for {order}: {status}.",
                "[Let|Have] {order} be {status}[| from today| from now on].",
                "{order} goes to {status}.",
                "{status} is the [new |right |true |]status [of|for] {order}.",
                "{order} [just |]became {status}; [put that in|write it in|keep up with it].",
            ),
            deeds=(
                "[mark|flag|set|move|turn|switch|bring|change] {order} [to|as|into] {status}",
                "[have|get] {order} [marked|set to|put to|marked as] {status}",
                "let {order} [be|become|go to] {status}",
                "make {order} [be |go |]{status}",
                "give {order} the [status|state] {status}",
                "see that {order} [is|gets|becomes|goes to] {status}",
                "[enter|use|write] {status} as the [status|state] of {order}",
                "[take|choose|pick] {status} [for|as the status of] {order}",
            ),
            evaluation=(
                "Would you put {order} to {status}?",
                "[Go on and|Just] set {order} as {status} for me.",
                "{order} needs the status {status}.",
                "[We must|I have to] have {order} marked {status}.",
                "Have the status of {order} changed into {status}.",
            ),
        ),
    ),
    Family(
        name="note",
        level="routine",
        faults=("timeout", "replaced"),
        build=_note,
        wordings=Wordings(
            train=(
                '[Put|Write|Leave|Place|Add] [the|a|this] note "{text}" [on|to|in|at] {order}.',
                '[Add|Attach|Write] [a|the] note to {order}: "{text}"[.|]',
                '[Can|Could] you [add|put|write] the note "{text}" [on|to] {order}?',
                '{order} [needs|gets|should have] [a|the] note: "{text}"[.|]',
                '[Note|Write down] on {order}: "{text}"[.|]',
                '[Please|Kindly] note "{text}" on {order}.',
                '[For|On] {order}[, write| write|, put down| put down] this [staff |]note: "{text}"[.|]',
                '[Set|Change|Replace] the note [of|on] {order} [to|with] "{text}".',
                '[The staff|The warehouse|Everyone] should see "{text}" as a note on {order}.',
                '"{text}" [must|should] [go|be put|be written] on {order} as a note.',
                '[I|We] want the note "{text}" on {order}.',
                '[Save|Keep|Store] "{text}" as [a|the] note [of|on|for] {order}.',
                '[Remark|Note] for {order}: "{text}"[.|]',
                'Make a note [on|for] {order} [that says|saying] "{text}".',
                'There [is|must be|has to be|will be] a note [on|for|at] {order}: "{text}".',
                'The note [on|of|at] {order} [is|should be|will be|must read|shall say] "{text}".',
                'On {order} [we|you|they] [need|want] a note, namely: "{text}".',
            ),
            deeds=(
                'write "{text}" [down |up |][on|for|with|to] {order}',
                'give {order} a [note|remark], [it reads|reading|saying] "{text}"',
                'take [this|the words|the line] "{text}" [down |][as a note |]for {order}',
                'let {order} [carry|have|show] the note "{text}"',
                'add the [text|words|line] "{text}" to {order}[ as a note|]',
                'have "{text}" [written|noted|put] on {order}',
                'make the note [of|on] {order} [say|be] "{text}"',
                'use "{text}" as the note [of|on|at] {order}',
            ),
            evaluation=(
                'Let the note on {order} read "{text}".',
                'There should be a note on {order}, namely "{text}".',
                'Give {order} the note "{text}".',
                '[Would you|Will you] write "{text}" as a note for {order}?',
                'Take the text "{text}" and add it as a note to {order}.',
            ),
        ),
    ),
    Family(
        name="cancel",
        level="routine",
        faults=("timeout", "replaced"),
        build=_cancel,
        wordings=Wordings(
            train=(
                "[Cancel|Stop|Call off] {order} [if|provided|as long as] it is [still |]open.",
                "[Please|Kindly] cancel {order}, but only [if|while|when] it is [still |]open.",
                "[If|When|In case] {order} is [still |]open, [cancel|stop] it[|; otherwise leave it].",
                "[Can|Could] you cancel {order}[| for us] if it is [still |]open?",
                "[The customer|The buyer] [wants|asks] to cancel {order}; [do so|do it] [only |]if it is [still |]open.",
                "{order} should be cancelled [if|provided] it is [still |]open.",
                "[Try to|] [cancel|stop] {order}. [Only open orders can be cancelled|It must be open for that].",
                "[I|We] [want|need] {order} cancelled, [if|provided] it is [still |]open.",
                "[Check|See|Look] [if|whether] {order} is [still |]open and [then cancel it|cancel it in that case|if so, cancel it].",
                "Cancel {order} [unless|except if] it is [no longer open|past open].",
                "[Is {order} still open|Is {order} open]? [Then|If so,] cancel it.",
                "[Withdraw|Cancel] {order} if [its|the] status is open[|, otherwise do nothing].",
                "Only if {order} is [still |]open: cancel it.",
                "[They|The buyers|The customer] [do not want|changed their mind on|regret] {order}; [cancel it|stop it] [if|when] [it is |]open.",
                "Should {order} be open [still|yet|now], [then |you can |]cancel it.",
                "{order} [may|can|will] be cancelled [if|when|as long as] [still |]open.",
            ),
            deeds=(
                "cancel {order} [if|when|as long as|provided that|while] [it|the order] [is|stands] [still |]open",
                "have {order} [cancelled|stopped] [if|when] [it|its status] is [still |]open",
                "call {order} off while it [is|stands] open",
                "see [if|whether] {order} [is|stands] [still |]open and cancel it [then|if so]",
                "stop {order} if the status is [still |]open",
                "get {order} cancelled, [but |]only [if|when|while] open",
                "look at {order} and, [if|when] [it is |]open, cancel it",
            ),
            evaluation=(
                "[They|The buyers] changed their mind about {order}: cancel it if the status is still open.",
                "Should {order} still be open, please cancel it.",
                "Have {order} cancelled as long as it stands open.",
                "Look at {order}; when it is open, cancel the order.",
                "We would cancel {order}, provided that it is open.",
            ),
        ),
    ),
)
