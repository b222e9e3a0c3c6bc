"""Formats whose messages have a recipient: Harmony's channels and Functionary's lines."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from cascade.backends.llama.chat.results import ParsedCall
from cascade.backends.llama.chat.scanner import Cursor, Unreadable, call_from
from cascade.backends.llama.chat.syntax import RecipientCalls

__all__ = ["AddressedText", "read_harmony", "read_recipients"]

_OPENER = re.compile(r"\s*<\|start\|>\s*assistant")
_END = re.compile(r"<\|(?:end|call|return)\|>")
_RECIPIENT = re.compile(r"\sto=(?:functions\.)?([\w.:-]+)")
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")


@dataclass(slots=True)
class AddressedText:
    """What the messages of one output hold, collected in order.

    Attributes:
        reasoning: Messages of the analysis channel.
        content: Messages to the user.
        calls: Calls of offered tools.
        inline: All text for the user and thoughts with their markup.
        problem: What could not be read, or None.
        unread: The text that `problem` speaks of.
    """

    reasoning: list[str] = field(default_factory=list[str])
    content: list[str] = field(default_factory=list[str])
    calls: list[ParsedCall] = field(default_factory=list[ParsedCall])
    inline: list[str] = field(default_factory=list[str])
    problem: str | None = None
    unread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    header: str
    header_start: int
    body_start: int
    body_end: int


def read_harmony(text: str, start: int, known: Collection[str]) -> AddressedText:
    """Reads messages with channels and recipients.

    Args:
        text: The assistant's turn from its opening in the prompt on.
        start: Index where the first message's header goes on.
        known: Names of the offered tools. A message to anyone else is reported, not called.
    """
    found = AddressedText()
    end = start
    for message in _messages(text, start):
        end = message.body_end
        body = text[message.body_start : message.body_end]
        addressed = _RECIPIENT.search(message.header)
        if addressed is not None and addressed[1] != "assistant":
            _collect_call(found, text, message, addressed, known)
        elif _CHANNEL.findall(message.header)[-1:] == ["analysis"]:
            found.reasoning.append(body)
            found.inline.append(f"<|channel|>analysis<|message|>{body}<|end|>")
        else:
            found.content.append(body)
            found.inline.append(body)
    _collect_rest(found, text, end)
    return found


def _messages(text: str, start: int) -> Iterator[_Message]:
    at = start
    while (marker := text.find("<|message|>", at)) >= 0:
        body = marker + len("<|message|>")
        end = _END.search(text, body)
        stop = end.start() if end else len(text)
        yield _Message(header=text[at:marker], header_start=at, body_start=body, body_end=stop)
        at = end.end() if end else len(text)
        if opener := _OPENER.match(text, at):
            at = opener.end()


def _collect_call(
    found: AddressedText,
    text: str,
    message: _Message,
    addressed: re.Match[str],
    known: Collection[str],
) -> None:
    name, problem = addressed[1], f"a message to {addressed[1]!r}, which is no offered tool"
    if name in known:
        try:
            members = Cursor(text[: message.body_end], message.body_start).members()
        except Unreadable as error:
            problem = str(error)
        else:
            name_start = message.header_start + addressed.start(1)
            found.calls.append(call_from(name, name_start, members))
            return
    found.problem, found.unread = problem, text[message.header_start : message.body_end]


def _collect_rest(found: AddressedText, text: str, end: int) -> None:
    """Text behind the last message: an output without headers, or a header that was cut off."""
    rest = _END.sub("", text[end:], count=1)
    rest = _OPENER.sub("", rest, count=1)
    if not rest.strip():
        return
    if "<|channel|>" in rest or _RECIPIENT.match(rest):
        found.problem, found.unread = "the output ends in a message's header", rest
    else:
        found.content.append(rest)
        found.inline.append(rest)


def read_recipients(syntax: RecipientCalls, output: str, known: Collection[str]) -> AddressedText:
    """Reads messages that name their recipient on the first line.

    Args:
        syntax: The dialect.
        output: The model's output, from the first recipient on.
        known: Names of the offered tools.
    """
    names = "|".join(map(re.escape, sorted({*known, syntax.everyone}, key=len, reverse=True)))
    opener = re.compile(rf"(?:^|{re.escape(syntax.opener)})\s*({names})(?:\n|(?=\{{)|$)")
    openers = list(opener.finditer(output))
    found = AddressedText()
    first = openers[0].start() if openers else len(output)
    found.content += filter(str.strip, [output[:first]])
    for at, match in enumerate(openers):
        end = openers[at + 1].start() if at + 1 < len(openers) else len(output)
        if match[1] == syntax.everyone and syntax.everyone not in known:
            found.content.append(output[match.end() : end])
            continue
        try:
            members = Cursor(output[:end], match.end()).members()
            found.calls.append(call_from(match[1], match.start(1), members))
        except Unreadable as error:
            found.problem, found.unread = str(error), output[match.start() : end]
    found.inline = found.content
    return found
