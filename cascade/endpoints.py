"""What a server's address says: whose it is, how near it stands, and what it speaks.

Everything goes by the parsed host, compared whole. A name that only looks like a provider's, or a
provider's name in the path or before an `@`, is somebody else's.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal
from urllib.parse import urlsplit

from cascade.errors import ConfigError

__all__ = [
    "checked_endpoint",
    "host_of",
    "inferred_api",
    "is_private_host",
    "key_variable",
    "provider_of",
]

Api = Literal["responses", "chat_completions", "messages"]

Provider = Literal["openai", "anthropic"]

_HOSTS: tuple[tuple[Provider, str], ...] = (
    ("openai", "api.openai.com"),
    ("anthropic", "api.anthropic.com"),
)

_PRIVATE = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
"""Loopback (RFC 1122, RFC 4291), private (RFC 1918, RFC 4193) and link-local (RFC 3927)."""


def checked_endpoint(endpoint: str) -> str:
    """The address of a server, without a slash at its end; an empty one stays empty.

    Raises:
        ConfigError: It is no plain `http` or `https` address, or holds a user name, a query or
            anything that another reader could take for a different host.
    """
    wanted = "a server's address is written like https://host:port/v1"
    if not endpoint:
        return ""
    if "\\" in endpoint or any(not "!" <= character <= "~" for character in endpoint):
        raise ConfigError(f"{wanted}, without spaces, backslashes or letters beyond ASCII")
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{wanted}; this one cannot be read") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(f"{wanted}, beginning with http:// or https://")
    if "@" in parts.netloc:
        raise ConfigError(f"{wanted}, without a name or key in it: name it in api_key_env")
    if parts.query or parts.fragment:
        raise ConfigError(f"{wanted}, without a query or fragment")
    return endpoint.rstrip("/")


def host_of(endpoint: str) -> str | None:
    """The host of a checked address, in lower case; `None` for an empty one."""
    host = urlsplit(endpoint).hostname
    return None if host is None else host.removesuffix(".")


def provider_of(endpoint: str) -> Provider | None:
    """Whose own server this is; `None` for a compatible one and for an empty address."""
    host = host_of(endpoint)
    if host is None:
        return None
    return next(
        (name for name, known in _HOSTS if host == known or host.endswith(f".{known}")), None
    )


def inferred_api(backend: str, endpoint: str) -> Api | None:
    """The wire format of a lane that does not say; `None` for a backend that has no wire.

    OpenAI's own servers speak Responses, others that talk its language Chat Completions.

    Args:
        backend: The lane's backend.
        endpoint: Its checked address; an empty one is the provider's own.
    """
    if backend == "anthropic":
        return "messages"
    if backend != "openai":
        return None
    return "responses" if not endpoint or provider_of(endpoint) == "openai" else "chat_completions"


def key_variable(backend: str, endpoint: str) -> str | None:
    """The environment variable in which the provider's users usually keep their key.

    `None` for anybody else's server: a provider's key must not go there unless the user says so.

    Args:
        backend: The lane's backend.
        endpoint: Its checked address; an empty one is the provider's own.
    """
    variables = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
    # Without TLS anybody on the way could read it.
    is_safe = endpoint.lower().startswith("https://")
    is_own = not endpoint or (is_safe and provider_of(endpoint) == backend)
    return variables.get(backend) if is_own else None


def is_private_host(host: str) -> bool:
    """Whether a host is this machine or has an address that no public network routes.

    Names other than `localhost` are not looked up, and so count as public.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _PRIVATE)
