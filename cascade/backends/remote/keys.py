"""The keys of an open lane: the one in use, and those that took its place while it was open."""

import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import anyio
import anyio.to_thread

from cascade.credentials import Credential
from cascade.errors import ConfigError, MissingKey

__all__ = ["Keys", "read_key"]

_LOG = logging.getLogger("cascade")

_HIDDEN = "[key]"
_LEAST_HIDDEN = 10  # characters; the first few tell the kind of a key and are no secret
_REMEMBERED = 8
"""Keys that texts are searched for: an answer may still repeat one that was just replaced."""


async def read_key(credential: Credential) -> str:
    """The key as it is now; the loop goes on while a command looks for it.

    Raises:
        MissingKey: There is none.
    """
    if credential.command is None:
        return credential.resolve().get_secret_value()
    # A caller that gives up does not wait for the command, which ends by itself.
    secret = await anyio.to_thread.run_sync(credential.resolve, abandon_on_cancel=True)
    return secret.get_secret_value()


class Keys:
    """What the calls of one lane know of its key.

    Args:
        credential: Where it is read again; `None` where the lane needs no key.
        key: As it was read when the lane opened.
        use: Sends another key from the next request on; raises `ConfigError` for one that cannot
            be sent.
    """

    def __init__(
        self, credential: Credential | None, key: str | None, use: Callable[[str], None]
    ) -> None:
        self._credential = credential
        self._used = deque([] if key is None else [key], maxlen=_REMEMBERED)
        self._use = use
        self._readings = 0
        self._changed = 0
        """The reading that brought the key in use."""
        # Many calls are refused at once when a key ends; one of them reads it for all.
        self._reading = anyio.Lock()

    @property
    def readings(self) -> int:
        """How often it was read again; a call notes this when it goes out."""
        return self._readings

    async def renewed(self, since: int) -> bool:
        """Whether a call that was refused has another key to be sent with.

        The key is read at most once for the call; not at all where one that went out beside it
        did so in the meantime.

        Args:
            since: `readings` when the call went out.
        """
        if self._credential is None:
            return False
        async with self._reading:
            if self._readings == since:
                await self._read_again(self._credential)
        return self._changed > since

    def hide(self, text: str) -> str:
        """The text without the keys."""
        for key in self._used:
            # A text that was cut short may hold the beginning of the key only.
            for length in range(len(key), _LEAST_HIDDEN - 1, -1):
                text = text.replace(key[:length], _HIDDEN)
            text = text.replace(key, _HIDDEN)
        return text

    async def _read_again(self, credential: Credential) -> None:
        key = None
        # Where none is found, the refusal of the one that there was says what to do.
        with suppress(MissingKey):
            key = await read_key(credential)
        self._readings += 1
        if key is not None and key != self._used[-1] and self._can_use(key):
            self._changed = self._readings
            _LOG.info("lane %s: its key was refused; another one was found", credential.lane)

    def _can_use(self, key: str) -> bool:
        try:
            self._use(key)
        except ConfigError:
            return False
        self._used.append(key)
        return True
