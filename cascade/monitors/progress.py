"""Progress: what a step brought that was not there before.

An `Extractor` reads facts off one step; whether they are new is decided here, against the steps
before it. Facts are also what a handoff tells the next lane, so each says in words what it
is.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cascade.steps import Step

__all__ = ["Extractor", "Fact", "FactKind", "Progress", "StepFacts", "brings_news"]

FactKind = Literal["goal", "write", "tests", "entity"]
"""A part of the task that was reached; something that was changed; a test run's counts; something
that was seen."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a step shows to be so."""

    kind: FactKind
    text: str
    """What it is, in a few words with its value; facts of one kind and text are the same."""


class Extractor(Protocol):
    """Reads facts off a step. Pure: it sees this step and nothing else."""

    @property
    def name(self) -> str:
        """Tells extractors apart for a reader."""
        ...

    def facts(self, step: Step) -> Iterable[Fact]:
        """What the step shows, new or not, the most important first."""
        ...


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What one step shows, as hashes of its facts: they are kept for every step, and are small."""

    keys: frozenset[int]
    """Of all facts."""
    telling: frozenset[int]
    """Of those that are more than something seen: goals, writes and tests."""


class Progress:
    """The facts of steps, by all of its *extractors* together.

    Facts are read once a step for comparison, as long as it is the same `Progress` that asks.
    """

    def __init__(self, extractors: Iterable[Extractor]) -> None:
        self._extractors = tuple(extractors)

    def of(self, steps: Iterable[Step]) -> list[StepFacts]:
        """What each of *steps* shows, new or not."""
        read = self._read
        return [step.once(self, read) for step in steps]

    def gathered(
        self,
        steps: Iterable[Step],
        kinds: Collection[FactKind] = ("goal", "write", "tests", "entity"),
    ) -> tuple[Fact, ...]:
        """All facts of *kinds* in *steps*, each once, in the order in which they came up."""
        found = (fact for step in steps for fact in self._facts(step) if fact.kind in kinds)
        return tuple(dict.fromkeys(found))

    def _facts(self, step: Step) -> Iterator[Fact]:
        return (fact for one in self._extractors for fact in one.facts(step))

    def _read(self, step: Step) -> StepFacts:
        facts = list(self._facts(step))
        return StepFacts(
            keys=frozenset(map(hash, facts)),
            telling=frozenset([hash(fact) for fact in facts if fact.kind != "entity"]),
        )


def brings_news(shown: Sequence[StepFacts], index: int, *, telling: bool = False) -> bool:
    """Whether step number *index* of *shown*, from 0, shows what none before it showed.

    With *telling*, things that were merely seen do not count.
    """
    left = shown[index].telling if telling else shown[index].keys
    if not left:
        return False
    earlier = range(index - 1, -1, -1)
    # Mostly all of it is new or all of it was there a moment ago; each is seen at once this way.
    one = next(iter(left))
    if not any(one in shown[before].keys for before in earlier):
        return True
    for before in earlier:
        left = left - shown[before].keys
        if not left:
            return False
    return True
