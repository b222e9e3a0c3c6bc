# ruff: noqa: E501 - a pattern is read most easily on one line
"""How tasks are put into words: patterns with alternatives, and what people write around them.

A pattern holds choices in square brackets, `[look up|check]`, which may nest, and slots in braces.
A family has patterns for training and others for evaluation; greetings, reasons, asides and
closings come in two such sets as well, so an evaluation prompt shares words with training prompts,
not sentences. Half of the training prompts put a part of a sentence into a frame, so that a model
meets every verb in many positions.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cascade.desk.names import Pool

__all__ = ["Wordings", "expand", "phrase"]

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_FRAMED_SHARE = 0.5
_DEED_FRAMES = (
    "[Please|Kindly|Just|Now|Then|Next] @.",
    "@[.|.|, please.|, will you?|, if you can.| for me.| for us.]",
    "[Can|Could|Will|Would] you [please |kindly |] @?",
    "[I|We] [want|need|would like|ask] you to @.",
    "[It is time|It would be good|The task is|Your job is|The plan is|I was asked|Somebody has|You are] to @.",
    "[Make sure|Be sure|Try|Remember|Do not forget] to @.",
    "[You may|You should|You can|We should|We shall|Someone must|Let us] @.",
    "[Is|Would] it [possible|too much] to @?",
    "[My|Our] [wish|request|aim] is to @.",
    "[Are you able|Have you got time] to @?",
    "[What I ask is|All I want is this|One thing is left]: @.",
)
_QUESTION_FRAMES = (
    "[Please |Kindly |][say|tell me|tell us|report|find out|look up|check|see|show me|let me know] @.",
    "[Do|Would] [you|we] [know|see] @?",
    "[Can|Could|Will|Would] you [say|tell me|find out|look up|check] @?",
    "[I|We] [ask myself|ask|want to know|need to know|would like to know|have to know|forgot] @.",
    "[May|Might|Can] I [be told|know|hear] @?",
    "[Is it known|Does anyone know|Does the system say|Has anyone seen] @?",
    "[The question is|What matters is|What I want is|Somebody asks|A buyer asks|The boss asks] @.",
    "[Have a look|Take a look|Look] and [say|see|tell me] @.",
)
_NOUN_FRAMES = (
    "[Please |Kindly |][get|bring|give|show|find|fetch|tell|read] me @.",
    "[I|We] [need|want|look for|miss|am after|ask for] @.",
    "@, please.",
    "[What|How] about @?",
    "[What is|What's|Do you have|Do we know|Do you see] @?",
    "[Look up|Check|Find|See|Say|Report|Read out|Name] @[.|, please.| for me.]",
    "[Can|Could|Will|Would] you [give me|get|look up|find|tell me|say] @?",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wordings:
    """The patterns of one family.

    Attributes:
        train: Whole sentences seen in training.
        evaluation: Whole sentences kept for evaluation.
        deeds: What to do, in the imperative; training puts it into frames that all families share.
        questions: What to find out, as a subordinate clause; training frames it likewise.
        nouns: What to find out, as a noun; training frames it likewise.
    """

    train: tuple[str, ...]
    evaluation: tuple[str, ...]
    deeds: tuple[str, ...]
    questions: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()

    def pattern(self, pool: Pool, rng: random.Random) -> str:
        """Return one pattern of a pool."""
        if pool == "evaluation":
            return rng.choice(self.evaluation)
        if rng.random() >= _FRAMED_SHARE:
            return rng.choice(self.train)
        parts = [(_DEED_FRAMES, part) for part in self.deeds]
        parts += [(_QUESTION_FRAMES, part) for part in self.questions]
        parts += [(_NOUN_FRAMES, part) for part in self.nouns]
        frames, part = rng.choice(parts)
        return rng.choice(frames).replace("@", part)


def expand(pattern: str, rng: random.Random) -> str:
    """Return the pattern with one alternative taken in every bracket, innermost first."""
    while match := _CHOICE.search(pattern):
        chosen = rng.choice(match.group(1).split("|"))
        pattern = pattern[: match.start()] + chosen + pattern[match.end() :]
    return " ".join(pattern.split())


def phrase(
    wordings: Wordings,
    slots: Mapping[str, str],
    asides: Sequence[str],
    rng: random.Random,
    pool: Pool,
) -> str:
    """Return a whole prompt.

    Args:
        wordings: The family's patterns.
        slots: Text for each slot; the slot `order` is a bare id and is dressed up here.
        asides: Sentences about things that do not matter, placed before or after the request.
        rng: Source of every choice.
        pool: Which patterns, greetings, reasons and closings to use.
    """
    around = _AROUND[pool]
    core = expand(wordings.pattern(pool, rng), rng)
    lead = expand(rng.choice(around.leads), rng) if rng.random() < around.lead_share else ""
    before = [aside for aside in asides if rng.random() < 0.4]
    after = [aside for aside in asides if aside not in before]
    if rng.random() < around.reason_share:
        (before if rng.random() < 0.35 else after).append(expand(rng.choice(around.reasons), rng))
    if before and lead.endswith((",", ":")):
        lead = lead[:-1] + "."
    core = _fit(core, lead)
    for slot, text in slots.items():
        dressed = expand(rng.choice(around.orders), rng) if slot.startswith("order") else "{}"
        core = core.replace("{" + slot + "}", dressed.replace("{}", text))
    closing = (
        [expand(rng.choice(around.closings), rng)] if rng.random() < around.closing_share else []
    )
    text = " ".join(part for part in (lead, *before, core, *after, *closing) if part)
    clock = f"{rng.randrange(8, 18)}:{rng.randrange(60):02d}"
    return text.replace("{digits}", str(rng.randrange(10_000, 1_000_000))).replace("{clock}", clock)


def _fit(core: str, lead: str) -> str:
    """Begin the request in small or capital letter as its lead asks, slots and `I` left alone."""
    if core.startswith(("I ", "I'", "{")):
        return core
    first = core[0].lower() if lead.endswith((",", ":")) else core[0].upper()
    return first + core[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    orders: tuple[str, ...]
    leads: tuple[str, ...]
    reasons: tuple[str, ...]
    closings: tuple[str, ...]
    lead_share: float = 0.4
    reason_share: float = 0.3
    closing_share: float = 0.3


_AROUND: dict[Pool, _Around] = {
    "train": _Around(
        orders=(
            "order {}",
            "order {}",
            "order [number|no.|nr] {}",
            "order #{}",
            "[the|that] order {}",
            "#{}",
            "our #{}",
            "order: {}",
            "order id {}",
            "[order |](#{})",
            "order [no.|number] ({})",
            "order [<{}>|'{}'|/{}/|*{}*]",
            "[my|your|this|their] order {}",
        ),
        leads=(
            "[Hi|Hello|Hey][| there| team| all],",
            "[Hi|Hello|Hey][| there| team]!",
            "Good [morning|afternoon|evening][|, team].",
            "[Quick|Small|Next|Another|One more] [task|job|thing|request|question]:",
            "[When|If|Once] you [have|find|get] [a minute|a moment|time],",
            "[Could you help|I need your help|Please help]:",
            "[Today's|The next|The first] [item|point|entry]:",
            "[Ticket|Case|Request] {digits}:",
            "[As|Like] [agreed|discussed][ yesterday| today|],",
            "[Before|After] [lunch|the meeting|the break],",
            "[From|For] [the front desk|accounts|sales|the shop]:",
            "[Okay|Right|So|Well|Now],",
            "Dear [all|friend|desk|staff],",
            "[Sorry|Pardon|Excuse me] [for the trouble|for asking|again|once more],",
            "[Nice|Glad] to [meet you|be here|talk to you].",
            "[While|Now that|As] you are [free|there|around],",
            "[A second|The third|The last] [task|point|thing] [of|for] the [day|week|hour]:",
            "[News|Work|Mail] from [the office|the phone|head office|the window]:",
        ),
        reasons=(
            "[It|This] is [for|about] the [weekly|daily|monthly] [report|list|review|meeting].",
            "[The customer|Somebody|The shop|Accounts] [asked|called|wrote] [today|this morning|twice|about it].",
            "[I|We] [need|want] [this|it] [before noon|by tonight|soon|for the file|today].",
            "[Someone|The manager|My boss|A colleague] [is waiting|wants to know|asked me|needs it].",
            "[This|It] came in [by phone|by mail|over the counter|through the shop] [at {clock}|today|].",
            "[I am|We are] [sorting|cleaning up|going through] [the backlog|old cases|the inbox].",
            "[No rush|It is urgent|Take your time|It can wait until noon].",
            "[I|We] could not [find|do|see] it [myself|here|on my screen].",
            "[The|My|Our] [computer|screen|printer|terminal] is [down|slow|broken].",
            "[It is|This is] [ticket|case|reference] {digits}.",
            "[A caller|The office|Head office|My sister] [rang|insists|waits|came] [an hour ago|this week|just now].",
            "[I|We] [lost|closed|broke|forgot] the [paper|list|book|door] [yesterday|an hour ago|in the rush].",
            "The [yearly|big|last] [check|summary|count] is [due|over|near].",
            "[Ticket|Case] {digits} [is about this|was opened for it|needs this].",
        ),
        closings=(
            "Thanks[|!|.| a lot.| in advance.| for your help.]",
            "Thank you[|!|.| very much.| so much.]",
            "[Please|Just] [be quick|be careful|take care].",
            "[Tell me|Say so|Report back|Let me know] when [done|it is done|you are done|that is done].",
            "[Cheers|Many thanks|Best regards|Bye][.|!]",
            "That is all[.| for now.| today.]",
            "[You are|That is] [lovely|great|kind].",
            "[I|We] would appreciate [it|that|your help].",
            "[Talk to you|See you] [later|soon].",
        ),
    ),
    "evaluation": _Around(
        orders=("order {}", "order {}", "our order {}", "order nr. {}", "order ({})"),
        leads=(
            "Dear [colleague|team],",
            "[Sorry|Excuse me] to [bother|trouble] you,",
            "[Something|A thing] from [the counter|the phone line]:",
            "Since you are [here|at it],",
            "[First|Second] [point|request] of [today|the day]:",
            "Good to see you.",
        ),
        reasons=(
            "[The buyer|A caller] [rang|asked] [about this|an hour ago].",
            "[My manager|Head office] [insists|would like it] [today|this week].",
            "I [lost|closed] the [window|page] [by mistake|just now].",
            "[It|This] belongs to case {digits}.",
            "[The weekly|Our yearly] [summary|check] is [near|coming up].",
        ),
        closings=(
            "[Much|Greatly] appreciated.",
            "Thanks, [you are great|talk soon].",
            "[That would be|It would be] lovely.",
        ),
    ),
}
