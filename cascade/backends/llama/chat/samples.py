"""What a template writes for known tool calls, cut out of its renderings."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cascade.backends.llama.chat.affixes import common_prefix, common_suffix
from cascade.backends.llama.chat.capabilities import (
    Capabilities,
    probe_call,
    probe_tool,
    rendered,
)
from cascade.backends.llama.chat.reasoning import ReasoningMarkers
from cascade.backends.llama.chat.template import ChatTemplate

__all__ = ["CallSamples", "Sample", "end_of_answer", "whole_tags_from"]

_USER = {"role": "user", "content": "zq question"}
_TAG = re.compile(r"\s*(<[^<>\n]+>|\[[^\[\]\n]+\])")
_OPENERS = {"<": ">", "[": "]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The text of some calls and what they are.

    Attributes:
        text: What the template writes for the calls, without the turn's opening and end.
        calls: Name and arguments of each call.
    """

    text: str
    calls: tuple[tuple[str, dict[str, Any]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSamples:
    """Renderings of calls that differ in one thing each.

    Attributes:
        one: A call with one argument.
        two_arguments: The same call with a second argument.
        none: The same call without arguments.
        two_calls: Two calls in one message, or None if the template takes only one.
        end_of_turn: The tag, or else the text, that the template writes behind an answer.
        content_marks: Tags that the template writes before an answer's text.
    """

    one: Sample
    two_arguments: Sample
    none: Sample
    two_calls: Sample | None
    end_of_turn: str
    content_marks: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        template: ChatTemplate,
        capabilities: Capabilities,
        markers: ReasoningMarkers | None = None,
    ) -> "CallSamples | None":
        """Renders the samples, or None if the template shows no calls.

        Args:
            template: The template.
            capabilities: What it can do.
            markers: What surrounds thoughts, which a template may write in front of calls.
        """
        cutter = _Cutter(template, capabilities, markers)
        first, second = {"zq_first": "zq alpha"}, {"zq_second": "zq beta"}
        one = cutter.sample(("zq_tool", first))
        two_arguments = cutter.sample(("zq_tool", {**first, **second}))
        none = cutter.sample(("zq_tool", {}))
        if one is None or two_arguments is None or none is None:
            return None
        return cls(
            one=one,
            two_arguments=two_arguments,
            none=none,
            two_calls=cutter.sample(("zq_tool", first), ("zq_other", {"zq_first": "zq gamma"})),
            end_of_turn=cutter.end_tag or cutter.end,
            content_marks=cutter.content_marks(),
        )

    @property
    def all(self) -> tuple[Sample, ...]:
        """All samples there are."""
        most = (self.one, self.two_arguments, self.none)
        return most if self.two_calls is None else (*most, self.two_calls)


class _Cutter:
    """Renders assistant messages and cuts off what stands round any of them."""

    def __init__(
        self,
        template: ChatTemplate,
        capabilities: Capabilities,
        markers: ReasoningMarkers | None,
    ) -> None:
        self.template = template
        self.objects = capabilities.object_arguments
        self.named_ids = capabilities.ids_carry_names
        self.tools = [probe_tool()] if capabilities.reads_tools else []
        self.thoughts_end = markers.end if markers else ""
        self.opening = self._render() or ""
        answer, other = (
            self._render({"role": "assistant", "content": text}) or ""
            for text in ("zq answer", "another zq reply")
        )
        self.answer, self.end = answer, common_suffix(answer, other)
        # A last message may lack its end, one that a question follows does not.
        followed = self._render({"role": "assistant", "content": "zq answer"}, _USER) or ""
        tag = _TAG.match(followed.partition("zq answer")[2])
        self.end_tag = tag[1] if tag else ""

    def content_marks(self) -> tuple[str, ...]:
        """Tags between the turn's opening, or its thoughts, and an answer."""
        before = self.answer.partition("zq answer")[0]
        if not self.opening or not before.startswith(self.opening):
            return ()
        between = before[len(self.opening) :]
        if self.thoughts_end:
            between = between.rpartition(self.thoughts_end)[2]
        return tuple(match[1] for match in _TAG.finditer(between))

    def sample(self, *calls: tuple[str, Mapping[str, Any]]) -> Sample | None:
        """The sample of some calls, or None if the template does not show them all."""
        written = [
            probe_call(
                name, arguments, id=f"functions.{name}:{at}" if self.named_ids else f"zqcall00{at}"
            )
            for at, (name, arguments) in enumerate(calls, start=1)
        ]
        if not self.objects:
            for call, (_, arguments) in zip(written, calls, strict=True):
                call["function"]["arguments"] = json.dumps(arguments)
        text = self._render({"role": "assistant", "content": "", "tool_calls": written})
        if text is None or not all(name in text for name, _ in calls):
            return None
        start, end = self._start(text, calls[0][0]), self._stop(text, calls)
        return Sample(text=text[start:end], calls=tuple((name, dict(args)) for name, args in calls))

    def _start(self, text: str, name: str) -> int:
        if self.opening and text.startswith(self.opening):
            start = len(self.opening)
        else:
            start = len(_whole_prefix(common_prefix(text, self.answer)))
        closed = text.find(self.thoughts_end, start, text.find(name, start))
        return closed + len(self.thoughts_end) if self.thoughts_end and closed >= 0 else start

    def _stop(self, text: str, calls: tuple[tuple[str, Mapping[str, Any]], ...]) -> int:
        words = [word for name, args in calls for word in (name, *args, *args.values())]
        last = max(text.rfind(word) + len(word) for word in words)
        end = len(text) - len(_whole_suffix(text, common_suffix(text, self.answer)))
        tag = text.find(self.end_tag, last, end) if self.end_tag else -1
        return tag if tag >= 0 else end

    def _render(self, *messages: Mapping[str, Any]) -> str | None:
        return rendered(
            self.template,
            [_USER, *messages],
            tools=self.tools,
            add_generation_prompt=not messages,
        )


def end_of_answer(template: ChatTemplate, capabilities: Capabilities) -> str:
    """The tag that a template writes between a plain answer and the next question, or nothing.

    Args:
        template: The template.
        capabilities: What it can do.
    """
    return _Cutter(template, capabilities, None).end_tag


def whole_tags_from(text: str) -> str:
    """A text from its first whole tag on, because a common suffix may begin inside of one."""
    for at, char in enumerate(text):
        if char in _OPENERS:
            return text[at:]
    return text


def _whole_prefix(text: str) -> str:
    """A prefix without a tag that it cuts in two."""
    for opener, closer in _OPENERS.items():
        at = text.rfind(opener)
        if at >= 0 and closer not in text[at:]:
            text = text[:at]
    return text


def _whole_suffix(text: str, suffix: str) -> str:
    """A suffix without the rest of a tag that begins before it."""
    before = text[: len(text) - len(suffix)]
    for opener, closer in _OPENERS.items():
        at = before.rfind(opener)
        if at >= 0 and closer not in before[at:]:
            cut = suffix.find(closer)
            suffix = suffix[cut + 1 :] if cut >= 0 else ""
            before = text[: len(text) - len(suffix)]
    return suffix
