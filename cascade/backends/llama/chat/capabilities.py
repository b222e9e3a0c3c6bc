"""What a chat template can do, found by rendering short conversations with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cascade.backends.llama.chat.template import ChatTemplate, TemplateRefusal

__all__ = ["Capabilities", "ReasoningField", "probe_call", "probe_tool", "rendered"]

ReasoningField = Literal["reasoning_content", "thinking", "reasoning", "parts"]
_REASONING_FIELDS: tuple[ReasoningField, ...] = (
    "reasoning_content",
    "thinking",
    "reasoning",
    "parts",
)
_USER = {"role": "user", "content": "zq question"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """How messages must be shaped for one template, and what it can show.

    Attributes:
        reads_tools: The offered tools appear in the prompt.
        renders_calls: Tool calls of earlier assistant messages appear in the prompt.
        renders_results: Results of tools appear in the prompt.
        parallel_calls: Several calls in one message are accepted.
        object_arguments: Arguments are wanted as an object, not as a JSON string.
        system_role: A system message is shown; otherwise it must go into the first user message.
        developer_role: The template knows the role `developer`.
        typed_content: Content is wanted as a list of parts.
        reasoning_field: Where an assistant message carries its reasoning.
        short_ids: Call ids must be nine letters and digits.
        ids_carry_names: A call is shown by its id alone, so the id must hold the tool's name.
        tool_responses: Results go into `tool_responses` of the message that made the calls.
        thinking_switch: The generation prompt depends on `enable_thinking` or `thinking`.
        absent_tools: Value of the variable `tools` when there are none, where it matters.
        writes_bos: The text begins with the sequence's first token, which must not be added again.
    """

    reads_tools: bool
    renders_calls: bool
    renders_results: bool
    parallel_calls: bool
    object_arguments: bool
    system_role: bool
    developer_role: bool
    typed_content: bool
    reasoning_field: ReasoningField
    short_ids: bool
    ids_carry_names: bool
    tool_responses: bool
    thinking_switch: bool
    writes_bos: bool
    absent_tools: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, template: ChatTemplate, *, bos_token: str = "") -> "Capabilities":
        """Renders probe conversations and looks for their words in the result."""
        typed = _wants_parts(template)
        short = _wants_short_ids(template)
        objects = _wants_objects(template, short_ids=short)
        call = probe_call(objects=objects)
        by_id = _shows_only_ids(template, call)
        plain = rendered(template, [_user(typed)]) or ""
        return cls(
            reads_tools=_shows(template, [_user(typed)], "zq_tool", tools=[probe_tool()]),
            renders_calls=_shows(template, [_user(typed), _calling(call)], "zq_tool") or by_id,
            renders_results=_shows(
                template, [_user(typed), _calling(call), _result()], "zq result"
            ),
            parallel_calls=_renders_two_calls(template, objects=objects),
            object_arguments=objects,
            system_role=_shows(
                template, [{"role": "system", "content": "zq rules"}, _user(typed)], "zq rules"
            ),
            developer_role="developer" in template.source,
            typed_content=typed,
            reasoning_field=_reasoning_field(template, call),
            short_ids=short,
            ids_carry_names=by_id,
            tool_responses=_wants_tool_responses(template, call),
            thinking_switch=_reacts_to_thinking(template, typed=typed),
            absent_tools=_absent_tools(template, typed=typed),
            writes_bos=bool(bos_token) and plain.startswith(bos_token),
        )


def probe_tool() -> dict[str, Any]:
    """A tool with two string parameters, under names that no template holds."""
    properties = {"zq_first": {"type": "string"}, "zq_second": {"type": "string"}}
    parameters = {"type": "object", "properties": properties, "required": ["zq_first"]}
    function = {"name": "zq_tool", "description": "zq help", "parameters": parameters}
    return {"type": "function", "function": function}


def probe_call(
    name: str = "zq_tool",
    arguments: Mapping[str, Any] | None = None,
    *,
    objects: bool = True,
    id: str = "zqcall001",  # noqa: A002 - the field's name
) -> dict[str, Any]:
    """A call of `probe_tool`, with its arguments as an object or as JSON text."""
    values = {"zq_first": "zq alpha"} if arguments is None else dict(arguments)
    text = '{"zq_first": "zq alpha"}'
    function = {"name": name, "arguments": values if objects else text}
    return {"id": id, "type": "function", "function": function}


def rendered(
    template: ChatTemplate,
    messages: Sequence[Mapping[str, Any]],
    *,
    tools: Sequence[Mapping[str, Any]] = (),
    add_generation_prompt: bool = False,
    tool_variable: object = ...,
    **variables: bool,
) -> str | None:
    """The rendering, or None where the template refuses the messages.

    Args:
        template: The template.
        messages: Messages in its shape.
        tools: OpenAI-style tools.
        add_generation_prompt: End with the opening of an assistant turn.
        tool_variable: A value for the variable `tools` when there are none; `...` leaves it out.
        **variables: Switches of the template.
    """
    all_variables: dict[str, object] = {**variables}
    if tool_variable is not ...:
        all_variables["tools"] = tool_variable
    try:
        return template.render(
            messages, tools, add_generation_prompt=add_generation_prompt, variables=all_variables
        )
    except TemplateRefusal:
        return None


def _user(typed: bool) -> dict[str, Any]:  # noqa: FBT001 - one private switch
    text = "zq question"
    return {"role": "user", "content": [{"type": "text", "text": text}] if typed else text}


def _calling(*calls: Mapping[str, Any], **extra: object) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": list(calls), **extra}


def _result(text: str = "zq result") -> dict[str, Any]:
    return {
        "role": "tool",
        "name": "zq_tool",
        "tool_call_id": "zqcall001",
        "content": text,
    }


def _shows(
    template: ChatTemplate,
    messages: Sequence[Mapping[str, Any]],
    word: str,
    *,
    tools: Sequence[Mapping[str, Any]] = (),
) -> bool:
    text = rendered(template, messages, tools=tools)
    if text is None:  # some templates only work with the offered tools, or with an open turn
        text = rendered(template, messages, tools=[probe_tool()], add_generation_prompt=True)
    return word in (text or "")


def _wants_parts(template: ChatTemplate) -> bool:
    as_text, as_parts = (_shows(template, [_user(typed)], "zq question") for typed in (False, True))
    return as_parts and not as_text


def _wants_objects(template: ChatTemplate, *, short_ids: bool) -> bool:
    call = probe_call(id="zqcall001" if short_ids else "zq_call_1")
    as_object = rendered(template, [_USER, _calling(call)]) or ""
    if "zq alpha" in as_object and "'zq_first'" not in as_object:
        return True
    as_text = rendered(template, [_USER, _calling(probe_call(objects=False))]) or ""
    return '"zq_first"' not in as_text


def _wants_short_ids(template: ChatTemplate) -> bool:
    long, short = (
        rendered(
            template, [_USER, _calling(probe_call(id=id_)), {**_result(), "tool_call_id": id_}]
        )
        for id_ in ("call_zq_0000000001", "zqcall001")
    )
    return long is None and short is not None


def _shows_only_ids(template: ChatTemplate, call: Mapping[str, Any]) -> bool:
    text = rendered(template, [_USER, _calling(call)]) or ""
    return "zqcall001" in text and "zq_tool" not in text


def _renders_two_calls(template: ChatTemplate, *, objects: bool) -> bool:
    calls = [
        probe_call(objects=objects),
        probe_call("zq_other", objects=objects, id="zqcall002"),
    ]
    text = rendered(template, [_USER, _calling(*calls)]) or ""
    shown = (call["id"] in text or call["function"]["name"] in text for call in calls)
    return all(shown)


def _reasoning_field(template: ChatTemplate, call: Mapping[str, Any]) -> ReasoningField:
    for name in _REASONING_FIELDS:
        if name == "parts":
            parts = [{"type": "thinking", "thinking": "zq thought"}]
            extra: dict[str, Any] = {"content": parts}
        else:
            extra = {name: "zq thought"}
        calling = {**_calling(call), **extra}
        saying = {"role": "assistant", "content": "zq answer", **extra}
        shapes = ([_USER, calling, _result()], [_USER, saying])
        texts = [rendered(template, shape) or "" for shape in shapes]
        # A template that writes out any content shows parts as the list that they are.
        if any("zq thought" in text and "'thinking'" not in text for text in texts) and not any(
            '"thinking"' in text for text in texts
        ):
            return name
    return "reasoning_content"


def _wants_tool_responses(template: ChatTemplate, call: Mapping[str, Any]) -> bool:
    if "tool_responses" not in template.source:
        return False
    return not _shows(template, [_USER, _calling(call), _result()], "zq result")


def _absent_tools(template: ChatTemplate, *, typed: bool) -> dict[str, Any]:
    """How to say that there are no tools: leave the variable out, unless None renders differently.

    The `transformers` library passes None, so that is what template authors test; but some of their
    templates fail on it.
    """
    left_out = rendered(template, [_user(typed)])
    choices: tuple[list[object] | None, ...] = (None, [])
    for value in choices:
        text = rendered(template, [_user(typed)], tool_variable=value)
        if text is not None and text != left_out:
            return {"tools": value}
        if left_out is not None and text is not None:
            return {}
    return {}


def _reacts_to_thinking(template: ChatTemplate, *, typed: bool) -> bool:
    on, off = (
        rendered(
            template,
            [_user(typed)],
            add_generation_prompt=True,
            enable_thinking=value,
            thinking=value,
        )
        for value in (True, False)
    )
    return on != off
