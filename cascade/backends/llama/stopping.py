"""Stops a draft at the first unlikely token of a tool's name or argument, while it is written."""

import math
from codecs import getincrementaldecoder

from cascade.backends.llama.chat import CallWatch, Part
from cascade.backends.llama.engine import TokenInfo
from cascade.exchange import TokenSpan

__all__ = ["TokenWatch"]


class TokenWatch:
    """Listens to the tokens of one generation; true means that it is to stop.

    The engine takes tokens one by one even where it evaluated several guesses at once, and asks
    after each: nothing is chosen after the one at which it stops.

    Args:
        calls: Follows the calls in the output.
        below: The probability under which a token of a name or an argument stops it.
    """

    def __init__(self, calls: CallWatch, below: float) -> None:
        self._calls = calls
        self._below = below
        self._limit = math.log(below) if below > 0 else -math.inf
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")
        self._parts: list[tuple[Part, int] | None] = []
        self._stopped_at: TokenInfo | None = None

    def __call__(self, token: TokenInfo) -> bool:
        """Takes the next token."""
        part = self._calls.feed(self._decoder.decode(token.piece))
        self._parts.append(None if part is None else (part, self._calls.calls - 1))
        if part is None or token.logprob >= self._limit:
            return False
        self._stopped_at = token
        return True

    @property
    def spans(self) -> tuple[TokenSpan, ...]:
        """The tokens so far that belong to names and arguments, the one that stopped it too."""
        spans: list[TokenSpan] = []
        for at, held in enumerate(self._parts):
            if held is None:
                continue
            kind, call = held
            last = spans[-1] if spans else None
            if last is not None and (last.kind, last.call, last.end) == (kind, call, at):
                spans[-1] = last.model_copy(update={"end": at + 1})
            else:
                spans.append(TokenSpan(kind=kind, call=call, start=at, end=at + 1))
        return tuple(spans)

    @property
    def reason(self) -> str | None:
        """Why it was stopped, in words; `None` where it was not."""
        token, held = self._stopped_at, self._parts[-1] if self._parts else None
        if token is None or held is None:
            return None
        text = token.piece.decode("utf-8", errors="replace")
        return (
            f"It was stopped in the {_WORDS[held[0]]} of call {held[1] + 1}: the token {text!r} "
            f"had probability {math.exp(token.logprob):.3f}, below {self._below:g}."
        )


_WORDS: dict[Part, str] = {
    "name": "tool name",
    "key": "argument names",
    "value": "arguments",
}
