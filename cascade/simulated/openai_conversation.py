"""A request in either OpenAI wire format as the model sees it, turn by turn."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic_core import from_json

from cascade.simulated.openai_checks import is_object
from cascade.simulated.received import Call, Result, Said

__all__ = ["arguments_of", "chat_turns", "images_in", "response_turns", "text_in"]

Role = Literal["user", "assistant", "system"]


def arguments_of(text: object) -> Mapping[str, Any]:
    """A call's arguments; empty where the text is no JSON object."""
    if is_object(text):
        return text
    try:
        found: object = from_json(str(text))
    except ValueError:
        return {}
    return found if is_object(found) else {}


def text_in(content: Any) -> str:
    """The text parts of a content joined."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.get("text") or "" for part in content)


def images_in(content: Any) -> int:
    """How many pictures a content holds."""
    if content is None or isinstance(content, str):
        return 0
    return sum(part.get("type") in {"input_image", "image_url"} for part in content)


@dataclass(slots=True)
class _Turn:
    role: Role
    texts: list[str] = field(default_factory=list[str])
    calls: list[Call] = field(default_factory=list[Call])
    results: list[Result] = field(default_factory=list[Result])
    images: int = 0


class _Turns:
    """Turns that are being put together; consecutive ones of a role become one."""

    def __init__(self, *instructions: str) -> None:
        self._system = [text for text in instructions if text]
        self._turns: list[_Turn] = []

    def of(self, role: Role) -> _Turn:
        """The turn that goes on, or a new one."""
        if not self._turns or self._turns[-1].role != role:
            self._turns.append(_Turn(role))
        return self._turns[-1]

    def say(self, role: str, content: Any) -> None:
        """A message with text and perhaps pictures."""
        text = text_in(content)
        if role in {"system", "developer"} and not self._turns:
            self._system.append(text)
            return
        spoken: Role = "user" if role == "user" else "assistant"
        turn = self.of("system" if role in {"system", "developer"} else spoken)
        turn.images += images_in(content)
        if text:
            turn.texts.append(text)

    def result(self, call_id: str, content: Any) -> None:
        """What a call gave back; the user's turn."""
        turn = self.of("user")
        turn.results.append(Result(call_id=call_id, text=text_in(content)))
        turn.images += images_in(content)

    def done(self) -> tuple[str, tuple[Said, ...]]:
        """The system text and the turns."""
        turns = tuple(
            Said(
                role=turn.role,
                text="\n".join(turn.texts),
                calls=tuple(turn.calls),
                results=tuple(turn.results),
                images=turn.images,
            )
            for turn in self._turns
        )
        return "\n".join(self._system), turns


def response_turns(
    instructions: str | None, items: Iterable[Mapping[str, Any]]
) -> tuple[str, tuple[Said, ...]]:
    """System text and turns of a Responses request."""
    turns = _Turns(instructions or "")
    for item in items:
        match item.get("type", "message"):
            case "function_call":
                arguments = arguments_of(item["arguments"])
                call = Call(id=item["call_id"], name=item["name"], arguments=arguments)
                turns.of("assistant").calls.append(call)
            case "function_call_output":
                turns.result(item["call_id"], item["output"])
            case "message":
                turns.say(item["role"], item["content"])
            case _:
                pass
    return turns.done()


def chat_turns(messages: Iterable[Mapping[str, Any]]) -> tuple[str, tuple[Said, ...]]:
    """System text and turns of a Chat Completions request."""
    turns = _Turns()
    for message in messages:
        if message["role"] == "tool":
            turns.result(message.get("tool_call_id", ""), message.get("content"))
            continue
        turns.say(message["role"], message.get("content"))
        for call in message.get("tool_calls") or ():
            function = call["function"]
            made = Call(
                id=call.get("id", ""),
                name=function["name"],
                arguments=arguments_of(function["arguments"]),
            )
            turns.of("assistant").calls.append(made)
    return turns.done()
