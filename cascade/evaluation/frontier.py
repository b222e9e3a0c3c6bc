"""The desk oracle in the place of a frontier model, always labelled simulated.

It stands behind a simulated provider, so a client meets the real wire formats, their rules and
their prices; only what is said comes from the oracle instead of a model.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from pydantic import JsonValue

from cascade.desk.tasks import DeskTask
from cascade.errors import ConfigError
from cascade.evaluation.oracle_script import OracleScript
from cascade.lanes import ApiMode, Capabilities, Lane
from cascade.prices import prices_for
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation
from cascade.simulated.usage import CountTokens, count_by_bytes
from cascade.simulated.wire import Wire

__all__ = ["OracleWire", "oracle_lane", "oracle_served", "oracle_simulation"]

OracleWire = Literal["openai", "anthropic"]
"""Which provider the oracle plays."""

_REMEMBERED_TEXTS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stand:
    model: str
    backend: str
    api: ApiMode
    path: str
    settings: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


_STANDS: Mapping[OracleWire, _Stand] = MappingProxyType(
    {
        "openai": _Stand(
            model="gpt-6.1-sol",
            backend="openai",
            api="responses",
            path="/v1",
            # Desk tasks are short and all begin alike.
            settings=MappingProxyType({"cache_key": "agent"}),
        ),
        "anthropic": _Stand(model="claude-opus-5-5", backend="anthropic", api="messages", path=""),
    }
)


def oracle_simulation(
    wire: OracleWire,
    tasks: Iterable[DeskTask],
    count_tokens: CountTokens = count_by_bytes,
    *,
    mistakes: float = 0.0,
    seed: int = 0,
) -> Simulation:
    """A simulated provider whose model is the oracle for these tasks.

    Args:
        wire: Which provider it plays.
        tasks: That may come.
        count_tokens: How it counts.
        mistakes: The share of its answers that are wrong, from 0 to 1.
        seed: Of the choice of mistakes.
    """
    wires: tuple[Wire, ...] = (AnthropicMessages(count=count_tokens),)
    if wire == "openai":
        wires = (OpenAIResponses(count_tokens=count_tokens), OpenAIChat(count_tokens=count_tokens))
    script = OracleScript(tasks, mistakes=mistakes, seed=seed)
    return Simulation(wires=wires, script=script, keep=100)


def oracle_lane(wire: OracleWire, address: str, *, name: str = "oracle") -> Lane:
    """A lane to an oracle that is served at *address*, at what the model it stands for would cost.

    Args:
        wire: Which provider it plays.
        address: Its base address, without a path.
        name: Of the lane.
    """
    stand = _STANDS[wire]
    return Lane(
        name=name,
        backend=stand.backend,
        model=stand.model,
        tier=1,
        locality="private",
        endpoint=address + stand.path,
        api=stand.api,
        account="simulated",
        capabilities=Capabilities(parallel_tools=True, sampling=False),
        prices=prices_for(wire, stand.model),
        settings=dict(stand.settings),
    )


@contextmanager
def oracle_served(
    wire: OracleWire,
    tasks: Iterable[DeskTask],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    mistakes: float = 0.0,
    seed: int = 0,
) -> Generator[Lane]:
    """Serves the oracle while the context lasts; gives the lane to it. Needs the extra `server`.

    Its tokens are counted by the bundled model's tokenizer: no vendor's can be had offline.

    Args:
        wire: Which provider it plays.
        tasks: That may come.
        host: Where it listens.
        port: 0 takes any that is free.
        mistakes: The share of its answers that are wrong, from 0 to 1.
        seed: Of the choice of mistakes.

    Raises:
        ConfigError: The extra is not installed, or the port is taken.
    """
    # With its numerical library, slow imports that only this needs.
    from cascade.backends.llama.engine.model import Model  # noqa: PLC0415
    from cascade.backends.llama.models import resolve  # noqa: PLC0415

    with ExitStack() as stack:
        tokenizer = Model(resolve("bundled:desk"))
        stack.callback(tokenizer.close)

        @lru_cache(_REMEMBERED_TEXTS)
        def count_tokens(text: str) -> int:
            return len(tokenizer.tokenize(text, special=False))

        simulation = oracle_simulation(wire, tasks, count_tokens, mistakes=mistakes, seed=seed)
        try:
            address = stack.enter_context(served(simulation, host=host, port=port))
        except ModuleNotFoundError as error:
            wanted = "pip install 'cascade-runtime[server]'"
            raise ConfigError(f"{error.name} is missing; install it with: {wanted}") from error
        except OSError as error:
            raise ConfigError(f"{host}:{port} cannot be served: {error.strerror}") from error
        yield oracle_lane(wire, address)
