"""The codec of OpenAI's Chat Completions, as many servers speak it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from cascade.backends.openai.cache_keys import cache_key
from cascade.backends.openai.chat_messages import ChatMessages
from cascade.backends.openai.chat_output import answer_tool, output_mode
from cascade.backends.openai.chat_reader import ChatReader
from cascade.backends.openai.chat_sampling import dropped_sampling, effort_of, sampling_fields
from cascade.backends.openai.chat_settings import ChatSettings
from cascade.backends.openai.quirks import dialect_of, replay_of, server_of
from cascade.backends.openai.remembered import Remembered
from cascade.backends.openai.schemas import answer_format
from cascade.backends.remote.answers import answer_tool_name, system_asking_for
from cascade.backends.remote.codec import Encoded
from cascade.backends.remote.names import wire_name
from cascade.backends.remote.wire_json import json_bytes
from cascade.exchange import Dropped, OutputSchema, Request, Sampling, ToolSpec, View
from cascade.lanes import ApiMode, Lane
from cascade.messages import Message, Origin

__all__ = ["ChatCodec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """Sampling in the server's fields."""

    sampling: Sampling
    fields: dict[str, JsonValue]
    dropped: tuple[Dropped, ...]


class ChatCodec:
    """Chat Completions for one lane."""

    api: ApiMode = "chat_completions"
    path = "/chat/completions"

    def __init__(self, lane: Lane, origin: Origin) -> None:
        self._lane = lane
        self._origin = origin
        self._settings = ChatSettings.of(lane.settings)
        self._dialect = dialect_of(lane)
        replay = self._settings.reasoning_replay or replay_of(lane.model)
        self._messages = ChatMessages(origin, replay=replay, images=lane.capabilities.images)
        self._model = json_bytes(lane.model)
        self._is_openai = server_of(lane, None) == "openai"
        self._sampling = self._prepared(lane.sampling)
        self._tools = Remembered(_tool)
        self._formats = Remembered(_format)

    def message(self, message: Message, *, plain: bool) -> Encoded:
        """One message."""
        return self._messages.encoded(message, plain=plain)

    def body(self, fragments: Sequence[bytes], view: View, request: Request) -> bytes:
        """The whole request."""
        mode = output_mode(view, self._lane.capabilities, self._dialect)
        system = view.system
        if mode == "prompt" and view.output is not None:
            system = system_asking_for(view.output, system)
        messages = list(fragments)
        if system:
            messages.insert(0, b'{"role":"system","content":' + json_bytes(system) + b"}")
        pieces = [b'{"model":', self._model, b',"messages":[', b",".join(messages), b"]"]
        tools = [self._tools.of(tool) for tool in view.tools]
        options = self._options(view, request)
        if mode == "native" and view.output is not None:
            options["response_format"] = self._formats.of(view.output)
        if mode == "tool" and view.output is not None:
            name = answer_tool_name(view)
            tools.append(json_bytes(answer_tool(view.output, name)))
            options["tool_choice"] = self._choice(view, name)
        if tools:
            pieces += [b',"tools":[', b",".join(tools), b"]"]
            if not self._lane.capabilities.parallel_tools and self._dialect.one_call_switch:
                options["parallel_tool_calls"] = False
        options |= self._settings.body
        return b"".join([*pieces, b",", json_bytes(options)[1:]])

    def dropped(self, view: View, request: Request) -> tuple[Dropped, ...]:
        """Sampling and effort that the lane does not take."""
        dropped = self._prepared_for(request).dropped
        asked = request.effort or self._lane.effort
        if asked is not None and asked != self._effort(view, request):
            dropped = (*dropped, Dropped(what="effort", why="not_supported"))
        return dropped

    def reader(self, view: View, request: Request) -> ChatReader:
        """A reader for the answer."""
        mode = output_mode(view, self._lane.capabilities, self._dialect)
        name = answer_tool_name(view) if mode == "tool" else None
        return ChatReader(self._origin, self._lane.backend, view, request, name)

    def _effort(self, view: View, request: Request) -> str | None:
        return effort_of(self._lane, view, request, is_openai=self._is_openai)

    def _prepared_for(self, request: Request) -> "_Prepared":
        # A lane's calls share one object; whoever gives another is served as well.
        if request.sampling is not self._sampling.sampling:
            self._sampling = self._prepared(request.sampling)
        return self._sampling

    def _prepared(self, sampling: Sampling) -> "_Prepared":
        return _Prepared(
            sampling=sampling,
            fields=sampling_fields(self._lane, self._dialect, sampling),
            dropped=dropped_sampling(self._lane, self._dialect, sampling),
        )

    def _options(self, view: View, request: Request) -> dict[str, JsonValue]:
        """What stands behind messages and tools."""
        lane, dialect, settings = self._lane, self._dialect, self._settings
        limit = settings.limit_field or dialect.limit_field
        options: dict[str, JsonValue] = {limit: request.max_output_tokens}
        if settings.stream:
            options["stream"] = True
            options["stream_options"] = {"include_usage": True}
        options |= self._prepared_for(request).fields
        if request.sampling.temperature > 0.0 and lane.capabilities.sampling:
            # Only where chance plays a part; not every server knows the field.
            options["seed"] = request.seed
        effort = self._effort(view, request)
        if effort is not None:
            options["reasoning_effort"] = effort
        if lane.capabilities.log_probabilities:
            options |= self._log_probabilities(view)
        if dialect.own_fields:
            options["store"] = False
            options["prompt_cache_key"] = cache_key(view, self._settings.cache_key)
        return options

    def _log_probabilities(self, view: View) -> dict[str, JsonValue]:
        count, how = self._settings.top_log_probabilities, self._dialect.log_probabilities
        if view.tools and how == "not_beside_tools":
            return {}
        if view.tools and how == "n_probs_beside_tools" and self._settings.stream:
            return {"n_probs": count}
        return {"logprobs": True, "top_logprobs": count}

    def _choice(self, view: View, name: str) -> JsonValue:
        """Makes the model call something, where it can be made to."""
        if not self._lane.capabilities.forced_tool_choice:
            return "auto"
        if view.tools:
            return "required"
        return {"type": "function", "function": {"name": name}}


def _tool(tool: ToolSpec) -> bytes:
    function = {
        "name": wire_name(tool.name),
        "description": tool.description,
        "parameters": tool.parameters,
    }
    return json_bytes({"type": "function", "function": function})


def _format(output: OutputSchema) -> JsonValue:
    return {"type": "json_schema", "json_schema": answer_format(output)}
