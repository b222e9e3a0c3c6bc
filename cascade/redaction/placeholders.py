"""The form of a placeholder: `<EMAIL_1>`.

Capitals, one `_`, a number and the brackets that models know from markup and templates. It needs
no escape in JSON, a model copies it as one piece, and where a model changes the brackets or the
case it can still be told what was meant. Labels hold no digits, so that label and number can
always be told apart; the number has no leading zero.
"""

import re
from functools import lru_cache

__all__ = ["LABEL", "LONGEST", "named_in", "placeholder", "placeholder_forms", "unfinished_form"]

LABEL = re.compile(r"[A-Z](?:_?[A-Z]){1,23}")
"""What a label looks like."""

LONGEST = 80
"""No form of a placeholder has more characters."""

_OPENING = r"(?:<|&lt;|\\{1,4}u003[cC]|%3[cC]|\u2039|\uff1c)"
_CLOSING = r"(?:>|&gt;|\\{1,4}u003[eE]|%3[eE]|\u203a|\uff1e)"
_NUMBER = r"[1-9][0-9]{0,5}"
_JOINT = r"(?:\\{0,2}_|[ -])?"


def placeholder(label: str, number: int) -> str:
    """The placeholder as it is written."""
    return f"<{label}_{number}>"


@lru_cache(maxsize=128)
def placeholder_forms(labels: frozenset[str], *, within_words: bool = False) -> re.Pattern[str]:
    """Finds the placeholders with these labels, in all forms that are understood.

    In pointed brackets, plain or escaped, with any case and joint: `<email 1>`, `&lt;EMAIL_1&gt;`.
    In other brackets in any case: `[email_1]`, `{{EMAIL_1}}`. Without brackets only exactly as it
    was written, since `email_1` may well be a name in somebody's code.

    Args:
        labels: What the placeholders can stand for.
        within_words: Whether those without brackets are found inside words too. What stands beside
            a word before redaction may stand alone after it.
    """
    if not labels:
        return re.compile(r"(?!)")
    before, after = ("", "") if within_words else (r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])")
    names = "|".join(sorted(labels, key=lambda label: (-len(label), label)))
    return re.compile(
        rf"{_OPENING}\s?(?P<a>(?i:{names})){_JOINT}(?P<an>{_NUMBER})\s?{_CLOSING}"
        rf"|(?:\[{{1,2}}|\{{{{1,2}})(?P<b>(?i:{names}))[_-](?P<bn>{_NUMBER})"
        rf"(?:\]{{1,2}}(?!\()|\}}{{1,2}})"
        rf"|{before}(?P<c>{names})_(?P<cn>{_NUMBER}){after}"
    )


def named_in(match: re.Match[str]) -> str:
    """The placeholder that a form of it means."""
    for label, number in (("a", "an"), ("b", "bn"), ("c", "cn")):
        if match[label] is not None:
            return placeholder(match[label].upper(), int(match[number]))
    raise AssertionError(match)  # pragma: no cover - one of the three always matched


@lru_cache(maxsize=128)
def unfinished_form(labels: frozenset[str]) -> re.Pattern[str]:
    """Finds what stands at the end of a text and may be the beginning of a placeholder.

    It takes in more than can become one, never less; it has to begin where the placeholder does.
    """
    if not labels:
        return re.compile(r"(?!)")
    letters = "".join(sorted(set("".join(labels)) | set("".join(labels).lower())))
    opening = (
        r"&(?:l(?:t;?)?)?|\\{1,4}(?:u(?:0(?:0(?:3[cC]?)?)?)?)?|%(?:3[cC]?)?|[<\u2039\uff1c]"
        r"|\[{1,2}|\{{1,2}"
    )
    closing = r"&(?:g(?:t;?)?)?|\\{1,4}(?:u(?:0(?:0(?:3[eE]?)?)?)?)?|%(?:3[eE]?)?|\]{1,2}|\}{1,2}"
    return re.compile(
        rf"(?:(?:{opening})\s?(?:[{letters}]{{0,26}}"
        rf"|[{letters}]{{2,26}}\\{{0,2}}[_ -]?[0-9]{{0,6}}\s?(?:{closing})?)"
        rf"|(?<![A-Za-z0-9_])[A-Z_]{{1,26}}[0-9]{{0,6}})\Z"
    )
