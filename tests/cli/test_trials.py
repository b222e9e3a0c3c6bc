"""One tiny call to a lane."""

from typing import Any

import anyio
from event_loops import run_on

from cascade.backends.scripted import ScriptedBackend
from cascade.cli.trials import Trial, try_lane
from cascade.errors import BackendUnavailable
from cascade.lanes import Lane

LANE = Lane(name="one", backend="scripted", model="m", locality="remote")


def tried(replies: Any) -> Trial:
    """What came of a trial, on a clock that needs no waiting."""

    async def trial() -> Trial:
        return await try_lane(lambda: ScriptedBackend(replies, lane=LANE))

    return run_on("trio", trial)


async def _silent(view: Any, request: Any) -> str:
    del view, request
    await anyio.sleep_forever()
    raise AssertionError("unreachable")


def test_an_answer_whose_price_is_unknown_has_no_cost():
    trial = tried(["OK"])
    assert (trial.ok, trial.cost_usd) == (True, None)
    assert trial.usage.output_tokens > 0


def test_a_lane_that_never_answers_is_given_up():
    trial = tried(_silent)
    assert (trial.ok, trial.failure, trial.detail) == (False, "timeout", "no answer in 60 s")


def test_each_kind_of_failure_comes_with_advice():
    error = BackendUnavailable("no money", backend="scripted", failure="quota")
    trial = tried([error])
    assert (trial.failure, trial.detail) == ("quota", "no money")
    assert "top it up" in str(trial.advice)


def test_a_backend_that_cannot_be_made_is_a_result_too():
    def fail() -> ScriptedBackend:
        raise ImportError("no such library")

    async def trial() -> Trial:
        return await try_lane(fail)

    found = run_on("asyncio", trial)
    assert (found.failure, found.detail) == ("configuration", "no such library")
