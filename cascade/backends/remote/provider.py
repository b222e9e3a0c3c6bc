"""What one provider needs of a remote lane: an address, headers, and how it tells about models."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import pbkdf2_hmac

from pydantic import JsonValue

from cascade.endpoints import checked_endpoint, host_of
from cascade.errors import ConfigError
from cascade.lanes import Capabilities, Lane

__all__ = ["Fetch", "Provider", "account_of", "completed", "endpoint_of"]

Fetch = Callable[[str], Awaitable[JsonValue]]
"""Gets a path behind the lane's endpoint, or a whole address of the same server, as JSON; `None`
where there is no good answer."""

_FINGERPRINT_ROUNDS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How a remote backend reaches one provider.

    Attributes:
        name: Of the backend, as lanes and failures give it.
        endpoint: The provider's own base address.
        headers: The headers of every request for a lane whose endpoint is set, as the provider's
            SDK makes them. The key is `None` where there is none.
        describe: The lane with what the server tells about its model. A question that is not
            answered is no error.
    """

    name: str
    endpoint: str
    headers: Callable[[Lane, str | None], Mapping[str, str]]
    describe: Callable[[Lane, Fetch], Awaitable[Lane]]


def endpoint_of(lane: Lane, own: str) -> str:
    """The base address of a lane, without a slash at its end; *own* where it has none.

    Raises:
        ConfigError: It is no address, or one that could be read in two ways.
    """
    try:
        return checked_endpoint(lane.endpoint) or own
    except ConfigError as error:
        raise ConfigError(f"lane {lane.name!r}: {error}") from error


def completed(given: Capabilities, known: Capabilities) -> Capabilities:
    """What was set on purpose in *given*, and the rest from what is *known* of the model."""
    learnt = known.model_fields_set - given.model_fields_set
    return given.model_copy(update={name: getattr(known, name) for name in learnt})


def account_of(key: str | None, endpoint: str) -> str:
    """A name that tells accounts apart by their keys and reveals none; empty without a key.

    Eight hex digits of a slow hash that the host is mixed into: too few to find the key by, and
    the same key at two hosts has two names.
    """
    if key is None:
        return ""
    salt = b"cascade account " + (host_of(endpoint) or "").encode()
    return pbkdf2_hmac("sha256", key.encode(), salt, _FINGERPRINT_ROUNDS, 4).hex()
