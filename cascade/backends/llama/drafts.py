"""From what the engine generated to a draft: parts, problems and token statistics."""

from bisect import bisect_right
from codecs import getincrementaldecoder
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

from cascade.backends.llama.chat import ParsedOutput, value_spans
from cascade.backends.llama.engine import Generation, TokenInfo
from cascade.backends.llama.stopping import TokenWatch
from cascade.exchange import (
    Draft,
    FinishReason,
    Request,
    Timing,
    TokenSpan,
    TokenStatistics,
    Usage,
    View,
)
from cascade.messages import (
    Artefact,
    AssistantMessage,
    AssistantPart,
    Origin,
    Reasoning,
    Text,
    ToolCall,
)

__all__ = ["draft_of", "token_statistics"]

_DECIMALS = 5


def draft_of(
    generation: Generation,
    parsed: ParsedOutput,
    *,
    view: View,
    request: Request,
    model: str,
    watch: TokenWatch | None = None,
) -> Draft:
    """The draft that a generation amounts to.

    Args:
        generation: What the engine gave back.
        parsed: The same text, read by the model's dialect.
        view: What the model was shown.
        request: How it was asked.
        model: The model's name.
        watch: What may have stopped it.
    """
    origin = Origin(provider="llama_cpp", model=model)
    parts: list[AssistantPart] = []
    if parsed.reasoning.strip():
        parts.append(Reasoning(text=parsed.reasoning.strip()))
    problem = None if parsed.problem is None else f"It could not be read: {parsed.problem}."
    stopped = generation.finish_reason == "callback"
    if stopped and watch is not None:
        problem = watch.reason
    # What could not be read is said as text, so that it can be shown again; thoughts are not.
    text = (parsed.content + (parsed.unread if problem else "")).strip()
    if text:
        parts.append(Text(text=text))
    if problem is None:
        parts += [
            ToolCall(id=request.call_id(view, index), name=call.name, arguments=call.arguments)
            for index, call in enumerate(parsed.calls)
        ]
    message = AssistantMessage(
        parts=tuple(parts), artefact=Artefact(origin=origin, raw={"text": generation.text})
    )
    timing = generation.timing
    return Draft(
        message=message,
        finish_reason=_finish_reason(generation, message),
        usage=Usage(
            input_tokens=generation.evaluated_tokens,
            cache_read_tokens=generation.cached_tokens,
            output_tokens=len(generation.tokens),
        ),
        timing=Timing(
            queue_s=round(timing.queue_s, 6),
            first_token_s=round(timing.first_token_s, 6),
            total_s=round(timing.first_token_s + timing.decode_s, 6),
        ),
        served_model=model,
        tokens=token_statistics(
            generation,
            parsed,
            structured=view.output is not None,
            watch=watch if stopped else None,
        ),
        problem=problem,
    )


def token_statistics(
    generation: Generation,
    parsed: ParsedOutput,
    *,
    structured: bool = False,
    watch: TokenWatch | None = None,
) -> TokenStatistics:
    """Per-token figures, with the tokens that name tools, arguments and values marked.

    Args:
        generation: What the engine gave back.
        parsed: The same text, read by the model's dialect.
        structured: The answer is a JSON object. Then each value in it is an `answer` span and the
            keys and punctuation, which its schema settles, are in none; while it is not complete,
            all of it is one span as of any other answer.
        watch: What followed the calls of an output that was stopped, and so cannot be read.
    """
    tokens = generation.tokens
    ends = _ends(tokens)
    spans = [
        _span(ends, kind=span.kind, call=index, start=span.start, end=span.end)
        for index, call in enumerate(parsed.calls)
        for span in call.spans
    ]
    if watch is not None:
        spans = list(watch.spans)
    answer = parsed.content.strip()
    if answer and not parsed.calls and watch is None:
        start = generation.text.rfind(answer)
        if start >= 0:
            parts = [(part.start, part.end) for part in value_spans(answer)] if structured else []
            spans += [
                _span(ends, kind="answer", start=start + first, end=start + last)
                for first, last in parts or [(0, len(answer))]
            ]
    spans += _grammar_spans(tokens)
    return TokenStatistics(
        logprobs=tuple(round(token.logprob, _DECIMALS) for token in tokens),
        runner_up_logprobs=tuple(round(token.runner_up_logprob, _DECIMALS) for token in tokens),
        entropies=tuple(round(token.entropy, _DECIMALS) for token in tokens),
        spans=tuple(spans),
    )


def _finish_reason(generation: Generation, message: AssistantMessage) -> FinishReason:
    match generation.finish_reason:
        case "stop" | "stop_string":
            return "tool_calls" if message.calls else "stop"
        case "length" | "context":
            return "length"
        case "deadline":
            return "deadline"
        case "callback":
            return "stopped"


def _ends(tokens: Sequence[TokenInfo]) -> list[int]:
    """How many characters of text there are after each token.

    A character of several tokens is there with the last of them; bytes that are no UTF-8 count as
    the replacement characters that stand for them in the text.
    """
    decoder = getincrementaldecoder("utf-8")(errors="replace")
    return list(accumulate(len(decoder.decode(token.piece)) for token in tokens))


def _span(
    ends: Sequence[int],
    *,
    kind: Literal["name", "key", "value", "answer"],
    start: int,
    end: int,
    call: int | None = None,
) -> TokenSpan:
    """The tokens that hold the characters from *start* to *end*."""
    first = bisect_right(ends, start)
    # An empty value has no token of its own; the span is then empty as well.
    behind = first if end == start else bisect_right(ends, end - 1) + 1
    behind = min(behind, len(ends))
    return TokenSpan(kind=kind, call=call, start=min(first, behind), end=behind)


def _grammar_spans(tokens: Sequence[TokenInfo]) -> list[TokenSpan]:
    spans: list[TokenSpan] = []
    start: int | None = None
    for index, token in enumerate(tokens):
        if token.under_grammar and start is None:
            start = index
        if not token.under_grammar and start is not None:
            spans.append(TokenSpan(kind="grammar", start=start, end=index))
            start = None
    if start is not None:
        spans.append(TokenSpan(kind="grammar", start=start, end=len(tokens)))
    return spans
