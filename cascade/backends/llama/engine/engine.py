"""The engine's front: asks of any event loop, answers of one thread."""

import os
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from cascade.backends.llama.engine.jobs import Job
from cascade.backends.llama.engine.model import Model
from cascade.backends.llama.engine.requests import EngineSettings, GenerateRequest, Generation
from cascade.backends.llama.engine.statistics import EngineStatistics
from cascade.backends.llama.engine.streaming import TokenStream
from cascade.backends.llama.engine.worker import Worker
from cascade.errors import ConfigError

__all__ = ["Engine", "complete_settings"]

_LONGEST_DEFAULT = 8192
_MOST_SEQUENCES = 256
_VALUE_BYTES = {"f32": 4.0, "f16": 2.0, "q8_0": 34 / 32}
_TINY_PARAMETERS = 20_000_000


class Engine:
    """Generates for many sequences at once on one loaded model.

    It knows tokens, not messages. All methods can be called from any thread; `generate` and
    `stream` from any asyncio or trio event loop, also from several.

    Args:
        model: The loaded model. It must outlive the engine.
        settings: How to make the context.

    Raises:
        ConfigError: Settings that contradict each other.
        ModelError: The context cannot be made.
    """

    def __init__(self, model: Model, settings: EngineSettings | None = None) -> None:
        self.model = model
        self.settings = complete_settings(settings or EngineSettings(), model)
        self._worker = Worker(model, self.settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the thread and free the context; requests in progress fail. May be called again."""
        self._worker.close()

    @property
    def context_tokens(self) -> int:
        """How many tokens a sequence can hold, prompt and answer together."""
        return self._worker.sequence_tokens

    def tokenize(self, text: str, *, special: bool = True, add_bos: bool = False) -> list[int]:
        """Return the tokens of a text; see `Model.tokenize`."""
        return self.model.tokenize(text, special=special, add_bos=add_bos)

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, names of special tokens included."""
        return self.model.detokenize(tokens)

    async def generate(self, request: GenerateRequest) -> Generation:
        """Generate, and return the answer when it is complete.

        Cancelling takes effect within one decode: what was generated leaves the sequence's memory,
        the part of the prompt that was evaluated stays in it.

        Raises:
            ModelError: The prompt can never fit, or its grammar cannot be read.
            BackendUnavailable: The engine is closed, or its thread failed.
        """
        job = Job(request)
        self._worker.submit(job)
        try:
            await job.finished.wait()
        finally:
            if not job.is_over:
                self._worker.cancel(job)
        return job.result()

    def stream(self, request: GenerateRequest) -> TokenStream:
        """Return the generation as an async iterator, to be entered with `async with`."""
        return TokenStream(request, submit=self._worker.submit, cancel=self._worker.cancel)

    def release(self, key: str) -> None:
        """Forget a sequence that is over; it may lend its prefix until room is short."""
        self._worker.release(key)

    def statistics(self) -> EngineStatistics:
        """Return totals since the engine was made."""
        return self._worker.statistics()


def complete_settings(settings: EngineSettings, model: Model) -> EngineSettings:
    """Return settings with every open choice made from the model and the machine.

    Raises:
        ConfigError: A setting is negative, or too large for llama.cpp.
    """
    numbers = (
        settings.context_tokens,
        settings.sequences,
        settings.threads,
        settings.threads_batch,
        settings.kv_tokens,
        settings.cache_bytes,
    )
    if min(numbers) < 0 or settings.batch_tokens < 1:
        raise ConfigError(
            f"engine settings must not be negative, batch_tokens at least 1: {settings}"
        )
    if settings.sequences > _MOST_SEQUENCES:
        raise ConfigError(
            f"sequences = {settings.sequences}: llama.cpp holds at most {_MOST_SEQUENCES}"
        )
    context = settings.context_tokens or min(model.trained_context or 2048, _LONGEST_DEFAULT)
    sequences = settings.sequences or _affordable(settings, model, context)
    threads = settings.threads or _threads(model)
    return replace(
        settings,
        context_tokens=context,
        sequences=sequences,
        batch_tokens=max(settings.batch_tokens, sequences + 32),
        threads=threads,
        threads_batch=settings.threads_batch or threads,
        kv_tokens=settings.kv_tokens or sequences * context,
    )


def _affordable(settings: EngineSettings, model: Model, context: int) -> int:
    """16 sequences, or as many as fit in a quarter of the machine's memory."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # no such figure on this system
        memory = 8 << 30
    one = model.cell_values * _VALUE_BYTES[settings.kv_type] * context
    return int(max(1, min(16, memory / 4 // max(1.0, one))))


def _threads(model: Model) -> int:
    """The usable cores, half of many (they are mostly pairs of one core); one for a tiny model."""
    if model.parameters < _TINY_PARAMETERS:
        return 1
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        cores = os.cpu_count() or 1
    return cores if cores <= 4 else cores // 2
