"""Neural Discrete Representation Learning (arXiv 1711.00937).

An independent implementation, for the calibration of the originality check.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


class VectorQuantizer(nn.Module):
    """Replace every vector of a feature map by its nearest codebook entry."""

    def __init__(self, num_codes: int, code_dim: int, commitment: float = 0.25):
        super().__init__()
        self.commitment = commitment
        self.codebook = nn.Embedding(num_codes, code_dim)
        nn.init.uniform_(self.codebook.weight, -1 / num_codes, 1 / num_codes)

    def nearest(self, flat):
        """Index of the closest code for each row."""
        return torch.cdist(flat, self.codebook.weight).argmin(dim=1)

    def forward(self, z_e):
        """Return the quantised map, the auxiliary loss and the code indices."""
        B, D, H, W = z_e.shape
        flat = z_e.permute(0, 2, 3, 1).reshape(-1, D)
        codes = self.nearest(flat.detach())
        z_q = self.codebook(codes).view(B, H, W, D).permute(0, 3, 1, 2)

        # second and third term of equation 3
        codebook_loss = F.mse_loss(z_q, z_e.detach())
        commitment_loss = F.mse_loss(z_e, z_q.detach())
        aux = codebook_loss + self.commitment * commitment_loss

        # straight-through: value of z_q, gradient to z_e
        z_q = z_e + (z_q - z_e).detach()
        return z_q, aux, codes.view(B, H, W)

    def lookup(self, codes):
        """Turn a grid of indices into a feature map."""
        return self.codebook(codes).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """ReLU, 3x3, ReLU, 1x1, added to the input."""

    def __init__(self, dim):
        super().__init__()
        self.conv3 = nn.Conv2d(dim, dim, kernel_size=3, padding=1)
        self.conv1 = nn.Conv2d(dim, dim, kernel_size=1)

    def forward(self, x):
        """Apply the block."""
        h = self.conv3(F.relu(x))
        h = self.conv1(F.relu(h))
        return x + h


class VQVAE(nn.Module):
    """Convolutional encoder and decoder around the quantiser; downsamples by four."""

    def __init__(self, in_channels=3, hidden=256, num_codes=512, code_dim=64):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(in_channels, hidden, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, kernel_size=4, stride=2, padding=1),
            ResidualBlock(hidden),
            ResidualBlock(hidden),
            nn.Conv2d(hidden, code_dim, kernel_size=1),
        )
        self.quantizer = VectorQuantizer(num_codes, code_dim)
        self.decoder = nn.Sequential(
            nn.Conv2d(code_dim, hidden, kernel_size=3, padding=1),
            ResidualBlock(hidden),
            ResidualBlock(hidden),
            nn.ConvTranspose2d(hidden, hidden, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(hidden, in_channels, kernel_size=4, stride=2, padding=1),
        )

    def forward(self, x):
        """Return the reconstruction, the auxiliary loss and the codes."""
        z_q, aux, codes = self.quantizer(self.encoder(x))
        return self.decoder(z_q), aux, codes

    @torch.no_grad()
    def encode(self, x):
        """Image to discrete codes."""
        return self.quantizer(self.encoder(x))[2]

    @torch.no_grad()
    def decode(self, codes):
        """Discrete codes to image."""
        return self.decoder(self.quantizer.lookup(codes))


def perplexity(codes, num_codes):
    """Exponentiated entropy of the code usage."""
    usage = torch.bincount(codes.flatten(), minlength=num_codes).float()
    p = usage / usage.sum()
    return torch.exp(-(p * torch.log(p + 1e-10)).sum()).item()


def train(model, batches, lr=2e-4):
    """One optimiser step per batch; print the parts of the loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    for step, x in enumerate(batches, start=1):
        x_rec, aux, codes = model(x)
        rec = F.mse_loss(x_rec, x)
        optimizer.zero_grad()
        (rec + aux).backward()
        optimizer.step()
        used = perplexity(codes, model.quantizer.codebook.num_embeddings)
        print(f"[{step}] rec={rec.item():.4f} aux={aux.item():.5f} perplexity={used:.2f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    vqvae = VQVAE(in_channels=3, hidden=16, num_codes=12, code_dim=8)
    train(vqvae, (torch.rand(4, 3, 16, 16) for _ in range(2)))
    grid = vqvae.encode(torch.rand(1, 3, 16, 16))
    print(grid.shape, vqvae.decode(grid).shape)
