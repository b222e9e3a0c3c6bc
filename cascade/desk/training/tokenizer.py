# pyright: basic, reportMissingImports=false
# Reason: `tokenizers` is needed for training only; the checks run without.
"""The tokenizer: byte-level BPE that llama.cpp reads as `gpt2` with the `qwen2` pre-tokenizer."""

from collections.abc import Iterable
from typing import Any

__all__ = ["CONTROL", "MARKS", "build_tokenizer"]

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MARKS = (
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<tools>",
    "</tools>",
)

_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_STRICTER = r"[ _]?[a-z]+|[A-Z][a-z]*|[0-9]|[ \t]+|[\r\n]+|[^A-Za-z0-9\s]+"
"""Merges are learnt within these pieces, so none joins a space or a quote to a capital: a name
is the same tokens wherever it stands, and copying it is plain induction. Every piece lies
within one of qwen2's."""


def build_tokenizer(texts: Iterable[str], size: int) -> Any:
    """Learn a tokenizer of `size` entries from texts; ids of `CONTROL` and `MARKS` come first."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415

    def splitting(pattern: str) -> Any:
        return pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = splitting(_STRICTER)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[*CONTROL, *MARKS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = splitting(_QWEN2)
    return tokenizer
