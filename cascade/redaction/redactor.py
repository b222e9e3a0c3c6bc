"""Redaction of messages: every value that is not to leave is replaced by its placeholder.

The outcome depends on the message and the vault before it, on nothing else; so a conversation
that grows keeps its redacted beginning, and with it caches and signatures.
"""

from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from cascade.exchange import OutputSchema, ToolSpec
from cascade.messages import (
    Artefact,
    AssistantMessage,
    AssistantPart,
    Content,
    Image,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from cascade.redaction.documents import Document
from cascade.redaction.scanner import Scanner
from cascade.redaction.spans import Recogniser
from cascade.redaction.texts import redacted_pieces
from cascade.redaction.vault import Numbering, Vault

__all__ = ["Redactor", "images_in"]

_LEFT_OUT = Text(text="[A picture was left out here.]")


class Redactor:
    """Replaces values by placeholders. Keeps nothing between two calls.

    Args:
        recognisers: Whose values are replaced.
    """

    def __init__(self, recognisers: Sequence[Recogniser]) -> None:
        self._scanner = Scanner(recognisers)

    @property
    def recognisers(self) -> tuple[Recogniser, ...]:
        """Whose values are replaced."""
        return self._scanner.recognisers

    def message(
        self, message: Message, vault: Vault, *, own: bool = False
    ) -> tuple[Message, Vault]:
        """The redacted message, and the vault that knows the new values too.

        The same message if there was nothing to hide. Values that run over the border of two
        parts are found; the placeholder stands in the first of them. A word stands in the place of
        each picture, as nobody can tell what it shows. A provider's own block that holds a value
        in clear is left out.

        Args:
            message: As it was said.
            vault: What is known so far.
            own: Whether the message is the very lane's own that is shown the outcome: its blocks
                then go back untouched, as it made them of redacted input.
        """
        work = _Work(self._scanner, Numbering(vault), own=own)
        match message:
            case UserMessage():
                redacted = work.user_message(message)
            case AssistantMessage():
                redacted = work.assistant_message(message)
            case ToolMessage():
                redacted = work.tool_message(message)
        return redacted, work.numbering.vault

    def text(self, text: str, vault: Vault) -> tuple[str, Vault]:
        """The redacted text, and the vault that knows the new values too."""
        numbering = Numbering(vault)
        [redacted] = redacted_pieces(self._scanner, numbering, [text])
        return redacted, numbering.vault

    def tools(self, tools: Sequence[ToolSpec], vault: Vault) -> tuple[tuple[ToolSpec, ...], Vault]:
        """Redacted descriptions and schemas of tools; their names stay, as calls need them."""
        numbering = Numbering(vault)
        return tuple([self._tool(spec, numbering) for spec in tools]), numbering.vault

    def output(self, schema: OutputSchema, vault: Vault) -> tuple[OutputSchema, Vault]:
        """The redacted schema of a final answer; its name stays."""
        numbering = Numbering(vault)
        document = Document(self._scanner, numbering)
        definition = document.object(schema.definition)
        if definition is schema.definition:
            return schema, vault
        return schema.model_copy(update={"definition": definition}), numbering.vault

    def _tool(self, spec: ToolSpec, numbering: Numbering) -> ToolSpec:
        [description] = redacted_pieces(self._scanner, numbering, [spec.description])
        parameters = Document(self._scanner, numbering).object(spec.parameters)
        if description == spec.description and parameters is spec.parameters:
            return spec
        return spec.model_copy(update={"description": description, "parameters": parameters})


class _Work:
    """The redaction of one message."""

    def __init__(self, scanner: Scanner, numbering: Numbering, *, own: bool) -> None:
        self._scanner = scanner
        self.numbering = numbering
        self._own = own

    def user_message(self, message: UserMessage) -> UserMessage:
        parts = self._contents(message.parts)
        return message if parts is message.parts else message.model_copy(update={"parts": parts})

    def tool_message(self, message: ToolMessage) -> ToolMessage:
        parts = tuple([self._result(part) for part in message.parts])
        return message if _same(parts, message.parts) else ToolMessage(parts=parts)

    def assistant_message(self, message: AssistantMessage) -> AssistantMessage:
        said = self._texts([part for part in message.parts if isinstance(part, Text)])
        thought = self._thoughts([part for part in message.parts if isinstance(part, Reasoning)])
        parts: list[AssistantPart] = []
        for part in message.parts:
            match part:
                case Text():
                    new = next(said)
                case Reasoning():
                    new = next(thought)
                case ToolCall():
                    new = self._call(part)
            if new is not None:
                parts.append(new)
        artefact = self._artefact(message.artefact)
        if _same(parts, message.parts) and artefact is message.artefact:
            return message
        return AssistantMessage(parts=tuple(parts), artefact=artefact)

    def _contents(self, parts: tuple[Content, ...]) -> tuple[Content, ...]:
        """The texts, redacted as if they stood in one, and a word in the place of each picture."""
        texts = self._texts([part for part in parts if isinstance(part, Text)])
        shown = [next(texts) if isinstance(part, Text) else _LEFT_OUT for part in parts]
        kept = tuple([part for part in shown if part is not None])
        return parts if _same(kept, parts) else kept

    def _texts(self, parts: Sequence[Text]) -> Iterator[Text | None]:
        """Each text part redacted; `None` for one of which nothing is left."""
        pieces = redacted_pieces(self._scanner, self.numbering, [part.text for part in parts])
        return iter(
            [
                part if piece == part.text else Text(text=piece) if piece else None
                for part, piece in zip(parts, pieces, strict=True)
            ]
        )

    def _thoughts(self, parts: Sequence[Reasoning]) -> Iterator[Reasoning | None]:
        pieces = redacted_pieces(self._scanner, self.numbering, [part.text for part in parts])
        return iter(
            [
                self._thought(part, piece, self._artefact(part.artefact))
                for part, piece in zip(parts, pieces, strict=True)
            ]
        )

    def _thought(self, part: Reasoning, text: str, artefact: Artefact | None) -> Reasoning | None:
        if text == part.text and artefact is part.artefact:
            return part
        return Reasoning(text=text, artefact=artefact) if text or artefact else None

    def _call(self, call: ToolCall) -> ToolCall:
        arguments = Document(self._scanner, self.numbering).object(call.arguments)
        name = self._name(call.name)
        if arguments is call.arguments and name == call.name:
            return call
        return ToolCall(id=call.id, name=name, arguments=arguments)

    def _result(self, result: ToolResult) -> ToolResult:
        parts = self._contents(result.parts)
        name = self._name(result.name)
        if parts is result.parts and name == result.name:
            return result
        return result.model_copy(update={"parts": parts, "name": name})

    def _name(self, name: str) -> str:
        """A tool's name; one that a model made up may hold anything.

        Providers allow no brackets in names.
        """
        [redacted] = redacted_pieces(self._scanner, self.numbering, [name])
        return name if redacted == name else redacted.replace("<", "").replace(">", "")

    def _artefact(self, artefact: Artefact | None) -> Artefact | None:
        if artefact is None or self._own:
            return artefact
        seen: JsonValue = artefact.raw
        # A numbering of its own: what is left out needs no placeholder.
        trial = Numbering(self.numbering.vault)
        return artefact if Document(self._scanner, trial).value(seen) is seen else None


def images_in(message: Message) -> int:
    """How many pictures the message holds; redaction leaves out all of them."""
    match message:
        case UserMessage():
            return sum(isinstance(part, Image) for part in message.parts)
        case ToolMessage():
            return sum(isinstance(each, Image) for part in message.parts for each in part.parts)
        case AssistantMessage():
            return 0


def _same(new: Sequence[object], old: Sequence[object]) -> bool:
    return len(new) == len(old) and all(a is b for a, b in zip(new, old, strict=True))
