"""What stands around the messages in a request to the Responses API."""

from collections.abc import Sequence

from pydantic import JsonValue

from cascade.backends.openai.cache_keys import cache_key
from cascade.backends.openai.remembered import Remembered
from cascade.backends.openai.responses_json import Item
from cascade.backends.openai.responses_settings import ResponsesSettings
from cascade.backends.openai.schemas import answer_format, object_schema, strict_schema
from cascade.backends.remote.answers import system_asking_for
from cascade.backends.remote.names import wire_name
from cascade.backends.remote.wire_json import json_bytes
from cascade.exchange import Dropped, OutputSchema, Request, Sampling, ToolSpec, View
from cascade.lanes import Lane

__all__ = ["RequestBody"]

_LEAST_OUTPUT_TOKENS = 16
"""The API refuses to write less."""

_WITHOUT_REASONING = ("gpt-3", "gpt-4", "chatgpt-")
"""Families that answer 400 when reasoning, or its encrypted form, is asked of them."""


class RequestBody:
    """Writes request bodies for one lane."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._settings = ResponsesSettings.of(lane.settings)
        # Servers that hold output to a grammar take a schema in the same place.
        self._is_native = lane.capabilities.structured_output in {"native", "grammar"}
        self._tools = Remembered(_tool)
        self._formats = Remembered(_format)
        self._fixed = json_bytes(_fixed_fields(lane, self._settings))[1:-1]

    def write(self, fragments: Sequence[bytes], view: View, request: Request) -> bytes:
        """The body around the encoded messages."""
        pieces = [b"{", self._fixed, b",", json_bytes(self._fields(view, request))[1:-1]]
        if view.output is not None and self._is_native:
            written = self._formats.of(view.output)
            pieces += [b',"text":{"format":', written, b"}"]
        if view.tools:
            tools = b",".join(self._tools.of(spec) for spec in view.tools)
            parallel = b"true" if self._lane.capabilities.parallel_tools else b"false"
            pieces += [b',"tools":[', tools, b'],"tool_choice":"auto","parallel_tool_calls":']
            pieces.append(parallel)
        pieces.append(b',"input":[')
        return _enclosed(b"".join(pieces), fragments, b"]}")

    def dropped(self, request: Request) -> tuple[Dropped, ...]:
        """What of the request the body does not say."""
        dropped: list[Dropped] = []
        takes_sampling = self._lane.capabilities.sampling
        if request.sampling != _as_taken(request.sampling, takes_sampling=takes_sampling):
            dropped.append(Dropped(what="sampling", why="not_supported"))
        effort = self._asked_effort(request)
        if effort is not None and not self._takes_effort(effort):
            dropped.append(Dropped(what="effort", why="not_supported"))
        return tuple(dropped)

    def _asked_effort(self, request: Request) -> str | None:
        return request.effort or self._lane.effort

    def _takes_effort(self, effort: str | None) -> bool:
        """Whether the model has that level; of a model that nobody described, it is believed."""
        known = self._lane.capabilities.efforts
        if effort is None or known:
            return effort in known
        return not self._lane.model.startswith(_WITHOUT_REASONING)

    def _instructions(self, view: View) -> str:
        """The system text, and the form of the answer where nothing but words can ask for it."""
        system = view.system or ""
        if view.output is None or self._is_native:
            return system
        return system_asking_for(view.output, system)

    def _fields(self, view: View, request: Request) -> Item:
        """What may differ from call to call."""
        fields: Item = {
            "max_output_tokens": max(request.max_output_tokens, _LEAST_OUTPUT_TOKENS),
            "prompt_cache_key": cache_key(view, self._settings.cache_key),
        }
        instructions = self._instructions(view)
        if instructions:
            fields["instructions"] = instructions
        reasoning = self._settings.reasoning
        effort = self._asked_effort(request)
        if self._takes_effort(effort):
            reasoning = {**reasoning, "effort": effort}
        if reasoning:
            fields["reasoning"] = reasoning
        if self._lane.capabilities.sampling:
            fields["temperature"] = request.sampling.temperature
            if request.sampling.top_p is not None:
                fields["top_p"] = request.sampling.top_p
        return fields


def _enclosed(head: bytes, fragments: Sequence[bytes], tail: bytes) -> bytes:
    """The fragments with commas between them, in one copy: they may be megabytes."""
    if len(fragments) < 2:
        return b"".join((head, *fragments, tail))
    return b",".join((head + fragments[0], *fragments[1:-1], fragments[-1] + tail))


def _fixed_fields(lane: Lane, settings: ResponsesSettings) -> Item:
    include: list[JsonValue] = []
    if lane.capabilities.efforts or not lane.model.startswith(_WITHOUT_REASONING):
        include.append("reasoning.encrypted_content")
    fields: Item = {
        "model": lane.model,
        "store": False,
        "stream": settings.stream,
        "truncation": "disabled",
    }
    if lane.capabilities.log_probabilities:
        include.append("message.output_text.logprobs")
        fields["top_logprobs"] = settings.top_log_probabilities
    if include:
        fields["include"] = include
    return fields | settings.body


def _as_taken(sampling: Sampling, *, takes_sampling: bool) -> Sampling:
    """What the API makes of it; it knows a temperature and `top_p`, and not for every model."""
    if not takes_sampling:
        return Sampling()
    return Sampling(temperature=sampling.temperature, top_p=sampling.top_p)


def _tool(spec: ToolSpec) -> bytes:
    strict = strict_schema(spec.parameters)
    tool: Item = {
        "type": "function",
        "name": wire_name(spec.name),
        "description": spec.description,
        "parameters": object_schema(spec.parameters) if strict is None else strict,
        "strict": strict is not None,
    }
    return json_bytes(tool)


def _format(output: OutputSchema) -> bytes:
    return json_bytes({"type": "json_schema", **answer_format(output)})
