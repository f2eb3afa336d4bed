"""Auto-Encoding Variational Bayes (arXiv 1312.6114).

An independent implementation, for the calibration of the originality check.
"""

import math
from itertools import pairwise

import torch as th
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence


def mlp(*sizes):
    """Stack linear layers with softplus between them."""
    out = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        if i:
            out.append(nn.Softplus())
        out.append(nn.Linear(a, b))
    return nn.Sequential(*out)


class AEVB(nn.Module):
    """Both networks; all densities are torch.distributions objects."""

    def __init__(self, d=784, k=8, width=500):
        super().__init__()
        self.k = k
        self.rec = mlp(d, width, width, 2 * k)
        self.gen = mlp(k, width, width, d)
        self.register_buffer("zero", th.zeros(k))

    def prior(self):
        """Give p(z)."""
        return Independent(Normal(self.zero, th.ones_like(self.zero)), 1)

    def q(self, x):
        """Give the approximate posterior, a diagonal Gaussian."""
        loc, raw = th.split(self.rec(x), self.k, -1)
        return Independent(Normal(loc, nn.functional.softplus(raw) + 1e-5), 1)

    def p(self, z):
        """Give the likelihood, a factorised Bernoulli."""
        return Independent(Bernoulli(logits=self.gen(z)), 1)

    def sgvb_a(self, x, L=1):
        """Estimate the bound with every term by Monte Carlo (estimator A)."""
        q = self.q(x)
        z = q.rsample((L,))
        return (self.p(z).log_prob(x) + self.prior().log_prob(z) - q.log_prob(z)).mean(0)

    def sgvb_b(self, x, L=1):
        """Estimate the bound with the divergence in closed form (estimator B)."""
        q = self.q(x)
        z = q.rsample((L,))
        kl = kl_divergence(q.base_dist, Normal(self.zero, th.ones_like(self.zero))).sum(-1)
        return self.p(z).log_prob(x).mean(0) - kl

    @th.no_grad()
    def marginal(self, x, S=50):
        """Estimate log p(x) by importance sampling from the posterior."""
        q = self.q(x)
        z = q.sample((S,))
        w = self.p(z).log_prob(x) + self.prior().log_prob(z) - q.log_prob(z)
        return th.logsumexp(w, 0) - math.log(S)


def minibatches(X, M):
    """Yield a shuffled pass over the rows of X."""
    for idx in th.randperm(len(X)).split(M):
        yield X[idx]


def fit(net, X, M=100, epochs=1, lr=0.01, estimator="b"):
    """Ascend the bound with Adagrad, as the paper did; return the bound of each step."""
    opt = th.optim.Adagrad(net.parameters(), lr=lr)
    bound = net.sgvb_b if estimator == "b" else net.sgvb_a
    trace = []
    for _ in range(epochs):
        for x in minibatches(X, M):
            opt.zero_grad(set_to_none=True)
            value = bound(x).mean()
            (-value).backward()
            opt.step()
            trace.append(value.item())
    return trace


if __name__ == "__main__":
    th.manual_seed(1)
    X = (th.rand(20, 49) > 0.6).float()
    net = AEVB(49, 3, 24)
    for kind in "ab":
        print(kind, fit(net, X, M=10, estimator=kind))
    print("log p(x)", net.marginal(X[:4]).tolist())
