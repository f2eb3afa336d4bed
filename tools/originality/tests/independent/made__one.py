"""MADE: Masked Autoencoder for Distribution Estimation (arXiv 1502.03509).

An independent implementation, for the calibration of the originality check.
"""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class MaskedLinear(nn.Linear):
    """A linear layer whose weight is multiplied by a fixed 0/1 matrix."""

    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        self.register_buffer("mask", torch.ones(n_out, n_in))

    def set_mask(self, mask):
        """Install a mask given as a numpy array of shape (n_out, n_in)."""
        self.mask.copy_(torch.from_numpy(mask.astype(np.float32)))

    def forward(self, x):
        """Apply the masked affine map."""
        return F.linear(x, self.weight * self.mask, self.bias)


class MADE(nn.Module):
    """Autoregressive autoencoder for binary vectors."""

    def __init__(self, n_inputs, hidden_sizes, n_masks=1, shuffle_order=False, seed=0):
        super().__init__()
        self.n_inputs = n_inputs
        self.hidden_sizes = list(hidden_sizes)
        self.n_masks = n_masks
        self.shuffle_order = shuffle_order
        self.seed = seed
        self.current = 0
        self.degrees = None

        widths = [n_inputs, *self.hidden_sizes, n_inputs]
        self.layers = nn.ModuleList()
        for i in range(len(widths) - 1):
            self.layers.append(MaskedLinear(widths[i], widths[i + 1]))
        self.update_masks()

    def update_masks(self):
        """Move on to the next set of masks in the cycle."""
        rng = np.random.RandomState(self.seed + self.current)
        self.current = (self.current + 1) % self.n_masks

        # the number given to each unit: it may depend on inputs with number <= its own
        order = np.arange(1, self.n_inputs + 1)
        if self.shuffle_order:
            order = rng.permutation(order)
        degrees = [order]
        for size in self.hidden_sizes:
            low = min(degrees[-1].min(), self.n_inputs - 1)
            degrees.append(rng.randint(low, self.n_inputs, size=size))
        self.degrees = degrees

        for i, layer in enumerate(self.layers[:-1]):
            layer.set_mask(degrees[i + 1][:, None] >= degrees[i][None, :])
        # at the output the inequality is strict
        self.layers[-1].set_mask(order[:, None] > degrees[-1][None, :])

    def forward(self, x):
        """Return the logits of every conditional p(x_d | x_<d)."""
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)

    def nll(self, x):
        """Return the negative log-likelihood of each row in nats."""
        logits = self.forward(x)
        return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)

    @torch.no_grad()
    def sample(self, n):
        """Draw rows one dimension at a time, following the current ordering."""
        x = torch.zeros(n, self.n_inputs)
        for d in np.argsort(self.degrees[0]):
            p = torch.sigmoid(self.forward(x)[:, d])
            x[:, d] = torch.bernoulli(p)
        return x


def train(model, data, batch_size=100, steps=1000, lr=0.01):
    """Train with Adam, changing masks after each step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        rows = torch.randint(0, data.shape[0], (batch_size,))
        loss = model.nll(data[rows]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if model.n_masks > 1:
            model.update_masks()
    return losses


if __name__ == "__main__":
    torch.manual_seed(0)
    toy = (torch.rand(50, 12) < 0.3).float()
    made = MADE(12, [32, 32], n_masks=4, shuffle_order=True)
    print(train(made, toy, batch_size=10, steps=2))

    # no output may change when an input that is not before it is changed
    jac = torch.autograd.functional.jacobian(lambda v: made(v[None])[0], toy[0])
    pos = torch.from_numpy(made.degrees[0].copy())
    allowed = pos[:, None] > pos[None, :]
    assert torch.all(jac[~allowed] == 0)
    print(made.sample(2))
