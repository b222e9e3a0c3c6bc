"""What the engine's tests ask with."""

from collections.abc import Sequence

from cascade.backends.llama.engine import (
    Engine,
    GenerateRequest,
    Generation,
    Grammar,
    OnToken,
    Sampling,
)

__all__ = ["ask", "prompt_of"]


def prompt_of(engine: Engine, text: str) -> list[int]:
    """Return the tokens of a user turn."""
    return engine.tokenize(f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n")


async def ask(
    engine: Engine,
    prompt: Sequence[int],
    *,
    key: str = "key",
    max_tokens: int = 8,
    sampling: Sampling | None = None,
    grammar: Grammar | None = None,
    on_token: OnToken | None = None,
    deadline: float | None = None,
) -> Generation:
    """Generate with the engine."""
    return await engine.generate(
        GenerateRequest(
            key=key,
            prompt=prompt,
            max_tokens=max_tokens,
            sampling=sampling or Sampling(),
            grammar=grammar,
            on_token=on_token,
            deadline=deadline,
        )
    )
