"""MADE: Masked Autoencoder for Distribution Estimation (arXiv 1502.03509).

An independent implementation, for the calibration of the originality check.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Params(NamedTuple):
    """Weights of a one-hidden-layer MADE with a direct input-output connection."""

    W: Tensor  # K x D
    b: Tensor  # K
    V: Tensor  # D x K
    A: Tensor  # D x D
    c: Tensor  # D


class Masks(NamedTuple):
    """Masks for W, V and A."""

    W: Tensor
    V: Tensor
    A: Tensor


def init_params(D: int, K: int) -> Params:
    """Draw small random weights that require gradients."""

    def mat(r, c):
        return (torch.randn(r, c) / c**0.5).requires_grad_()

    def vec(r):
        return torch.zeros(r, requires_grad=True)

    return Params(mat(K, D), vec(K), mat(D, K), mat(D, D), vec(D))


def make_masks(order: Tensor, K: int) -> Masks:
    """Sample hidden connectivity; order[d] is the 0-based position of dimension d."""
    D = order.numel()
    m = torch.randint(0, D - 1, (K,))
    see = m.unsqueeze(1).ge(order.unsqueeze(0))
    emit = order.unsqueeze(1).gt(m.unsqueeze(0))
    direct = order.unsqueeze(1).gt(order.unsqueeze(0))
    return Masks(see.float(), emit.float(), direct.float())


def logits(p: Params, m: Masks, x: Tensor) -> Tensor:
    """Compute a_d(x_<d) for all d in one pass."""
    h = torch.relu(x @ (p.W * m.W).T + p.b)
    return h @ (p.V * m.V).T + x @ (p.A * m.A).T + p.c


def log_prob(p: Params, m: Masks, x: Tensor) -> Tensor:
    """Sum the conditional Bernoulli log-probabilities of each row."""
    a = logits(p, m, x)
    # log sigmoid(+a) where x is one, log sigmoid(-a) where it is zero
    return torch.nn.functional.logsigmoid((2 * x - 1) * a).sum(-1)


def ensemble_log_prob(p: Params, masks: list[Masks], x: Tensor) -> Tensor:
    """Average the probability over several maskings of the same weights."""
    each = torch.stack([log_prob(p, m, x) for m in masks])
    return each.logsumexp(0) - torch.tensor(float(len(masks))).log()


@torch.no_grad()
def ancestral(p: Params, m: Masks, order: Tensor, n: int) -> Tensor:
    """Sample n rows, visiting dimensions from first position to last."""
    x = torch.zeros(n, order.numel())
    for d in order.argsort().tolist():
        x[:, d] = (torch.rand(n) < logits(p, m, x)[:, d].sigmoid()).float()
    return x


def train(p: Params, data: Tensor, steps: int, batch: int = 64, lr: float = 0.05) -> list[float]:
    """Order- and connectivity-agnostic training with plain stochastic gradient descent."""
    D, K = data.size(1), p.b.numel()
    curve = []
    for _ in range(steps):
        m = make_masks(torch.randperm(D), K)
        x = data[torch.randint(len(data), (batch,))]
        nll = log_prob(p, m, x).mean().neg()
        grads = torch.autograd.grad(nll, p)
        with torch.no_grad():
            for w, g in zip(p, grads, strict=True):
                w.sub_(lr * g)
        curve.append(nll.item())
    return curve


def main() -> None:
    """Run two steps, then check that probabilities sum to one."""
    torch.manual_seed(3)
    D, K = 6, 40
    params = init_params(D, K)
    print(train(params, torch.rand(30, D).round(), steps=2))

    order = torch.randperm(D)
    masks = make_masks(order, K)
    cube = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * D)
    total = log_prob(params, masks, cube).exp().sum().item()
    assert abs(total - 1) < 1e-4, total
    mixed = ensemble_log_prob(params, [masks, make_masks(torch.randperm(D), K)], cube)
    assert abs(mixed.exp().sum().item() - 1) < 1e-4
    print(ancestral(params, masks, order, 2))


if __name__ == "__main__":
    main()
