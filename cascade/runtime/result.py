"""What a run gives back."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel

from cascade.errors import TraceError
from cascade.events import Outcome
from cascade.exchange import Usage
from cascade.runtime.structured import parsed
from cascade.state import State

__all__ = ["Result"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished trajectory."""

    trajectory_id: str
    outcome: Outcome
    reason: str
    """In words, where there is something to add to the outcome."""
    answer: str | None
    """The final answer; where the run was cut short, the last thing the model said, if any."""
    parsed: BaseModel | None
    """The answer as the `response_format` that was asked for; `None` where none was, or where the
    trajectory was not completed."""
    steps: int
    tool_calls: int
    usage: Usage
    cost_usd: Decimal | None
    """US dollars; `None` where the price of a model call is not known."""
    elapsed_s: float
    state: State
    """Everything else: the transcript, the ledger by lane and cause."""
    trace: Path | None
    """The recorded trajectory, where one was recorded."""

    @classmethod
    def of(
        cls, state: State, trace: Path | None, response_format: type[BaseModel] | None = None
    ) -> "Result":
        """The result of a trajectory that is over.

        Raises:
            TraceError: It is not over.
        """
        finished = state.finished
        if finished is None:
            raise TraceError("the trajectory is not finished; resume it first", path=trace)
        instance: BaseModel | None = None
        if response_format is not None and finished.outcome == "completed":
            instance = parsed(response_format, finished.answer or "")
        return cls(
            trajectory_id=state.head().trajectory_id,
            outcome=finished.outcome,
            reason=finished.reason,
            answer=finished.answer,
            parsed=instance,
            steps=state.steps_done,
            tool_calls=state.tool_calls,
            usage=state.ledger.total.usage,
            cost_usd=state.ledger.total.cost_usd,
            elapsed_s=state.elapsed_s,
            state=state,
            trace=trace,
        )
