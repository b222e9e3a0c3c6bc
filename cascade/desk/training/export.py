# pyright: basic, reportMissingImports=false
# Reason: torch and gguf are needed for training only; the checks run without.
"""The network and its tokenizer as one GGUF file of the architecture `llama`, matrices in F16."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from cascade.desk.training.conversations import chat_template
from cascade.desk.training.network import Decoder, Shape
from cascade.desk.training.tokenizer import CONTROL, MARKS

__all__ = ["export"]


def export(decoder: Decoder, tokenizer_path: Path, path: Path) -> None:
    """Write the GGUF file."""
    import gguf  # noqa: PLC0415 - for training only

    writer = gguf.GGUFWriter(str(path), "llama")
    _describe(writer, decoder.shape, gguf.LlamaFileType.MOSTLY_F16)
    _add_tokenizer(writer, tokenizer_path, gguf.TokenType)
    writer.add_chat_template(chat_template())
    for name, tensor in _tensors(decoder):
        kind = np.float32 if tensor.ndim == 1 else np.float16
        writer.add_tensor(name, tensor.detach().numpy().astype(kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: Any, shape: Shape, file_type: Any) -> None:
    writer.add_name("cascade desk")
    writer.add_description("Tiny model of the desk suite; made by python -m cascade.desk.training.")
    writer.add_license("apache-2.0")
    writer.add_file_type(file_type)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.blocks)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)


def _add_tokenizer(writer: Any, path: Path, token_type: Any) -> None:
    model = json.loads(path.read_text(encoding="utf-8"))["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    kinds = dict.fromkeys(CONTROL, token_type.CONTROL) | dict.fromkeys(
        MARKS, token_type.USER_DEFINED
    )
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([kinds.get(token, token_type.NORMAL) for token in tokens])
    writer.add_token_merges(
        [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    )
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(value=False)


def _tensors(decoder: Decoder) -> list[tuple[str, Tensor]]:
    """Return tensors under llama.cpp's names; tied embeddings need no output matrix."""
    tensors = [
        ("token_embd.weight", decoder.embedding.weight),
        ("output_norm.weight", decoder.norm.weight * decoder.shape.logit_scale),
    ]
    for index, block in enumerate(decoder.blocks):
        parts = {
            "attn_norm": block.attention_norm,
            "attn_q": block.query,
            "attn_k": block.key,
            "attn_v": block.value,
            "attn_output": block.output,
            "ffn_norm": block.feed_norm,
            "ffn_gate": block.gate,
            "ffn_up": block.up,
            "ffn_down": block.down,
        }
        tensors += [(f"blk.{index}.{name}.weight", part.weight) for name, part in parts.items()]
    return tensors
