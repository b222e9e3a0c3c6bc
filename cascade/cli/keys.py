"""Whether lanes have their keys, told without looking at the keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from cascade.credentials import Credential

__all__ = ["KeyState", "KeyStatus", "key_state"]

KeyStatus = Literal["set", "missing", "command", "none needed"]
"""`command`: a program prints it, which only a call would tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """What is known about one lane's key.

    Attributes:
        status: Whether it is there.
        told: The same as part of a sentence.
        mend: What to do where it is missing.
    """

    status: KeyStatus
    told: str
    mend: str | None = None

    @property
    def is_missing(self) -> bool:
        """Whether the lane cannot be used."""
        return self.status == "missing"


def key_state(
    credential: Credential | None,
    variables: Mapping[str, str],
    find_program: Callable[[str], str | None],
) -> KeyState:
    """Looks for a key without running anything.

    Args:
        credential: Where the key comes from, if one is needed.
        variables: Environment variables.
        find_program: Finds a program by name.
    """
    if credential is None:
        return KeyState(status="none needed", told="no key needed")
    if credential.command is not None:
        program = credential.command[0]
        if find_program(program) is None:
            mend = f"install {program}, or change api_key_cmd in cascade.toml"
            return KeyState(status="missing", told=f"{program} is not installed", mend=mend)
        return KeyState(status="command", told=f"key from {program}")
    name = credential.env or ""
    if variables.get(name, "").strip():
        return KeyState(status="set", told=f"{name} is set")
    return KeyState(status="missing", told=f"{name} is not set", mend=f"export {name}=…")
