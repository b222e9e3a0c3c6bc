"""The schema gate: a draft's calls name known tools, and their arguments fit."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from cascade.exchange import Draft, ToolSpec
from cascade.gates.json_schema import misfits
from cascade.lanes import Lane
from cascade.messages import ToolCall
from cascade.steps import Prefix
from cascade.verdicts import Verdict

__all__ = ["SchemaGate"]


class SchemaGate:
    """Refuses calls that no tool would take, in words that the model can act on.

    It is as forgiving as the tools' own reading of their arguments. What a tool refuses beyond its
    schema is its own business, and comes back as its result.
    """

    name = "schema"

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:  # noqa: ARG002 - the protocol's
        """What is wrong with the calls of the draft."""
        calls = draft.message.calls
        if not calls:
            return Verdict(gate=self.name, passed=True, reason="no calls to check")
        tools = {tool.name: tool for tool in prefix.tools}
        problems = [problem for call in calls for problem in _problems(call, tools)]
        if problems:
            return Verdict(gate=self.name, passed=False, reason=" ".join(problems), p_fail=1.0)
        checked = ", ".join(call.name for call in calls)
        return Verdict(gate=self.name, passed=True, reason=f"{checked}: the arguments fit")


def _problems(call: ToolCall, tools: Mapping[str, ToolSpec]) -> Iterator[str]:
    tool = tools.get(call.name)
    if tool is None:
        yield f"There is no tool {call.name!r}{_meant(call.name, tools)}."
        return
    found = misfits(tool.parameters, call.arguments)
    if found:
        yield f"The call of {call.name} does not fit: {'; '.join(found)}."


def _meant(name: str, tools: Mapping[str, ToolSpec]) -> str:
    by_folded = {known.casefold(): known for known in tools}
    close = get_close_matches(name.casefold(), by_folded, n=1)
    known = f"the tools are: {', '.join(tools) or 'none'}"
    return f": did you mean {by_folded[close[0]]!r}? Or else {known}" if close else f"; {known}"
