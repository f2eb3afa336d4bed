"""Auto-Encoding Variational Bayes (arXiv 1312.6114).

An independent implementation, for the calibration of the originality check.
"""

import torch
import torch.nn.functional as F
from torch import nn


class GaussianEncoder(nn.Module):
    """Map an observation to the mean and log variance of q(z|x)."""

    def __init__(self, x_dim, h_dim, z_dim):
        super().__init__()
        self.hidden = nn.Linear(x_dim, h_dim)
        self.to_mean = nn.Linear(h_dim, z_dim)
        self.to_log_var = nn.Linear(h_dim, z_dim)

    def forward(self, x):
        """Return (mean, log variance)."""
        h = torch.tanh(self.hidden(x))
        return self.to_mean(h), self.to_log_var(h)


class BernoulliDecoder(nn.Module):
    """Map a latent code to the logits of p(x|z)."""

    def __init__(self, z_dim, h_dim, x_dim):
        super().__init__()
        self.hidden = nn.Linear(z_dim, h_dim)
        self.to_logits = nn.Linear(h_dim, x_dim)

    def forward(self, z):
        """Return one logit for each pixel."""
        return self.to_logits(torch.tanh(self.hidden(z)))


class VariationalAutoEncoder(nn.Module):
    """Encoder, decoder and the estimator that ties them together."""

    def __init__(self, x_dim=784, h_dim=400, z_dim=20):
        super().__init__()
        self.z_dim = z_dim
        self.encoder = GaussianEncoder(x_dim, h_dim, z_dim)
        self.decoder = BernoulliDecoder(z_dim, h_dim, x_dim)

    @staticmethod
    def reparameterise(mean, log_var):
        """Draw z = mean + sigma * epsilon so that gradients reach the encoder."""
        epsilon = torch.randn_like(mean)
        return mean + torch.exp(log_var / 2) * epsilon

    def forward(self, x):
        """Return reconstruction logits with the posterior's parameters."""
        mean, log_var = self.encoder(x)
        z = self.reparameterise(mean, log_var)
        return self.decoder(z), mean, log_var

    @torch.no_grad()
    def generate(self, count):
        """Decode draws from the standard normal prior into pixel probabilities."""
        z = torch.randn(count, self.z_dim)
        return torch.sigmoid(self.decoder(z))


def negative_elbo(logits, x, mean, log_var):
    """Average over the batch the reconstruction cost plus the KL divergence."""
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)
    kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum(dim=1)
    return (reconstruction + kl).mean()


def train(model, batches, learning_rate=1e-3):
    """Fit the model on an iterable of batches; return the list of losses."""
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    history = []
    for x in batches:
        logits, mean, log_var = model(x)
        loss = negative_elbo(logits, x, mean, log_var)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(loss.item())
    return history


if __name__ == "__main__":
    torch.manual_seed(0)
    vae = VariationalAutoEncoder(x_dim=64, h_dim=32, z_dim=4)
    data = [torch.bernoulli(torch.full((16, 64), 0.5)) for _ in range(2)]
    print(train(vae, data))
    print(vae.generate(3).shape)
