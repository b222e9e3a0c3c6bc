"""The desk oracle in the place of a frontier model: always right, and always labelled simulated.

It stands behind a simulated provider, so a client meets the real wire formats, their rules and
their prices; only what is said comes from the oracle instead of a model.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from cascade.desk.calls import Call, Exchange, Reply, Step
from cascade.desk.oracle import oracle_next
from cascade.desk.tasks import DeskTask
from cascade.errors import ConfigError
from cascade.lanes import ApiMode, Capabilities, Lane
from cascade.prices import prices_for
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.received import Conversation, Result
from cascade.simulated.script import Calls, Turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation
from cascade.simulated.usage import CountTokens, count_by_bytes
from cascade.simulated.wire import Wire

__all__ = ["OracleScript", "OracleWire", "oracle_lane", "oracle_served", "oracle_simulation"]

OracleWire = Literal["openai", "anthropic"]
"""Which provider the oracle plays."""

_REMEMBERED_TEXTS = 4096
_STRANGER = "(simulated) This stand-in knows the tasks of the desk suite only, and this is none."


class OracleScript:
    """Says the oracle's next step to any conversation about one of the given tasks.

    A task is known by its prompt, which has to be the first thing that the user says.

    Args:
        tasks: The tasks that may come.
    """

    def __init__(self, tasks: Iterable[DeskTask]) -> None:
        self._tasks = {task.prompt: task for task in tasks}

    def __call__(self, conversation: Conversation) -> Turn:
        """The next right step, whatever was done before."""
        asked = next((said.text for said in conversation.turns if said.role == "user"), "")
        task = self._tasks.get(asked)
        if task is None:
            return Turn(text=_STRANGER)
        step = oracle_next(task, _history(conversation))
        return _turn(step, thinks=conversation.thinks)


def _history(conversation: Conversation) -> list[Exchange]:
    results = {result.call_id: result for result in conversation.results}
    return [
        Exchange(
            call=Call(name=call.name, arguments=call.arguments), reply=_reply(results[call.id])
        )
        for call in conversation.calls
        if call.id in results
    ]


def _reply(result: Result) -> Reply:
    # Not every wire format says that a result is an error, but the office's errors all begin so.
    is_error = result.is_error or result.text.startswith("ToolError: ")
    return Reply(text=result.text, is_error=is_error)


def _turn(step: Step, *, thinks: bool) -> Turn:
    if step.call is None:
        thought = "All that the task asks for is done, so I answer." if thinks else None
        return Turn(text=step.answer or "", thinking=thought)
    thought = f"The next thing to do is {step.call.name}." if thinks else None
    called = Calls(name=step.call.name, arguments=step.call.arguments)
    return Turn(thinking=thought, calls=(called,))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stand:
    model: str
    backend: str
    api: ApiMode
    path: str


_STANDS: Mapping[OracleWire, _Stand] = MappingProxyType(
    {
        "openai": _Stand(model="gpt-6.1-sol", backend="openai", api="responses", path="/v1"),
        "anthropic": _Stand(model="claude-opus-5-5", backend="anthropic", api="messages", path=""),
    }
)


def oracle_simulation(
    wire: OracleWire, tasks: Iterable[DeskTask], count_tokens: CountTokens = count_by_bytes
) -> Simulation:
    """A simulated provider whose model is the oracle for these tasks."""
    wires: tuple[Wire, ...] = (AnthropicMessages(count=count_tokens),)
    if wire == "openai":
        wires = (OpenAIResponses(count_tokens=count_tokens), OpenAIChat(count_tokens=count_tokens))
    return Simulation(wires=wires, script=OracleScript(tasks), keep=100)


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
    )


@contextmanager
def oracle_served(
    wire: OracleWire, tasks: Iterable[DeskTask], *, host: str = "127.0.0.1", port: int = 0
) -> Generator[Lane]:
    """Serves the oracle while the context lasts; gives the lane to it. Needs the extra `server`.

    Its tokens are counted by the bundled model's tokenizer: no vendor's can be had offline.

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

        simulation = oracle_simulation(wire, tasks, count_tokens)
        try:
            address = stack.enter_context(served(simulation, host=host, port=port))
        except ModuleNotFoundError as error:
            wanted = "pip install 'cascade-runtime[server]'"
            raise ConfigError(f"{error.name} is missing; install it with: {wanted}") from error
        except OSError as error:
            raise ConfigError(f"{host}:{port} cannot be served: {error.strerror}") from error
        yield oracle_lane(wire, address)
