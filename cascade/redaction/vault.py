"""The vault: which placeholder stands for which value in a trajectory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cascade.redaction.placeholders import placeholder
from cascade.redaction.readings import folded, plain

__all__ = ["ENCODED", "FRAGMENT", "PRIVATE", "TEXT", "Hidden", "Numbering", "Vault", "lowered"]

ENCODED = "ENCODED"
"""Label of an encoded piece that holds a value."""

PRIVATE = "PRIVATE"
"""Label of values that the user named."""

TEXT = "TEXT"
"""Label of text that looked like a placeholder by itself."""

FRAGMENT = "FRAGMENT"
"""Label of a piece of a value that was cut up."""

_SHORTEST_SOUGHT = 3
# A year or a price is not to vanish because somebody's code has the same digits.
_SHORTEST_SOUGHT_NUMBER = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """A value and what stands for it.

    Attributes:
        placeholder: As it is written.
        label: What the value is.
        value: Exactly as it stood in the conversation.
        is_number: Whether it stood there as a JSON number.
    """

    placeholder: str
    label: str
    value: str = field(repr=False)
    is_number: bool = False

    @property
    def sought(self) -> str | None:
        """The form in which the value is looked for in other texts; `None` if it is not."""
        if self.label in {ENCODED, FRAGMENT, TEXT}:
            return None
        form = lowered(folded(plain(self.value)).text).strip()
        shortest = _SHORTEST_SOUGHT_NUMBER if form.isdigit() else _SHORTEST_SOUGHT
        return form if len(form) >= shortest else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """All values of a trajectory that were ever hidden, in the order in which they were met.

    A value: it never changes, knowing more makes another one. Its `repr` shows no value.
    """

    hidden: tuple[Hidden, ...] = ()
    by_placeholder: Mapping[str, Hidden] = field(
        default_factory=dict[str, Hidden], compare=False, repr=False
    )
    by_value: Mapping[tuple[str, bool], Hidden] = field(
        default_factory=dict[tuple[str, bool], Hidden], compare=False, repr=False
    )
    sought: Mapping[str, str] = field(default_factory=dict[str, str], compare=False, repr=False)
    """Forms of the values to be looked for in every text, and their labels."""
    labels: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    def with_more(self, more: Sequence[Hidden]) -> "Vault":
        """The vault that also holds these."""
        seeking = {form: each.label for each in more if (form := each.sought) is not None}
        return Vault(
            hidden=(*self.hidden, *more),
            by_placeholder={**self.by_placeholder, **{each.placeholder: each for each in more}},
            by_value={**self.by_value, **{(each.value, each.is_number): each for each in more}},
            sought={**seeking, **self.sought},
            labels=self.labels.union([each.label for each in more]),
        )

    def knowing(self, values: Iterable[str]) -> "Vault":
        """The vault that also knows these values, to be hidden wherever they appear from now on."""
        numbering = Numbering(self)
        for value in values:
            if len(value.strip()) >= _SHORTEST_SOUGHT:
                numbering.placeholder(value, PRIVATE)
        return numbering.vault


class Numbering:
    """Gives out placeholders while one message is redacted."""

    def __init__(self, vault: Vault) -> None:
        self._before = vault
        self._new: dict[tuple[str, bool], Hidden] = {}
        self._counts: dict[str, int] = {}
        self.sought: dict[str, str] = dict(vault.sought)
        """What is to be looked for, the values of this message included."""

    def placeholder(self, value: str, label: str, *, is_number: bool = False) -> str:
        """What stands for *value*: what always did, or the next number of its label."""
        key = (value, is_number)
        known = self._before.by_value.get(key) or self._new.get(key)
        if known is None:
            if label not in self._counts:
                self._counts[label] = sum(each.label == label for each in self._before.hidden)
            self._counts[label] += 1
            known = Hidden(
                placeholder=placeholder(label, self._counts[label]),
                label=label,
                value=value,
                is_number=is_number,
            )
            self._new[key] = known
            if (form := known.sought) is not None:
                self.sought.setdefault(form, label)
        return known.placeholder

    @property
    def vault(self) -> Vault:
        """The vault with the new values; the same object where there are none."""
        if not self._new:
            return self._before
        return self._before.with_more(list(self._new.values()))


def lowered(text: str) -> str:
    """The text in small letters, each at its own place."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join([low if len(low := character.lower()) == 1 else character for character in text])
