# pyright: basic, reportMissingImports=false
# Reason: torch and tokenizers are needed for training only; the checks run without.
"""Checks that the GGUF file is what was trained: same text, same tokens, same logits."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cascade.desk.families import FAMILIES
from cascade.desk.tasks import make_task
from cascade.desk.training.conversations import Conversation, conversation, render
from cascade.desk.training.network import Decoder
from cascade.desk.training.tokenizer import CONTROL

__all__ = ["verify"]

_ODD_TEXTS = (
    "",
    " ",
    "naïve café",
    "日本語 テスト",
    "🙂 <tool_call>",
    "a\n\n  b\t c",
    "4817 #99,5",
    "Mia's",
)


def verify(decoder: Decoder, tokenizer: Any, path: Path) -> str:
    """Return a line of figures.

    Raises:
        AssertionError: The rendered text or the tokens differ, or fewer than 99 in 100 next tokens
            agree.
    """
    import llama_cpp  # noqa: PLC0415 - heavy, and only needed here
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter  # noqa: PLC0415

    model = llama_cpp.Llama(str(path), n_ctx=2048, n_threads=1, logits_all=True, verbose=False)
    metadata: dict[str, str] = dict(model.metadata or {})
    formatter = Jinja2ChatFormatter(
        template=metadata["tokenizer.chat_template"],
        eos_token=CONTROL[2],
        bos_token=CONTROL[0],
        add_generation_prompt=False,
    )
    agreed, most, count = 0, 0.0, 0
    for made in _samples():
        text = render(made)
        shown: Any = formatter(messages=made.messages, tools=made.tools).prompt  # pyright: ignore[reportArgumentType] - plain dicts
        if shown != text:
            raise AssertionError(
                "llama-cpp-python renders the template otherwise than training does"
            )
        ids = _same_tokens(model, tokenizer, text)
        ours = _logits(decoder, ids)
        model.reset()
        model.eval(ids)
        theirs = np.array(model.scores[: len(ids)])
        agreed += int((ours.argmax(-1) == theirs.argmax(-1)).sum())
        most = max(most, float(np.abs(ours - theirs).max()))
        count += len(ids)
    for text in _ODD_TEXTS:
        _same_tokens(model, tokenizer, text)
    if agreed < 0.99 * count:
        raise AssertionError(f"only {agreed} of {count} next tokens agree with the trained network")
    return f"verified: {agreed} of {count} next tokens agree, logits differ by at most {most:.2f}"


def _samples() -> list[Conversation]:
    rng = random.Random("verify")  # noqa: S311 - seeded samples, not cryptography
    return [conversation(make_task(name, "familiar", 0), rng) for name in FAMILIES]


def _same_tokens(model: Any, tokenizer: Any, text: str) -> list[int]:
    ours: list[int] = tokenizer.encode(text).ids
    theirs: list[int] = model.tokenize(text.encode(), add_bos=False, special=True)
    if ours != theirs:
        raise AssertionError(f"llama.cpp makes other tokens than training of {text!r}")
    return ours


@torch.no_grad()
def _logits(decoder: Decoder, ids: list[int]) -> Any:
    return decoder.logits(decoder.hidden(torch.tensor([ids])))[0].numpy()
