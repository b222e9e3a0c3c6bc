"""What the chat front end hands out: parsed messages, where their parts stand, and grammars."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["JSON", "ParsedCall", "ParsedOutput", "Span", "ToolGrammar"]

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of the model's output that decides something about a tool call.

    Attributes:
        kind: Tool name, name of a top-level argument, or its value.
        start: Index of the first character in the output.
        end: Index behind the last one. Quotes round a name or a string value lie outside.
    """

    kind: Literal["name", "key", "value"]
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCall:
    """One tool call that the model wrote.

    Attributes:
        name: Name of the tool; it need not be a tool that was offered.
        arguments: Top-level arguments, typed by the tool's schema where the dialect writes text.
        id: The call's id where the dialect carries one.
        spans: Name, argument names and values, in the order of the text.
    """

    name: str
    arguments: dict[str, JSON]
    id: str | None
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedOutput:
    """A model's output taken apart.

    Attributes:
        content: Text for the user. White space at its ends is kept.
        reasoning: The model's thoughts without their markers; empty where it had none.
        calls: Tool calls in order.
        problem: What could not be read and why, or None.
        unread: The raw text that `problem` speaks of. It is in neither `content` nor `calls`.
    """

    content: str
    reasoning: str
    calls: tuple[ParsedCall, ...]
    problem: str | None = None
    unread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolGrammar:
    """A GBNF grammar for tool calls or a whole turn, and when it begins to bind.

    Attributes:
        gbnf: The grammar; its start rule is `root`.
        lazy: The grammar binds from a trigger on (the trigger's text included). If False it binds
            from the first generated token, and has a part for the thoughts.
        trigger_words: Texts that begin a call.
        trigger_patterns: Regular expressions for openers that are no fixed text; the grammar begins
            at the first group that took part, else at the whole match.
        thoughts_start: Opens a block of thoughts. Calls quoted in such a block are not meant.
        thoughts_end: Closes it; empty when the model marks no thoughts.
        thoughts_open: The prompt leaves a block open.
    """

    gbnf: str
    lazy: bool
    trigger_words: tuple[str, ...] = ()
    trigger_patterns: tuple[str, ...] = ()
    thoughts_start: str = ""
    thoughts_end: str = ""
    thoughts_open: bool = False

    def trigger_start(self, output: str, *, start: int = 0) -> int | None:
        """Finds where the grammar begins to bind in the text generated so far.

        Args:
            output: All text generated so far, without the prompt.
            start: Triggers before this index are known to be absent.

        Returns:
            The index of the first character that the grammar must accept, or None.
        """
        opened = self.thoughts_open or (
            bool(self.thoughts_start) and output.lstrip().startswith(self.thoughts_start)
        )
        if opened:
            end = output.find(self.thoughts_end)
            if end < 0:
                return None
            start = max(start, end + len(self.thoughts_end))
        found = [at for word in self.trigger_words if (at := output.find(word, start)) >= 0]
        for pattern in self.trigger_patterns:
            if match := re.compile(pattern).search(output, start):
                groups = (at for at in range(1, match.re.groups + 1) if match.start(at) >= 0)
                found.append(match.start(next(groups, 0)))
        return min(found, default=None)
