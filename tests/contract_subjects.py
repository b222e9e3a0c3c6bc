"""The backends that `tests/backends/test_contract.py` holds to the contract: one line each."""

from collections.abc import Callable
from pathlib import Path

import tiny_gguf

from cascade.backends import Backend
from cascade.backends.llama.backend import LlamaBackend
from cascade.backends.scripted import Reply, ScriptedBackend, calling
from cascade.exchange import Request, View
from cascade.lanes import Lane

__all__ = ["SUBJECTS"]


def _scripted(_folder: Path) -> Backend:
    def reply(view: View, _request: Request) -> Reply:
        answers: list[Reply] = [calling(("look_up", {"key": "a"}), text="First a."), "the answer"]
        return answers[min(len(view.messages) // 2, 1)]

    return ScriptedBackend(reply)


def _llama_cpp(folder: Path) -> Backend:
    # Random weights of this seed do not fall into writing line breaks for ever.
    model = tiny_gguf.write_llama(folder / "tiny.gguf", context=2048, seed=7)
    return LlamaBackend(Lane(name="tiny", backend="llama_cpp", model=str(model), locality="local"))


SUBJECTS: dict[str, Callable[[Path], Backend]] = {
    "scripted": _scripted,
    "llama_cpp": _llama_cpp,
}
"""Makes a backend that is not open yet, with whatever it needs in a folder of its own."""
