"""Tests particular to the VQ-VAE; the laws of codebooks are checked besides."""

import math

import pytest
import torch
import torch.nn.functional as F

from zoo.core.conformance import (
    autoregressive,
    check_entry,
    check_model,
    conformance_report,
    perturbed,
    quantised,
)
from zoo.pixelcnn.model import Memory
from zoo.vq_vae.model import VQVAE
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


def test_encoder_by_hand():
    net, x = model(), images(3)
    w = net.state_dict()
    h = F.conv2d(2 * x - 1, w["encoder.0.weight"], w["encoder.0.bias"], stride=2, padding=1)
    h = F.conv2d(F.relu(h), w["encoder.2.weight"], w["encoder.2.bias"], stride=2, padding=1)
    h = F.relu(residual(residual(h, w, "encoder.3"), w, "encoder.4"))
    h = F.conv2d(h, w["encoder.6.weight"], w["encoder.6.bias"])
    expected = h / h.square().sum(1, keepdim=True).sqrt()
    torch.testing.assert_close(net.embed(x), expected)
    assert net.embed(x).shape == (3, 3, 2, 2)


def test_decoder_by_hand():
    net, z_q = model(), torch.randn(3, 3, 2, 2, generator=seeded()).double()
    w = net.state_dict()
    h = F.conv2d(z_q, w["decoder.0.weight"], w["decoder.0.bias"], padding=1)
    h = F.relu(residual(residual(h, w, "decoder.1"), w, "decoder.2"))
    h = F.conv_transpose2d(h, w["decoder.4.weight"], w["decoder.4.bias"], stride=2, padding=1)
    h = F.relu(h)
    h = F.conv_transpose2d(h, w["decoder.6.weight"], w["decoder.6.bias"], stride=2, padding=1)
    torch.testing.assert_close(net.decode(z_q).means, h.unflatten(1, (3, 2, 1))[:, 1])


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


# -- the generative model --------------------------------------------------------------------------


def test_uniform_prior_without_a_network():
    net = model()
    z = torch.randint(5, (3, 2, 2), generator=seeded())
    torch.testing.assert_close(net.prior_log_prob(z), torch.full((3,), -4 * math.log(5)).double())
    drawn = net.sample_codes(5000, seeded())
    assert drawn.shape == (5000, 2, 2)
    shares = torch.bincount(drawn[:, 1, 0], minlength=5) / 5000
    torch.testing.assert_close(shares, torch.full((5,), 0.2), atol=0.02, rtol=0)


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
