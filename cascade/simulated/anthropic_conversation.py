"""A request to the Messages API as a script sees it."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from cascade.simulated.anthropic_request import (
    Image,
    MessagesRequest,
    RequestTurn,
    Text,
    ToolResult,
    ToolUse,
)
from cascade.simulated.received import (
    Call,
    Conversation,
    Offered,
    Received,
    Result,
    Said,
    ToolChoice,
)

__all__ = ["conversation_of"]


def conversation_of(request: MessagesRequest, received: Received, *, thinks: bool) -> Conversation:
    """The conversation, without thinking and marks; turns of one role in a row as one."""
    runs = groupby(request.messages, key=lambda turn: turn.role)
    form = None if request.output_config is None else request.output_config.format
    return Conversation(
        model=request.model,
        system="\n\n".join(text.text for text in request.system),
        turns=tuple(_said(list(turns)) for _, turns in runs),
        tools=tuple(
            Offered(name=tool.name, description=tool.description, schema=tool.input_schema)
            for tool in request.tools
        ),
        tool_choice=_tool_choice(request),
        schema=None if form is None else form.schema_,
        thinks=thinks,
        max_output_tokens=request.max_tokens,
        request=received,
    )


def _tool_choice(request: MessagesRequest) -> ToolChoice:
    choice = request.tool_choice
    if choice is None:
        return ToolChoice()
    if choice.type == "none":
        return ToolChoice(mode="none")
    return ToolChoice(
        mode=choice.type,
        name=choice.name if choice.type == "tool" else "",
        parallel=not choice.disable_parallel_tool_use,
    )


def _said(turns: Sequence[RequestTurn]) -> Said:
    blocks = [block for turn in turns for block in turn.content]
    results = [block for block in blocks if isinstance(block, ToolResult)]
    return Said(
        role=turns[0].role,
        text="".join(block.text for block in blocks if isinstance(block, Text)),
        calls=tuple(
            Call(id=block.id, name=block.name, arguments=block.input)
            for block in blocks
            if isinstance(block, ToolUse)
        ),
        results=tuple(
            Result(
                call_id=result.tool_use_id, text="".join(_texts(result)), is_error=result.is_error
            )
            for result in results
        ),
        images=sum(isinstance(block, Image) for block in blocks)
        + sum(isinstance(block, Image) for result in results for block in result.content),
    )


def _texts(result: ToolResult) -> Iterator[str]:
    return (block.text for block in result.content if isinstance(block, Text))
