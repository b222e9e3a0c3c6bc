"""Evaluation: a suite's tasks run through a runtime, judged and summed up.

`evaluate` does it, `report` says what comes out, `folder` keeps an evaluation on disk so that it
can be stopped and gone on with, `restore` brings a task's world back for a single resume.
`comparing` sets arms side by side; it is imported by itself, for its numerical library.
"""

from cascade.evaluation.attempt import Attempt, TaskLabel
from cascade.evaluation.evaluate import Evaluation, evaluate
from cascade.evaluation.folder import Plan, new_folder, open_folder, write_summary
from cascade.evaluation.judge import judge
from cascade.evaluation.report import Arm, EvaluationReport
from cascade.evaluation.restore import is_restorable, restore

__all__ = [
    "Arm",
    "Attempt",
    "Evaluation",
    "EvaluationReport",
    "Plan",
    "TaskLabel",
    "evaluate",
    "is_restorable",
    "judge",
    "new_folder",
    "open_folder",
    "restore",
    "write_summary",
]
