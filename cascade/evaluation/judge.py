"""The judgement of one finished trajectory."""

from cascade.errors import ConfigError
from cascade.evaluation.draw import checked_score
from cascade.events import Scored
from cascade.runtime.clock import Clock
from cascade.runtime.result import Result
from cascade.suites import Episode
from cascade.traces.score import append_score

__all__ = ["judge"]


def judge(episode: Episode, result: Result, *, task: str, source: str, clock: Clock) -> Scored:
    """Lets the world judge the run, and adds the judgement to its record where there is one.

    Args:
        episode: The world that the trajectory ran in.
        result: The finished run.
        task: The task's id, for messages.
        source: The suite's name.
        clock: The time of the judgement.

    Raises:
        ConfigError: The world's own `check` failed or returned no usable score.
        TraceError: The record cannot be written.
    """
    try:
        returned: object = episode.check(result.answer)
    except Exception as error:
        message = f"task {task!r}: its `check` raised {type(error).__name__}: {error}"
        raise ConfigError(message) from error
    score = checked_score(returned, task)
    if result.trace is not None:
        return append_score(
            result.trace,
            success=score.success,
            reward=score.reward,
            source=source,
            reason=score.reason,
            at=clock.utc(),
        )
    return Scored(
        seq=result.state.seq + 1,
        at=clock.utc(),
        success=score.success,
        reward=score.reward,
        source=source,
        reason=score.reason,
    )
