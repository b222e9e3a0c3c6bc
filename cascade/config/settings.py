"""What may stand in `cascade.toml`."""

from typing import Annotated, Literal

from pydantic import (
    Field,
    JsonValue,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
)

from cascade.exchange import Sampling
from cascade.frozen import Frozen
from cascade.lanes import ApiMode, Locality, Prices, Profile, RateLimits, Timeouts
from cascade.policy import Policy

__all__ = ["BUNDLED_CALIBRATION", "CapabilitySettings", "ConfigFile", "LaneSettings"]

BUNDLED_CALIBRATION = "desk"
"""Stands for the calibration of the bundled model, which ships with it."""


Name = Annotated[str, StringConstraints(min_length=1)]

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]{0,63}$")]
"""Narrower than what a shell allows, so that a key that was pasted here does not pass for one."""


class CapabilitySettings(Frozen):
    """What a lane can do, where it is not known or known wrongly."""

    tools: bool | None = None
    """Whether the model can call tools at all."""
    parallel_tools: bool | None = None
    """Whether one message may hold several calls."""
    log_probabilities: bool | None = None
    """Whether the server gives log-probabilities of tokens."""
    grammar: bool | None = None
    """Whether output can be held to a grammar while it is generated."""
    structured_output: Literal["native", "grammar", "forced_tool", "none"] | None = None
    """How a final answer is held to a schema; "none" where only the prompt can ask for it."""
    efforts: tuple[Name, ...] | None = None
    """Levels of reasoning effort by the provider's names, lowest first."""
    forced_tool_choice: bool | None = None
    """Whether the model can be made to call a certain tool."""
    system_anywhere: bool | None = None
    """Whether system messages may stand in the middle of a conversation."""
    sampling: bool | None = None
    """Whether temperature and its like are accepted."""
    images: bool | None = None
    """Whether the model takes images."""


class LaneSettings(Frozen):
    """One model endpoint. Give `provider` or `backend`, and `model`."""

    provider: (
        Literal["bundled", "llama_cpp", "openai", "anthropic", "llama_server", "ollama", "vllm"]
        | None
    ) = None
    """Who serves it: a short way to the backend, the usual address and the usual key variable."""
    backend: Literal["llama_cpp", "openai", "anthropic", "scripted"] | None = None
    """What talks to it: llama.cpp in this process, a server that talks OpenAI's language, one that
    talks Anthropic's, or replies from a Python file."""
    model: Name | None = None
    """The model by its server's name; for llama.cpp `bundled:desk`, a file, or `hf:OWNER/REPO`."""
    endpoint: str | None = None
    """Address of the server, such as "http://127.0.0.1:8080/v1"; the provider's own by default."""
    base_url: str | None = None
    """Another name for `endpoint`."""
    api: ApiMode | None = None
    """Wire format; by default Responses at OpenAI, Messages at Anthropic, else Chat Completions."""
    tier: NonNegativeInt | None = None
    """Rung of the ladder, 0 the lowest; by default 0 in this process and 1 elsewhere."""
    locality: Locality | None = None
    """Where what it is shown goes: "local" this process, "private" your own machines, "remote"
    somebody else's; by default judged by its address."""
    region: str | None = None
    """Where its server stands, in your words."""
    account: str | None = None
    """Tells accounts at one server apart; any name, never a key."""
    data_classes: tuple[Name, ...] | None = None
    """Classes of data it may see; without it, as `policy.routing.unlisted` says."""
    fallbacks: tuple[Name, ...] = ()
    """Lanes that serve a step when this one cannot, in this order."""
    capabilities: CapabilitySettings = CapabilitySettings()
    """What it can do, where that is not known or known wrongly."""
    context_tokens: PositiveInt | None = None
    """Context window, prompt and output together."""
    max_output_tokens: PositiveInt | None = None
    """The most that one call may write."""
    effort: Name | None = None
    """Reasoning effort by the provider's name for it; the model's default without it."""
    profile: Profile = Profile()
    """How good and how quick it is, as you know or measured it."""
    cache_ttl_s: PositiveFloat | None = None
    """Seconds for which its server keeps a prompt that is not used; 300 by default, and an hour
    where `settings.cache_ttl` asks for one."""
    sampling: Sampling = Sampling()
    """How tokens are chosen; the most probable one each time by default."""
    limits: RateLimits = RateLimits()
    """What the quota allows a minute, shared by all trajectories of a process."""
    timeouts: Timeouts = Timeouts()
    """How long to wait, in seconds."""
    prices: Prices | None = None
    """US dollars for a million tokens; looked up by the model's name without it."""
    priced_as: Name | None = None
    """Takes the prices of another model, as "gpt-6.1-sol" or "openai/gpt-6.1-sol"."""
    api_key_env: VariableName | None = None
    """Environment variable that holds the key: OPENAI_API_KEY or ANTHROPIC_API_KEY by default, for
    the provider's own server only."""
    api_key_cmd: Name | tuple[Name, ...] | None = None
    """Program that prints the key; run without a shell."""
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """What its backend can be told besides, by name."""


class ConfigFile(Frozen):
    """The whole file."""

    lanes: dict[str, LaneSettings] = Field(default_factory=dict)
    """The ladder, by lane name; their tiers say which stands above which."""
    policy: Policy = Policy()
    """What trajectories may spend, when they are handed up, and what never leaves the machine."""
