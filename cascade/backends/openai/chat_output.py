"""How Chat Completions is held to the form of a final answer, by the cheapest means there is."""

from typing import Literal

from pydantic import JsonValue

from cascade.backends.openai.quirks import Dialect
from cascade.backends.openai.schemas import object_schema
from cascade.backends.remote.answers import ANSWER_TOOL_DESCRIPTION
from cascade.exchange import OutputSchema, View
from cascade.lanes import Capabilities

__all__ = ["OutputMode", "answer_tool", "output_mode"]

OutputMode = Literal["free", "native", "tool", "prompt"]
"""Nothing is asked for; the server does it; a tool that stands for the answer; words."""


def output_mode(view: View, capabilities: Capabilities, dialect: Dialect) -> OutputMode:
    """The means for this view on a lane of these capabilities."""
    if view.output is None:
        return "free"
    kind = capabilities.structured_output
    if kind in {"native", "grammar"} and (dialect.schema_beside_tools or not view.tools):
        return "native"
    if kind is not None and capabilities.tools and dialect.tool_choice:
        return "tool"
    return "prompt"


def answer_tool(output: OutputSchema, name: str) -> JsonValue:
    """The tool that stands for the answer."""
    function: dict[str, JsonValue] = {
        "name": name,
        "description": ANSWER_TOOL_DESCRIPTION,
        "parameters": object_schema(output.definition),
    }
    return {"type": "function", "function": function}
