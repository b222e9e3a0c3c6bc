"""How OpenAI and compatible servers are reached, and what they tell about their models."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from cascade.backends.openai.chat import ChatCodec
from cascade.backends.openai.models import described
from cascade.backends.openai.quirks import server_of
from cascade.backends.openai.responses import ResponsesCodec
from cascade.backends.remote.backend import RemoteBackend
from cascade.backends.remote.provider import Fetch, Provider, endpoint_of
from cascade.credentials import Credential
from cascade.endpoints import inferred_api, provider_of
from cascade.errors import ConfigError
from cascade.lanes import ApiMode, Lane

if TYPE_CHECKING:
    import httpx2

__all__ = ["openai_backend"]

_OWN = "https://api.openai.com/v1"
_SENT = frozenset({"accept", "content-type", "user-agent"})
_NO_KEY = "none"
_WINDOWS = ("max_model_len", "context_length", "context_window", "max_context_length")
"""Names for the context window: vLLM's, OpenRouter's and Together's, Groq's, Mistral's. What a
server calls `max_tokens`, `max_output_tokens` or the like is something else."""


def openai_backend(
    lane: Lane,
    credential: Credential | None = None,
    *,
    transport: "httpx2.AsyncBaseTransport | None" = None,
) -> RemoteBackend:
    """A backend for OpenAI or a server that speaks its wire formats.

    Args:
        lane: Its `api` chooses the format; where it is not set, OpenAI's own host is spoken to in
            the Responses API and any other in Chat Completions.
        credential: Where the key comes from; `OPENAI_API_KEY` for OpenAI's own host where it is
            left out, and no key for any other.
        transport: What to send through instead of httpx2's own transport.

    Raises:
        ConfigError: The lane's `api` is not one of OpenAI's, or its endpoint no address.
    """
    api = _api_of(lane)
    if api == "messages":
        raise ConfigError(
            f"lane {lane.name!r}: api 'messages' is Anthropic's; set backend to 'anthropic', or "
            "api to 'responses' or 'chat_completions'"
        )
    provider = Provider(
        name="openai",
        endpoint=_OWN,
        headers=_headers,
        describe=_describe,
    )
    codec = ResponsesCodec if api == "responses" else ChatCodec
    return RemoteBackend(lane, codec, provider, credential=credential, transport=transport)


def _api_of(lane: Lane) -> ApiMode | None:
    return lane.api or inferred_api("openai", endpoint_of(lane, _OWN))


def _headers(lane: Lane, key: str | None) -> Mapping[str, str]:
    """The SDK's headers, without those that describe this machine."""
    import httpx2  # noqa: PLC0415 - no vendor package at import
    import openai  # noqa: PLC0415 - idem

    client = openai.AsyncOpenAI(
        api_key=key or _NO_KEY,
        base_url=lane.endpoint,
        max_retries=0,
        # Never sends anything: only its headers are wanted.
        http_client=httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport(), trust_env=False),
    )
    everything: dict[str, Any] = {**client.auth_headers, **client.default_headers}
    is_own = provider_of(lane.endpoint) == "openai"
    # What the SDK adds from its own variables (an organisation, any header at all) is for nobody
    # but OpenAI, and never takes the place of the lane's key.
    headers = {
        name: value
        for name, value in everything.items()
        if isinstance(value, str)
        and (name.lower() in _SENT or (is_own and name.lower().startswith("openai-")))
    }
    return headers if key is None else {**headers, "Authorization": f"Bearer {key}"}


async def _describe(lane: Lane, fetch: Fetch) -> Lane:
    """The lane with what its server tells, and else what is known of its model."""
    if provider_of(lane.endpoint) != "openai":
        lane = await _told(lane, fetch)
    return described(lane)


async def _told(lane: Lane, fetch: Fetch) -> Lane:
    """The lane with its server's name and its context window, where the server tells."""
    entry = _entry(await fetch("/models"), lane.model)
    owner = entry.get("owned_by")
    server = server_of(lane, owner if isinstance(owner, str) else None)
    settings = lane.settings
    if _api_of(lane) == "chat_completions" and server != "other":
        settings = {**settings, "server": server}
    window = lane.context_tokens
    if window is None:
        window = next((size for name in _WINDOWS if (size := _size(entry.get(name)))), None)
    if window is None and server == "llama_server":
        window = await _slot_size(lane, fetch)
    return lane.model_copy(update={"settings": settings, "context_tokens": window})


def _entry(models: JsonValue, name: str) -> dict[str, JsonValue]:
    """The entry of a model; that of the only one there is, as many servers mind no name."""
    listed = models.get("data") if isinstance(models, dict) else None
    if not isinstance(listed, list):
        return {}
    entries = [entry for entry in listed if isinstance(entry, dict)]
    named = [entry for entry in entries if entry.get("id") == name]
    if named:
        return named[0]
    return entries[0] if len(entries) == 1 else {}


async def _slot_size(lane: Lane, fetch: Fetch) -> int | None:
    """What one conversation has of llama-server's window; its model may have learned a larger."""
    root = lane.endpoint.removesuffix("/v1")
    properties = await fetch(f"{root}/props")
    if not isinstance(properties, dict):
        return None
    defaults = properties.get("default_generation_settings")
    return _size(defaults.get("n_ctx")) if isinstance(defaults, dict) else None


def _size(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
