"""One model's chat format: rendering, parsing and grammars behind one object."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

from cascade.backends.llama.chat.affixes import common_prefix
from cascade.backends.llama.chat.answer_grammar import answer_body, thoughts_body
from cascade.backends.llama.chat.call_grammar import CallGrammar, calls_grammar
from cascade.backends.llama.chat.capabilities import Capabilities
from cascade.backends.llama.chat.control import control_names, with_broken_names
from cascade.backends.llama.chat.conversation import (
    shape_messages,
    with_named_ids,
    with_single_calls,
)
from cascade.backends.llama.chat.fallback import (
    describe_tools,
    with_calls_as_text,
    with_system_text,
)
from cascade.backends.llama.chat.gbnf import SPACE, Rules, class_char
from cascade.backends.llama.chat.output import Prompt, is_answer, read_output, without_fence
from cascade.backends.llama.chat.reasoning import (
    HARMONY_MARKERS,
    ReasoningMarkers,
    continued_prompt,
    find_markers,
    markers_after,
)
from cascade.backends.llama.chat.results import ParsedOutput, ToolGrammar
from cascade.backends.llama.chat.selection import Choice, choose, markers_in
from cascade.backends.llama.chat.syntax import HarmonyCalls
from cascade.backends.llama.chat.template import ChatTemplate
from cascade.backends.llama.chat.watching import CallWatch
from cascade.backends.llama.chat.writing import write_calls
from cascade.errors import ConfigError

__all__ = ["ChatFormat", "Continuation", "ToolChoice"]

Continuation: TypeAlias = Literal["none", "content", "reasoning"]
"""Which part of the last message, if any, the model is to go on with."""

ToolChoice: TypeAlias = Literal["auto", "none", "required"] | Mapping[str, Any]
"""OpenAI's `tool_choice`; a mapping names one tool under `function.name`."""

_MOST_PREAMBLE = 200
_Messages: TypeAlias = Sequence[Mapping[str, Any]]
_Tools: TypeAlias = Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True, kw_only=True)
class ChatFormat:
    """How one model's conversations are written and read.

    Attributes:
        template: The model's template.
        capabilities: What the template can show.
        choice: The dialect of tool calls and what the template leaves to us.
        markers: What surrounds the model's thoughts, if it has any.
        eos_token: Text of the token that ends a turn.
        control_names: Finds names of control tokens in messages; None if none are known.
    """

    template: ChatTemplate
    capabilities: Capabilities
    choice: Choice
    markers: ReasoningMarkers | None
    eos_token: str = ""
    control_names: re.Pattern[str] | None = None

    @classmethod
    def from_template(
        cls,
        template: str,
        *,
        bos_token: str = "",
        eos_token: str = "",
        control_tokens: tuple[str, ...] = (),
    ) -> "ChatFormat":
        """Studies a template. This renders some tens of short conversations: keep the result.

        Args:
            template: The Jinja text, as in the GGUF key `tokenizer.chat_template`.
            bos_token: Text of the token that begins a sequence.
            eos_token: Text of the token that ends a turn.
            control_tokens: Texts of the vocabulary's control tokens, which are broken where the
                text of a message holds them.

        Raises:
            TemplateRefusal: The template cannot be compiled.
        """
        compiled = ChatTemplate(template, bos_token=bos_token, eos_token=eos_token)
        capabilities = Capabilities.of(compiled, bos_token=bos_token)
        markers = find_markers(compiled, capabilities)
        choice = choose(compiled, capabilities, markers)
        if isinstance(choice.dialect.syntax, HarmonyCalls):
            markers = HARMONY_MARKERS
        return cls(
            template=compiled,
            capabilities=capabilities,
            choice=choice,
            markers=markers,
            eos_token=eos_token,
            control_names=control_names(control_tokens),
        )

    @property
    def dialect(self) -> str:
        """The dialect's name; `probed:` in front of one that was learned, or `fallback`."""
        return "fallback" if self.choice.is_fallback else self.choice.dialect.name

    @property
    def note(self) -> str:
        """Why this dialect was taken, for a person; empty for a known one."""
        return self.choice.note

    @property
    def supports_tools(self) -> bool:
        """Whether the template itself knows tools."""
        return not self.choice.is_fallback

    @property
    def supports_thinking(self) -> bool:
        """Whether the model marks its thoughts or has a switch for them."""
        return self.markers is not None or self.capabilities.thinking_switch

    @property
    def writes_bos(self) -> bool:
        """Whether a rendering begins with the sequence's first token, so that none is added."""
        return self.capabilities.writes_bos

    @cached_property
    def preserved_tokens(self) -> tuple[str, ...]:
        """Markers that must be turned into text when a model writes them as special tokens."""
        call = ("name", {"key": "value", "other": 1}, "call00001")
        texts = [write_calls(self.choice.dialect.syntax, [call, call])]
        texts += self.choice.dialect.content_marks
        if self.markers is not None:
            texts += [self.markers.start, self.markers.end]
        return tuple(dict.fromkeys(mark for text in texts for mark in markers_in(text)))

    @cached_property
    def stop_strings(self) -> tuple[str, ...]:
        """Texts that end a turn, beyond the tokenizer's end tokens."""
        ends = markers_in(self.choice.end_of_turn.strip())[:1]
        if self.choice.is_fallback:
            # A model that was not trained for tools goes on with a result of its own.
            ends.append("<tool_response>")
        return tuple(end for end in dict.fromkeys(ends) if end not in self.preserved_tokens)

    def render(
        self,
        messages: _Messages,
        tools: _Tools,
        *,
        add_generation_prompt: bool = True,
        enable_thinking: bool | None = None,
        continue_final_message: Continuation = "none",
        extra: Mapping[str, Any] | None = None,
        now: dt.datetime | None = None,
        adapt: bool = True,
    ) -> str:
        """Renders a conversation.

        Args:
            messages: OpenAI-style messages; arguments as JSON text or objects.
            tools: OpenAI-style tools.
            add_generation_prompt: End with the opening of an assistant turn.
            enable_thinking: The thinking switch; None leaves the template's own default.
            continue_final_message: Go on with the last message, an assistant's, instead.
            extra: Further template variables, such as `reasoning_effort`.
            now: The time that dated templates show.
            adapt: Describe the tools, write calls and results as text, and give each call a message
                of its own, where the template cannot show them. Without it the template alone
                decides what the model sees.

        Raises:
            TemplateRefusal: The template rejects the messages.
            ConfigError: A call's arguments are no JSON object.
        """
        # Before anything is added, because what we write as text holds markers on purpose.
        messages = with_broken_names(messages, self.control_names)
        if continue_final_message != "none":
            *earlier, last = messages
            settings: dict[str, Any] = {
                "enable_thinking": enable_thinking,
                "extra": extra,
                "now": now,
                "adapt": adapt,
            }
            base = self.render(earlier, tools, add_generation_prompt=False, **settings)
            opening = self._opening(earlier, tools, base=base, **settings)
            return base + continued_prompt(
                self.markers, opening, last, until=continue_final_message
            )
        variables: dict[str, Any] = {}
        if enable_thinking is not None:
            variables = {"enable_thinking": enable_thinking, "thinking": enable_thinking}
        if not tools:
            variables |= self.capabilities.absent_tools
        if adapt:
            messages, told = self._adapted(messages, tools or ())
            variables |= told
        return self.template.render(
            shape_messages(messages, self.capabilities),
            tools or (),
            add_generation_prompt=add_generation_prompt,
            now=now,
            variables={**variables, **(extra or {})},
        )

    def generation_prompt(
        self,
        messages: _Messages,
        tools: _Tools,
        *,
        enable_thinking: bool | None = None,
        continue_final_message: Continuation = "none",
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """What a rendering ends with to open the assistant's turn.

        `parse` and `grammar` need it: it decides whether an output begins inside of thoughts.

        Args:
            messages: As for `render`.
            tools: As for `render`.
            enable_thinking: As for `render`.
            continue_final_message: As for `render`.
            extra: As for `render`.
        """
        messages = with_broken_names(messages, self.control_names)
        last = messages[-1]
        if continue_final_message != "none":
            messages = messages[:-1]
        settings: dict[str, Any] = {"enable_thinking": enable_thinking, "extra": extra}
        base = self.render(messages, tools, add_generation_prompt=False, **settings)
        opening = self._opening(messages, tools, base=base, **settings)
        if continue_final_message == "none":
            return opening
        return continued_prompt(self.markers, opening, last, until=continue_final_message)

    def parse(
        self,
        output: str,
        tools: _Tools,
        *,
        generation_prompt: str = "",
        prefill: str = "",
        keep_thoughts_inline: bool = False,
        structured: bool = False,
    ) -> ParsedOutput:
        """Takes a model's output apart.

        Args:
            output: The generated text, special tokens of `preserved_tokens` included.
            tools: The tools that were offered. Without tools, everything is content.
            generation_prompt: What `generation_prompt` gave for this turn.
            prefill: The content that the generation prompt ends with, when a message is continued;
                it becomes the beginning of the content.
            keep_thoughts_inline: Leave thoughts in the content, with their markers.
            structured: The content is a JSON object: calls that its texts speak of are none, and a
                Markdown fence round it is dropped.
        """
        for end in filter(None, (self.eos_token, *self.stop_strings)):
            output = output.removesuffix(end)
        prompt = Prompt(opening=generation_prompt, prefill=prefill)
        dialect, schemas = self.choice.dialect, _schemas(tools)
        if structured and is_answer(dialect, self.markers, output, schemas, prompt=prompt):
            schemas = {}
        parsed = read_output(
            dialect,
            self.markers,
            output,
            schemas,
            prompt=prompt,
            keep_thoughts_inline=keep_thoughts_inline,
        )
        return replace(parsed, content=without_fence(parsed.content)) if structured else parsed

    def grammar(
        self,
        tools: _Tools,
        *,
        tool_choice: ToolChoice = "auto",
        parallel: bool = True,
        generation_prompt: str = "",
        answer: Mapping[str, Any] | None = None,
    ) -> ToolGrammar | None:
        """A grammar that calls, and an answer that is to have a form, must follow.

        Args:
            tools: OpenAI-style tools.
            tool_choice: With `"auto"` the grammar binds from a call's beginning on. With
                `"required"`, or one tool's name, the output is thoughts, if any, and calls.
            parallel: Several calls may follow each other.
            generation_prompt: What `generation_prompt` gave for this turn.
            answer: JSON schema of an object, for the final answer. The output is then thoughts, if
                any, and either calls with no word before them or such an object.

        Returns:
            The grammar, or None if neither a call nor such an answer is wanted and possible.

        Raises:
            ConfigError: `tool_choice` names a tool that was not offered.
        """
        schemas = _wanted(_schemas(tools), tool_choice)
        takes_answer = answer is not None and tool_choice in ("auto", "none")
        rules, dialect = Rules(), self.choice.dialect
        calls = (
            calls_grammar(rules, dialect.syntax, schemas, parallel=parallel) if schemas else None
        )
        bodies = [] if calls is None else [f'{calls.body} "\\n"?']
        if calls is not None and tool_choice == "auto" and not takes_answer:
            return self._turn_grammar(rules.text(bodies[0]), generation_prompt, lazy=calls)
        if answer is not None and takes_answer:
            bodies.append(answer_body(rules, dialect, answer))
        if not bodies:
            return None
        lead = thoughts_body(rules, self.markers, generation_prompt)
        lead += _preamble(calls.words) if calls is not None and not takes_answer else f" {SPACE}"
        root = f"{lead} ({' | '.join(bodies)})".strip()
        return self._turn_grammar(rules.text(root), generation_prompt)

    def watch(self, generation_prompt: str) -> CallWatch | None:
        """What follows the calls of one output while it is written; `None` where nothing can.

        Args:
            generation_prompt: What `generation_prompt` gave for this turn.
        """
        return CallWatch.of(self.choice.dialect.syntax, self.markers, generation_prompt)

    def _turn_grammar(
        self, gbnf: str, generation_prompt: str, *, lazy: CallGrammar | None = None
    ) -> ToolGrammar:
        """The rules with where thoughts are; *lazy* holds what they then wait for."""
        markers = markers_after(self.markers, generation_prompt)
        if lazy is not None and isinstance(self.choice.dialect.syntax, HarmonyCalls):
            markers = None  # a call's header cannot stand in thoughts, which are messages there
        return ToolGrammar(
            gbnf=gbnf,
            lazy=lazy is not None,
            trigger_words=() if lazy is None else lazy.words,
            trigger_patterns=() if lazy is None else lazy.patterns,
            thoughts_start="" if markers is None else markers.start,
            thoughts_end="" if markers is None else markers.end,
            thoughts_open=markers is not None and markers.is_open(generation_prompt),
        )

    def _opening(self, messages: _Messages, tools: _Tools, *, base: str, **settings: Any) -> str:
        opened = self.render(messages, tools, add_generation_prompt=True, **settings)
        return opened[len(common_prefix(base, opened)) :]

    def _adapted(
        self, messages: _Messages, tools: Sequence[Mapping[str, Any]]
    ) -> tuple[_Messages, dict[str, Any]]:
        """Messages with what the template does not show itself, and variables that show tools."""
        syntax = self.choice.dialect.syntax
        if self.capabilities.ids_carry_names:
            messages = with_named_ids(messages)
        if self.choice.shows_calls and not self.capabilities.parallel_calls:
            messages = with_single_calls(messages)
        if not self.choice.shows_calls:
            results = self.choice.is_fallback or not self.capabilities.renders_results
            messages = with_calls_as_text(messages, syntax, results=results)
        if not tools or self.choice.describes_tools:
            return messages, {}
        if self.template.wants_functions:
            return messages, {"functions": self.template.as_json(tools)}
        return with_system_text(messages, describe_tools(tools, syntax)), {}


def _schemas(tools: _Tools) -> dict[str, Mapping[str, Any]]:
    functions = (tool["function"] for tool in tools or ())
    return {function["name"]: function.get("parameters") or {} for function in functions}


def _wanted(
    schemas: dict[str, Mapping[str, Any]], tool_choice: ToolChoice
) -> dict[str, Mapping[str, Any]]:
    """The schemas of the tools that may be called."""
    if not schemas or tool_choice == "none":
        return {}
    if not isinstance(tool_choice, Mapping):
        return schemas
    wanted = tool_choice["function"]["name"]
    if wanted not in schemas:
        offered = ", ".join(schemas)
        raise ConfigError(f"tool_choice names {wanted!r}; the tools are: {offered}.")
    return {wanted: schemas[wanted]}


def _preamble(words: tuple[str, ...]) -> str:
    """Body of the few words that may stand before a required call."""
    firsts = "".join(dict.fromkeys(class_char(word[0]) for word in words))
    return f" [^{firsts}]{{0,{_MOST_PREAMBLE}}}" if firsts else f" {SPACE}"
