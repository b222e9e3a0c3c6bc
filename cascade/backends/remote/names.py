"""Tool names as providers allow them."""

import re
from collections.abc import Iterable
from hashlib import sha256

__all__ = ["names_back", "wire_name"]

_ALLOWED = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_-]")
_MARK_LENGTH = 8


def wire_name(name: str) -> str:
    """The name to send for a tool: its own, or a likeness that no other name shares."""
    if _ALLOWED.fullmatch(name):
        return name
    mark = sha256(name.encode("utf-8", "replace")).hexdigest()[:_MARK_LENGTH]
    return f"{_NOT_ALLOWED.sub('_', name)[: 63 - _MARK_LENGTH]}_{mark}"


def names_back(names: Iterable[str]) -> dict[str, str]:
    """From the names that were sent to those that the tools have, where the two differ.

    A name that is a tool's own stays that tool's.
    """
    own = set(names)
    return {sent: name for name in own if (sent := wire_name(name)) not in own}
