"""The engine's front: asks of any event loop, answers of one thread."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from cascade.backends.llama.engine.jobs import Job
from cascade.backends.llama.engine.model import Model
from cascade.backends.llama.engine.requests import EngineSettings, GenerateRequest, Generation
from cascade.backends.llama.engine.settings import complete_settings, require_memory
from cascade.backends.llama.engine.statistics import EngineStatistics
from cascade.backends.llama.engine.streaming import TokenStream
from cascade.backends.llama.engine.worker import Worker

__all__ = ["Engine"]


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
        require_memory(self.settings, model)
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
