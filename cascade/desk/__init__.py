"""A small deterministic office: tools, tasks from routine to hard, an oracle, and a tiny model."""

from cascade.desk.calibrated import calibration
from cascade.desk.oracle import oracle_next
from cascade.desk.policies import policy
from cascade.desk.suite import DeskSuite
from cascade.desk.tasks import DeskTask, make_task
from cascade.desk.world import Office, ToolError

__all__ = [
    "DeskSuite",
    "DeskTask",
    "Office",
    "ToolError",
    "calibration",
    "make_task",
    "oracle_next",
    "policy",
]
