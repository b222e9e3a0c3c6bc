"""Tool calls of Chat Completions, put together from their pieces."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from cascade.backends.remote.calls import call_as_text, read_call
from cascade.backends.remote.names import names_back
from cascade.backends.remote.wire_json import json_bytes
from cascade.exchange import Request, View
from cascade.messages import ToolCall

__all__ = ["CallPieces", "MadeCalls", "made_calls"]


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])
    extra: JsonValue = None


class CallPieces:
    """Collects calls.

    A call is known by its index. Ollama gives all of them index 0, each whole and with an id of its
    own (https://github.com/ollama/ollama/issues/7881), so another id at an index begins another
    call.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __bool__(self) -> bool:
        return bool(self._calls)

    @property
    def all(self) -> list[_Call]:
        """The calls, in the order in which they began."""
        return self._calls

    @property
    def characters(self) -> int:
        """How long names and arguments are together."""
        return sum(len(call.name) + sum(map(len, call.arguments)) for call in self._calls)

    def add(self, position: int, piece: dict[str, Any]) -> None:
        """Takes a piece in; *position* stands for an index that is not given."""
        index = piece.get("index")
        key = index if isinstance(index, int) else position
        function: dict[str, Any] = piece.get("function") or {}
        call = self._by_index.get(key)
        call_id, name = piece.get("id") or "", function.get("name") or ""
        if call is None or (call_id and call.id and call_id != call.id and name):
            call = self._by_index[key] = _Call()
            self._calls.append(call)
        call.id = call.id or call_id
        if name and not call.name.endswith(name):
            call.name += name
        arguments: Any = function.get("arguments")
        if isinstance(arguments, str):
            call.arguments.append(arguments)
        elif arguments is not None:
            call.arguments.append(json_bytes(arguments).decode())
        call.extra = piece.get("extra_content") or call.extra


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCalls:
    """Calls, and what could not be made into one."""

    calls: tuple[ToolCall, ...]
    answer: str = ""
    """Arguments of the tool that stands for the final answer."""
    unreadable: str = ""
    """What was written in place of a call."""
    problem: str | None = None
    """What is wrong with it, in words for the model."""


def made_calls(
    pieces: CallPieces, view: View, request: Request, *, answer_tool: str | None
) -> MadeCalls:
    """The calls of an answer, with ids of ours.

    A final answer that comes with other calls comes too early: it is left out, the calls are made.
    """
    names = names_back(tool.name for tool in view.tools)
    calls: list[ToolCall] = []
    answers: list[str] = []
    unreadable: list[str] = []
    problem: str | None = None
    for one in pieces.all:
        written = "".join(one.arguments)
        if answer_tool is not None and one.name == answer_tool:
            answers.append(written)
            continue
        name = names.get(one.name, one.name)
        call = read_call(request.call_id(view, len(calls)), name, written)
        if isinstance(call, str):
            unreadable.append(call_as_text(name, written))
            problem = problem or call
        else:
            calls.append(call)
    if problem is not None:
        # A message of which a part cannot be used is not used: no call of it may run.
        told = [call_as_text(call.name, call.arguments) for call in calls]
        return MadeCalls(calls=(), unreadable="\n".join([*told, *unreadable]), problem=problem)
    return MadeCalls(calls=tuple(calls), answer="" if calls or not answers else answers[0])
