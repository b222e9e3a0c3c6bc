"""GBNF grammars over tokens: llama.cpp's matcher, with triggers found here.

llama.cpp's own lazy grammars search their patterns in all of the output after every token, and a
token that the grammar refuses ends the process (an exception that crosses ctypes). So the trigger
is sought here, in the newest part of the text and behind the thoughts; the matcher is made when it
appears, and each token is offered before it is accepted.
"""

import ctypes
import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cascade.backends.llama.engine.bindings import llama_library, native_log
from cascade.backends.llama.engine.model import Model
from cascade.backends.llama.engine.requests import Grammar
from cascade.errors import ModelError

__all__ = ["GrammarCache", "GrammarState", "Matcher"]

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
_CACHED_GRAMMARS = 32
_PATTERN_REACH = 256
"""Bytes before the newest token in which a pattern's match may begin."""


class Matcher:
    """One position in a grammar; `clone` it before the first token to use it again."""

    def __init__(self, model: Model, handle: Any) -> None:
        self._lib = llama_library()
        self._model = model
        self._handle = handle
        self._single: NDArray[Any] = np.zeros(1, dtype=_CANDIDATE)
        self._array = _candidate_array(self._lib, self._single)

    @classmethod
    def parse(cls, model: Model, gbnf: str) -> "Matcher":
        """Make a matcher at the start of a grammar.

        Raises:
            ModelError: llama.cpp cannot read the grammar.
        """
        native_log().clear()
        lib = llama_library()
        handle = lib.llama_sampler_init_grammar(model.vocabulary, gbnf.encode(), b"root")
        if not handle:
            raise ModelError(f"llama.cpp cannot read the grammar: {native_log().tail()}\n{gbnf}")
        return cls(model, handle)

    def clone(self) -> "Matcher":
        """Return an independent matcher at the same position."""
        return Matcher(self._model, self._lib.llama_sampler_clone(self._handle))

    def close(self) -> None:
        """Free the C memory."""
        if self._handle:
            self._lib.llama_sampler_free(self._handle)
            self._handle = None

    def allows(self, token: int) -> bool:
        """Whether the token can come next."""
        self._single[0] = (token, 0.0, 0.0)
        self._array.size = 1
        self._lib.llama_sampler_apply(self._handle, ctypes.byref(self._array))
        return bool(self._single["logit"][0] == 0.0)

    def accept(self, token: int) -> bool:
        """Move over the token if it is allowed; say whether it was."""
        if not self.allows(token):
            return False
        self._lib.llama_sampler_accept(self._handle, token)
        return True

    def mask(self, row: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a copy of a row of logits with every token that cannot come next at -inf."""
        candidates: NDArray[Any] = np.zeros(len(row), dtype=_CANDIDATE)
        candidates["id"] = np.arange(len(row))
        candidates["logit"] = row
        array = _candidate_array(self._lib, candidates)
        self._lib.llama_sampler_apply(self._handle, ctypes.byref(array))
        return np.ascontiguousarray(candidates["logit"])


def _candidate_array(lib: Any, candidates: NDArray[Any]) -> Any:
    array = lib.llama_token_data_array()
    array.data = ctypes.cast(candidates.ctypes.data, lib.llama_token_data_p)
    array.size = len(candidates)
    array.selected = -1
    array.sorted = False
    return array


class GrammarCache:
    """Parsed grammars by their text: the steps of an agent use the same one again and again."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._parsed: OrderedDict[str, Matcher] = OrderedDict()

    def matcher(self, gbnf: str) -> Matcher:
        """Return a new matcher at the grammar's start.

        Raises:
            ModelError: llama.cpp cannot read the grammar.
        """
        known = self._parsed.get(gbnf)
        if known is None:
            known = self._parsed[gbnf] = Matcher.parse(self._model, gbnf)
            if len(self._parsed) > _CACHED_GRAMMARS:
                self._parsed.popitem(last=False)[1].close()
        self._parsed.move_to_end(gbnf)
        return known.clone()

    def close(self) -> None:
        """Free all of them."""
        for matcher in self._parsed.values():
            matcher.close()
        self._parsed.clear()


class _Thoughts:
    """Follows an output to the end of the thoughts with which it may begin."""

    def __init__(self, grammar: Grammar) -> None:
        self._start = grammar.thoughts_start.encode()
        self._end = grammar.thoughts_end.encode()
        self._are_open = grammar.thoughts_open and bool(self._end)
        self._may_open = bool(self._start and self._end) and not self._are_open
        self._sought = 0

    def passed(self, output: bytearray) -> int | None:
        """Return the index behind the thoughts, once; 0 outside of them, `None` inside."""
        if self._may_open:
            self._look_for_start(output)
        if not self._are_open:
            return 0
        at = output.find(self._end, self._sought)
        if at < 0:
            self._sought = max(self._sought, len(output) - len(self._end) + 1)
            return None
        self._are_open = False
        return at + len(self._end)

    def _look_for_start(self, output: bytearray) -> None:
        text = output.lstrip()
        if len(text) >= len(self._start):
            self._may_open = False
            self._are_open = text.startswith(self._start)
            self._sought = len(output) - len(text) + len(self._start)


class GrammarState:
    """A request's grammar: waiting for its trigger, or in force from some token on.

    Args:
        grammar: What was asked for.
        cache: Where parsed grammars come from.
        model: For token pieces.

    Raises:
        ModelError: The grammar or one of its trigger patterns cannot be read.
    """

    def __init__(self, grammar: Grammar, cache: GrammarCache, model: Model) -> None:
        self._cache = cache
        self._model = model
        self._gbnf = grammar.gbnf
        self._words = [word.encode() for word in grammar.trigger_words if word]
        self._patterns = [_compiled(pattern) for pattern in grammar.trigger_patterns]
        self._reach = max((len(word) for word in self._words), default=1) - 1
        self._thoughts = _Thoughts(grammar)
        self._output = bytearray()
        self._pieces: list[tuple[int, int]] = []
        self._refused = -1
        self._lazy = grammar.lazy
        self._in_thoughts = grammar.thoughts_open and not grammar.lazy
        self._matcher: Matcher | None = cache.matcher(grammar.gbnf)
        if grammar.lazy:
            self.close()  # it parses: an error belongs to the request's start, not to its middle

    @property
    def in_force(self) -> bool:
        """Whether the next token is constrained; thoughts that it only leads through are free."""
        return self._matcher is not None and not self._in_thoughts

    def allows(self, token: int) -> bool:
        """Whether the token can come next."""
        return self._matcher is None or self._matcher.allows(token)

    def mask(self, row: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a copy of the row with every token that cannot come next at -inf."""
        return row if self._matcher is None else self._matcher.mask(row)

    def accept(self, token: int) -> None:
        """Take a chosen token, which `allows` said can come next."""
        piece = self._model.piece(token)
        if self._matcher is not None:
            self._matcher.accept(token)
            if not self._lazy:
                self._output += piece
                self._in_thoughts = self._thoughts.passed(self._output) is None
            return
        self._pieces.append((len(self._output), token))
        self._output += piece
        answer = self._thoughts.passed(self._output)
        if answer is None:
            return
        self._forget(answer)
        while self._matcher is None and (start := self._trigger(len(piece))) is not None:
            self._engage(start)

    def close(self) -> None:
        """Free the C memory."""
        if self._matcher is not None:
            self._matcher.close()
            self._matcher = None

    def _trigger(self, added: int) -> int | None:
        """Where in the output the constrained text begins, if a trigger is complete."""
        before, least = len(self._output) - added, self._refused + 1
        since = max(least, before - self._reach)
        found = [self._output.find(word, since) for word in self._words]
        since = max(least, before - _PATTERN_REACH)
        for pattern in self._patterns:
            anchored = since and pattern.pattern.startswith((b"^", rb"\A"))
            if anchored and (match := pattern.match(self._output)):
                found.append(_start(match))
            starts = map(_start, pattern.finditer(self._output, since))
            found.append(next((at for at in starts if at >= least), -1))
        return min((at for at in found if at >= least), default=None)

    def _forget(self, count: int) -> None:
        """Drop the output's first bytes, so that an anchored pattern begins behind them."""
        if count:
            del self._output[:count]
            self._pieces = [(at - count, token) for at, token in self._pieces if at >= count]
            self._refused = -1

    def _engage(self, start: int) -> None:
        """Put the grammar in force, moved over the output from `start` on, if that fits it."""
        matcher = self._cache.matcher(self._gbnf)
        if all(matcher.accept(token) for token in self._tokens_from(start)):
            self._matcher = matcher
        else:
            matcher.close()
            self._refused = start

    def _tokens_from(self, start: int) -> Sequence[int]:
        """Tokens that spell the output from a byte on: those generated, where one begins there."""
        tail = [token for at, token in self._pieces if at >= start]
        first = next((at for at, _ in self._pieces if at >= start), len(self._output))
        if first == start:
            return tail
        head = bytes(self._output[start:first]).decode("utf-8", errors="ignore")
        return [*self._model.tokenize(head, special=False), *tail]


def _start(match: re.Match[bytes]) -> int:
    """Where the first group that took part begins, else the match."""
    groups = (match.start(group) for group in range(1, match.re.groups + 1))
    return next((at for at in groups if at >= 0), match.start())


def _compiled(pattern: str) -> re.Pattern[bytes]:
    try:
        return re.compile(pattern.encode())
    except re.error as problem:
        raise ModelError(f"the trigger pattern {pattern!r} cannot be read: {problem}") from problem
