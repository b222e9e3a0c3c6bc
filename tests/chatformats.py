"""The chat front end behind the three functions that the project's case files are checked with.

A checker calls `parse`, `render` and `grammar` with a template's text and one case; none of them
looks at the template's name.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from cascade.backends.llama.chat import ChatFormat, Continuation, ToolChoice

__all__ = ["grammar", "parse", "render"]

_Items = Sequence[Mapping[str, Any]]


@lru_cache(maxsize=256)
def _format(text: str, bos_token: str = "", eos_token: str = "") -> ChatFormat:
    return ChatFormat.from_template(text, bos_token=bos_token, eos_token=eos_token)


def parse(
    _template_name: str,
    template_text: str,
    tools: _Items,
    raw_output: str,
    *,
    generation_prompt: str = "",
    reasoning_format: str = "auto",
    json_schema: object = None,
    continue_final_message: Continuation = "none",
    messages: _Items = (),
    **_: object,
) -> dict[str, Any]:
    """Takes an output apart; flags that change nothing for a parser are ignored."""
    is_continued = continue_final_message == "content"
    parsed = _format(template_text).parse(
        raw_output,
        tools,
        generation_prompt=generation_prompt,
        prefill=str(messages[-1]["content"]) if is_continued else "",
        keep_thoughts_inline=reasoning_format == "none",
        structured=json_schema is not None,
    )
    calls = [
        {"name": call.name, "arguments": call.arguments, "id": call.id or ""}
        for call in parsed.calls
    ]
    return {
        "content": parsed.content,
        "reasoning_content": parsed.reasoning,
        "tool_calls": calls,
        "problem": parsed.problem,
    }


def render(
    _template_name: str,
    template_text: str,
    messages: _Items,
    tools: _Items,
    bos_token: str,
    eos_token: str,
    *,
    add_generation_prompt: bool = True,
    enable_thinking: bool | None = None,
    continue_final_message: Continuation = "none",
    chat_template_kwargs: Mapping[str, Any] | None = None,
    now: str | None = None,
    **_: object,
) -> str:
    """Renders messages with nothing but the template: the cases hold what engines render."""
    return _format(template_text, bos_token, eos_token).render(
        messages,
        tools,
        add_generation_prompt=add_generation_prompt,
        enable_thinking=enable_thinking,
        continue_final_message=continue_final_message,
        extra=chat_template_kwargs,
        now=dt.datetime.fromisoformat(now) if now else None,
        adapt=False,
    )


def grammar(
    _template_name: str,
    template_text: str,
    tools: _Items,
    *,
    tool_choice: ToolChoice = "auto",
    parallel_tool_calls: bool = True,
    generation_prompt: str = "",
    **_: object,
) -> dict[str, Any]:
    """The grammar of tool calls with its triggers."""
    made = _format(template_text).grammar(
        tools,
        tool_choice=tool_choice,
        parallel=parallel_tool_calls,
        generation_prompt=generation_prompt,
    )
    if made is None:
        return {"gbnf": "root ::= [^\\x00]*\n", "lazy": False, "triggers": []}
    patterns = [{"type": "pattern", "value": value} for value in made.trigger_patterns]
    return {
        "gbnf": made.gbnf,
        "lazy": made.lazy,
        "triggers": [*made.trigger_words, *patterns],
    }
