"""How values are written: as JSON, as Python literals, or with Gemma's quote tokens."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from cascade.backends.llama.chat.gbnf import SPACE, Rules, literal, until
from cascade.backends.llama.chat.results import JSON

__all__ = ["JSON_NOTATION", "PYTHON_NOTATION", "Notation", "gemma_notation"]

# Halves of surrogate pairs stand together: readers of JSON refuse a lone one.
_ESCAPED = (
    '"u" ([0-9a-cA-Ce-fE-F] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2}'
    ' | [dD] [89abAB] [0-9a-fA-F]{2} "\\\\u" [dD] [c-fC-F] [0-9a-fA-F]{2})'
)
# Bytes that are none of Unicode's characters would become several ones when the text is read.
_BEYOND = "\\x5D-\\uD7FF\\uE000-\\U0010FFFF"
_JSON_CHAR = f'[\\x20\\x21\\x23-\\x5B{_BEYOND}] | "\\\\" (["\\\\/bfnrt] | {_ESCAPED})'
_PYTHON_CHAR = f'[\\x20-\\x26\\x28-\\x5B{_BEYOND}] | "\\\\" ([\'"\\\\/bfnrt] | {_ESCAPED})'


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """The spelling of values in one dialect.

    Attributes:
        string: Adds rules for a string of `low` to `high` characters (None: no limit).
        quoted: Body of one given string's text, quotes included.
        raw_quotes: Bodies before and behind a string whose inner body is given.
        key: Body of an object's key, without what separates it from the value.
        any_key: Adds rules for any key.
        word: Body of true, false or null.
        space: Body of the white space between tokens.
    """

    string: Callable[[Rules, int, int | None], str]
    quoted: Callable[[str], str]
    raw_quotes: tuple[str, str]
    key: Callable[[str], str]
    any_key: Callable[[Rules], str]
    word: Callable[[str], str]
    space: str

    def constant(self, value: JSON) -> str:
        """Body of one given value."""
        match value:
            case str():
                return self.quoted(value)
            case True | False | None:
                return self.word(json.dumps(value))
            case list():
                return self._joined("[", [self.constant(item) for item in value], "]")
            case dict():
                items = [
                    f'{self.key(key)} ":" {self.space} {self.constant(item)}'
                    for key, item in value.items()
                ]
                return self._joined("{", items, "}")
            case _:
                return literal(json.dumps(value))

    def _joined(self, start: str, items: list[str], end: str) -> str:
        comma = f' "," {self.space} '
        return f"{literal(start)} {comma.join(items)} {literal(end)}"


def _counted(char: str, low: int, high: int | None) -> str:
    if high is None:
        return f"{char}*" if low == 0 else f"{char}{{{low},}}"
    return f"{char}{{{low},{high}}}"


def _json_string(rules: Rules, low: int, high: int | None) -> str:
    char = rules.add("char", _JSON_CHAR)
    return rules.add("string", f'"\\"" {_counted(char, low, high)} "\\""')


def _json_quoted(text: str) -> str:
    plain, escaped = (literal(json.dumps(text, ensure_ascii=flag)) for flag in (False, True))
    return plain if plain == escaped else f"({plain} | {escaped})"


JSON_NOTATION = Notation(
    string=_json_string,
    quoted=_json_quoted,
    raw_quotes=('"\\""', '"\\""'),
    key=_json_quoted,
    any_key=lambda rules: _json_string(rules, 0, None),
    word=literal,
    space=SPACE,
)


def _python_string(rules: Rules, low: int, high: int | None) -> str:
    char = rules.add("python-char", _PYTHON_CHAR)
    single = f'"\'" {_counted(char, low, high)} "\'"'
    return rules.add("python-string", f"{_json_string(rules, low, high)} | {single}")


def _python_quoted(text: str) -> str:
    double = _json_quoted(text)
    return double if "'" in text or '"' in text else f"({double} | {literal(repr(text))})"


def _python_word(word: str) -> str:
    python = {"true": "True", "false": "False", "null": "None"}[word]
    return f"({literal(python)} | {literal(word)})"


PYTHON_NOTATION = Notation(
    string=_python_string,
    quoted=_python_quoted,
    raw_quotes=('"\\""', '"\\""'),
    key=_python_quoted,
    any_key=lambda rules: _python_string(rules, 0, None),
    word=_python_word,
    space=SPACE,
)


def gemma_notation(quote: str) -> Notation:
    """Bare keys, and strings between quote tokens that need no escapes.

    Args:
        quote: The quote token's text. String lengths cannot be bounded between such tokens.
    """
    mark = literal(quote)

    def string(rules: Rules, low: int, high: int | None) -> str:
        del low, high
        return rules.add("quoted", f"{mark} {until(rules, quote)} {mark}")

    return Notation(
        string=string,
        quoted=lambda text: literal(f"{quote}{text}{quote}"),
        raw_quotes=(mark, mark),
        key=literal,
        any_key=lambda rules: rules.add("key", "[^:{}\\[\\],\\x00-\\x1f]{1,64}"),
        word=literal,
        space=SPACE,
    )
