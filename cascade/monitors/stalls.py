"""Rules for steps that lead nowhere: the same words, nothing new, a budget that runs down."""

from itertools import pairwise

from cascade.monitors.digests import alike
from cascade.monitors.history import Finding, History
from cascade.steps import Prefix

__all__ = ["budget_burn", "monologue", "no_change"]

_FEWEST_WORDS = 8
_ENOUGH_TO_TELL = 3
"""Steps whose times show whether they are further and further apart."""


def monologue(history: History) -> Finding | None:
    """The last steps say almost the same, and the later ones brought nothing new."""
    wanted = history.settings.monologue
    if len(history.steps) < wanted:
        return None
    start = len(history.steps) - wanted
    last = history.steps[start:]
    if any(step.words < _FEWEST_WORDS or step.waits for step in last):
        return None
    share = history.settings.monologue_share
    if not all(alike(one, other, share) for one, other in pairwise(last)):
        return None
    later = range(start + 1, len(history.steps))
    if any(history.barriers[index] or history.brings_news(index) for index in later):
        return None
    if history.backs_off(range(start, len(history.steps))):
        return None
    numbers = tuple(step.number for step in last)
    return Finding(
        code="monologue",
        steps=numbers,
        evidence=f"steps {numbers[0]} to {numbers[-1]} say almost the same, and brought nothing "
        "new",
    )


def no_change(history: History) -> Finding | None:
    """For a while no step brought a new fact or a change."""
    wanted = history.settings.steps_without_change
    if len(history.steps) < wanted:
        return None
    start = len(history.steps) - wanted
    for index in range(len(history.steps) - 1, start - 1, -1):
        if history.barriers[index] or history.brings_news(index):
            return None
    if history.backs_off(range(start, len(history.steps))):
        return None
    return Finding(
        code="no_change",
        steps=tuple(step.number for step in history.steps[start:]),
        evidence=f"the last {wanted} steps brought no new fact and changed nothing",
    )


def budget_burn(history: History) -> Finding | None:
    """A large share of a budget was used since the last progress.

    Where a tool can change something or reach a goal, progress is a change, a goal or a test
    result, or that a call has another result than the last time; things that were merely seen do
    not count. Pauses are nobody's fault.
    """
    prefix = history.prefix
    everything = _shares(prefix, len(history.steps), prefix.tokens_used)
    # Looking back for the last progress is only worth it where all steps together would do.
    if max(everything.values(), default=0) < history.settings.budget_share:
        return None
    idle = _idle(history)
    if not idle or idle[-1] != len(history.steps) - 1:
        return None
    if history.backs_off(idle[-_ENOUGH_TO_TELL:]):
        return None
    tokens = sum(history.steps[index].tokens for index in idle)
    shares = _shares(prefix, len(idle), tokens)
    budget, share = max(shares.items(), key=lambda item: item[1])
    if share < history.settings.budget_share:
        return None
    numbers = tuple(history.steps[index].number for index in idle)
    return Finding(
        code="budget_burn",
        steps=numbers,
        evidence=f"{share:.0%} of the budget of {budget} went into {len(idle)} steps since step "
        f"{numbers[0]} without any progress",
    )


def _idle(history: History) -> list[int]:
    """Indices of the steps since the last progress, without pauses and the looks after them."""
    tools = history.prefix.tools
    telling = any(tool.side_effect != "read" or tool.goal is not None for tool in tools)
    idle: list[int] = []
    for index in range(len(history.steps) - 1, -1, -1):
        # What a pause is followed by is what was waited for.
        if history.steps[index].waits or (index > 0 and history.steps[index - 1].waits):
            continue
        if history.barriers[index]:
            break
        told = not telling or history.shown[index - len(history.steps)].telling
        if told and history.brings_news(index, telling=telling):
            break
        idle.append(index)
    return idle[::-1]


def _shares(prefix: Prefix, steps: int, tokens: int) -> dict[str, float]:
    """By budget, the share of it that so many steps with so many tokens used."""
    budget = prefix.budget
    shares: dict[str, float] = {}
    if budget.steps is not None:
        shares[f"{budget.steps} steps"] = steps / budget.steps
    if budget.tokens is not None:
        shares[f"{budget.tokens} tokens"] = tokens / budget.tokens
    if budget.usd and prefix.usd_used is not None and prefix.tokens_used:
        # What a step cost is not known here: money is taken to go by tokens.
        spent = float(prefix.usd_used) * min(tokens / prefix.tokens_used, 1.0)
        shares[f"{budget.usd} USD"] = spent / float(budget.usd)
    return shares
