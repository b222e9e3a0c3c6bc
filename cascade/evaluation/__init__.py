"""Evaluation: a suite's tasks run through a runtime, judged and summed up.

`evaluate` does it, `report` says what comes out, `comparing` sets arms side by side, `folder` keeps
an evaluation on disk so that it can be stopped and gone on with, `restore` brings a task's world
back for a single resume.
"""

from cascade.evaluation.attempt import Attempt, TaskLabel
from cascade.evaluation.comparing import ArmRuns, PolicyReport, compare_arms
from cascade.evaluation.evaluate import Evaluation, evaluate
from cascade.evaluation.folder import Plan, new_folder, open_folder, write_summary
from cascade.evaluation.judge import judge
from cascade.evaluation.report import Arm, EvaluationReport
from cascade.evaluation.restore import is_restorable, restore

__all__ = [
    "Arm",
    "ArmRuns",
    "Attempt",
    "Evaluation",
    "EvaluationReport",
    "Plan",
    "PolicyReport",
    "TaskLabel",
    "compare_arms",
    "evaluate",
    "is_restorable",
    "judge",
    "new_folder",
    "open_folder",
    "restore",
    "write_summary",
]
