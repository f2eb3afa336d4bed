"""Tests particular to the VQ-VAE; the laws of codebooks are checked besides."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from zoo.core.conformance import (
    autoregressive,
    check_entry,
    check_model,
    conformance_report,
    perturbed,
    quantised,
)
from zoo.pixelcnn.model import Memory
from zoo.vq_vae.model import VQVAE, Residual
from zoo.vq_vae.pixels import GreyPixels
from zoo.vq_vae.prior import CodePrior


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def model(prior=None, **options):
    """A small model of 8×8 images in which no layer is neutral, float64."""
    torch.manual_seed(0)
    options = {"codes": 5, "code_dim": 3, "width": 6, "components": 2, **options}
    return perturbed(VQVAE((1, 8, 8), 17, prior=prior, **options), 0.5).double()


def images(n, seed=0):
    return torch.randint(17, (n, 1, 8, 8), generator=seeded(seed)).double() / 16


def code_prior(shape=(2, 3), codes=4):
    torch.manual_seed(0)
    return perturbed(CodePrior(shape, codes, embedding=4, width=6, layers=2), 0.5).double()


def test_laws_of_codebooks():
    outcomes = check_entry("vq_vae")
    assert all(o.passed for o in outcomes), conformance_report(outcomes)
    assert {law.name for law in quantised.LAWS} <= {o.law for o in outcomes if o.applies}


# -- the networks ----------------------------------------------------------------------------------


def residual(x, weights, name):
    h = F.conv2d(
        F.relu(x), weights[f"{name}.layers.1.weight"], weights[f"{name}.layers.1.bias"], padding=1
    )
    return x + F.conv2d(
        F.relu(h), weights[f"{name}.layers.3.weight"], weights[f"{name}.layers.3.bias"]
    )


def encoded(w, x):
    """z_e of images x from the weights w alone."""
    h = F.conv2d(2 * x - 1, w["encoder.0.weight"], w["encoder.0.bias"], stride=2, padding=1)
    h = F.conv2d(F.relu(h), w["encoder.2.weight"], w["encoder.2.bias"], stride=2, padding=1)
    h = F.relu(residual(residual(h, w, "encoder.3"), w, "encoder.4"))
    h = F.conv2d(h, w["encoder.6.weight"], w["encoder.6.bias"])
    return h / h.square().sum(1, keepdim=True).sqrt()


def decoded(w, z_q):
    """What the decoder says of the pixels, (B, 3M, H, W), from the weights w alone."""
    h = F.conv2d(z_q, w["decoder.0.weight"], w["decoder.0.bias"], padding=1)
    h = F.relu(residual(residual(h, w, "decoder.1"), w, "decoder.2"))
    h = F.conv_transpose2d(h, w["decoder.4.weight"], w["decoder.4.bias"], stride=2, padding=1)
    h = F.relu(h)
    return F.conv_transpose2d(h, w["decoder.6.weight"], w["decoder.6.bias"], stride=2, padding=1)


def assert_same_gradients(net, part, found, expected):
    """Of two scalars, with respect to each weight of a part of the net: equal, and none zero."""
    weights = [w for name, w in net.named_parameters() if name.startswith(part)]
    left, right = (
        torch.autograd.grad(value, weights, retain_graph=True) for value in (found, expected)
    )
    for one, other in zip(left, right, strict=True):
        torch.testing.assert_close(one, other)
        assert one.any()


def test_encoder_by_hand_and_its_gradient():
    net, x = model(), images(3)
    z_e, expected = net.embed(x), encoded(dict(net.named_parameters()), x)
    torch.testing.assert_close(z_e, expected)
    assert z_e.shape == (3, 3, 2, 2)
    weights = torch.randn(z_e.shape, generator=seeded(), dtype=torch.float64)
    assert_same_gradients(net, "encoder", (weights * z_e).sum(), (weights * expected).sum())


def test_decoder_by_hand_and_its_gradient():
    net, z_q = model(), torch.randn(3, 3, 2, 2, generator=seeded()).double()
    raw, x = decoded(dict(net.named_parameters()), z_q), images(3)
    pixels = net.decode(z_q)
    torch.testing.assert_close(pixels.means, raw.unflatten(1, (3, 2, 1))[:, 1])
    expected = GreyPixels(raw, 1, 17).log_prob(x).sum()
    assert_same_gradients(net, "decoder", pixels.log_prob(x).sum(), expected)


def test_all_gradients_of_the_loss_from_the_weights_alone():
    """Equation 3 in its own form: e moves by the second term, z_e as if z_q were z_e."""
    net, x = model(commitment=0.3), images(3)
    w = dict(net.named_parameters())
    z_e = encoded(w, x)
    e = w["codebook"][torch.cdist(z_e.movedim(1, -1).flatten(1, 2), w["codebook"]).argmin(2)]
    e = e.view(3, 2, 2, 3).movedim(-1, 1)
    at = e.detach().requires_grad_()
    nats = -GreyPixels(decoded(w, at), 1, 17).log_prob(x).mean() / 64
    (slope,) = torch.autograd.grad(nats, at, retain_graph=True)
    commitment = 0.3 * (z_e - e.detach()).square().sum() / 12  # three images of four places
    codebook = (z_e.detach() - e).square().sum() / 12
    loss = net.loss(net.loss_terms(x))
    torch.testing.assert_close(loss, nats + codebook + commitment)
    assert_same_gradients(net, "encoder", loss, commitment + (slope * z_e).sum())
    assert_same_gradients(net, "decoder", loss, nats)
    (found,) = torch.autograd.grad(loss, net.codebook, retain_graph=True)
    (expected,) = torch.autograd.grad(codebook, net.codebook)
    torch.testing.assert_close(found, expected)


def test_strides_and_channels_with_other_halvings():
    net = VQVAE((2, 8, 8), 17, codes=5, code_dim=3, width=6, components=2, halvings=3)
    down = [m for m in net.encoder if isinstance(m, nn.Conv2d)]
    up = [m for m in net.decoder if isinstance(m, nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels) for m in down] == [(2, 6), (6, 6), (6, 6), (6, 3)]
    assert [(m.in_channels, m.out_channels) for m in up] == [(6, 6), (6, 6), (6, 12)]
    kinds = [nn.Conv2d, Residual, Residual] + 3 * [nn.ReLU, nn.ConvTranspose2d]
    assert [type(m) for m in net.decoder] == kinds
    kinds = 2 * [nn.Conv2d, nn.ReLU] + [nn.Conv2d, Residual, Residual, nn.ReLU, nn.Conv2d]
    assert [type(m) for m in net.encoder] == kinds
    x = torch.randint(17, (2, 2, 8, 8), generator=seeded()).float() / 16
    assert net.log_prob_bound(x).shape == (2,)
    assert not net.sample(2).requires_grad


def test_one_halving():
    net = model(halvings=1)
    assert net.code_shape == (4, 4)
    assert net.embed(images(2)).shape == (2, 3, 4, 4)
    assert net.reconstruct(images(2)).shape == (2, 1, 8, 8)


def test_codebook_starts_on_the_sphere_of_the_encoder_outputs():
    net = VQVAE((1, 8, 8), 17, codes=50, code_dim=7)
    torch.testing.assert_close(net.codebook.norm(dim=1), torch.ones(50))
    assert net.codebook.mean(0).norm() < 0.5  # all directions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"halvings": 4}, "multiples of 16"),
        ({"prior": CodePrior((2, 3), 5, embedding=4, width=6)}, r"\(2, 2\) places of 5"),
        ({"prior": CodePrior((2, 2), 6, embedding=4, width=6)}, r"\(2, 2\) places of 5"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        VQVAE((1, 8, 8), 17, codes=5, **options)


# -- the code --------------------------------------------------------------------------------------


def test_nearest_vector_by_hand_and_the_first_of_equals():
    net = model(code_dim=2, codes=3)
    with torch.no_grad():
        net.codebook.copy_(torch.tensor([[3.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
    outputs = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 0.1], [0.0, -0.1]]).double()
    codes = net.quantise(outputs.T.reshape(1, 2, 2, 2))
    # (1, 0) is √2 from the second and third vector and 2 from the first: no cosine decides.
    assert codes.flatten().tolist() == [1, 0, 1, 2]
    rows = net.lookup(codes)[0].flatten(1).T
    assert rows.tolist() == [[0, 1], [3, 0], [0, 1], [0, -1]]


def test_the_code_does_not_depend_on_mixed_precision():
    torch.manual_seed(0)
    net = VQVAE((1, 8, 8), 17, codes=200, code_dim=16, width=8)
    z_e = F.normalize(torch.randn(50, 16, 2, 2), dim=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed, loss = net.quantise(z_e), net.loss(net.loss_terms(images(2).float()))
    assert torch.equal(mixed, net.quantise(z_e))
    exact = torch.cdist(z_e.movedim(1, -1).flatten(0, 2).double(), net.codebook.double())
    assert torch.equal(mixed.flatten(), exact.argmin(1))
    assert loss.dtype == torch.float32


def test_restart_moves_unused_vectors_to_outputs_and_leaves_the_others():
    net = model(codes=4, code_dim=2)
    with torch.no_grad():
        net.codebook.copy_(torch.tensor([[1.0, 0.0], [9.0, 9.0], [0.0, 1.0], [-9.0, 9.0]]))
    vectors = torch.tensor([[0.9, 0.1], [0.1, 0.8], [0.7, 0.0], [1.0, 0.3]]).double()
    z_e = vectors.view(2, 2, 1, 2).movedim(-1, 1)  # two examples of two places
    before = net.codebook.clone()
    moved = net.restart(z_e, torch.tensor([0.0, 0.99, 0.0, 0.3]))
    assert moved == 2
    assert torch.equal(net.codebook[[0, 2]], before[[0, 2]])
    assert torch.equal(net.codebook[1], vectors[3])
    assert torch.equal(net.codebook[3], vectors[1])
    assert net.codebook.requires_grad


def test_restart_reaches_every_output_of_the_batch():
    """Six outputs for two codes: the last one, too, and those that u names."""
    net = model(codes=2, code_dim=2)
    vectors = torch.arange(12.0).double().view(6, 2)
    z_e = vectors.view(3, 2, 1, 2).movedim(-1, 1)
    for u, row in ((0.0, 0), (0.4, 2), (0.5, 3), (0.83, 4), (0.84, 5), (0.999, 5)):
        with torch.no_grad():
            net.codebook.copy_(torch.tensor([[5.0, 5.0], [900.0, 900.0]]))
        assert net.restart(z_e, torch.tensor([0.0, u])) == 1
        assert torch.equal(net.codebook[1], vectors[row])
    with torch.no_grad():
        net.codebook.copy_(vectors[[0, 5]])
    assert net.restart(z_e, torch.zeros(2)) == 0  # both are in use


# -- the generative model --------------------------------------------------------------------------


def test_uniform_prior_without_a_network():
    net = model()
    z = torch.randint(5, (3, 2, 2), generator=seeded())
    torch.testing.assert_close(net.prior_log_prob(z), torch.full((3,), -4 * math.log(5)).double())
    drawn = net.sample_codes(5000, seeded())
    assert drawn.shape == (5000, 2, 2)
    shares = torch.bincount(drawn[:, 1, 0], minlength=5) / 5000
    torch.testing.assert_close(shares, torch.full((5,), 0.2), atol=0.02, rtol=0)
    rows = drawn.flatten(1)
    for j in range(1, 4):  # a place beside the first one: pairs are as frequent as each other
        pairs = torch.bincount(5 * rows[:, 0] + rows[:, j], minlength=25) / 5000
        torch.testing.assert_close(pairs, torch.full((25,), 0.04), atol=0.012, rtol=0)
    assert torch.equal(net.sample_codes(50, seeded()), net.sample_codes(50, seeded()))
    assert not torch.equal(net.sample_codes(50), net.sample_codes(50))


@pytest.mark.parametrize("with_prior", [False, True])
def test_bound_is_both_parts_at_the_encoders_code(with_prior):
    net = model(code_prior((2, 2), 5) if with_prior else None)
    x = images(4)
    z = net.encode(x)
    likelihood, prior = net.log_joint(x, z)
    torch.testing.assert_close(net.log_prob_bound(x), likelihood + prior)
    torch.testing.assert_close(likelihood, net.decode(net.lookup(z)).log_prob(x))
    assert torch.equal(prior, net.prior_log_prob(z))
    if with_prior:
        torch.testing.assert_close(prior, net.prior.log_prob(z))
    other = (z + 1) % 5
    assert (net.log_joint(x, other)[0] != likelihood).all()


def test_samples_are_pixels_drawn_at_codes_drawn():
    net = model(code_prior((2, 2), 5))
    generator = seeded(3)
    z = net.sample_codes(6, generator)
    assert torch.equal(z, net.prior.sample(6, seeded(3)))
    expected = net.decode(net.lookup(z)).sample(generator)
    x = net.sample(6, seeded(3))
    assert torch.equal(x, expected)
    torch.testing.assert_close(x * 16, (x * 16).round())


def test_reconstruction_is_the_decoders_mean_at_the_code():
    net, x = model(), images(4)
    e = net.codebook[net.encode(x)].movedim(-1, 1)
    torch.testing.assert_close(net.reconstruct(x), net.decode(e).mean)
    assert not net.reconstruct(x).requires_grad


# -- the prior -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 3), (3, 2)])
def test_prior_obeys_the_laws_of_autoregressive_models(shape):
    torch.manual_seed(0)
    outcomes = check_model(CodePrior(shape, 3, embedding=4, width=6, layers=2), "autoregressive")
    assert all(o.passed for o in outcomes), conformance_report(outcomes)
    idle = {o.law for o in outcomes if not o.applies}
    assert idle & {law.name for law in autoregressive.LAWS} == {"carried state"}


def test_prior_is_made_of_the_layers_of_pixelcnn():
    prior, z = code_prior(), torch.randint(4, (2, 2, 3), generator=seeded())
    v = h = prior.embedding.weight[z].movedim(-1, 1)
    for layer in prior.layers:
        v, h = layer(v, h, None)
    h = F.conv2d(F.relu(h), prior.head[1].weight, prior.head[1].bias)
    expected = F.conv2d(F.relu(h), prior.head[3].weight, prior.head[3].bias)
    torch.testing.assert_close(prior.logits(z), expected.permute(0, 2, 3, 1))
    reaches = [layer.reach for layer in prior.layers]
    assert reaches == [2, 1]
    assert [layer.residual for layer in prior.layers] == [False, True]
    assert isinstance(prior.memory(2), Memory)


def test_prior_in_mixed_precision_is_in_single_precision_at_the_end():
    prior = code_prior().float()
    z = torch.randint(4, (2, 2, 3), generator=seeded())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert prior.log_prob(z).dtype == torch.float32


def test_prior_with_an_embedding_as_wide_as_its_stacks_is_refused():
    with pytest.raises(ValueError, match="as many channels"):
        CodePrior((2, 2), 3, embedding=6, width=6)
