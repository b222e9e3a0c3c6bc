"""Names of control tokens in what others wrote, so that they stay text."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

__all__ = ["control_names", "with_broken_names"]

_JOINER = "\u200c"
"""Zero-width non-joiner: unseen by a reader, and no tokenizer finds the name across it."""

_FIELDS = ("content", "reasoning_content")


def control_names(names: Iterable[str]) -> re.Pattern[str] | None:
    """An expression for the first character of each name, or None if there is none to break.

    The rest of the name is only looked at, so that a name inside of another is found too.

    Args:
        names: Texts of control tokens; those of one character cannot be broken and are left out.
    """
    known = sorted({name for name in names if len(name) > 1})
    if not known:
        return None
    return re.compile(rf"(?=(?:{'|'.join(map(re.escape, known))}))[\s\S]")


def with_broken_names(
    messages: Sequence[Mapping[str, Any]], names: re.Pattern[str] | None
) -> Sequence[Mapping[str, Any]]:
    """Messages whose texts hold no name of a control token.

    A tokenizer that reads a rendering cannot tell the template's own markers from those in a tool's
    result, which could so end its turn and open another. A zero-width character behind a name's
    first one keeps the name readable and makes it text. Messages without names are passed as they
    are.

    Args:
        messages: OpenAI-style messages.
        names: What `control_names` gave.
    """
    return messages if names is None else [_broken_message(each, names) for each in messages]


def _broken_message(message: Mapping[str, Any], names: re.Pattern[str]) -> Mapping[str, Any]:
    broken = {
        field: new
        for field in _FIELDS
        if (new := _broken(message.get(field), names)) is not message.get(field)
    }
    return {**message, **broken} if broken else message


def _broken(content: object, names: re.Pattern[str]) -> object:
    """A string, or a list of parts, without names; the same object if there were none."""
    if isinstance(content, str):
        new, count = names.subn(rf"\g<0>{_JOINER}", content)
        return new if count else content
    if not isinstance(content, Sequence):
        return content
    parts = cast("Sequence[Mapping[str, Any]]", content)  # OpenAI's other form of content
    new_parts = [_broken_part(part, names) for part in parts]
    changed = any(new is not old for new, old in zip(new_parts, parts, strict=True))
    return new_parts if changed else parts


def _broken_part(part: Mapping[str, Any], names: re.Pattern[str]) -> Mapping[str, Any]:
    text = part.get("text")
    new = _broken(text, names)
    return part if new is text else {**part, "text": new}
