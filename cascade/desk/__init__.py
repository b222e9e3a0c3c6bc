"""A small deterministic office: tools, tasks from routine to hard, an oracle, and a tiny model."""

from cascade.desk.oracle import oracle_next
from cascade.desk.suite import DeskSuite
from cascade.desk.tasks import DeskTask, make_task
from cascade.desk.world import Office, ToolError

__all__ = ["DeskSuite", "DeskTask", "Office", "ToolError", "make_task", "oracle_next"]
