"""The Anthropic backend: a remote lane that speaks the Messages API."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from cascade.backends.anthropic.codec import MessagesCodec
from cascade.backends.anthropic.models import described, known_model, reported_model
from cascade.backends.anthropic.settings import AnthropicSettings
from cascade.backends.remote.backend import RemoteBackend
from cascade.backends.remote.provider import Fetch, Provider
from cascade.credentials import Credential
from cascade.lanes import Lane

if TYPE_CHECKING:
    import httpx2

__all__ = ["ANTHROPIC", "anthropic_backend"]


def anthropic_backend(
    lane: Lane,
    credential: Credential | None = None,
    *,
    transport: "httpx2.AsyncBaseTransport | None" = None,
) -> RemoteBackend:
    """A backend for Anthropic's models, or for a server that speaks their wire format.

    Args:
        lane: What to serve. Its endpoint ends before `/v1/messages`; empty is the provider's own.
            What it can be told besides, `AnthropicSettings` lists.
        credential: Where its key comes from; `ANTHROPIC_API_KEY` where it is left out.
        transport: What to send through instead of httpx2's own.
    """
    return RemoteBackend(lane, MessagesCodec, ANTHROPIC, credential=credential, transport=transport)


def _headers(lane: Lane, key: str | None) -> Mapping[str, str]:
    """What the SDK (anthropic 2.11) sends, without what it tells about this machine."""
    settings = AnthropicSettings.of(lane.settings)
    headers = {
        "accept": "application/json",
        "anthropic-version": settings.api_version,
        "content-type": "application/json",
        "user-agent": "cascade-runtime",
    }
    if key is not None and settings.auth == "bearer":
        headers["authorization"] = f"Bearer {key}"
    elif key is not None:
        headers["x-api-key"] = key
    if settings.beta_header is not None:
        headers["anthropic-beta"] = settings.beta_header
    return headers


async def _describe(lane: Lane, fetch: Fetch) -> Lane:
    """The lane with what the models endpoint says, or else the package's own table."""
    info = await fetch(f"/v1/models/{quote(lane.model, safe='')}")
    if isinstance(info, dict) and info.get("type") == "model":
        return described(lane, reported_model(lane.model, info))
    facts = known_model(lane.model)
    return lane if facts is None else described(lane, facts)


ANTHROPIC = Provider(
    name="anthropic",
    endpoint="https://api.anthropic.com",
    headers=_headers,
    describe=_describe,
)
"""How Anthropic is reached."""
