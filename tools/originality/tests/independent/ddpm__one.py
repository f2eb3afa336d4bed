"""Denoising Diffusion Probabilistic Models (arXiv 2006.11239).

An independent implementation, for the calibration of the originality check.
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def timestep_embedding(t, dim):
    """Sinusoidal features of integer timesteps."""
    half = dim // 2
    freqs = torch.exp(-math.log(10000) * torch.arange(half, device=t.device) / (half - 1))
    args = t.float()[:, None] * freqs[None, :]
    return torch.cat([args.sin(), args.cos()], dim=1)


class ResBlock(nn.Module):
    """Two convolutions with the time embedding added between them."""

    def __init__(self, in_ch, out_ch, emb_dim, dropout=0.1):
        super().__init__()
        self.norm1 = nn.GroupNorm(8, in_ch)
        self.conv1 = nn.Conv2d(in_ch, out_ch, 3, padding=1)
        self.emb = nn.Linear(emb_dim, out_ch)
        self.norm2 = nn.GroupNorm(8, out_ch)
        self.drop = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_ch, out_ch, 3, padding=1)
        self.shortcut = nn.Identity() if in_ch == out_ch else nn.Conv2d(in_ch, out_ch, 1)

    def forward(self, x, emb):
        """Return the residual update of x."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.emb(F.silu(emb))[:, :, None, None]
        h = self.conv2(self.drop(F.silu(self.norm2(h))))
        return h + self.shortcut(x)


class AttnBlock(nn.Module):
    """Single-head self-attention over all positions."""

    def __init__(self, ch):
        super().__init__()
        self.norm = nn.GroupNorm(8, ch)
        self.qkv = nn.Conv2d(ch, 3 * ch, 1)
        self.proj = nn.Conv2d(ch, ch, 1)

    def forward(self, x):
        """Return x plus what was attended to."""
        b, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, 3, c, h * w).unbind(1)
        weights = torch.softmax(torch.einsum("bci,bcj->bij", q, k) * c**-0.5, dim=-1)
        out = torch.einsum("bij,bcj->bci", weights, v).reshape(b, c, h, w)
        return x + self.proj(out)


class UNet(nn.Module):
    """A two-level U-Net that predicts the noise."""

    def __init__(self, in_ch=3, ch=64):
        super().__init__()
        emb = 4 * ch
        self.ch = ch
        self.time_mlp = nn.Sequential(nn.Linear(ch, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.conv_in = nn.Conv2d(in_ch, ch, 3, padding=1)
        self.down1 = ResBlock(ch, ch, emb)
        self.pool = nn.Conv2d(ch, ch, 3, stride=2, padding=1)
        self.down2 = ResBlock(ch, 2 * ch, emb)
        self.mid1 = ResBlock(2 * ch, 2 * ch, emb)
        self.mid_attn = AttnBlock(2 * ch)
        self.mid2 = ResBlock(2 * ch, 2 * ch, emb)
        self.up2 = ResBlock(4 * ch, 2 * ch, emb)
        self.unpool = nn.Conv2d(2 * ch, ch, 3, padding=1)
        self.up1 = ResBlock(2 * ch, ch, emb)
        self.norm_out = nn.GroupNorm(8, ch)
        self.conv_out = nn.Conv2d(ch, in_ch, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)

    def forward(self, x, t):
        """Predict epsilon from x_t and t."""
        emb = self.time_mlp(timestep_embedding(t, self.ch))
        h1 = self.down1(self.conv_in(x), emb)
        h2 = self.down2(self.pool(h1), emb)
        h = self.mid2(self.mid_attn(self.mid1(h2, emb)), emb)
        h = self.up2(torch.cat([h, h2], dim=1), emb)
        h = self.unpool(F.interpolate(h, scale_factor=2, mode="nearest"))
        h = self.up1(torch.cat([h, h1], dim=1), emb)
        return self.conv_out(F.silu(self.norm_out(h)))


class GaussianDiffusion(nn.Module):
    """The forward process, its simplified loss and the ancestral sampler."""

    def __init__(self, model, timesteps=1000, beta_start=1e-4, beta_end=0.02):
        super().__init__()
        self.model = model
        self.T = timesteps
        betas = torch.linspace(beta_start, beta_end, timesteps)
        self.register_buffer("betas", betas)
        self.register_buffer("alphas", 1 - betas)
        self.register_buffer("alpha_bars", torch.cumprod(1 - betas, dim=0))

    def q_sample(self, x0, t, noise):
        """Noise x0 directly to level t."""
        a = self.alpha_bars[t][:, None, None, None]
        return a.sqrt() * x0 + (1 - a).sqrt() * noise

    def forward(self, x0):
        """L_simple of the paper."""
        t = torch.randint(0, self.T, (x0.shape[0],), device=x0.device)
        noise = torch.randn_like(x0)
        return F.mse_loss(self.model(self.q_sample(x0, t, noise), t), noise)

    @torch.no_grad()
    def sample(self, shape):
        """Algorithm 2 with sigma_t^2 = beta_t."""
        x = torch.randn(shape, device=self.betas.device)
        for i in reversed(range(self.T)):
            t = torch.full((shape[0],), i, device=x.device)
            eps = self.model(x, t)
            coef = self.betas[i] / (1 - self.alpha_bars[i]).sqrt()
            x = (x - coef * eps) / self.alphas[i].sqrt()
            if i > 0:
                x = x + self.betas[i].sqrt() * torch.randn_like(x)
        return x


def train(diffusion, batches, lr=2e-4):
    """Fit the network to an iterable of image batches in [-1, 1]."""
    opt = torch.optim.Adam(diffusion.parameters(), lr=lr)
    for step, x0 in enumerate(batches):
        loss = diffusion(x0)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(diffusion.parameters(), 1.0)
        opt.step()
        print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    ddpm = GaussianDiffusion(UNet(in_ch=1, ch=16), timesteps=10)
    train(ddpm, [torch.rand(4, 1, 8, 8) * 2 - 1 for _ in range(2)])
    print(ddpm.eval().sample((2, 1, 8, 8)).shape)
