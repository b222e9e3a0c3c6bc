"""Recorded runs of others as prefixes, for the benchmarks of monitors.

Reads the files that are described in the data folder's own README: one line is one run of one
model on one task. What a monitor may not see (success, reward, end, model, later steps) stays in
`RecordedRun` and never gets into a prefix.
"""

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from cascade.exchange import SideEffect, ToolSpec, Usage
from cascade.messages import AssistantMessage, Text, ToolCall, ToolResult, UserMessage
from cascade.monitors.sameness import as_object
from cascade.policy import Budget
from cascade.steps import DoneCall, Prefix, Step

__all__ = ["SUITES", "RecordedRun", "is_for_tuning", "recorded_runs"]

SUITES: Mapping[str, int] = {
    "agentdojo_benign": 15,
    "agentdojo_attack": 15,
    "workbench": 20,
    "mint": 5,
    "mint_gpt4feedback": 5,
    "intercode_bash": 10,
    "gab": 100,
    "swebench_gemini3": 250,
}
"""The suites with the number of steps that each allowed a run, which is its budget here."""

_SHELLS = frozenset({"bash"})
_WRITING = re.compile(
    r"(?:^|[._])(?:add|append|assign|book|cancel|create|delete|execute|forward|invite|pay|post"
    r"|propose|remove|reply|reschedule|reserve|schedule|send|set|share|update|upload|write)(?:_|$)"
)
_TURN_COUNTER = re.compile(
    r"\n?You have \d+ steps? left and \d+ chances? to propose solution left\."
    r"(?:\s*You should take the last step to propose a solution\.)?\s*\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """One run: its steps as monitors see them, and what became of it, which they do not."""

    suite: str
    domain: str
    task_id: str
    model: str
    success: bool
    task: UserMessage
    tools: tuple[ToolSpec, ...]
    steps: tuple[Step, ...]
    watched: int
    """After so many steps monitors are asked: not after a last one that ended the run, by an answer
    or by a call that nothing came back from."""
    spend: tuple[float, ...]
    """Of each step, in USD where it is known and in equal parts where it is not."""

    def prefix(self, count: int) -> Prefix:
        """The run after its first *count* steps."""
        steps = self.steps[:count]
        return Prefix(
            task=self.task,
            tools=self.tools,
            steps=steps,
            step=count + 1,
            budget=Budget(steps=SUITES[self.suite]),
            steps_done=count,
            tokens_used=sum(step.usage.total_tokens for step in steps),
        )

    def spend_after(self, count: int) -> float:
        """The share of its spend that came after its first *count* steps."""
        return sum(self.spend[count:]) / (sum(self.spend) or 1.0)


def is_for_tuning(task_id: str) -> bool:
    """Whether a task belongs to the half that thresholds were chosen on."""
    return sha256(task_id.encode()).digest()[0] % 2 == 0


def recorded_runs(folder: Path, suite: str) -> Iterator[RecordedRun]:
    """All runs of a suite that had any step, in the order of the file.

    Runs that broke down for reasons of their infrastructure are left out.

    Raises:
        FileNotFoundError: The folder does not hold the suite.
    """
    with gzip.open(folder / f"{suite}.jsonl.gz", "rb") as lines:
        for line in lines:
            record = from_json(line)
            if record["steps"] and not str(record["end"]).startswith("infra_error"):
                yield _run(suite, record)


def _run(suite: str, record: Mapping[str, Any]) -> RecordedRun:
    names = {call["name"] for step in record["steps"] for call in step["calls"]}
    tools = {name: _tool(name) for name in sorted(names)}
    costs = [step.get("cost") for step in record["steps"]]
    known = all(cost is not None for cost in costs)
    return RecordedRun(
        suite=suite,
        domain=record["domain"],
        task_id=record["task_id"],
        model=record["model"],
        success=bool(record["success"]),
        task=UserMessage.of(str(record["task"])),
        tools=tuple(tools.values()),
        steps=tuple(
            [_step(number, each, tools) for number, each in enumerate(record["steps"], start=1)]
        ),
        watched=len(record["steps"]) - (1 if _ends(record["steps"][-1]) else 0),
        spend=tuple([float(cost) if known else 1.0 for cost in costs]),
    )


def _ends(step: Mapping[str, Any]) -> bool:
    return not step["calls"] or len(step["obs"]) < len(step["calls"])


def _tool(name: str) -> ToolSpec:
    """What a user would declare of it: whether it writes, and whether it takes shell commands.

    The records hold no schemas. A tool writes if its name has a verb of change in it.
    """
    side_effect: SideEffect = "read"
    properties: dict[str, Any] = {}
    if name in _SHELLS:
        side_effect, properties = "write", {"cmd": {"type": "string", "format": "shell"}}
    elif _WRITING.search(name):
        side_effect = "write"
    return ToolSpec(
        name=name,
        description="",
        parameters={"type": "object", "properties": properties},
        side_effect=side_effect,
    )


def _step(number: int, step: Mapping[str, Any], tools: Mapping[str, ToolSpec]) -> Step:
    observed: Sequence[Mapping[str, Any]] = step["obs"]
    calls: list[DoneCall] = []
    for index, recorded in enumerate(step["calls"]):
        spec = tools[recorded["name"]]
        arguments: Any = recorded["args"]
        call = ToolCall(
            id=f"call_{number}_{index}",
            name=spec.name,
            arguments=dict(as_object(arguments)),
        )
        seen = observed[index] if index < len(observed) else {"content": "", "error": False}
        calls.append(
            DoneCall(call=call, result=_result(call, seen), side_effect=spec.side_effect, spec=spec)
        )
    text = _whole(step["text"])
    parts = (*((Text(text=text),) if text else ()), *[done.call for done in calls])
    return Step(
        number=number,
        lane="recorded",
        message=AssistantMessage(parts=parts),
        calls=tuple(calls),
        usage=Usage(input_tokens=step.get("in_tok") or 0, output_tokens=step.get("out_tok") or 0),
        at_s=float(number),
    )


def _result(call: ToolCall, seen: Mapping[str, Any]) -> ToolResult:
    content = _whole(seen.get("content") or "")
    if "sha" in seen:
        # What was cut is told apart by the hash of the whole.
        content = f"{content}\n[cut: {seen['n']} characters, {seen['sha']}]"
    # A counter of turns is the harness speaking; with it no two results would be the same.
    content = _TURN_COUNTER.sub("", content)
    return ToolResult(
        call_id=call.id,
        name=call.name,
        parts=(Text(text=content),),
        is_error=bool(seen.get("error")),
    )


def _whole(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
