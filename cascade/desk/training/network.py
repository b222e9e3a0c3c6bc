# pyright: basic, reportMissingImports=false
# Reason: torch is needed for training only; the checks run without.
"""The network: a small Llama decoder with tied embeddings, in plain matrix products.

Query and key pairs are interleaved, as llama.cpp wants them for the architecture `llama`, so the
export needs no permutation.
"""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Block", "Decoder", "Norm", "Shape", "frequencies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a network."""

    vocabulary: int = 1536
    width: int = 192
    blocks: int = 4
    heads: int = 4
    head_width: int = 64
    hidden: int = 512
    rope_base: float = 1e6
    epsilon: float = 1e-5
    context: int = 2048
    logit_scale: float = 0.12
    """Embeddings have unit scale, which the structured start needs; this brings logits down."""

    def as_dict(self) -> dict[str, float]:
        """Return the sizes as a dict, for a checkpoint."""
        return asdict(self)


class Norm(nn.Module):
    """RMS normalisation with a learnt gain."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon) * self.weight


class Block(nn.Module):
    """Attention, then a gated feed-forward layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        inner = shape.heads * shape.head_width
        self.shape = shape
        self.attention_norm = Norm(shape.width, shape.epsilon)
        self.query = nn.Linear(shape.width, inner, bias=False)
        self.key = nn.Linear(shape.width, inner, bias=False)
        self.value = nn.Linear(shape.width, inner, bias=False)
        self.output = nn.Linear(inner, shape.width, bias=False)
        self.feed_norm = Norm(shape.width, shape.epsilon)
        self.gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tensor:
        """Return the residual stream, (batch, length, width), after this block."""
        x = x + self.attend(self.attention_norm(x), cosine, sine, mask)
        fed = self.feed_norm(x)
        return x + self.down(functional.silu(self.gate(fed)) * self.up(fed))

    def attend(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tensor:
        """Causal attention in plain products, which on a CPU beats the fused backward pass."""
        batch, length, _ = x.shape
        split = (batch, length, self.shape.heads, self.shape.head_width)
        query = _turn(self.query(x).view(split).transpose(1, 2), cosine, sine)
        key = _turn(self.key(x).view(split).transpose(1, 2), cosine, sine)
        value = self.value(x).view(split).transpose(1, 2)
        scores = (query @ key.transpose(2, 3)).float() * self.shape.head_width**-0.5 + mask
        mixed = scores.softmax(-1).to(value.dtype) @ value
        return self.output(mixed.transpose(1, 2).reshape(batch, length, -1))


class Decoder(nn.Module):
    """The whole network."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.blocks))
        self.norm = Norm(shape.width, shape.epsilon)

    def hidden(self, tokens: Tensor) -> Tensor:
        """Return the normalised last residual stream, (batch, length, width)."""
        length = tokens.shape[1]
        cosine, sine = self.phases(length)
        mask = torch.full((length, length), float("-inf")).triu(1)
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, cosine, sine, mask)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return logits over the vocabulary for any leading shape of hidden states."""
        return functional.linear(hidden * self.shape.logit_scale, self.embedding.weight)

    def phases(self, length: int) -> tuple[Tensor, Tensor]:
        """Return cosine and sine of every position and pair, (length, head_width / 2) each."""
        angles = torch.outer(torch.arange(length).float(), frequencies(self.shape))
        return angles.cos(), angles.sin()


def frequencies(shape: Shape) -> Tensor:
    """Return the radians per position of each pair, fastest first."""
    pairs = shape.head_width // 2
    return shape.rope_base ** (-torch.arange(pairs).float() / pairs)


def _turn(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    even, odd = x[..., 0::2].float(), x[..., 1::2].float()
    turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1)
    return turned.flatten(-2).to(x.dtype)
