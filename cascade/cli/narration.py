"""Events as lines that a person reads; the same ones live, piped and in `cascade show`."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import exp
from typing import assert_never

from rich.text import Text

from cascade.events import (
    BudgetReached,
    Decided,
    Drafted,
    Event,
    Failed,
    Finished,
    Interrupted,
    Resumed,
    Scored,
    Started,
    ToolFinished,
    ToolStarted,
)
from cascade.exchange import TokenStatistics
from cascade.messages import Reasoning, ToolCall

__all__ = ["Narration", "confidence", "dollars", "one_line", "printable"]

SHORT = 200

_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}") | {
    ord("\n"): "\n",
    ord("\t"): "    ",
    ord("\r"): None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Narration:
    """Turns events into lines.

    Args:
        full: Show every text whole; long ones are shortened otherwise.
    """

    full: bool = False

    def lines(self, event: Event) -> list[Text]:
        """What there is to say about *event*; nothing where the events around it say it all."""
        match event:
            case Started():
                return self._started(event)
            case Drafted():
                return self._drafted(event)
            case Failed():
                line = f"  model call failed on {event.lane}: {event.error}: {event.message}"
                return [Text(self._fit(line), "red")]
            case ToolFinished():
                return self._tool_finished(event)
            case BudgetReached():
                line = f"  limit reached: {event.limit} {event.used} of {event.allowed}"
                return [Text(line, "yellow")]
            case Interrupted():
                return [Text("  interrupted", "yellow")]
            case Resumed():
                return [Text("  resumed", "yellow")]
            case Finished():
                return self._finished(event)
            case Scored():
                verdict = "solved" if event.success else "not solved"
                line = f"{verdict} (reward {event.reward:g}, {event.source}): {event.reason}"
                return [Text(self._fit(line), "green" if event.success else "red")]
            case Decided() | ToolStarted():
                return []
            case _:
                assert_never(event)

    def _started(self, event: Started) -> list[Text]:
        lanes = ", ".join(f"{lane.name} ({lane.backend} {lane.model})" for lane in event.lanes)
        labelled = [
            ("task", event.task.text),
            ("system", event.system or ""),
            ("tools", ", ".join(spec.name for spec in event.tools) or "none"),
            ("lanes", lanes),
            ("seed", str(event.seed)),
        ]
        lines = [Text(event.trajectory_id, "bold")]
        if event.content == "omitted":
            lines.append(Text("recorded without message content", "yellow"))
        return lines + [
            Text.assemble((f"{label:<8}", "dim"), self._fit(text))
            for label, text in labelled
            if text
        ]

    def _drafted(self, event: Drafted) -> list[Text]:
        draft = event.draft
        figures = [f"{draft.usage.output_tokens} tokens", f"{draft.timing.total_s:.2f} s"]
        if draft.timing.total_s > 0:
            figures.append(f"{draft.usage.output_tokens / draft.timing.total_s:.0f} tokens/s")
        sure = confidence(draft.tokens)
        if sure is not None:
            figures.append(f"confidence {sure:.2f}")
        role = "" if event.role == "draft" else f" {event.role}"
        head = Text.assemble(
            (f"step {event.step}", "bold"), (f"  {event.lane}{role} · {' · '.join(figures)}", "dim")
        )
        lines = [head]
        for part in draft.message.parts:
            if isinstance(part, Reasoning):
                lines += self._indented(part.text, "dim italic")
        # The text of a message without calls is the answer, which the end of the trajectory shows.
        if draft.message.calls or not event.accepted:
            lines += self._indented(draft.message.text, "")
        lines += [self._call(call) for call in draft.message.calls]
        if not event.accepted:
            lines.append(Text(self._fit(f"  draft rejected: {event.rejection}"), "yellow"))
        return lines

    def _call(self, call: ToolCall) -> Text:
        arguments = ", ".join(
            f"{name}={json.dumps(value, ensure_ascii=False)}"
            for name, value in call.arguments.items()
        )
        return Text.assemble("  → ", (call.name, "cyan"), self._fit(f"({arguments})"))

    def _tool_finished(self, event: ToolFinished) -> list[Text]:
        mark, style = ("←", "") if event.outcome == "ok" else ("✗", "red")
        text = self._fit(event.result.text)
        name = f"{event.result.name}: "
        took = f"  {event.duration_s:.2f} s"
        return [Text.assemble(f"  {mark} ", (name, "cyan"), (text, style), (took, "dim"))]

    def _finished(self, event: Finished) -> list[Text]:
        completed = event.outcome == "completed"
        head = Text(event.outcome.replace("_", " "), "bold green" if completed else "bold red")
        if event.reason:
            head.append(f": {self._fit(event.reason)}", "not bold")
        answer = (
            []
            if event.answer is None
            else [Text.assemble(("answer  ", "dim"), printable(event.answer))]
        )
        return [head, *answer]

    def _indented(self, text: str, style: str) -> list[Text]:
        return [Text(f"  {line}", style) for line in self._fit(text).splitlines() if line.strip()]

    def _fit(self, text: str) -> str:
        return printable(text) if self.full else one_line(text, SHORT)


def printable(text: str) -> str:
    """The text without control characters: what a model or a tool wrote steers no terminal."""
    return text.translate(_CONTROLS)


def one_line(text: str, most: int) -> str:
    """The text on one line of at most *most* characters."""
    flat = " ".join(printable(text).split(" ")).replace("\n", " ⏎ ")
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def dollars(cost_usd: Decimal | None) -> str:
    """A cost in words; an unknown one says so."""
    if cost_usd is None:
        return "cost unknown"
    return f"${cost_usd.normalize():f}" if cost_usd < 1 else f"${cost_usd:.2f}"


def confidence(tokens: TokenStatistics | None) -> float | None:
    """The least probable token among tool names and arguments, or of the answer without calls.

    Returns:
        A probability, or `None` where the backend had no token statistics.
    """
    if tokens is None:
        return None
    calls = _least(tokens, {"name", "key", "value"})
    return _least(tokens, {"answer"}) if calls is None else calls


def _least(tokens: TokenStatistics, kinds: Iterable[str]) -> float | None:
    chosen = [
        logprob
        for span in tokens.spans
        if span.kind in kinds
        for logprob in tokens.logprobs[span.start : span.end]
    ]
    return exp(min(chosen)) if chosen else None
