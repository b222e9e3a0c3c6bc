"""Chat formats of local models: templates, tool-call dialects, reasoning and grammars.

`ChatFormat.from_template` studies a template once; the object then renders conversations, takes
outputs apart and makes grammars for tool calls and answers. The folder's README says how the parts
fit.
"""

from cascade.backends.llama.chat.format import ChatFormat, Continuation, ToolChoice
from cascade.backends.llama.chat.results import JSON, ParsedCall, ParsedOutput, Span, ToolGrammar
from cascade.backends.llama.chat.scanner import value_spans
from cascade.backends.llama.chat.schema import json_schema_grammar
from cascade.backends.llama.chat.template import TemplateRefusal
from cascade.backends.llama.chat.watching import CallWatch, Part

__all__ = [
    "JSON",
    "CallWatch",
    "ChatFormat",
    "Continuation",
    "ParsedCall",
    "ParsedOutput",
    "Part",
    "Span",
    "TemplateRefusal",
    "ToolChoice",
    "ToolGrammar",
    "json_schema_grammar",
    "value_spans",
]
