"""Writes tiny GGUF models with random weights: they load in milliseconds and need no download.

The tokenizer is a real byte-level BPE with ChatML and tool-call tokens; the weights are seeded, and
scaled so that the most likely token stands out (batched and single evaluation differ by rounding).
"""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CHAT_TEMPLATE",
    "SPECIAL_TOKENS",
    "add_llama_shape",
    "add_tokenizer",
    "finish",
    "write_llama",
    "write_mamba",
]

CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
SPECIAL_TOKENS = (
    ("<|endoftext|>", gguf.TokenType.CONTROL),
    ("<|im_start|>", gguf.TokenType.CONTROL),
    ("<|im_end|>", gguf.TokenType.CONTROL),
    ("<tool_call>", gguf.TokenType.USER_DEFINED),
    ("</tool_call>", gguf.TokenType.USER_DEFINED),
)
_SAMPLE = (
    "the order of the customer was shipped to the office and the refund for this order is not "
    "there yet. name arguments status customer order read file message the then that with this"
)

Floats = NDArray[np.float32]


def _byte_alphabet() -> list[str]:
    """The printable character that byte-level BPE writes for each of the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    spelled = {byte: chr(byte) for byte in printable}
    spelled |= {byte: chr(256 + index) for index, byte in enumerate(others)}
    return [spelled[byte] for byte in range(256)]


def _merges(count: int) -> list[tuple[str, str]]:
    """Learn `count` merges from the sample text, the most frequent pair first."""
    space = _byte_alphabet()[ord(" ")]
    words = [[space, *word] for word in _SAMPLE.split()]
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs = Counter(pair for word in words for pair in pairwise(word))
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = [_merged(word, best) for word in words]
    return merges


def _merged(word: list[str], pair: tuple[str, str]) -> list[str]:
    joined: list[str] = []
    for symbol in word:
        if joined and (joined[-1], symbol) == pair:
            joined[-1] += symbol
        else:
            joined.append(symbol)
    return joined


def add_tokenizer(writer: gguf.GGUFWriter, vocabulary: int = 0) -> int:
    """Add the tokenizer and the chat template.

    Args:
        writer: The model's writer.
        vocabulary: Pad the vocabulary of some 320 tokens to this size with unused ones.

    Returns:
        The number of tokens.
    """
    merges = _merges(60)
    plain = [*_byte_alphabet(), *("".join(pair) for pair in merges)]
    padding = max(0, vocabulary - len(plain) - len(SPECIAL_TOKENS))
    plain += [f"<unused{index}>" for index in range(padding)]
    types = [gguf.TokenType.NORMAL] * (len(plain) - padding)
    types += [gguf.TokenType.UNUSED] * padding
    first_special = len(plain)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([*plain, *(text for text, _ in SPECIAL_TOKENS)])
    writer.add_token_types([*types, *(kind for _, kind in SPECIAL_TOKENS)])
    writer.add_token_merges([f"{left} {right}" for left, right in merges])
    writer.add_bos_token_id(first_special)
    writer.add_pad_token_id(first_special)
    writer.add_eos_token_id(first_special + 2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    return first_special + len(SPECIAL_TOKENS)


def add_llama_shape(
    writer: gguf.GGUFWriter,
    *,
    width: int,
    layers: int,
    heads: int,
    key_value_heads: int,
    hidden: int,
    context: int,
) -> None:
    """Add the metadata that a Llama-architecture model is loaded by."""
    writer.add_name("random")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_value_heads)
    writer.add_key_length(width // heads)
    writer.add_value_length(width // heads)
    writer.add_rope_dimension_count(width // heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)


def finish(writer: gguf.GGUFWriter) -> None:
    """Write everything that was added, and close the file."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_llama(
    path: Path,
    *,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    hidden: int = 128,
    vocabulary: int = 0,
    context: int = 512,
    seed: int = 1,
    half: bool = False,
) -> Path:
    """Write a Llama-architecture model with random weights and tied embeddings.

    Args:
        path: The file to write.
        width: Embedding size; a multiple of `heads`.
        layers: Number of blocks.
        heads: Attention heads, all with their own keys and values.
        hidden: Size of the feed-forward layer.
        vocabulary: Pad the vocabulary of some 320 tokens to this size with unused ones.
        context: Trained context length that the file declares.
        seed: Seed of the weights.
        half: Write matrices as 16-bit floats instead of 32-bit.

    Returns:
        The path.
    """
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    add_llama_shape(
        writer,
        width=width,
        layers=layers,
        heads=heads,
        key_value_heads=heads,
        hidden=hidden,
        context=context,
    )
    tokens = add_tokenizer(writer, vocabulary)

    def matrix(name: str, rows: int, columns: int, scale: float) -> None:
        values: Floats = random.normal(0.0, scale, (rows, columns)).astype(np.float32)
        writer.add_tensor(name, values.astype(np.float16) if half else values)

    matrix("token_embd.weight", tokens, width, 1.0)
    writer.add_tensor("output_norm.weight", np.full(width, 0.6, dtype=np.float32))
    for layer in range(layers):
        block = f"blk.{layer}"
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}.{norm}.weight", np.ones(width, dtype=np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"{block}.{name}.weight", width, width, 1.5 / width**0.5)
        matrix(f"{block}.ffn_gate.weight", hidden, width, 1.5 / width**0.5)
        matrix(f"{block}.ffn_up.weight", hidden, width, 1.5 / width**0.5)
        matrix(f"{block}.ffn_down.weight", width, hidden, 1.5 / hidden**0.5)
    finish(writer)
    return path


def write_mamba(
    path: Path, *, width: int = 64, layers: int = 2, context: int = 512, seed: int = 1
) -> Path:
    """Write a Mamba model with random weights: its memory cannot be rolled back.

    Args:
        path: The file to write.
        width: Embedding size; the inner size is twice that.
        layers: Number of blocks.
        context: Trained context length that the file declares.
        seed: Seed of the weights.

    Returns:
        The path.
    """
    random = np.random.default_rng(seed)
    inner, state, rank, kernel = 2 * width, 8, 4, 4
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_name("tiny-mamba")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    tokens = add_tokenizer(writer)

    def normal(name: str, shape: tuple[int, ...], scale: float) -> None:
        writer.add_tensor(name, random.normal(0.0, scale, shape).astype(np.float32))

    normal("token_embd.weight", (tokens, width), 1.0)
    writer.add_tensor("output_norm.weight", np.full(width, 0.6, dtype=np.float32))
    decay: Floats = -np.tile(np.arange(1, state + 1, dtype=np.float32), (inner, 1))
    for layer in range(layers):
        block = f"blk.{layer}"
        writer.add_tensor(f"{block}.attn_norm.weight", np.ones(width, dtype=np.float32))
        normal(f"{block}.ssm_in.weight", (2 * inner, width), 1.5 / width**0.5)
        normal(f"{block}.ssm_conv1d.weight", (inner, kernel), 0.5)
        normal(f"{block}.ssm_conv1d.bias", (inner,), 0.1)
        normal(f"{block}.ssm_x.weight", (rank + 2 * state, inner), 1.0 / inner**0.5)
        normal(f"{block}.ssm_dt.weight", (inner, rank), 0.5)
        normal(f"{block}.ssm_dt.bias", (inner,), 0.1)
        writer.add_tensor(f"{block}.ssm_a", decay)
        writer.add_tensor(f"{block}.ssm_d", np.ones(inner, dtype=np.float32))
        normal(f"{block}.ssm_out.weight", (width, inner), 1.5 / inner**0.5)
    finish(writer)
    return path
