"""Drafts, prefixes and lanes for tests of gates."""

import math
from collections.abc import Sequence
from typing import Any

from cascade.exchange import (
    Draft,
    FinishReason,
    SideEffect,
    Timing,
    TokenSpan,
    TokenStatistics,
    ToolSpec,
    Usage,
)
from cascade.lanes import Capabilities, Lane
from cascade.messages import AssistantMessage, Text, ToolCall, ToolResult, UserMessage
from cascade.steps import DoneCall, Prefix, Step

__all__ = ["LANE", "ORDERS", "a_call", "a_prefix", "a_step", "an_answer", "spans", "statistics"]

LANE = Lane(
    name="local",
    backend="llama_cpp",
    model="bundled:desk",
    locality="local",
    capabilities=Capabilities(log_probabilities=True, grammar=True),
)

ORDERS = ToolSpec(
    name="get_order",
    description="Looks an order up.",
    parameters={
        "type": "object",
        "properties": {"order_id": {"type": "string"}},
        "required": ["order_id"],
        "additionalProperties": False,
    },
    side_effect="read",
)


def statistics(
    probabilities: Sequence[float],
    spans: Sequence[TokenSpan] = (),
    *,
    runners_up: Sequence[float] | None = None,
) -> TokenStatistics:
    """Statistics of tokens with these probabilities; runners-up get all that is left."""
    others = runners_up or [max(1 - each, 1e-9) for each in probabilities]
    return TokenStatistics(
        logprobs=tuple(math.log(each) for each in probabilities),
        runner_up_logprobs=tuple(math.log(each) for each in others),
        entropies=tuple(-each * math.log(each) for each in probabilities),
        spans=tuple(spans),
    )


def spans(**places: tuple[int, int]) -> list[TokenSpan]:
    """Spans of the first call by kind; those of the kind `grammar` and `answer` are of none."""
    made: list[TokenSpan] = []
    for kind, (start, end) in places.items():
        call = None if kind in {"grammar", "answer"} else 0
        made.append(
            TokenSpan.model_validate({"kind": kind, "call": call, "start": start, "end": end})
        )
    return made


def a_call(
    name: str = "get_order",
    arguments: dict[str, Any] | None = None,
    *,
    tokens: TokenStatistics | None = None,
    problem: str | None = None,
) -> Draft:
    """A draft of one call."""
    given: dict[str, Any] = {"order_id": "4817"} if arguments is None else arguments
    return _draft(
        AssistantMessage(parts=(ToolCall(id="c1", name=name, arguments=given),)),
        "tool_calls",
        tokens,
        problem,
    )


def an_answer(
    text: str, *, tokens: TokenStatistics | None = None, problem: str | None = None
) -> Draft:
    """A draft of a final answer."""
    return _draft(AssistantMessage(parts=(Text(text=text),)), "stop", tokens, problem)


def a_step(
    number: int,
    *,
    order_id: str = "4817",
    result: str = "shipped",
    is_error: bool = False,
    side_effect: SideEffect = "read",
) -> Step:
    """A step that looked an order up."""
    call = ToolCall(id=f"s{number}", name="get_order", arguments={"order_id": order_id})
    told = ToolResult(
        call_id=call.id, name=call.name, parts=(Text(text=result),), is_error=is_error
    )
    return Step(
        number=number,
        lane="local",
        message=AssistantMessage(parts=(call,)),
        calls=(DoneCall(call=call, result=told, side_effect=side_effect),),
        usage=Usage(),
        at_s=float(number),
    )


def a_prefix(
    *steps: Step, task: str = "Look at order 4817.", tools: Sequence[ToolSpec] = (ORDERS,)
) -> Prefix:
    """What a gate is shown before the draft."""
    return Prefix(task=UserMessage.of(task), tools=tools, steps=steps, step=len(steps) + 1)


def _draft(
    message: AssistantMessage,
    reason: FinishReason,
    tokens: TokenStatistics | None,
    problem: str | None,
) -> Draft:
    return Draft(
        message=message,
        finish_reason=reason,
        usage=Usage(),
        timing=Timing(),
        served_model="tiny",
        tokens=tokens,
        problem=problem,
    )
