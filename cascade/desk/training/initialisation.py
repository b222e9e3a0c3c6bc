# pyright: basic, reportMissingImports=false
# Reason: torch is needed for training only; the checks run without.
"""A structured start: copying works before the first training step.

A decoder copies what followed an earlier occurrence of its last few tokens by two layers of
attention (the "induction heads" of Olsson et al., 2022, https://arxiv.org/abs/2209.11895). Found by
gradient descent they take most of a small budget, so they are laid down here and left trainable:

- An embedding holds a random code of the token twice, in a part of the residual stream that is kept
  clean and in one from which the logits are read; one constant; and what the token looks like (a
  capital, a digit, ...), which is all that a name never seen shares with those seen.
- Block 0: head h of three attends to the token h + 1 places back, by rotary phase alone, and writes
  its code into a part of its own.
- Block 1: two heads match the codes of the current and the two tokens before against those before
  every earlier place, and copy the code found there to where logits are read; the third clears the
  current token's own code from there.
- Later blocks: two heads of each copy the code of what they attend to, at first what looks like a
  name, a number or a word, so that what is left to learn is when and where to look.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cascade.desk.training.network import Block, Decoder, frequencies

__all__ = ["initialise"]

_CODE = 32  # five codes, a constant and seven looks fit into a width of 192
_OUT = 4  # the part of the stream from which logits are read
_REST = 5 * _CODE  # first place after the codes
_CONSTANT = 2.0
_PHASES = (1.0, 1.0, 1.0, 0.7, 0.5, 0.4, 0.3, 0.2, 0.2, 0.2, 0.1, 0.1)
"""Weights of the rotary pairs, fastest first: the fast tell neighbours apart, the others tell near
from far."""
_SLOW = 13  # first pair that hardly turns over the length of a conversation
_SHARPNESS = 10.0
_LOOK = 1.5
_MUTED = 0.2  # gain of the parts that are not meant for the logits
_CAPITAL, _DIGIT, _WORD = 2, 1, 4
_SOUGHT = ((_CAPITAL, _DIGIT), (_CAPITAL, _WORD))  # by two heads of each later block
_INTEREST = 3.5  # nats by which the look that is sought raises a score
_SPACE = "\u0120"  # how byte-level BPE writes a space
_LOOK_BACK = 3  # heads of block 0, each with a part of the stream
_MATCH = 12.0  # nats by which one matching token raises a score
_WEIGHTS = (1.0, 0.9, 0.75)  # of the current token and of those one and two places before


@torch.no_grad()
def initialise(decoder: Decoder, tokens: Sequence[str], seed: int) -> None:
    """Fill all weights in.

    Args:
        decoder: The network.
        tokens: The vocabulary in the order of its ids, as byte-level BPE writes it.
        seed: Of everything random.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = decoder.shape
    embedding = torch.randn(decoder.embedding.weight.shape, generator=generator)
    # Rows of equal length: a constant that differed after normalisation would blur the phases.
    embedding[:, :_CODE] *= _CODE**0.5 / embedding[:, :_CODE].norm(dim=1, keepdim=True)
    embedding[:, _CODE:] /= embedding[:, _CODE:].norm(dim=1, keepdim=True)
    embedding[:, _OUT * _CODE : _REST] = embedding[:, :_CODE]
    embedding[:, _REST] = _CONSTANT
    for token_id, token in enumerate(tokens):
        embedding[token_id, _REST + 1 + _look(token)] = _LOOK
    decoder.embedding.weight.copy_(embedding)
    decoder.norm.weight[: _OUT * _CODE] = _MUTED
    for block in decoder.blocks:
        _small_noise(block, generator)
    scale = (embedding.square().mean(-1).sqrt().mean()).item()
    _look_back(decoder.blocks[0], frequencies(shape), scale)
    _match_and_copy(decoder.blocks[1], frequencies(shape), generator)
    for block, looks in zip(decoder.blocks[2:], _SOUGHT, strict=False):
        for head, look in enumerate(looks):
            _attend_to_look(block, head, look)
            _pass_code(block, head, target=_OUT, gain=2.0)


def _look(token: str) -> int:
    """Return a token's outward kind, from 0 to 6."""
    if token.startswith("<"):
        return 0
    if token[0].isdigit():
        return _DIGIT
    if token[0].isupper() and token[0].isascii():
        return _CAPITAL
    if token[0].islower() and token[0].isascii():
        return 3
    if token[0] == _SPACE:
        return _WORD if len(token) > 1 else 5
    return 6


def _small_noise(block: Block, generator: torch.Generator) -> None:
    width = block.shape.width
    for linear in (block.query, block.key, block.value, block.gate, block.up):
        linear.weight.copy_(
            torch.randn(linear.weight.shape, generator=generator) * 0.5 * width**-0.5
        )
    for linear in (block.output, block.down):
        linear.weight.copy_(torch.randn(linear.weight.shape, generator=generator) * 0.005)


def _look_back(block: Block, speeds: Tensor, scale: float) -> None:
    constant = _CONSTANT / scale
    for linear in (block.query, block.key, block.value, block.output):
        linear.weight.mul_(0.1)
    for head in range(_LOOK_BACK):
        _attend_at(block, head, head + 1, speeds, column=_REST, strength=_SHARPNESS / constant)
        _pass_code(block, head, target=head + 1, gain=scale)


def _match_and_copy(block: Block, speeds: Tensor, generator: torch.Generator) -> None:
    for linear in (block.query, block.key, block.value, block.output):
        linear.weight.mul_(0.1)
    width = block.shape.head_width
    low = 2 * _SLOW
    energy = (_MATCH * width**0.5 / (width - low) / _CODE) ** 0.5
    for head in range(2):
        rows = slice(head * width + low, (head + 1) * width)
        for place, weight in enumerate(_WEIGHTS):
            code = torch.randn(width - low, _CODE, generator=generator) * energy * weight
            block.query.weight[rows, place * _CODE : (place + 1) * _CODE] += code
            block.key.weight[rows, (place + 1) * _CODE : (place + 2) * _CODE] += code
        _pass_code(block, head, target=_OUT, gain=1.0)
    _attend_at(block, 2, 0, speeds, column=_REST, strength=_SHARPNESS / _CONSTANT)
    _pass_code(block, 2, target=_OUT, gain=-1.0)


def _attend_at(
    block: Block, head: int, offset: int, speeds: Tensor, *, column: int, strength: float
) -> None:
    start = head * block.shape.head_width
    for pair, share in enumerate(_PHASES):
        angle = -offset * speeds[pair]
        block.query.weight[start + 2 * pair, column] = strength * share * angle.cos()
        block.query.weight[start + 2 * pair + 1, column] = strength * share * angle.sin()
        block.key.weight[start + 2 * pair, column] = strength
        block.key.weight[start + 2 * pair + 1, column] = 0.0


def _attend_to_look(block: Block, head: int, look: int) -> None:
    # The slowest rotary pair does not turn, so the distance plays no part.
    row = (head + 1) * block.shape.head_width - 2
    strength = (_INTEREST * block.shape.head_width**0.5 / _CONSTANT / _LOOK) ** 0.5
    block.query.weight[row, _REST] += strength
    block.key.weight[row, _REST + 1 + look] += strength


def _pass_code(block: Block, head: int, *, target: int, gain: float) -> None:
    start = head * block.shape.head_width
    for index in range(_CODE):
        block.value.weight[start + index, index] += 1.0
        block.output.weight[target * _CODE + index, start + index] += gain
