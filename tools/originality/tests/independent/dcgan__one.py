"""Unsupervised Representation Learning with Deep Convolutional GANs (arXiv 1511.06434).

An independent implementation, for the calibration of the originality check.
"""

import torch
import torch.nn as nn

LATENT = 100


def weights_init(layer):
    """N(0, 0.02) for convolutions, N(1, 0.02) for batch-norm gains."""
    kind = type(layer)
    if kind in (nn.Conv2d, nn.ConvTranspose2d):
        layer.weight.data.normal_(0.0, 0.02)
    elif kind is nn.BatchNorm2d:
        layer.weight.data.normal_(1.0, 0.02)
        layer.bias.data.zero_()


def make_G(size=64, base=64, colors=3, latent=LATENT):
    """Fractionally-strided convolutions from a 1x1 code to a size x size picture."""
    ch = base * size // 8
    net = nn.Sequential()
    net.add_module("project", nn.ConvTranspose2d(latent, ch, 4, 1, 0, bias=False))
    net.add_module("project_bn", nn.BatchNorm2d(ch))
    net.add_module("project_relu", nn.ReLU(True))
    res = 4
    while res < size // 2:
        net.add_module(f"up{res}", nn.ConvTranspose2d(ch, ch // 2, 4, 2, 1, bias=False))
        net.add_module(f"up{res}_bn", nn.BatchNorm2d(ch // 2))
        net.add_module(f"up{res}_relu", nn.ReLU(True))
        ch //= 2
        res *= 2
    net.add_module("rgb", nn.ConvTranspose2d(ch, colors, 4, 2, 1))
    net.add_module("rgb_tanh", nn.Tanh())
    return net.apply(weights_init)


def make_D(size=64, base=64, colors=3):
    """Strided convolutions with leaky ReLU; one logit for each picture."""
    net = nn.Sequential()
    net.add_module("rgb", nn.Conv2d(colors, base, 4, 2, 1))
    net.add_module("rgb_lrelu", nn.LeakyReLU(0.2, True))
    res, ch = size // 2, base
    while res > 4:
        net.add_module(f"down{res}", nn.Conv2d(ch, ch * 2, 4, 2, 1, bias=False))
        net.add_module(f"down{res}_bn", nn.BatchNorm2d(ch * 2))
        net.add_module(f"down{res}_lrelu", nn.LeakyReLU(0.2, True))
        ch *= 2
        res //= 2
    net.add_module("score", nn.Conv2d(ch, 1, 4, 1, 0))
    net.add_module("flat", nn.Flatten(0))
    return net.apply(weights_init)


def train(G, D, pictures, latent=LATENT, lr=0.0002, beta1=0.5, log=print):
    """Play the game for one pass over an iterable of picture batches scaled to [-1, 1]."""
    bce = nn.BCEWithLogitsLoss()
    optD = torch.optim.Adam(D.parameters(), lr=lr, betas=(beta1, 0.999))
    optG = torch.optim.Adam(G.parameters(), lr=lr, betas=(beta1, 0.999))

    for i, real in enumerate(pictures):
        n = real.shape[0]
        ones, zeros = torch.ones(n), torch.zeros(n)
        fake = G(torch.randn(n, latent, 1, 1))

        # discriminator: real up, fake down
        optD.zero_grad()
        loss_real = bce(D(real), ones)
        loss_real.backward()
        loss_fake = bce(D(fake.detach()), zeros)
        loss_fake.backward()
        optD.step()

        # generator: the non-saturating loss
        optG.zero_grad()
        loss_g = bce(D(fake), ones)
        loss_g.backward()
        optG.step()

        log(i, "D", loss_real.item() + loss_fake.item(), "G", loss_g.item())


@torch.no_grad()
def interpolate(G, steps, latent=LATENT):
    """Pictures along a straight line between two random codes."""
    a, b = torch.randn(2, latent)
    w = torch.linspace(0, 1, steps)[:, None]
    codes = (1 - w) * a + w * b
    G.eval()
    return G(codes[:, :, None, None])


@torch.no_grad()
def features(D, pictures):
    """Max-pool every convolution's output to 4x4 and concatenate, for a linear classifier."""
    D.eval()
    found, h = [], pictures
    for name, layer in D.named_children():
        if name == "score":
            break
        h = layer(h)
        if isinstance(layer, nn.LeakyReLU):
            found.append(nn.functional.adaptive_max_pool2d(h, 4).flatten(1))
    return torch.cat(found, dim=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    gen, dis = make_G(32, 4, 3, 10), make_D(32, 4, 3)
    train(gen, dis, [torch.rand(8, 3, 32, 32) * 2 - 1 for _ in range(2)], latent=10)
    print(interpolate(gen, 5, 10).shape, features(dis, torch.zeros(2, 3, 32, 32)).shape)
