"""Builds texts in llama.cpp's grammar notation (GBNF)."""

import re
from collections.abc import Sequence

__all__ = ["SPACE", "Rules", "any_order", "class_char", "literal", "marker", "repeated", "until"]

SPACE = "space"
"""Rule of the white space between tokens: bounded, so that a model cannot loop in it."""

_START = "root"
_SPACE_BODY = '(" " | "\\n"{1,2} [ \\t]{0,16})?'
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_CLASS_ESCAPES = {**_ESCAPES, '"': '"', "]": "\\]", "[": "\\[", "^": "\\x5E", "-": "\\x2D"}
_FREE_ORDER_LIMIT = 4
_MOST_EXTRA = 64


class Rules:
    """Named grammar rules; equal bodies share one name.

    Attributes:
        untils: The rules that `until` added, by the text that ends them.
    """

    def __init__(self) -> None:
        self._bodies: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self.untils: dict[str, str] = {}
        self._bodies[SPACE] = _SPACE_BODY

    def add(self, hint: str, body: str) -> str:
        """Names a body and returns the name.

        Args:
            hint: What the name should tell; anything that GBNF forbids is replaced.
            body: The right-hand side.
        """
        if body in self._names:
            return self._names[body]
        name = self.reserve(hint)
        self.define(name, body)
        self._names[body] = name
        return name

    def reserve(self, hint: str) -> str:
        """An unused name for a rule that refers to itself; `define` must follow."""
        base = re.sub(r"[^a-zA-Z0-9]+", "-", hint).strip("-").lower() or "rule"
        name, count = base, 1
        while name in self._bodies or name == _START:
            count += 1
            name = f"{base}-{count}"
        self._bodies[name] = '""'
        return name

    def define(self, name: str, body: str) -> None:
        """Gives a reserved name its body."""
        self._bodies[name] = body

    def text(self, root: str) -> str:
        """The whole grammar.

        Args:
            root: Body of the start rule.
        """
        rules = {_START: root, **self._bodies}
        return "".join(f"{name} ::= {body}\n" for name, body in rules.items())


def literal(text: str) -> str:
    """A terminal."""
    return '"' + "".join(_ESCAPES.get(char, char) for char in text) + '"'


def class_char(char: str) -> str:
    """A character as it is written inside of square brackets."""
    return _CLASS_ESCAPES.get(char, char)


def marker(text: str) -> str:
    """A marker whose line breaks are optional white space.

    White space without a line break stays as it is inside, and is optional at the ends.
    """
    parts: list[str] = []
    for piece in re.split(r"(\s*\n\s*|^ +| +$)", text):
        if piece and not piece.strip():
            parts.append(SPACE)
        elif piece:
            parts.append(literal(piece))
    return " ".join(parts) or '""'


def repeated(body: str, low: int, high: int | None) -> str:
    """A body `low` to `high` times."""
    if (low, high) == (1, 1):
        return f"({body})"
    if high is None:
        return f"({body}){{{low},}}"
    return f"({body}){{{low},{high}}}" if high else '""'


def until(rules: Rules, end: str) -> str:
    """A rule for any text that does not hold `end`, which must follow it.

    One rule per prefix of `end`, as in the matching automaton of Knuth, Morris and Pratt (1977).
    """
    if end in rules.untils:
        return rules.untils[end]
    names = [rules.reserve(f"until-{end}-{at}") for at in range(len(end))]
    for state, name in enumerate(names):
        steps = {char: _next_state(end, state, char) for char in dict.fromkeys(end)}
        steps = {char: to for char, to in steps.items() if to}
        others = "".join(map(class_char, steps))
        alternatives = [f"[^{others}] {names[0]}"]
        alternatives += [
            f"{literal(char)} {names[to]}" for char, to in steps.items() if to < len(end)
        ]
        rules.define(name, "(" + " | ".join(alternatives) + ")?")
    rules.untils[end] = names[0]
    return names[0]


def _next_state(end: str, state: int, char: str) -> int:
    seen = end[:state] + char
    return next(size for size in range(len(seen), -1, -1) if seen.endswith(end[:size]))


def any_order(
    rules: Rules,
    hint: str,
    *,
    required: Sequence[str],
    optional: Sequence[str],
    separator: str,
    extra: str = "",
) -> str:
    """Members in any order: each required one exactly once, the optional ones between them.

    The order of more than four required members is fixed, since the number of rules doubles with
    each one. An optional member may stand twice, which no reader minds.

    Args:
        rules: Where rules are added.
        hint: Stem of the rules' names.
        required: Bodies that must stand.
        optional: Bodies that may stand.
        separator: Body between two members, or `""` in GBNF.
        extra: Body of further members whose number is open, or empty.
    """
    choices = [*optional, *filter(None, [extra])]
    option = rules.add(f"{hint}-optional", " | ".join(choices)) if choices else ""
    most = _MOST_EXTRA if extra else len(choices)
    free = len(required) <= _FREE_ORDER_LIMIT

    def rest(left: tuple[str, ...]) -> str:
        """What may follow a member while `left` are still to come."""
        if not left:
            return repeated(f"{separator} {option}", 0, most) if option else '""'
        lead = repeated(f"{separator} {option}", 0, most) + " " if option else ""
        return rules.add(f"{hint}-rest", f"{lead}{separator} {one_of(left)}")

    def one_of(left: tuple[str, ...]) -> str:
        takes = left if free else left[:1]
        parts = (f"{one} {rest(tuple(other for other in left if other != one))}" for one in takes)
        return "(" + " | ".join(parts) + ")"

    if required:
        lead = repeated(f"{option} {separator}", 0, most) + " " if option else ""
        return lead + one_of(tuple(dict.fromkeys(required)))
    return f"({option} {repeated(f'{separator} {option}', 0, most - 1)})?" if option else '""'
