"""Passwords, keys and tokens: by their own mark, or by the name that stands before them."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from cascade.redaction.shapes import field_words
from cascade.redaction.spans import Span
from cascade.redaction.tokens import LABELS, tokens
from cascade.redaction.vault import lowered

__all__ = ["Secrets"]

_PASSWORD = r"pass(?:word|wd|phrase|code)?|pwd|passwort|kennwort|contrase\xf1a"  # noqa: S105 - names of fields
_KEY = (
    r"secret|secret_?key|token|api_?key|apikey|access_?key|access_?key_?id|private_?key|"
    r"client_?secret|signing_?key|encryption_?key|account_?key|shared_?access_?key|"
    r"auth_?token|access_?token|refresh_?token|id_?token|session_?token|bearer|credentials?"
)
_PASSWORD_FIELD = re.compile(rf"(?:^|_)(?:{_PASSWORD})$")
_KEY_FIELD = re.compile(rf"(?:^|_)(?:{_KEY})$")
# A name is looked for by its stem, which costs little where there is none.
_NAMED = {
    "passw": re.compile(r"passw(?:or)?d|passwort"),
    "passphrase": re.compile(r"passphrase"),
    "passcode": re.compile(r"passcode"),
    "pwd": re.compile(r"pwd"),
    "kennwort": re.compile(r"kennwort"),
    "contrase": re.compile(r"contrase\xf1a"),
    "secret": re.compile(r"secret"),
    "token": re.compile(r"token"),
    "credential": re.compile(r"credentials?"),
    "key": re.compile(
        r"(?:(?<=api.)|(?<=api)|(?<=access.)|(?<=access)|(?<=secret.)|(?<=private.)|(?<=private)"
        r"|(?<=account)|(?<=account.)|(?<=signing.)|(?<=encryption.)|(?<=auth.))key(?:[_ -]?id)?"
    ),
}
_PASSWORD_STEMS = frozenset({"passw", "passphrase", "passcode", "pwd", "kennwort", "contrase"})
_ASSIGNED = re.compile(
    r"(?![0-9A-Za-z])[\"'\\]{0,4}[ \t]{0,4}(?:(?P<sign>=>|:=|[=:])[ \t]{0,4}|[ ](?:is|IS|Is)[ ])"
    r"(?:\\{0,3}(?P<quote>[\"'`]))?"
    r"(?P<value>(?(quote)(?:(?!(?P=quote))[^\\\r\n]|\\(?!(?P=quote))){1,512}"
    r"|(?:[^\s\"'\\,;&<>]|\\(?![nrtbfu\"'\\/])){1,512}))"
)
_URL_LOGIN = re.compile(
    r"://(?P<login>[^\s:/@\"'<>]{0,128}:[^\s/@\"'<>]{1,256}|[^\s:/@\"'<>]{20,256})@(?=[\w\[.-])"
)
_HEADER = re.compile(
    r"(?i:\b(?:bearer|basic|authorization:[ ]?token))[ ]{1,2}"
    r"(?P<value>[0-9A-Za-z+/_.~=\-]{16,4096})"
)
# What stands where a secret will be, or names where it comes from.
_STAND_IN = re.compile(
    r"(?i:<.*>|\$\{.*|\$\w+|\{\{.*|%\w+%|\[.*\]|[*x.\-_#?\u2022]+|none|null|nil|true|false|undefined"
    r"|your[\w\-]*|change_?me|example|redacted|placeholder|required|optional|missing|expired"
    r"|invalid|incorrect|wrong|unknown|empty|hidden|str|string|int|bytes|any|secretstr"
    r"|[\w.]+\(.*|os\.environ.*|process\.env.*|env\..*|settings\..*|config\..*|self\..*)"
)
_MIN_BITS = 2.5
_SHORTEST_TOKEN = 14


class Secrets:
    """Keys of well-known providers, claims, private keys, logins in addresses, named secrets."""

    name = "secrets"
    labels = (*LABELS, "LOGIN", "PASSWORD", "SECRET")

    def find(self, text: str) -> Iterable[Span]:
        """The secrets in *text*."""
        if len(text) >= _SHORTEST_TOKEN:
            yield from tokens(text)
        if "://" in text:
            for match in _URL_LOGIN.finditer(text):
                if not _is_stand_in(match["login"].rpartition(":")[2]):
                    yield Span(*match.span("login"), "LOGIN")
        small = text.lower()
        yield from _named(text, lowered(text))
        if "bearer " in small or "basic " in small or "token " in small:
            for match in _HEADER.finditer(text):
                if _is_random(match["value"]):
                    yield Span(*match.span("value"), "SECRET")

    def find_in_field(self, field: str, value: str) -> Iterable[Span]:
        """A value in a field that is named after a secret."""
        words = field_words(field)
        if not value or _is_stand_in(value):
            return
        if _PASSWORD_FIELD.search(words) and not value.isspace():
            yield Span(0, len(value), "PASSWORD")
        elif _KEY_FIELD.search(words) and _is_random(value):
            yield Span(0, len(value), "SECRET")


def _named(text: str, small: str) -> Iterator[Span]:
    for stem, name in _NAMED.items():
        index = small.find(stem)
        while index >= 0:
            named = name.match(small, index)
            index += len(stem)
            if named is not None and (assigned := _ASSIGNED.match(text, named.end())):
                yield from _assigned(assigned, is_password=stem in _PASSWORD_STEMS)
                index = assigned.end()
            index = small.find(stem, index)


def _assigned(match: re.Match[str], *, is_password: bool) -> Iterator[Span]:
    value = match["value"]
    start = match.start("value")
    quoted = match["quote"] is not None
    if _is_stand_in(value):
        return
    if not is_password:
        if match["sign"] and _is_random(value):
            yield Span(start, start + len(value), "SECRET")
    elif quoted or match["sign"] == "=" or not value.isalpha():
        kept = value if quoted else value.rstrip(".,;:!?)")
        if len(kept) >= 4 or quoted:
            yield Span(start, start + len(kept), "PASSWORD")


def _is_stand_in(value: str) -> bool:
    return _STAND_IN.fullmatch(value.strip()) is not None


def _is_random(value: str) -> bool:
    """Whether it is long and mixed enough to be a key: entropy in bits a character."""
    if len(value) < 8 or " " in value or value.isalpha():
        return False
    bits = -sum(
        count / len(value) * math.log2(count / len(value)) for count in Counter(value).values()
    )
    return bits >= _MIN_BITS and any(character.isalpha() for character in value)
