"""The bundled model's calibration: of that very model, and worth something on unseen wordings."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest

import cascade.desk
from cascade.backends.llama.backend import LlamaBackend
from cascade.desk import DeskSuite, calibration
from cascade.evaluation.desk_calibration import DESK_LANE, fitted, main, rows_of
from cascade.evaluation.desk_steps import Play, play, play_all
from cascade.gates.confidence import ConfidenceGate, p_fail
from cascade.gates.fitting import auroc
from cascade.lanes import Lane
from cascade.policy.gating import Calibration, ConfidenceSettings

MODEL = Path(cascade.desk.__file__).with_name("desk.gguf")


@asynccontextmanager
async def opened() -> AsyncGenerator[tuple[LlamaBackend, Lane]]:
    backend = LlamaBackend(DESK_LANE)
    try:
        yield backend, await backend.open()
    finally:
        await backend.aclose()


def test_it_knows_the_bundled_file_by_its_digest() -> None:
    assert calibration().model == sha256(MODEL.read_bytes()).hexdigest()


def test_what_it_was_fitted_on_holds_nothing_of_the_evaluation() -> None:
    assert "familiar" in calibration().fitted_on
    assert not any(split in calibration().fitted_on for split in ("evaluation", "wording"))


def test_doubt_counts_against_a_step() -> None:
    sure = {"call.is": 1.0, "call.doubt": -4.0}
    assert p_fail(calibration(), sure) < p_fail(calibration(), {**sure, "call.doubt": 0.0})


@pytest.mark.asyncio
async def test_an_open_lane_is_judged_with_the_calibration_of_its_file() -> None:
    [task] = DeskSuite(split="familiar", families=("status",)).tasks(1, seed=5)
    async with opened() as (backend, lane):
        played = await play(backend, task)
    gate = ConfidenceGate(ConfidenceSettings(calibration=calibration()))
    verdicts = [gate.judge(step.prefix, step.draft, lane) for step in played.steps]
    assert played.success
    assert {verdict.calibration for verdict in verdicts} == {calibration().name}
    assert verdicts[0].basis == "grammar"
    assert verdicts[-1].basis == "free"
    assert set(verdicts[0].features) <= set(calibration().weights)


@pytest.mark.asyncio
async def test_guided_by_the_oracle_every_task_ends_well_and_wrong_steps_stay_labelled() -> None:
    tasks = DeskSuite(split="familiar", families=("loyalty", "refund")).tasks(6, seed=5)
    async with opened() as (backend, _):
        alone = await play_all(backend, tasks)
        guided = await play_all(backend, tasks, guided=True)
        stopped = await play_all(backend, tasks, guided=True, stop_below=0.9)
    assert all(each.success for each in guided)
    assert {step.standing for each in guided for step in each.steps} == {"clean"}
    wrong = [step for each in guided for step in each.steps if step.was_wrong]
    assert wrong
    assert not all(each.success for each in alone)
    # A play that failed has a wrong step, and one without has not failed.
    assert all(any(step.was_wrong for step in each.steps) != each.success for each in alone)
    assert all(each.success for each in stopped)
    assert written(stopped) < written(guided)


@pytest.mark.asyncio
async def test_a_model_that_may_ask_is_answered_and_its_questions_have_no_label() -> None:
    tasks = DeskSuite(split="familiar", families=("loyalty",)).tasks(4, seed=5)
    async with opened() as (backend, _):
        plays = await play_all(backend, tasks, guided=True, asking=True)
    steps = [step for each in plays for step in each.steps]
    done = [one for step in steps for before in step.prefix.steps for one in before.calls]
    advice = [one.result.text for one in done if one.call.name == "ask_expert"]
    assert advice
    assert all(text.startswith(("Call ", "Answer: ")) for text in advice)
    assert "ask_expert" not in {call.name for step in steps for call in step.draft.message.calls}
    assert all(each.success for each in plays)


def written(plays: list[Play]) -> int:
    return sum(step.draft.usage.output_tokens for each in plays for step in each.steps)


@pytest.mark.slow
@pytest.mark.asyncio
async def test_on_unseen_names_and_wordings_it_tells_wrong_steps_from_right_ones() -> None:
    async with opened() as (backend, lane):
        plays = await play_all(backend, DeskSuite().tasks(56, seed=11))
    steps = [step for each in plays for step in each.steps if step.standing != "lost"]
    scored = [(p_fail(calibration(), found), wrong) for found, wrong in rows_of(steps)]
    assert auroc(scored) > 0.88  # 0.94 on five times as many: see benchmarks/desk_confidence.py
    refitted = fitted(plays, model=lane.model_digest or "", fitted_on="a few tasks")
    again = [(p_fail(refitted, found), wrong) for found, wrong in rows_of(steps)]
    assert auroc(again) > 0.9


@pytest.mark.slow
def test_the_command_writes_a_calibration_of_the_bundled_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "calibration.json"
    main(["--tasks", "14", "--seed", "40", "--write", str(path)])
    made = Calibration.model_validate_json(path.read_text(encoding="utf-8"))
    assert made.model == calibration().model
    assert "14 tasks of seed 40 alone" in made.fitted_on
    assert made.knots
    assert f"written: {path}" in capsys.readouterr().out
