"""Where a lane's key comes from. The key itself lives in memory only and shows up nowhere."""

import os
import subprocess
from dataclasses import dataclass

from pydantic import SecretStr

from cascade.errors import MissingKey

__all__ = ["Credential"]

_LONGEST_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A key that is looked up when a lane opens, and again when its server refuses it.

    It stands in the environment, or a command prints it.

    Attributes:
        lane: Name of the lane, for messages.
        env: Name of an environment variable.
        command: A program and its arguments that print the key; run without a shell, and instead
            of looking into the environment.
    """

    lane: str
    env: str | None = None
    command: tuple[str, ...] | None = None

    def resolve(self) -> SecretStr:
        """The key.

        Raises:
            MissingKey: There is none: the variable is not set, or the command cannot be run, failed
                or printed nothing.
        """
        if self.command is not None:
            return self._from_command(self.command)
        value = os.environ.get(self.env, "").strip() if self.env is not None else ""
        if not value:
            wanted = f"set {self.env}" if self.env else "name a variable in api_key_env"
            raise MissingKey(f"lane {self.lane!r} has no key: {wanted} or give api_key_cmd")
        return SecretStr(value)

    def _from_command(self, command: tuple[str, ...]) -> SecretStr:
        # What the command prints, to either stream, may hold the key and so is never shown.
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command, no shell
                command, capture_output=True, check=False, timeout=_LONGEST_S, text=True
            )
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
            what = type(error).__name__
            message = f"lane {self.lane!r}: api_key_cmd {command[0]!r} cannot be run: {what}"
            raise MissingKey(message) from None
        if done.returncode != 0:
            message = f"lane {self.lane!r}: api_key_cmd {command[0]!r} ended with {done.returncode}"
            raise MissingKey(message)
        value = done.stdout.strip()
        if not value:
            raise MissingKey(f"lane {self.lane!r} has no key: {command[0]!r} printed nothing")
        return SecretStr(value)
