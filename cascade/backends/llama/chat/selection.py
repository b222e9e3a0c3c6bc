# ruff: noqa: RUF001 - DeepSeek writes its markers with a full-width bar
"""Chooses a template's dialect: a known one that fits, else a learned one, else the fallback."""

import re
from dataclasses import dataclass, replace

from cascade.backends.llama.chat.capabilities import Capabilities
from cascade.backends.llama.chat.catalogue import HERMES, Dialect, candidates
from cascade.backends.llama.chat.probe import learned_dialect, reads_samples
from cascade.backends.llama.chat.reasoning import ReasoningMarkers
from cascade.backends.llama.chat.samples import CallSamples, end_of_answer
from cascade.backends.llama.chat.syntax import HarmonyCalls, JsonCalls
from cascade.backends.llama.chat.template import ChatTemplate

__all__ = ["Choice", "choose", "markers_in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A template's dialect and what the template leaves to us.

    Attributes:
        dialect: How the model writes calls.
        is_fallback: The template knows no tools; the dialect is ours.
        describes_tools: The template shows the tools itself.
        shows_calls: The template shows the calls of earlier messages itself.
        note: Why this dialect was taken, for a person.
        end_of_turn: What the template writes behind an assistant message; empty if unknown.
    """

    dialect: Dialect
    is_fallback: bool
    describes_tools: bool
    shows_calls: bool
    note: str
    end_of_turn: str = ""


def choose(
    template: ChatTemplate, capabilities: Capabilities, markers: ReasoningMarkers | None
) -> Choice:
    """Chooses the dialect of a template.

    A known dialect must read back what the template itself writes for calls; where it does not, the
    dialect is learned from that text.

    Args:
        template: The template.
        capabilities: What it can do.
        markers: What surrounds the model's thoughts, if anything.
    """
    found = _found(template, capabilities, markers)
    if found.end_of_turn:
        return found
    return replace(found, end_of_turn=end_of_answer(template, capabilities))


def _found(
    template: ChatTemplate, capabilities: Capabilities, markers: ReasoningMarkers | None
) -> Choice:
    samples = None
    if capabilities.renders_calls:
        samples = CallSamples.of(template, capabilities, markers)
    if samples is not None:
        return _from_samples(template, capabilities, samples)
    if capabilities.reads_tools:
        dialect = _told_dialect(template)
        if dialect is not None:
            return Choice(
                dialect=dialect,
                is_fallback=False,
                describes_tools=True,
                shows_calls=False,
                note="The template shows tools but no earlier calls; these are written as text.",
            )
    return _fallback("The template knows no tools.")


def _from_samples(
    template: ChatTemplate, capabilities: Capabilities, samples: CallSamples
) -> Choice:
    evidence = template.source + "\n".join(sample.text for sample in samples.all)
    known = next((each for each in candidates(evidence) if reads_samples(each, samples)), None)
    dialect = known or learned_dialect(samples)
    if dialect is None:
        return _fallback(
            "The template writes tool calls in a way that is neither known nor could be learned: "
            f"{samples.one.text!r:.300}"
        )
    marks = tuple(dict.fromkeys((*dialect.content_marks, *samples.content_marks)))
    return Choice(
        dialect=replace(dialect, content_marks=marks),
        is_fallback=False,
        describes_tools=capabilities.reads_tools,
        shows_calls=True,
        note="" if known else "The dialect was learned from what the template writes for calls.",
        end_of_turn=samples.end_of_turn,
    )


def _told_dialect(template: ChatTemplate) -> Dialect | None:
    """The dialect that a template's instructions speak of."""
    for each in candidates(template.source):
        syntax = each.syntax
        if not isinstance(syntax, HarmonyCalls) and not (
            isinstance(syntax, JsonCalls) and syntax.bare
        ):
            return each
    return None


def _fallback(note: str) -> Choice:
    return Choice(
        dialect=HERMES,
        is_fallback=True,
        describes_tools=False,
        shows_calls=False,
        note=f"{note} Tools are described in the system text instead, and calls are written there "
        "as JSON between <tool_call> tags.",
    )


def markers_in(text: str) -> list[str]:
    """The tags in a text that a tokenizer may hold as single tokens."""
    return re.findall(r"<[^<>\s\"=]+>|\[/?[A-Z_]+\]|<｜[^<>]+｜>", text)
