"""The backends that `tests/backends/test_contract.py` holds to the contract: one line each."""

from collections.abc import Callable
from pathlib import Path

import tiny_gguf
from served_backend import ServedBackend

from cascade.backends import Backend
from cascade.backends.anthropic import anthropic_backend
from cascade.backends.llama.backend import LlamaBackend
from cascade.backends.openai import openai_backend
from cascade.backends.remote import RemoteBackend
from cascade.backends.scripted import Reply, ScriptedBackend, calling
from cascade.credentials import Credential
from cascade.exchange import Request, View
from cascade.lanes import Lane
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_flavours import VLLM
from cascade.simulated.script import Calls, Script, Turn, by_turn
from cascade.simulated.simulation import Simulation

__all__ = ["SUBJECTS"]


def _scripted(_folder: Path) -> Backend:
    def reply(view: View, _request: Request) -> Reply:
        answers: list[Reply] = [
            calling(("look_up", {"key": "a"}), text="First a."),
            "the answer",
            calling(("look_up", {"key": "b"})),
        ]
        return answers[min(len(view.messages) // 2, 2)]

    return ScriptedBackend(reply)


def _llama_cpp(folder: Path) -> Backend:
    # Random weights of this seed do not fall into writing line breaks for ever.
    model = tiny_gguf.write_llama(folder / "tiny.gguf", context=2048, seed=7)
    return LlamaBackend(Lane(name="tiny", backend="llama_cpp", model=str(model), locality="local"))


def _words(text: str) -> int:
    return len(text.split())


def _said() -> Script:
    a, b = (Calls(name="look_up", arguments={"key": key}) for key in ("a", "b"))
    return by_turn(Turn(text="First a.", calls=(a,)), Turn(text="the answer"), Turn(calls=(b,)))


def _far(backend: str, endpoint: str, model: str) -> tuple[Lane, Credential]:
    lane = Lane(name="far", backend=backend, model=model, locality="remote", endpoint=endpoint)
    return lane, Credential(lane="far", command=("printf", "sk-contract"))


def _openai(_folder: Path) -> Backend:
    """Chat Completions; the Responses API has tests of its own."""
    wire = OpenAIChat(flavour=VLLM, count_tokens=_words)

    def make(address: str) -> RemoteBackend:
        return openai_backend(*_far("openai", f"{address}/v1", "gpt-4o-mini"))

    return ServedBackend(Simulation(wires=[wire], script=_said()), make)


def _anthropic(_folder: Path) -> Backend:
    wire = AnthropicMessages(count=_words)

    def make(address: str) -> RemoteBackend:
        return anthropic_backend(*_far("anthropic", address, "claude-sonnet-5-5"))

    return ServedBackend(Simulation(wires=[wire], script=_said()), make)


SUBJECTS: dict[str, Callable[[Path], Backend]] = {
    "scripted": _scripted,
    "llama_cpp": _llama_cpp,
    "openai": _openai,
    "anthropic": _anthropic,
}
"""Makes a backend that is not open yet, with whatever it needs in a folder of its own."""
