"""Prompt lookup: guesses at the next tokens from what followed the same tokens before.

An agent copies names, ids and the scaffolding of its calls from its context, and what its steps
have in common from earlier steps and from other trajectories. A guess costs a place in the batch;
where it is what the model then chooses, a whole decode is saved. The tokens are those that would
have been chosen without guesses.
"""

from collections.abc import Sequence
from typing import Protocol
from weakref import WeakKeyDictionary

from cascade.backends.llama.engine.costs import DecodeCost, Work, work
from cascade.backends.llama.engine.requests import EngineSettings
from cascade.backends.llama.engine.sequences import Sequence as TokenSequence
from cascade.backends.llama.engine.sequences import Tokens

__all__ = ["Drafting", "Lookup", "Trail"]

_OWN_ORDER = 3
"""Tokens that must recur in a sequence for what followed them to be guessed: short, so that a name
is found again in another setting."""
_SHARED_ORDER = 6
"""The same for what any sequence generated: long, because other trajectories have other names."""
_SURE_BITS = 2
_SURE = (1 << _SURE_BITS) - 1
"""How often in a row the same token followed is counted up to this."""
_MOST_GRAMS = 1 << 16
"""Entries of a table at most; a full one is begun anew."""
_FIRST_RATE = 0.5
_FIRST_WEIGHT = 2
"""Guesses that the first rate counts as."""
_RATE_STEP = 0.03
"""What the latest guess counts once there were many; the first ones are averaged."""
_MARGIN = 1.15
"""A guess must be worth this much more than it costs: estimates have their errors."""


class Drafting(Protocol):
    """A request that is generating, as far as guesses go."""

    sequence: TokenSequence
    trail: "Trail | None"
    drafts: Sequence[int]


class Trail:
    """What a sequence's own tokens let expect, and how far its present request has come.

    An entry of a table is the token that followed an n-gram the last time, shifted by `_SURE_BITS`,
    plus how often in a row it has been the same one.

    Args:
        lookup: The engine's tables and rates.
    """

    def __init__(self, lookup: "Lookup") -> None:
        self._lookup = lookup
        self._own: dict[int, int] = {}
        self._gram = 0
        self._shared_gram = 0
        self._seen = 0
        self._left = 0
        self._guesses: list[tuple[int, int]] = []
        self._checked = 0

    def begin(self, prompt: Tokens, known: int, most_tokens: int) -> None:
        """Take in a request's prompt.

        Args:
            prompt: All its tokens.
            known: How many of them the sequence had when its last request ended.
            most_tokens: Tokens that will be generated at most.
        """
        if len(self._own) > _MOST_GRAMS:
            self._own.clear()
            self._seen = 0
        start = min(known, self._seen)
        bits, mask, own = self._lookup.token_bits, self._lookup.own_mask, self._own
        gram = self._lookup.gram(prompt[max(0, start - _OWN_ORDER) : start])
        for token in prompt[start:].tolist():
            _learn(own, gram, token)
            gram = ((gram << bits) | token) & mask
        self._gram = gram
        self._shared_gram = self._lookup.gram(prompt[-_SHARED_ORDER:])
        self._seen = len(prompt)
        self._left = most_tokens
        self._guesses.clear()

    def add(self, token: int) -> None:
        """Take in a token that was chosen."""
        lookup = self._lookup
        if self._checked < len(self._guesses):
            guess, kind = self._guesses[self._checked]
            lookup.judge(kind, right=guess == token)
            self._checked = self._checked + 1 if guess == token else len(self._guesses)
        _learn(self._own, self._gram, token)
        lookup.learn(self._shared_gram, token)
        self._gram = ((self._gram << lookup.token_bits) | token) & lookup.own_mask
        self._shared_gram = ((self._shared_gram << lookup.token_bits) | token) & lookup.shared_mask
        self._seen += 1
        self._left -= 1

    def guess(self, room: int, sequences: int, seconds: float) -> list[float]:
        """Guess the next tokens as far as that pays, and return how likely each is to be reached.

        Args:
            room: Guesses wanted at most.
            sequences: How many sequences are generating.
            seconds: What a batch of their newest tokens takes that is open to more.
        """
        lookup, cost = self._lookup, self._lookup.cost
        own_gram, shared_gram = self._gram, self._shared_gram
        bits, own_mask, shared_mask = lookup.token_bits, lookup.own_mask, lookup.shared_mask
        expected = float(sequences)
        likely, chances = 1.0, list[float]()
        self._guesses, self._checked = [], 0
        most = min(room, self._left - 1)
        while len(chances) < most:
            token, kind = lookup.find(self._own.get(own_gram), shared_gram)
            if token < 0:
                break
            self._guesses.append((token, kind))
            likely *= lookup.rate(kind)
            # An end is not worth evaluating: nothing follows it.
            if token in lookup.end_tokens or likely * seconds < _MARGIN * cost.token_s * expected:
                break
            chances.append(likely)
            expected += likely
            seconds += cost.token_s
            own_gram = ((own_gram << bits) | token) & own_mask
            shared_gram = ((shared_gram << bits) | token) & shared_mask
        return chances

    def draft(self, count: int) -> list[int]:
        """Return the first guesses, to be put to the test; one more is only watched."""
        del self._guesses[count + 1 :]
        return [token for token, _ in self._guesses[:count]]


class Lookup:
    """What all sequences share: what was generated, how good guesses were, what they cost.

    Args:
        settings: Complete settings.
        vocabulary: Size of the vocabulary.
        end_tokens: Tokens that end a generation.
    """

    def __init__(
        self, settings: EngineSettings, vocabulary: int, end_tokens: frozenset[int]
    ) -> None:
        self.draft_tokens = settings.draft_tokens
        self._rows = settings.draft_rows
        self.end_tokens = end_tokens
        self.cost = DecodeCost()
        self.token_bits = vocabulary.bit_length()
        self.own_mask = (1 << _OWN_ORDER * self.token_bits) - 1
        self.shared_mask = (1 << _SHARED_ORDER * self.token_bits) - 1
        self._unified = settings.kv_unified
        self._shared: dict[int, int] = {}
        self._rates = [_FIRST_RATE] * 2 * (_SURE + 1)
        self._judged = [_FIRST_WEIGHT] * len(self._rates)
        self._paused = False
        self._trails: WeakKeyDictionary[TokenSequence, Trail] = WeakKeyDictionary()

    def trail(self, sequence: TokenSequence) -> Trail | None:
        """Return what is kept for a sequence as long as it lives; `None` if nothing is guessed."""
        if self.draft_tokens == 0:
            return None
        trail = self._trails.get(sequence)
        if trail is None:
            trail = self._trails[sequence] = Trail(self)
        return trail

    def pause(self) -> None:
        """Let the next batch be without drafts."""
        self._paused = True

    def draft(self, runs: Sequence[Drafting]) -> int:
        """Set the drafts of the runs that generate, and return how many there are in all."""
        for run in runs:
            run.drafts = ()
        paused, self._paused = self._paused, False
        room = min(self.draft_tokens, self._rows // max(1, len(runs)))
        if paused or room == 0 or not runs or not self.cost.is_known:
            return 0
        trails = [(run, run.trail) for run in runs if run.trail is not None]
        slots = [run.sequence.slot for run in runs]
        seconds = self.cost.seconds(Work(0, 1, len(slots), len(slots)))
        chances = [trail.guess(room, len(runs), seconds) for _, trail in trails]
        most = max(map(len, chances), default=0)
        if most:
            most = self._best_length(slots, chances, most)
        for (run, trail), chance in zip(trails, chances, strict=True):
            run.drafts = trail.draft(min(most, len(chance)))
        return sum(len(run.drafts) for run in runs)

    def _best_length(
        self, slots: Sequence[int], chances: Sequence[Sequence[float]], most: int
    ) -> int:
        """How many drafts a sequence may have: unequal numbers of them take further passes."""
        lengths = range(0, most + 1, most if len(slots) == 1 else max(1, most // 4))
        best, best_speed = 0, 0.0
        for length in lengths:
            counts = [1 + min(length, len(chance)) for chance in chances]
            expected = len(slots) + sum(sum(chance[:length]) for chance in chances)
            speed = expected / self.cost.seconds(self._work(slots, counts))
            if speed > best_speed * (1 if best else _MARGIN):
                best, best_speed = length, speed
        return best

    def _work(self, slots: Sequence[int], counts: Sequence[int]) -> Work:
        return work(zip(slots, counts, strict=True), unified=self._unified)

    def find(self, own: int | None, shared_gram: int) -> tuple[int, int]:
        """Return a guess and its kind, which is where it is from and how sure; -1 for none."""
        shared = self._shared.get(shared_gram)
        if shared is not None and (own is None or shared & _SURE):
            return shared >> _SURE_BITS, shared & _SURE
        if own is None:
            return -1, 0
        return own >> _SURE_BITS, _SURE + 1 + (own & _SURE)

    def rate(self, kind: int) -> float:
        """Return the share of the latest guesses of this kind that were right."""
        return self._rates[kind]

    def judge(self, kind: int, *, right: bool) -> None:
        """Count a guess."""
        self._judged[kind] += 1
        step = max(_RATE_STEP, 1 / self._judged[kind])
        self._rates[kind] += step * (right - self._rates[kind])

    def learn(self, gram: int, token: int) -> None:
        """Keep for all sequences what followed."""
        if len(self._shared) >= _MOST_GRAMS:
            self._shared.clear()
        _learn(self._shared, gram, token)

    def gram(self, tokens: Tokens) -> int:
        """Return some tokens as one number."""
        number = 0
        for token in tokens.tolist():
            number = (number << self.token_bits) | token
        return number


def _learn(table: dict[int, int], gram: int, token: int) -> None:
    known = table.get(gram, -1)
    if known >> _SURE_BITS != token:
        table[gram] = token << _SURE_BITS
    elif known & _SURE < _SURE:
        table[gram] = known + 1
