"""A request that has its place in the context: how far its prompt is, and what it generated."""

import time
from collections.abc import Sequence as Series

import numpy as np
from numpy.typing import NDArray

from cascade.backends.llama.engine.grammar import GrammarCache, GrammarState
from cascade.backends.llama.engine.jobs import Job
from cascade.backends.llama.engine.lookup import Trail
from cascade.backends.llama.engine.memory import Claim
from cascade.backends.llama.engine.model import Model
from cascade.backends.llama.engine.requests import FinishReason, Generation, Timing, TokenInfo
from cascade.backends.llama.engine.sampling import Chooser, Rows
from cascade.backends.llama.engine.sequences import Sequence, Tokens
from cascade.backends.llama.engine.text import TextAssembler

__all__ = ["Run"]


class Run:
    """A request in progress.

    Attributes:
        job: The request.
        sequence: The tokens in memory; while the prompt is evaluated, a prefix of it.
        pending: The newest token, which is not in memory yet; -1 while there is none.
        cuts: Prompt lengths at which the sequence's state is to be saved for others.
        trail: What its next tokens are guessed from; `None` if nothing is guessed.
        drafts: Guesses that are evaluated after the pending token in the present batch.
        accepted: How many of them were then chosen.

    Args:
        job: The request.
        claim: Its sequence and what of its prompt is in memory.
        model: For token texts.
        grammars: Where parsed grammars come from.

    Raises:
        ModelError: The request's grammar cannot be read.
    """

    def __init__(self, job: Job, claim: Claim, model: Model, grammars: GrammarCache) -> None:
        request = job.request
        self.job = job
        self.claim = claim
        self.sequence: Sequence = claim.sequence
        self.prompt: Tokens = job.prompt
        self.cuts: set[int] = set(claim.cuts)
        self.pending = -1
        self.trail: Trail | None = None
        self.drafts: Series[int] = ()
        self.accepted = 0
        self.tokens: list[TokenInfo] = []
        self.finish_reason: FinishReason | None = None
        self._model = model
        self._chooser = Chooser(request.sampling) if Chooser.needed(request.sampling) else None
        self._grammar = (
            None if request.grammar is None else GrammarState(request.grammar, grammars, model)
        )
        self._plain = self._chooser is None and self._grammar is None
        stop = request.sampling.stop
        self._text = TextAssembler(stop) if stop or job.on_text is not None else None
        self.started_at = time.perf_counter()
        self.first_token_at = 0.0

    @property
    def is_generating(self) -> bool:
        """Whether the prompt is done and tokens are being chosen."""
        return self.pending >= 0

    @property
    def next_cut(self) -> int:
        """The prompt length up to which the next chunk may go."""
        ahead = [cut for cut in self.cuts if cut > self.sequence.length]
        return min(ahead, default=len(self.prompt))

    def take(self, rows: Rows, first: int, logits: NDArray[np.float32], room: int) -> None:
        """Choose the next token, and one more for each draft that was right.

        Sets `accepted`, and `finish_reason` if the last token was chosen. The sequence then holds
        what stays in memory; refused drafts come after it.

        Args:
            rows: Figures of the batch's rows of logits.
            first: The run's first row.
            logits: All rows.
            room: Tokens that the sequence can hold.
        """
        self.accepted = 0
        if self.is_generating:
            self.sequence.append(self.pending)
        while True:
            row = first + self.accepted
            self._take_row(rows, row, logits[row])
            if self.finish_reason is None and self.sequence.length + 1 >= room:
                self.finish_reason = "context"
            if (
                self.accepted == len(self.drafts)
                or self.pending != self.drafts[self.accepted]
                or self.finish_reason is not None
                or self.job.is_unwanted
            ):
                return
            self.sequence.append(self.pending)
            self.accepted += 1

    def _take_row(self, rows: Rows, index: int, row: NDArray[np.float32]) -> None:
        best = rows.best[index]
        token, constrained = (best, False) if self._plain else self._choose(best, row)
        normaliser = rows.log_normaliser[index]
        if token == best:
            logit, other, other_logit = (
                rows.best_logit[index],
                rows.second[index],
                rows.second_logit[index],
            )
        else:
            logit, other, other_logit = float(row[token]), best, rows.best_logit[index]
        info = TokenInfo(
            token,
            self._model.piece(token),
            logit - normaliser,
            other,
            other_logit - normaliser,
            rows.entropy[index],
            constrained,
        )
        if not self.tokens:
            self.first_token_at = time.perf_counter()
        self.tokens.append(info)
        self.pending = token
        if self.trail is not None:
            self.trail.add(token)
        self.finish_reason = self._after(info)

    def _choose(self, best: int, row: NDArray[np.float32]) -> tuple[int, bool]:
        """The token, and whether a grammar was in force: the row is masked only if it must be."""
        grammar, chooser = self._grammar, self._chooser
        adjusted = row if chooser is None else chooser.adjust(row, self.sequence.tokens)
        token = best if chooser is None else chooser.choose(adjusted)
        if grammar is None:
            return token, False
        constrained = grammar.in_force
        if not grammar.allows(token):
            masked = grammar.mask(adjusted)
            token = int(masked.argmax()) if chooser is None else chooser.choose(masked)
        return token, constrained

    def _after(self, info: TokenInfo) -> FinishReason | None:
        """What the token means for the rest: a reason to stop, or `None`."""
        request = self.job.request
        if request.on_token is not None and request.on_token(info):
            return "callback"
        if info.id in self._model.end_tokens:
            return "stop"
        if self._grammar is not None:
            self._grammar.accept(info.id)
        if self._text is not None:
            given = self._text.feed(info.piece)
            if self.job.on_text is not None:
                self.job.on_text(given, info)
            if self._text.stopped:
                return "stop_string"
        return "length" if len(self.tokens) >= request.max_tokens else None

    def close(self) -> None:
        """Free what the request holds in C."""
        if self._grammar is not None:
            self._grammar.close()

    def generation(self, reason: FinishReason) -> Generation:
        """Return the answer."""
        now = time.perf_counter()
        first = self.first_token_at or now
        submitted = self.job.submitted_at
        claim = self.claim
        return Generation(
            tokens=tuple(self.tokens),
            text=self._whole_text(reason),
            finish_reason=reason,
            prompt_tokens=len(self.prompt),
            cached_tokens=claim.cached,
            evaluated_tokens=max(0, min(self.sequence.length, len(self.prompt)) - claim.cached),
            shared_tokens=claim.shared,
            restored=claim.restored,
            recomputed_tokens=claim.recomputed,
            timing=Timing(
                queue_s=self.started_at - submitted,
                prefill_s=first - self.started_at,
                decode_s=now - first,
            ),
        )

    def _whole_text(self, reason: FinishReason) -> str:
        if self._text is not None:
            tail = self._text.finish()
            if tail and self.job.on_text is not None:
                self.job.on_text(tail, self.tokens[-1])
            return self._text.text
        shown = self.tokens[:-1] if reason == "stop" else self.tokens
        return b"".join(token.piece for token in shown).decode("utf-8", errors="replace")
