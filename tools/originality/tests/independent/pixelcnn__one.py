"""Conditional Image Generation with PixelCNN Decoders (arXiv 1606.05328).

An independent implementation, for the calibration of the originality check.
"""

import torch
import torch.nn.functional as F
from torch import nn


def gate(x, cond=None):
    """Tanh of one half times sigmoid of the other, after adding the condition."""
    if cond is not None:
        x = x + cond[:, :, None, None]
    a, b = torch.chunk(x, 2, dim=1)
    return torch.tanh(a) * torch.sigmoid(b)


class VerticalConv(nn.Module):
    """See all rows above and the current row: shifting is left to the caller."""

    def __init__(self, c_in, c_out, k):
        super().__init__()
        self.k = k
        self.conv = nn.Conv2d(c_in, c_out, (k // 2 + 1, k))

    def forward(self, x):
        """Pad at the top and at both sides."""
        side = self.k // 2
        return self.conv(F.pad(x, (side, side, side, 0)))


class HorizontalConv(nn.Module):
    """See pixels on the left, and the current one unless `strict`."""

    def __init__(self, c_in, c_out, k, strict):
        super().__init__()
        self.strict = strict
        self.width = k // 2 + (0 if strict else 1)
        self.conv = nn.Conv2d(c_in, c_out, (1, self.width))

    def forward(self, x):
        """Pad at the left only; the strict variant drops the last column."""
        if self.strict:
            return self.conv(F.pad(x, (self.width, 0, 0, 0)))[..., :-1]
        return self.conv(F.pad(x, (self.width - 1, 0, 0, 0)))


def shift_down(x):
    """Move every row one down so that row r holds what was known above r."""
    return F.pad(x, (0, 0, 1, 0))[:, :, :-1, :]


class GatedLayer(nn.Module):
    """One layer of both stacks (Figure 2 of the paper)."""

    def __init__(self, c_in, c, k, n_classes, first=False):
        super().__init__()
        self.first = first
        self.vertical = VerticalConv(c_in, 2 * c, k)
        self.horizontal = HorizontalConv(c_in, 2 * c, k, strict=first)
        self.v_to_h = nn.Conv2d(2 * c, 2 * c, 1)
        self.h_out = nn.Conv2d(c, c, 1)
        self.v_cond = nn.Embedding(n_classes, 2 * c)
        self.h_cond = nn.Embedding(n_classes, 2 * c)

    def forward(self, v, h, label):
        """Return the new vertical and horizontal maps."""
        v_pre = self.vertical(v)
        h_pre = self.horizontal(h) + self.v_to_h(shift_down(v_pre))
        v_new = gate(v_pre, self.v_cond(label))
        h_new = self.h_out(gate(h_pre, self.h_cond(label)))
        return v_new, h_new if self.first else h + h_new


class ConditionalPixelCNN(nn.Module):
    """A stack of gated layers and a softmax over intensities, for one-channel images."""

    def __init__(self, levels=256, channels=64, n_layers=8, n_classes=10):
        super().__init__()
        self.levels = levels
        self.layers = nn.ModuleList([GatedLayer(1, channels, 7, n_classes, first=True)])
        for _ in range(n_layers - 1):
            self.layers.append(GatedLayer(channels, channels, 3, n_classes))
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, levels, 1)
        )

    def forward(self, pixels, label):
        """Integer images (B, H, W) to logits (B, levels, H, W)."""
        x = pixels[:, None].float() / (self.levels - 1) * 2 - 1
        v = h = x
        for layer in self.layers:
            v, h = layer(v, h, label)
        return self.head(h)

    @torch.no_grad()
    def sample(self, label, height, width):
        """Fill in pixels in raster order."""
        canvas = torch.zeros(len(label), height, width, dtype=torch.long)
        for r in range(height):
            for c in range(width):
                p = self(canvas, label)[:, :, r, c].softmax(1)
                canvas[:, r, c] = torch.multinomial(p, 1)[:, 0]
        return canvas


def train(model, batches, lr=1e-3):
    """Maximise the likelihood of (pixels, label) batches; print nats per pixel."""
    optim = torch.optim.RMSprop(model.parameters(), lr=lr)
    for pixels, label in batches:
        loss = F.cross_entropy(model(pixels, label), pixels)
        optim.zero_grad()
        loss.backward()
        optim.step()
        print(f"nats per pixel {loss.item():.4f}")


def check_causality(model, size=6):
    """Assert that a pixel's logits depend on no later pixel and not on itself."""
    label = torch.zeros(1, dtype=torch.long)
    image = torch.randint(0, model.levels, (1, size, size))
    before = model(image, label)
    for r, c in [(0, 0), (2, 3), (size - 1, size - 1)]:
        other = image.clone()
        other[0, r, c] = (other[0, r, c] + 1) % model.levels
        moved = (model(other, label) - before).abs().sum(1).flatten() > 1e-6
        assert not moved[: r * size + c + 1].any()


if __name__ == "__main__":
    torch.manual_seed(0)
    net = ConditionalPixelCNN(levels=4, channels=8, n_layers=3, n_classes=3)
    train(net, [(torch.randint(0, 4, (2, 6, 6)), torch.randint(0, 3, (2,))) for _ in range(2)])
    check_causality(net)
    print(net.sample(torch.tensor([0, 2]), 4, 4))
