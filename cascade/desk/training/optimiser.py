# pyright: basic, reportMissingImports=false
# Reason: torch is needed for training only; the checks run without.
"""Muon for matrices, AdamW for embeddings and norms.

Muon (K. Jordan, https://kellerjordan.github.io/posts/muon/) takes the momentum's nearest orthogonal
matrix as the update, by five Newton-Schulz iterations; the update is scaled to AdamW's size as in
Liu et al., 2025 (https://arxiv.org/abs/2502.16982, equation 4).
"""

from collections import defaultdict

import torch
from torch import Tensor, nn

from cascade.desk.training.network import Decoder

__all__ = ["Optimiser"]

_QUINTIC = (3.4445, -4.7750, 2.0315)


class Optimiser:
    """Both optimisers behind one step.

    Args:
        decoder: The network to train.
        matrix_rate: Peak learning rate of Muon.
        embedding_rate: Peak learning rate of the embedding.
        norm_rate: Peak learning rate of the norms.
    """

    def __init__(
        self,
        decoder: Decoder,
        *,
        matrix_rate: float = 0.003,
        embedding_rate: float = 0.003,
        norm_rate: float = 0.0015,
    ) -> None:
        self._matrix_rate = matrix_rate
        self._momentum = 0.95
        self._stacks: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
        norms: list[nn.Parameter] = []
        for name, parameter in decoder.named_parameters():
            if name != "embedding.weight":
                (norms if parameter.ndim == 1 else self._stacks[tuple(parameter.shape)]).append(
                    parameter
                )
        self._velocities = {
            shape: torch.zeros(len(stack), *shape) for shape, stack in self._stacks.items()
        }
        self._rates = (embedding_rate, norm_rate)
        groups = [{"params": [decoder.embedding.weight]}, {"params": norms}]
        self._adam = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-10, weight_decay=0.0)

    @torch.no_grad()
    def step(self, share: float) -> None:
        """Update all weights with `share` of the peak learning rates."""
        for group, rate in zip(self._adam.param_groups, self._rates, strict=True):
            group["lr"] = rate * share
        self._adam.step()
        for shape, stack in self._stacks.items():
            gradient = torch.stack(
                [parameter.grad for parameter in stack if parameter.grad is not None]
            )
            velocity = self._velocities[shape].mul_(self._momentum).add_(gradient)
            update = _orthogonal(gradient + self._momentum * velocity)
            rate = self._matrix_rate * share * 0.2 * max(shape) ** 0.5
            for parameter, change in zip(stack, update, strict=True):
                parameter.sub_(change, alpha=rate)


def _orthogonal(stack: Tensor) -> Tensor:
    is_tall = stack.shape[1] > stack.shape[2]
    x = (stack.transpose(1, 2) if is_tall else stack).bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    first, third, fifth = _QUINTIC
    for _ in range(5):
        square = x @ x.transpose(1, 2)
        x = first * x + (third * square + fifth * (square @ square)) @ x
    return (x.transpose(1, 2) if is_tall else x).float()
