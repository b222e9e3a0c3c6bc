"""A plain greedy tool loop over llama.cpp, to look at a freshly trained model.

Deliberately apart from the runtime's engine: it checks the file with the least machinery. One
sequence, the longest common prefix kept, log-probability of every chosen token.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cascade.desk.calls import Call, Exchange, Step
from cascade.desk.oracle import step_is_right
from cascade.desk.tasks import SYSTEM, DeskTask, reply_of
from cascade.desk.training.conversations import Conversation, render, tool_schemas
from cascade.desk.world import TOOL_EFFECTS, Office

__all__ = ["Player", "Run", "Stepped", "call_in", "play"]

_CALL = re.compile(r"<tool_call>\s*(\{.*\})\s*</tool_call>", re.DOTALL)
_NAME_OR_VALUE = re.compile(r'"name": "([^"]+)"|: "((?:[^"\\]|\\.)*)"|: (-?\d[\d.]*)')
_LONGEST_STEP = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """One step that was played.

    Attributes:
        text: What the model wrote.
        confidence: Smallest probability of a token of the tool name or an argument value, or of the
            answer.
        is_right: Whether it brought the task closer to success.
        was_clean: Whether every step before it was right.
    """

    text: str
    confidence: float
    is_right: bool
    was_clean: bool


@dataclass(slots=True, kw_only=True)
class Run:
    """One task that was played.

    Attributes:
        task: The task.
        steps: The steps taken.
        success: Whether it was solved.
        looped: Whether it ended because one call was made three times.
        reason: Why it was not solved.
    """

    task: DeskTask
    steps: list[Stepped] = field(default_factory=list[Stepped])
    success: bool = False
    looped: bool = False
    reason: str = "too many steps"


class Player:
    """A GGUF file, loaded, with the tokens of its last prompt kept."""

    def __init__(self, path: Path) -> None:
        import llama_cpp  # noqa: PLC0415 - heavy, and only needed here

        self._model = llama_cpp.Llama(
            str(path), n_ctx=2048, n_threads=1, n_threads_batch=1, verbose=False
        )
        self._context: Any = vars(self._model)["_ctx"]
        self._kept: list[int] = []
        self._end: int = self._model.token_eos()

    def close(self) -> None:
        """Free the model."""
        self._model.close()

    def metadata(self) -> dict[str, str]:
        """Return what the file says of itself."""
        return dict(self._model.metadata)

    def generate(self, prompt: str) -> tuple[str, list[tuple[str, float]]]:
        """Return the greedy continuation, and its tokens with their log-probabilities."""
        tokens = self._model.tokenize(prompt.encode(), add_bos=False, special=True)
        self._rewind(tokens)
        pieces: list[tuple[str, float]] = []
        pending = tokens[self._model.n_tokens :]
        while len(pieces) < _LONGEST_STEP and self._model.n_tokens + len(pending) < 2040:
            self._model.eval(pending)
            token, log_probability = self._best()
            text = self._model.detokenize([token], special=True).decode(errors="replace")
            pieces.append((text, log_probability))
            if token == self._end:
                break
            pending = [token]
        self._kept = self._model.input_ids[: self._model.n_tokens].tolist()
        return "".join(text for text, _ in pieces).removesuffix("<|im_end|>"), pieces

    def _rewind(self, tokens: list[int]) -> None:
        pairs = enumerate(zip(self._kept, tokens[:-1], strict=False))
        common = next((at for at, (old, new) in pairs if old != new), None)
        keep = min(len(self._kept), len(tokens) - 1) if common is None else common
        # The public API can neither shorten the cache nor give scores without `logits_all`.
        self._context.kv_cache_seq_rm(-1, keep, -1)
        self._model.n_tokens = keep

    def _best(self) -> tuple[int, float]:
        logits: Any = np.ctypeslib.as_array(
            self._context.get_logits_ith(-1), shape=(self._model.n_vocab(),)
        )
        best = int(logits.argmax())
        return best, -float(np.log(np.exp(logits - logits[best]).sum()))


def play(player: Player, task: DeskTask, *, most_steps: int = 30) -> Run:
    """Play one task to its end."""
    made = Conversation(tools=tool_schemas(list(TOOL_EFFECTS)))
    made.messages += [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": task.prompt},
    ]
    office, history, run = Office(task.records), list[Exchange](), Run(task=task)
    while len(run.steps) < most_steps:
        text, pieces = player.generate(render(made, add_generation_prompt=True))
        call = call_in(text)
        step = Step(answer=text) if call is None else Step(call=call)
        run.steps.append(_stepped(run, history, step, text, pieces))
        if call is None:
            score = task.verdict(office, text)
            run.success, run.reason = score.success, score.reason
            return run
        reply = reply_of(office, call)
        history.append(Exchange(call=call, reply=reply))
        made.add_call(call, reply)
        same = sum(x.call.key == call.key and not x.reply.is_transient for x in history)
        if same >= 3:
            run.looped, run.reason = True, f"{call.key} was called three times"
            return run
    return run


def call_in(text: str) -> Call | None:
    """Return the tool call in a text, or `None` if there is none that parses."""
    match = _CALL.search(text)
    if match is None:
        return None
    try:
        parsed = json.loads(match.group(1))
        return Call(name=str(parsed["name"]), arguments=dict(parsed["arguments"]))
    except (ValueError, KeyError, TypeError):
        return None


def _stepped(
    run: Run, history: list[Exchange], step: Step, text: str, pieces: list[tuple[str, float]]
) -> Stepped:
    return Stepped(
        text=text,
        confidence=_confidence(text, pieces),
        is_right=step_is_right(run.task, history, step),
        was_clean=all(earlier.is_right for earlier in run.steps),
    )


def _confidence(text: str, pieces: list[tuple[str, float]]) -> float:
    spans = [match.span(index) for match in _NAME_OR_VALUE.finditer(text) for index in (1, 2, 3)]
    inside = [span for span in spans if span[0] >= 0] if _CALL.search(text) else [(0, len(text))]
    # The first token decides between a call and an answer, so it always counts.
    lowest, at = pieces[0][1], 0
    for piece, log_probability in pieces:
        # One character past a value is where it is decided that the value ends.
        if any(at < stop + 1 and at + len(piece) > start for start, stop in inside):
            lowest = min(lowest, log_probability)
        at += len(piece)
    return float(np.exp(lowest))
