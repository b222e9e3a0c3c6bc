"""From what a file says of a lane to the lane itself, with everything it leaves out filled in."""

import shlex
from collections.abc import Iterator, MutableSet
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import JsonValue

from cascade.config.faults import Fault
from cascade.config.known_models import default_capabilities, known_model
from cascade.config.servers import SERVERS, Server
from cascade.config.settings import LaneSettings
from cascade.credentials import Credential
from cascade.endpoints import (
    checked_endpoint,
    host_of,
    inferred_api,
    is_private_host,
    key_variable,
    provider_of,
)
from cascade.errors import ConfigError
from cascade.lanes import ApiMode, Capabilities, Lane, Locality, Prices
from cascade.prices import CacheTtl, prices_for

__all__ = ["BUNDLED_MODEL", "Resolved", "resolve"]

BUNDLED_MODEL = "bundled:desk"

_IN_PROCESS = frozenset({"llama_cpp", "scripted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A lane, and where its key comes from."""

    lane: Lane
    credential: Credential | None


def resolve(
    name: str, settings: LaneSettings, *, unpriced: MutableSet[str]
) -> Resolved | tuple[Fault, ...]:
    """The lane that *settings* describe, or what must be changed about them.

    Args:
        name: Of the lane.
        settings: As the file and the environment have them.
        unpriced: Models that were warned about already.
    """
    resolution = _Resolution(name=name, settings=settings, unpriced=unpriced)
    faults = tuple(resolution.faults())
    if faults:
        return faults
    return Resolved(lane=resolution.lane(), credential=resolution.credential())


@dataclass(kw_only=True)
class _Resolution:
    name: str
    settings: LaneSettings
    unpriced: MutableSet[str]
    server: Server = field(init=False)
    endpoint: str = field(init=False)
    refused: str | None = field(init=False, default=None)
    """Why the endpoint cannot be used."""

    def __post_init__(self) -> None:
        given = self.settings
        named = Server(backend=given.backend or "")
        self.server = named if given.provider is None else SERVERS[given.provider]
        self.endpoint = given.endpoint or given.base_url or self.server.endpoint
        try:
            self.endpoint = checked_endpoint(self.endpoint)
        except ConfigError as error:
            self.refused = str(error)

    # What must be changed

    def faults(self) -> Iterator[Fault]:
        yield from self._naming_faults()
        if not self.server.backend:
            return
        if self.server.backend in _IN_PROCESS:
            yield from self._in_process_faults()
        else:
            yield from self._remote_faults()
        try:
            empty = self._command() == ()
        except ValueError:
            empty = True
        if empty:
            yield self._fault("api_key_cmd", "is written as for a shell, or as a list of words")
        if self._output_tokens() >= (self._window() or self._output_tokens() + 1):
            yield self._fault(
                "max_output_tokens",
                f"has to be smaller than the window of {self._window()} tokens, which holds the "
                "prompt too",
            )

    def _naming_faults(self) -> Iterator[Fault]:
        given = self.settings
        if given.backend is None and given.provider is None:
            yield self._fault(None, f"provider is missing; there are: {', '.join(SERVERS)}")
        if given.backend not in {None, self.server.backend}:
            yield self._fault("backend", f'provider = "{given.provider}" means another backend')
        if given.model is None and given.provider != "bundled":
            yield self._fault(None, "model is missing")
        if given.endpoint is not None and given.base_url is not None:
            yield self._fault("base_url", "is another name for endpoint; give one of them")
        if given.api_key_env is not None and given.api_key_cmd is not None:
            yield self._fault("api_key_cmd", "give either this or api_key_env")
        if given.prices is not None and given.priced_as is not None:
            yield self._fault("priced_as", "give either this or prices")

    def _in_process_faults(self) -> Iterator[Fault]:
        why = f"a lane of {self.server.backend} runs in this process and has none"
        for key in ("endpoint", "base_url", "api", "api_key_env", "api_key_cmd"):
            if getattr(self.settings, key) is not None:
                yield self._fault(key, why)
        if self.settings.locality not in {None, "local"}:
            yield self._fault("locality", 'what runs in this process is "local"')

    def _remote_faults(self) -> Iterator[Fault]:
        key = "endpoint" if self.settings.base_url is None else "base_url"
        if self.refused is not None:
            yield self._fault(key, self.refused)
            return
        if self._api() not in self._apis():
            accepted = ", ".join(f'"{api}"' for api in self._apis())
            yield self._fault("api", f"backend {self.server.backend} speaks {accepted}")
        owner = provider_of(self.endpoint)
        is_elsewhere = owner is not None or not self.endpoint
        if is_elsewhere and self.settings.locality not in {None, "remote"}:
            yield self._fault("locality", 'the server is the provider\'s, so this is "remote"')
        if self.endpoint.startswith("http://") and self._locality() == "remote":
            yield self._fault(
                key,
                "http:// would show everything, keys included, to whoever listens: use https://, "
                'or, if the server is your own, say locality = "private"',
            )
        efforts, effort = self._known().efforts, self.settings.effort
        if effort is not None and efforts and effort not in efforts:
            yield self._fault("effort", f"{self._model()} has: {', '.join(efforts)}")
        yield from self._price_faults()

    def _price_faults(self) -> Iterator[Fault]:
        reference = self.settings.priced_as
        if reference is None:
            return
        provider, slash, model = reference.partition("/")
        if not (provider and slash and model):
            yield self._fault("priced_as", 'is written PROVIDER/MODEL, as in "openai/gpt-6.1-sol"')
            return
        if self._borrowed_prices is None:
            yield self._fault("priced_as", "no prices are known under that name; give prices")

    def _fault(self, key: str | None, message: str) -> Fault:
        return Fault(path=("lanes", self.name, *(() if key is None else (key,))), message=message)

    # What comes of it

    def lane(self) -> Lane:
        given = self.settings
        locality = self._locality()
        return Lane(
            name=self.name,
            backend=self.server.backend,
            model=self._model(),
            tier=int(locality != "local") if given.tier is None else given.tier,
            locality=locality,
            endpoint=self.endpoint,
            api=self._api(),
            account=given.account or "",
            region=given.region,
            fallbacks=given.fallbacks,
            data_classes=given.data_classes,
            capabilities=self._capabilities(),
            context_tokens=self._window(),
            max_output_tokens=self._output_tokens(),
            sampling=given.sampling,
            settings=self._settings(),
            effort=given.effort,
            profile=given.profile,
            cache_ttl_s=self._cache_ttl_s(),
            limits=given.limits,
            timeouts=given.timeouts,
            prices=self._prices(),
        )

    def credential(self) -> Credential | None:
        given = self.settings
        command = self._command()
        variable = given.api_key_env or key_variable(self.server.backend, self.endpoint)
        if command is None and variable is None:
            return None
        return Credential(
            lane=self.name, env=None if command is not None else variable, command=command
        )

    def _command(self) -> tuple[str, ...] | None:
        command = self.settings.api_key_cmd
        return tuple(shlex.split(command)) if isinstance(command, str) else command

    def _model(self) -> str:
        return self.settings.model or BUNDLED_MODEL

    def _locality(self) -> Locality:
        if self.settings.locality is not None:
            return self.settings.locality
        if self.server.backend in _IN_PROCESS:
            return "local"
        host = host_of(self.endpoint)
        return "private" if host is not None and is_private_host(host) else "remote"

    def _api(self) -> ApiMode | None:
        return self.settings.api or inferred_api(self.server.backend, self.endpoint)

    def _apis(self) -> tuple[ApiMode, ...]:
        is_anthropic = self.server.backend == "anthropic"
        return ("messages",) if is_anthropic else ("responses", "chat_completions")

    def _known(self) -> Capabilities:
        """What is known of the model, or else of its kind."""
        found = known_model(self.server.backend, self._model())
        if found is not None:
            return found.capabilities
        usual = default_capabilities(self.server.backend)
        has_them = usual.log_probabilities or self.server.log_probabilities
        return usual.model_copy(update={"log_probabilities": has_them})

    def _capabilities(self) -> Capabilities:
        given = self.settings.capabilities.model_dump(exclude_none=True)
        if given.get("structured_output") == "none":
            given["structured_output"] = None
        # Only what the user said counts as set: a backend that can ask its server replaces the
        # rest by what it hears.
        values = dict(self._known()) | given
        return Capabilities.model_construct(_fields_set=set(given), **values)

    def _settings(self) -> dict[str, JsonValue]:
        given = self.settings
        if self.server.quirks is None or self._api() != "chat_completions":
            return given.settings
        return {"server": self.server.quirks, **given.settings}

    def _window(self) -> int | None:
        if self.settings.context_tokens is not None:
            return self.settings.context_tokens
        found = known_model(self.server.backend, self._model())
        return None if found is None else found.context_tokens

    def _output_tokens(self) -> int:
        if self.settings.max_output_tokens is not None:
            return self.settings.max_output_tokens
        if self._model() == BUNDLED_MODEL:
            return 256
        # Models that reason write a good deal that nobody reads.
        return 1024 if self.server.backend in _IN_PROCESS else 4096

    def _prices(self) -> Prices | None:
        chosen = self.settings.prices or self._borrowed_prices
        if chosen is not None:
            return chosen
        is_own = self._locality() != "remote"
        if self.server.backend in _IN_PROCESS or (self.server.is_free and is_own):
            return Prices.free()
        if self.endpoint and provider_of(self.endpoint) is None:
            return None
        return prices_for(
            self.server.backend, self._model(), cache_ttl=self._ttl(), named=self.unpriced
        )

    @cached_property
    def _borrowed_prices(self) -> Prices | None:
        reference = self.settings.priced_as
        if reference is None:
            return None
        provider, _, model = reference.partition("/")
        # Whether there are any is told as a fault, so no warning is wanted.
        return prices_for(provider, model, cache_ttl=self._ttl(), named={reference})

    def _cache_ttl_s(self) -> float | None:
        if self.settings.cache_ttl_s is not None:
            return self.settings.cache_ttl_s
        return 3600.0 if self._ttl() == "1h" else Lane.model_fields["cache_ttl_s"].default

    def _ttl(self) -> CacheTtl:
        return "1h" if self.settings.settings.get("cache_ttl") == "1h" else "5m"
