"""Values that a user names one by one."""

from collections.abc import Iterable, Sequence

from cascade.errors import ConfigError
from cascade.redaction.readings import folded, plain
from cascade.redaction.spans import Span
from cascade.redaction.vault import PRIVATE, lowered

__all__ = ["Literals"]

_SHORTEST = 3


class Literals:
    """Finds the given values in any case, wherever they stand, inside words too.

    Args:
        values: At least three characters each.
        label: What they are.
        name: Stands in messages about it.

    Raises:
        ConfigError: One of the values is too short to be told from ordinary text.
    """

    def __init__(
        self, values: Sequence[str], *, label: str = PRIVATE, name: str = "literals"
    ) -> None:
        forms = [lowered(folded(plain(value)).text).strip() for value in values]
        short = sum(len(form) < _SHORTEST for form in forms)
        if short:
            raise ConfigError(
                f"{short} of the values of {name!r} have fewer than {_SHORTEST} characters; hiding "
                "them would hide parts of ordinary words"
            )
        self._forms = tuple(dict.fromkeys(forms))
        self._label = label
        self.name = name
        self.labels = (label,)

    def find(self, text: str) -> Iterable[Span]:
        """Every occurrence of every value."""
        small = lowered(text)
        for form in self._forms:
            start = small.find(form)
            while start >= 0:
                yield Span(start, start + len(form), self._label)
                start = small.find(form, start + 1)
