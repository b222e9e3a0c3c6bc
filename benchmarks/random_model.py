"""Writes a Llama-architecture GGUF of 0.1 to 0.5 B random parameters: for speed figures.

    python benchmarks/random_model.py CACHE/random-0.1b.gguf
    python benchmarks/random_model.py CACHE/random-0.5b.gguf --size large

The tokenizer is that of `tests/tiny_gguf.py`, padded. What the model says is noise.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import tiny_gguf

__all__ = ["SIZES", "Shape", "main", "write_random_model"]

_BLOCK = 32
"""Weights that share one scale in Q8_0 and Q4_0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes that fix a Llama model's number of parameters."""

    width: int
    layers: int
    heads: int
    key_value_heads: int
    hidden: int
    vocabulary: int

    @property
    def parameters(self) -> int:
        """Number of weights, embeddings tied."""
        key_value = self.width // self.heads * self.key_value_heads
        block = 2 * self.width**2 + 2 * self.width * key_value + 3 * self.width * self.hidden
        return self.vocabulary * self.width + self.layers * block


SIZES = {
    "small": Shape(
        width=768, layers=16, heads=12, key_value_heads=4, hidden=2048, vocabulary=32000
    ),
    "large": Shape(
        width=896, layers=24, heads=14, key_value_heads=2, hidden=4864, vocabulary=151936
    ),
}
"""0.13 B parameters, and 0.49 B with the sizes of common half-billion models."""


def write_random_model(
    path: Path, shape: Shape, *, kind: str = "q8_0", context: int = 4096, seed: int = 1
) -> Path:
    """Write the model unless the file exists.

    Args:
        path: The file to write; parent folders are made.
        shape: Sizes of the model.
        kind: Number format of the matrices: q8_0, q4_0 or f16.
        context: Trained context length that the file declares.
        seed: Seed of the weights.

    Returns:
        The path.
    """
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    unfinished = path.with_suffix(".part")
    writer = gguf.GGUFWriter(unfinished, "llama")
    head = shape.width // shape.heads
    tiny_gguf.add_llama_shape(
        writer,
        width=shape.width,
        layers=shape.layers,
        heads=shape.heads,
        key_value_heads=shape.key_value_heads,
        hidden=shape.hidden,
        context=context,
    )
    tiny_gguf.add_tokenizer(writer, shape.vocabulary)

    def matrix(name: str, rows: int, columns: int) -> None:
        if kind == "f16":
            values = random.standard_normal((rows, columns), dtype=np.float32) / columns**0.5
            writer.add_tensor(name, values.astype(np.float16))
            return
        packed = _BLOCK if kind == "q8_0" else _BLOCK // 2
        deviation = 73 if kind == "q8_0" else 4.6
        scale = np.float16(1 / columns**0.5 / deviation)
        blocks = np.empty((rows, columns // _BLOCK, 2 + packed), dtype=np.uint8)
        blocks[:, :, :2] = np.frombuffer(scale.tobytes(), dtype=np.uint8)
        blocks[:, :, 2:] = random.integers(0, 256, (rows, columns // _BLOCK, packed), np.uint8)
        quantisation = gguf.GGMLQuantizationType[kind.upper()]
        writer.add_tensor(name, blocks.reshape(rows, -1), raw_dtype=quantisation)

    matrix("token_embd.weight", shape.vocabulary, shape.width)
    writer.add_tensor("output_norm.weight", np.ones(shape.width, dtype=np.float32))
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}.{norm}.weight", np.ones(shape.width, dtype=np.float32))
        for name in ("attn_q", "attn_output"):
            matrix(f"{block}.{name}.weight", shape.width, shape.width)
        for name in ("attn_k", "attn_v"):
            matrix(f"{block}.{name}.weight", head * shape.key_value_heads, shape.width)
        for name in ("ffn_gate", "ffn_up"):
            matrix(f"{block}.{name}.weight", shape.hidden, shape.width)
        matrix(f"{block}.ffn_down.weight", shape.width, shape.hidden)
    tiny_gguf.finish(writer)
    return unfinished.rename(path)


def main() -> None:
    """Write the model named on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("path", type=Path, help="the file to write; kept when it exists")
    parser.add_argument("--size", choices=sorted(SIZES), default="small")
    parser.add_argument("--type", choices=["q8_0", "q4_0", "f16"], default="q8_0")
    arguments = parser.parse_args()
    shape = SIZES[arguments.size]
    path = write_random_model(arguments.path, shape, kind=arguments.type)
    print(f"{path}: {shape.parameters / 1e9:.2f} B parameters, {path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
