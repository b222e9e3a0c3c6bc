"""Prompts that only grow: from a view to tokens, without tokenizing or rendering anything twice.

A trajectory's prompt is the text of the last one, what the model then wrote, and what the template
adds for the new messages. As long as the template renders the model's own turn as the model wrote
it, that is simply the longer rendering; where it would render it differently (other spaces in the
JSON of a call), the model's own text is kept, so that its memory of it stays valid. A template that
rewrites old turns (most drop old reasoning) gets its way: then the prompt is tokenized afresh, and
the engine goes on from the longest common prefix.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from cascade.backends.llama.chat import ChatFormat
from cascade.backends.llama.conversion import (
    ChatMessage,
    chat_messages,
    chat_tools,
    system_messages,
)
from cascade.exchange import ToolSpec, View
from cascade.messages import AssistantMessage, Message

__all__ = ["Begin", "Conversation", "Prompt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """The token that a model wants at the very beginning, if it wants one."""

    token: int | None = None
    text: str = ""

    def tokens(self, rendered: str) -> list[int]:
        """The token, unless the template has written it already."""
        if self.token is None or (self.text and rendered.startswith(self.text)):
            return []
        return [self.token]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the engine is given."""

    tokens: Sequence[int]
    opening: str
    """The end of it as text: what the template writes for the model to go on from."""


@dataclass(slots=True)
class Conversation:
    """One trajectory's prompts on one model."""

    chat: ChatFormat
    tokenize: Callable[[str], list[int]]
    begin: Begin = Begin()
    tools: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """The tools of the last view, as templates know them."""
    _tool_specs: tuple[ToolSpec, ...] = ()
    _sources: list[Message] = field(default_factory=list[Message])
    _messages: list[list[ChatMessage]] = field(default_factory=list[list[ChatMessage]])
    """What each source message is to the template."""
    _rendered: str = ""
    """The last prompt, as the template renders it."""
    _opening: str | None = None
    _prompted: int = 0
    """How many source messages the last prompt held."""
    _prompt_tokens: int = 0
    """How many of the tokens were the last prompt's."""
    _generated: str = ""
    _ending: str = ""
    """The text of the token that ended what was generated."""
    _tokens: list[int] = field(default_factory=list[int])
    """The last prompt and what was generated, as they were evaluated."""

    def prompt(
        self,
        view: View,
        *,
        thinking: bool | None = None,
        variables: Mapping[str, JsonValue] | None = None,
    ) -> Prompt:
        """The prompt for the next message.

        Args:
            view: What the model is to be shown.
            thinking: Whether it may think first, where its template knows; `None` leaves it.
            variables: Further variables of the template, such as `reasoning_effort`.
        """
        messages = self._converted(view)
        if view.tools is not self._tool_specs:
            self._tool_specs, self.tools = view.tools, chat_tools(view.tools)
        rendered = self.chat.render(messages, self.tools, enable_thinking=thinking, extra=variables)
        kept, added = self._added(rendered) if self._rendered else (0, rendered)
        begin = [] if kept else self.begin.tokens(rendered)
        self._tokens = [*begin, *self._tokens[:kept], *(self.tokenize(added) if added else ())]
        self._prompt_tokens = len(self._tokens)
        if self._opening is None or not rendered.endswith(self._opening):
            self._opening = self.chat.generation_prompt(
                messages, self.tools, enable_thinking=thinking
            )
        self._rendered, self._prompted = rendered, len(self._sources)
        self._generated = self._ending = ""
        return Prompt(tokens=self._tokens, opening=self._opening)

    def generated(self, text: str, tokens: Sequence[int], *, ending: str = "") -> None:
        """Notes what the model wrote after the last prompt.

        Args:
            text: What it wrote, without the token that ended it.
            tokens: The same as tokens.
            ending: The text of the token that ended it; empty where none did.
        """
        self._generated, self._ending = text, ending
        self._tokens = [*self._tokens, *tokens]

    def forget(self) -> None:
        """The next prompt is tokenized afresh: what was generated is not what its text says."""
        self._rendered = ""

    def _converted(self, view: View) -> list[ChatMessage]:
        kept = 0
        for mine, theirs in zip(self._sources, view.messages, strict=False):
            if mine is not theirs:
                break
            kept += 1
        del self._sources[kept:], self._messages[kept:]
        for message in view.messages[kept:]:
            self._sources.append(message)
            self._messages.append(chat_messages(message))
        return system_messages(view) + [one for group in self._messages for one in group]

    def _added(self, rendered: str) -> tuple[int, str]:
        """How many of the tokens stay, and the text that follows them."""
        said = self._rendered + self._generated
        if rendered.startswith(said):
            return len(self._tokens), rendered[len(said) :]
        if not rendered.startswith(self._rendered):
            return 0, rendered
        if self._ending and self._was_accepted():
            # The template spells the answer its own way (other spaces, an empty block of
            # thoughts); from the end of that turn on, the two agree again.
            end = rendered.find(self._ending, len(self._rendered))
            return (0, rendered) if end < 0 else (len(self._tokens), rendered[end:])
        # The answer was not taken: it is asked for again, or somebody else gave another one.
        return self._prompt_tokens, rendered[len(self._rendered) :]

    def _was_accepted(self) -> bool:
        """Whether the message after the last prompt is what was generated for it."""
        if len(self._sources) <= self._prompted:
            return False
        message = self._sources[self._prompted]
        artefact = message.artefact if isinstance(message, AssistantMessage) else None
        return artefact is not None and artefact.raw == {"text": self._generated}
