"""How a model is asked for a final answer of a form where its provider does not see to that."""

from cascade.backends.remote.names import wire_name
from cascade.backends.remote.wire_json import json_bytes
from cascade.exchange import OutputSchema, View

__all__ = ["ANSWER_TOOL_DESCRIPTION", "answer_tool_name", "system_asking_for"]

_ANSWER_TOOL = "final_answer"

ANSWER_TOOL_DESCRIPTION = (
    "Takes the final answer. Call it once and by itself, when nothing is left to do."
)
"""Of the tool that stands for the answer."""


def answer_tool_name(view: View) -> str:
    """The name of the tool that stands for the answer; no tool of the view has it."""
    taken = {wire_name(tool.name) for tool in view.tools}
    name = _ANSWER_TOOL
    while name in taken:
        name += "_"
    return name


def system_asking_for(output: OutputSchema, system: str | None) -> str:
    """The system text, with words that ask for the form."""
    asked = (
        "Write the final answer as one JSON object and nothing else, without a code fence. It has "
        f"to fit this JSON Schema:\n{json_bytes(output.definition).decode()}"
    )
    return f"{system}\n\n{asked}" if system and system.strip() else asked
