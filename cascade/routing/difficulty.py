"""Difficulty: how demanding a task looks, before anything is known of how a lane does at it.

The rubric counts what a text is made of and what stands around it. It reads structure that most
languages share (numbers, quotations, names, list items, punctuation), not words of one of them,
and knows nothing of meaning. Each count n becomes n / (n + h), which is one half at h, so that the
tenth number in a task adds less than the second. The weights and halves are starting points, not
calibrated ones.

What a task looks like says little about who fails at it: over recorded runs of other people's
agents, of the weakest models on five suites, the rubric before the first step told failures from
successes with an AUROC between 0.32 and 0.63, and the mere length of the task with one between
0.30 and 0.69. Use it to keep plainly large tasks from a lane that is declared unfit for them; what
happens in a trajectory is better evidence.

| part         | weight | counts                                                    | half at |
|--------------|--------|-----------------------------------------------------------|---------|
| length       | 0.15   | tokens of the task, four characters each                  | 120     |
| entities     | 0.20   | different numbers, quotations, addresses, codes and names | 4       |
| clauses      | 0.25   | sentences, list items and clauses beyond the first        | 4       |
| tools        | 0.10   | tools to choose from beyond the first                     | 12      |
| irreversible | 0.10   | share of tools whose effect cannot be taken back          |         |
| steps        | 0.10   | steps made so far                                         | 15      |
| errors       | 0.10   | calls so far that ended in an error                       | 2       |
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cascade.exchange import ToolSpec
from cascade.lanes import Lane
from cascade.policy.routing import Routing
from cascade.routing.estimate import tokens_of

__all__ = ["Difficulty", "Part", "difficulty", "lane_for"]

_LONGEST_READ = 8_000
"""Characters of a task in which entities and clauses are counted; both counts are long past their
halves by then."""

# Each repetition has a limit, so that a long run of letters, such as a file in Base64, takes no
# longer than prose.
_ENTITY = re.compile(
    r"""
      "[^"\n]{1,200}" | “[^”\n]{1,200}” | «[^»\n]{1,200}» | „[^“”\n]{1,200}[“”] | `[^`\n]{1,200}`
    | \b[\w.+-]{1,64}@[\w.-]{1,200}             # an address
    | \b[\w.-]{1,64}[/\\]\w\S{0,200}            # a path
    | \b\w{0,64}\d[\w.,:-]{0,64}                # a number, a date, a code
    | \b[^\W_]{1,64}_\w{1,64}                   # an identifier
    | \b[^\W\d_]{0,64}[a-z][A-Z]\w{0,64}        # idem
    | (?<=[^\s.!?:;•*-]\s)[A-Z][^\W_]{1,64}     # a name that begins no sentence
    """,
    re.VERBOSE,
)

# What separates one demand from the next, also in scripts that put no space behind it.
_CLAUSE = re.compile(
    r"""
      [.!?](?=\s)                               # the end of a sentence
    | [。！？；，、]                            # the same, and pauses, in full width
    | ^[ \t]{0,20}(?:[-*•]|\d{1,3}[.)])\s        # a list item
    | [,;:](?=\s) | [(] | \s[–—-]\s             # a pause within a sentence
    """,  # noqa: RUF001 - the punctuation of other scripts is meant
    re.VERBOSE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one count contributes."""

    name: str
    weight: float
    value: float
    """From 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """How demanding a task looks."""

    value: float
    """From 0 to 1: the weighted sum of the parts, whose weights add up to 1."""
    parts: tuple[Part, ...]

    @property
    def in_words(self) -> str:
        """The figure and the parts that contribute to it, the largest contribution first."""
        weighed = sorted(self.parts, key=lambda part: -part.weight * part.value)
        told = ", ".join(f"{part.name} {part.value:.2f}" for part in weighed if part.value > 0)
        return f"difficulty {self.value:.2f}" + (f" ({told})" if told else "")


def difficulty(
    task: str, tools: Sequence[ToolSpec] = (), *, steps_done: int = 0, errors: int = 0
) -> Difficulty:
    """How demanding a task looks by the rubric of this module.

    Args:
        task: Its text.
        tools: What there is to choose from.
        steps_done: Steps made so far.
        errors: Calls so far that ended in an error.
    """
    text = task.strip()
    read = text[:_LONGEST_READ]
    entities = len(set(_ENTITY.findall(read)))
    # A separator at the very end closes the last demand and begins none.
    clauses = len(_CLAUSE.findall(read.rstrip(".!?。！？")))  # noqa: RUF001 - idem
    final = sum(tool.side_effect == "irreversible" for tool in tools)
    parts = (
        Part(name="length", weight=0.15, value=_saturated(tokens_of(text), half=120)),
        Part(name="entities", weight=0.20, value=_saturated(entities, half=4)),
        Part(name="clauses", weight=0.25, value=_saturated(clauses, half=4)),
        Part(name="tools", weight=0.10, value=_saturated(max(len(tools) - 1, 0), half=12)),
        Part(name="irreversible", weight=0.10, value=final / len(tools) if tools else 0.0),
        Part(name="steps", weight=0.10, value=_saturated(steps_done, half=15)),
        Part(name="errors", weight=0.10, value=_saturated(errors, half=2)),
    )
    return Difficulty(value=min(sum(part.weight * part.value for part in parts), 1.0), parts=parts)


def lane_for(task: Difficulty, lanes: Sequence[Lane], routing: Routing) -> Lane | None:
    """The lowest lane that may be given so difficult a task, or `None` where there are no lanes.

    A lane without a ceiling takes any task. Where all ceilings are too low the top lane takes it,
    as there is none better. Of lanes on the same tier the first by name is taken.

    Args:
        task: How difficult it is.
        lanes: Those that the constraints have left.
        routing: Says by how much a ceiling may be exceeded.
    """
    if not lanes:
        return None
    ladder = sorted(lanes, key=lambda lane: (lane.tier, lane.name))
    for lane in ladder:
        ceiling = lane.profile.ceiling
        if ceiling is None or task.value <= ceiling + routing.difficulty_margin:
            return lane
    return max(ladder, key=lambda lane: lane.tier)


def _saturated(count: int, *, half: int) -> float:
    return count / (count + half)
