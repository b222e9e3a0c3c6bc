"""A backend that says what it was told to say: for tests, examples and measurements."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from inspect import isawaitable
from typing import Self

import anyio.lowlevel

from cascade.errors import ConfigError
from cascade.exchange import Delta, Draft, Request, Timing, Usage, View
from cascade.frozen import made
from cascade.lanes import Capabilities, Lane, Prices
from cascade.messages import AssistantMessage, AssistantPart, Text, ToolCall

__all__ = ["Reply", "Script", "ScriptedBackend", "ScriptedHop", "calling"]

Reply = str | AssistantMessage | Draft | Exception
"""A text, a message, a draft with its usage and statistics, or an error to raise."""

Script = Sequence[Reply] | Callable[[View, Request], Reply | Awaitable[Reply]]
"""Replies in order, or a function that makes each from what the model would have been shown."""


def calling(*calls: tuple[str, Mapping[str, object]], text: str = "") -> AssistantMessage:
    """A message that calls tools.

    Args:
        calls: Name and arguments of each call. The backend gives them their ids.
        text: What is said before the calls.
    """
    said = (Text(text=text),) if text else ()
    made = tuple(
        ToolCall.model_validate(
            {"id": f"scripted_{index}", "name": name, "arguments": dict(arguments)}
        )
        for index, (name, arguments) in enumerate(calls)
    )
    return AssistantMessage(parts=(*said, *made))


class ScriptedBackend:
    """Serves replies from a script.

    A sequence is read by position in the conversation and not by counting calls, so one script
    serves any number of trajectories at once and a resumed one finds its place. Usage counts words
    and messages, since there are no tokens, unless the reply is a whole `Draft`.
    """

    def __init__(self, script: Script, *, lane: Lane | None = None) -> None:
        self._script = script
        self.lane = lane or Lane(
            name="scripted",
            backend="scripted",
            model="script",
            locality="local",
            capabilities=Capabilities(parallel_tools=True),
            prices=Prices.free(),
        )
        self.released: list[str] = []
        """Trajectories that are over, in order."""

    async def open(self) -> Lane:
        """Nothing to make ready."""
        return self.lane

    def call(self, view: View, request: Request) -> "ScriptedHop":
        """One reply."""
        return ScriptedHop(self._script, self.lane, view, request)

    def release(self, trajectory_id: str) -> None:
        """Notes that the trajectory is over."""
        self.released.append(trajectory_id)

    async def aclose(self) -> None:
        """Nothing to give back."""


class ScriptedHop:
    """One reply under way."""

    def __init__(self, script: Script, lane: Lane, view: View, request: Request) -> None:
        self._script = script
        self._lane = lane
        self._view = view
        self._request = request
        self._draft: Draft | None = None
        self._usage = made(Usage, input_tokens=len(view.messages))
        self._words: Iterator[str] | None = None
        """What is left to be said; `None` before the reply."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Nothing to stop."""

    @property
    def usage(self) -> Usage:
        """The prompt at once, the output when it is there."""
        return self._usage

    @property
    def draft(self) -> Draft:
        """The reply as a draft."""
        if self._draft is None:
            raise RuntimeError("the draft is there once the iteration has come to its end")
        return self._draft

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        if self._words is None:
            await anyio.lowlevel.checkpoint()
            reply = await self._reply()
            if isinstance(reply, Exception):
                raise reply
            self._draft = reply if isinstance(reply, Draft) else self._drafted(reply)
            said = self._draft.message.text.split(" ") if self._request.stream else ()
            self._words = iter(said)
        for word in self._words:
            return Delta(text=word + " ")
        if self._draft is not None:
            self._usage = self._draft.usage
        raise StopAsyncIteration

    async def _reply(self) -> Reply:
        if callable(self._script):
            reply = self._script(self._view, self._request)
            return await reply if isawaitable(reply) else reply
        # One user message begins the conversation; then each step adds two messages.
        position = [message.role for message in self._view.messages].count("assistant")
        if position >= len(self._script):
            raise ConfigError(
                f"the script has {len(self._script)} replies and is asked for number {position + 1}"
            )
        return self._script[position]

    def _drafted(self, reply: str | AssistantMessage) -> Draft:
        if isinstance(reply, str):
            message = AssistantMessage(parts=(Text(text=reply),))
        else:
            parts = tuple(self._with_ids(reply))
            message = made(AssistantMessage, parts=parts, artefact=reply.artefact)
        calls = message.calls
        words = len(message.text.split()) + sum([1 + len(call.arguments) for call in calls])
        return made(
            Draft,
            message=message,
            finish_reason="tool_calls" if calls else "stop",
            usage=made(Usage, input_tokens=len(self._view.messages), output_tokens=words),
            timing=Timing(),
            served_model=self._lane.model,
        )

    def _with_ids(self, reply: AssistantMessage) -> list[AssistantPart]:
        parts: list[AssistantPart] = []
        for part in reply.parts:
            if isinstance(part, ToolCall):
                index = sum(1 for before in parts if isinstance(before, ToolCall))
                call_id = self._request.call_id(self._view, index)
                call = made(ToolCall, id=call_id, name=part.name, arguments=part.arguments)
                parts.append(call)
            else:
                parts.append(part)
        return parts
