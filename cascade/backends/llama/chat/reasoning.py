"""Where a model's thoughts end, decided by what the generation prompt left open."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cascade.backends.llama.chat.capabilities import Capabilities, probe_call, rendered
from cascade.backends.llama.chat.template import ChatTemplate

__all__ = [
    "HARMONY_MARKERS",
    "ReasoningMarkers",
    "Thoughts",
    "continued_prompt",
    "find_markers",
    "markers_after",
    "split_thoughts",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningMarkers:
    """The texts round a model's thoughts.

    Attributes:
        start: Opens the thoughts.
        end: Closes them.
        written_start: `start` with the white space that the template puts behind it.
        written_end: `end` with the white space that the template puts round it.
        ends_alone: The end marker shows thoughts even where nothing opened them.
    """

    start: str
    end: str
    written_start: str = ""
    written_end: str = ""
    ends_alone: bool = True

    def is_open(self, generation_prompt: str) -> bool:
        """Whether a generation prompt leaves a block of thoughts open."""
        return generation_prompt.rfind(self.start) > generation_prompt.rfind(self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thoughts:
    """The result of looking for thoughts at the beginning of an output.

    Attributes:
        text: The thoughts, those that the prompt began included.
        start: Index of the first thought character in the output.
        end: Index where what follows the thoughts begins.
        is_closed: An end marker was seen, or there are no thoughts.
    """

    text: str
    start: int
    end: int
    is_closed: bool


HARMONY_MARKERS = ReasoningMarkers(
    start="<|channel|>analysis<|message|>",
    end="<|end|><|start|>assistant",
    written_end="<|end|><|start|>assistant<|channel|>final<|message|>",
    ends_alone=False,
)
"""Gpt-oss gives thoughts a message of their own."""

_KNOWN = (
    ReasoningMarkers(start="<think:opensource>", end="</think:opensource>"),
    ReasoningMarkers(start="<seed:think>", end="</seed:think>"),
    ReasoningMarkers(start="<mm:think>", end="</mm:think>"),
    ReasoningMarkers(start="[THINK]", end="[/THINK]"),
    ReasoningMarkers(start="<|START_THINKING|>", end="<|END_THINKING|>"),
    ReasoningMarkers(start="<|channel>thought", end="<channel|>"),
    ReasoningMarkers(start="<|begin_assistant|>", end="[BEGIN FINAL RESPONSE]"),
    ReasoningMarkers(start="Here are my reasoning steps:", end="[BEGIN FINAL RESPONSE]"),
    ReasoningMarkers(start="<|inner_prefix|>", end="<|inner_suffix|>"),
    # `<|end|>` ends every kind of message there.
    ReasoningMarkers(start="<|think|>", end="<|end|>", ends_alone=False),
    ReasoningMarkers(start="<think>", end="</think>"),
)
_DEFAULT = _KNOWN[-1]
_LAST_TAG = re.compile(r"(<[^<>\s]+>|\[[^\[\]\s]+\])\s*$")
_FIRST_TAG = re.compile(r"\s*(<[^<>\s]+>|\[[^\[\]\n]+\])\s*")


def find_markers(template: ChatTemplate, capabilities: Capabilities) -> ReasoningMarkers | None:
    """The markers of a template, or None if nothing hints at thoughts.

    Markers that the field knows are recognised by the template's text; others by rendering an
    assistant message with thoughts and looking at the tags round them.
    """
    source = template.source
    shown = _shown_markers(template, capabilities)
    if shown is not None and shown.start not in source:
        return shown  # the template puts its markers together from pieces
    known = next((m for m in _KNOWN if m.start in source and m.end in source), None)
    if known is None and _DEFAULT.end in source:
        known = _DEFAULT
    if known is None:
        return shown
    if shown is None or known.start not in shown.written_start:
        return known
    at = shown.written_start.find(known.start)
    written = shown.written_start[at:]
    return replace(known, written_start=written, written_end=shown.written_end)


def _shown_markers(template: ChatTemplate, capabilities: Capabilities) -> ReasoningMarkers | None:
    user = {"role": "user", "content": "zq question"}
    extra: dict[str, Any] = {"content": "zq answer", capabilities.reasoning_field: "zq thought"}
    if capabilities.reasoning_field == "parts":
        thought = {"type": "thinking", "thinking": "zq thought"}
        extra = {"content": [thought, {"type": "text", "text": "zq answer"}]}
    answer = {"role": "assistant", **extra}
    call = probe_call(objects=capabilities.object_arguments)
    result = {"role": "tool", "tool_call_id": call["id"], "name": "zq_tool", "content": "zq result"}
    for shape in ([user, answer], [user, {**answer, "tool_calls": [call]}, result]):
        for text in _renderings(template, shape):
            before, thought, behind = text.partition("zq thought")
            between, content, _ = behind.partition("zq answer")
            start, end = _LAST_TAG.search(before), _FIRST_TAG.match(between)
            if thought and content and start and end:
                return ReasoningMarkers(
                    start=start[1], end=end[1], written_start=start.group(), written_end=between
                )
    return None


def _renderings(template: ChatTemplate, shape: list[dict[str, Any]]) -> Iterator[str]:
    yield rendered(template, shape) or ""
    yield rendered(template, shape, enable_thinking=True, thinking=True) or ""


def markers_after(
    markers: ReasoningMarkers | None, generation_prompt: str
) -> ReasoningMarkers | None:
    """The markers that count behind a generation prompt.

    A template may open thoughts in the usual way and never say how they end.

    Args:
        markers: The template's markers.
        generation_prompt: What the template puts before the output.
    """
    if markers is None and _DEFAULT.is_open(generation_prompt):
        return replace(_DEFAULT, ends_alone=False)
    return markers


def split_thoughts(
    markers: ReasoningMarkers | None, generation_prompt: str, output: str
) -> Thoughts:
    """Finds the thoughts at the beginning of an output.

    Args:
        markers: The template's markers.
        generation_prompt: What the template put before the output for this turn. It decides: it may
            leave a block of thoughts open, close it, or say nothing.
        output: The model's text.
    """
    if markers is None:
        markers = replace(_DEFAULT, ends_alone=False)
    opened = generation_prompt.rfind(markers.start)
    closed = generation_prompt.rfind(markers.end)
    if markers.is_open(generation_prompt):
        begun = generation_prompt[opened + len(markers.start) :]
        return _until_end(markers, begun, output, 0)
    begun = ""
    if 0 <= opened < closed:
        begun = generation_prompt[opened + len(markers.start) : closed]
    start = len(output) - len(output.lstrip())
    if output.startswith(markers.start, start):
        return _until_end(markers, begun, output, start + len(markers.start))
    end = output.find(markers.end)
    if markers.ends_alone and closed < 0 <= end:
        return _until_end(markers, begun, output, 0)
    return Thoughts(text=begun, start=0, end=0, is_closed=True)


def _until_end(markers: ReasoningMarkers, begun: str, output: str, start: int) -> Thoughts:
    end = output.find(markers.end, start)
    if end < 0:
        return Thoughts(text=begun + output[start:], start=start, end=len(output), is_closed=False)
    return Thoughts(
        text=begun + output[start:end],
        start=start,
        end=end + len(markers.end),
        is_closed=True,
    )


def continued_prompt(
    markers: ReasoningMarkers | None,
    generation_prompt: str,
    message: Mapping[str, Any],
    *,
    until: str,
) -> str:
    """The opening of a turn that goes on with a message's own text.

    Args:
        markers: The template's markers.
        generation_prompt: The opening of an empty turn.
        message: The assistant message to go on with.
        until: `"content"` if its content is begun, `"reasoning"` if its thoughts are.
    """
    reasoning = str(message.get("reasoning_content") or "")
    content = str(message.get("content") or "") if until == "content" else ""
    if markers is None:
        return generation_prompt + content
    cuts = [at for at in map(generation_prompt.find, (markers.start, markers.end)) if at >= 0]
    header = generation_prompt[: min(cuts, default=len(generation_prompt))]
    if not reasoning and until == "content":
        return _closed(markers, generation_prompt) + content
    opening = header + (markers.written_start or markers.start) + reasoning
    if until == "reasoning":
        return opening
    return opening + (markers.written_end or markers.end) + content


def _closed(markers: ReasoningMarkers, generation_prompt: str) -> str:
    """The opening of a turn with its block of thoughts closed, if it had left one open."""
    if not markers.is_open(generation_prompt):
        return generation_prompt
    return generation_prompt + (markers.written_end or markers.end)
