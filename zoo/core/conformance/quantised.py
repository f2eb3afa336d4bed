"""Laws of latent-variable models with a codebook, by enumeration of all codes and grey values."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from zoo.core.conformance.law import (
    ENUMERABLE,
    Broken,
    Law,
    NotApplicable,
    Subject,
    expect_close,
    expect_frequencies,
    law,
    replaced,
)

LAWS: list[Law] = []
DRAWS = 20_000


@law(
    LAWS,
    "nearest vector",
    "The code names, at each place, the codebook vector nearest to the encoder's output, whatever"
    " that is; lookup returns these vectors.",
)
def _nearest(subject: Subject) -> str:
    model, x = subject.double, subject.examples(32).double()
    book = model.codebook.detach()
    with torch.no_grad():
        z_e = model.embed(x)
        expected = (32, book.shape[1], *model.code_shape)
        if tuple(z_e.shape) != expected:
            raise Broken(f"embed(x): expected shape {expected}, found {tuple(z_e.shape)}")
        anywhere = 2 * subject.normal(*z_e.shape, stream=21).double()
        for what, vectors, codes in (
            ("encode(x)", z_e, model.encode(x)),
            ("quantise", anywhere, model.quantise(anywhere)),
        ):
            if codes.dtype != torch.int64 or codes.shape != (32, *model.code_shape):
                raise Broken(
                    f"{what}: expected int64 {(32, *model.code_shape)}, found {codes.dtype}"
                    f" {tuple(codes.shape)}"
                )
            named = model.lookup(codes)
            rows = book[codes.flatten()].view(*codes.shape, -1).movedim(-1, 1)
            expect_close(f"lookup of {what}", named, rows, 1e-9)
            flat = vectors.movedim(1, -1).flatten(0, -2)
            least = (flat[:, None] - book).square().sum(-1).amin(1)
            note = expect_close(
                f"squared distance to the vector of {what}",
                (vectors - named).square().sum(1).flatten(),
                least,
                1e-9,
            )
    return note


@law(
    LAWS,
    "loss terms",
    "The reconstruction is -log p(x | e_z) over the number of dimensions, at codebook vectors and"
    " not at the encoder's output; codebook and commitment are both |z_e - e_z|^2, averaged over"
    " the places.",
)
def _terms(subject: Subject) -> str:
    model, x = subject.double, subject.examples(16).double()
    with torch.no_grad():
        found, z_e = model.loss_terms(x), model.embed(x)
        e = model.lookup(model.quantise(z_e))
        distance = (z_e - e).square().sum(1).flatten(1).mean(1)
        expected = {
            "reconstruction": -model.decode(e).log_prob(x) / subject.dim,
            "codebook": distance,
            "commitment": distance,
        }
        for name, value in expected.items():
            if tuple(found[name].shape) != (16,):
                raise Broken(f"{name}: expected shape (16,), found {tuple(found[name].shape)}")
            note = expect_close(name, found[name], value, 1e-8, 1e-8)
    return note


@law(
    LAWS,
    "straight-through gradient",
    "The reconstruction's gradient at the encoder's output is that at the decoder's input, and"
    " none of it reaches the codebook.",
)
def _straight_through(subject: Subject) -> str:
    model, x = subject.double, subject.examples(8).double()
    z_e, terms = _terms_at_leaf(subject, x)
    to_output, to_book = _gradients(terms["reconstruction"].sum(), z_e, model.codebook)
    z_q = model.lookup(model.quantise(z_e)).detach().requires_grad_()
    likelihood = -model.decode(z_q).log_prob(x).sum() / subject.dim
    (expected,) = torch.autograd.grad(likelihood, z_q)
    expect_close("gradient for the codebook", to_book, 0.0, 1e-12)
    return expect_close("gradient for z_e", to_output, expected, 1e-9, 1e-7)


@law(
    LAWS,
    "codebook gradient",
    "The codebook term pulls each vector towards the outputs that chose it, 2 (e_k - z_e) / places"
    " for each, and its gradient does not reach the encoder.",
)
def _codebook(subject: Subject) -> str:
    z_e, terms = _terms_at_leaf(subject, subject.examples(8).double())
    to_output, to_book = _gradients(terms["codebook"].sum(), z_e, subject.double.codebook)
    expect_close("gradient for z_e", to_output, 0.0, 1e-12)
    return expect_close("gradient for the codebook", to_book, _pull(subject, z_e), 1e-9, 1e-7)


@law(
    LAWS,
    "commitment gradient",
    "The commitment term pulls the encoder's output towards its vector, 2 (z_e - e) / places, and"
    " its gradient does not reach the codebook.",
)
def _commitment(subject: Subject) -> str:
    model = subject.double
    z_e, terms = _terms_at_leaf(subject, subject.examples(8).double())
    to_output, to_book = _gradients(terms["commitment"].sum(), z_e, model.codebook)
    expect_close("gradient for the codebook", to_book, 0.0, 1e-12)
    expected = _push(subject, z_e)
    return expect_close("gradient for z_e", to_output, expected, 1e-9, 1e-7)


@law(
    LAWS,
    "objective",
    "The loss is the batch's mean of reconstruction + codebook + beta commitment: beta weighs the"
    " gradient to the encoder, not the one to the codebook.",
)
def _objective(subject: Subject) -> str:
    model, batch = subject.double, 8
    z_e, terms = _terms_at_leaf(subject, subject.examples(batch).double())
    loss = model.loss(terms)
    beta = model.commitment
    value = (terms["reconstruction"] + terms["codebook"] + beta * terms["commitment"]).mean()
    expect_close("loss", loss[None], value[None], 1e-9, 1e-9)
    reconstruction, _ = _gradients(terms["reconstruction"].sum(), z_e, model.codebook)
    to_output, to_book = _gradients(loss, z_e, model.codebook)
    expect_close("gradient for the codebook", to_book, _pull(subject, z_e) / batch, 1e-9, 1e-7)
    expected = (reconstruction + beta * _push(subject, z_e)) / batch
    return expect_close("gradient for z_e", to_output, expected, 1e-9, 1e-7)


@law(
    LAWS,
    "decoder's probabilities",
    "Given z, the probabilities of the grey values of each pixel sum to one.",
)
def _decoder(subject: Subject) -> str:
    codes = _codes(subject)
    z = codes[:: max(1, len(codes) // 3)]
    notes = []
    for x in (*subject.examples(2), torch.zeros(subject.shape), torch.ones(subject.shape)):
        # With independent pixels p(x) / sum_v p(x, x_d = v) is the normalised p(x_d).
        pixels = _pixel_log_probs(subject, z, x)  # (Z, D, L)
        place = (x.flatten() * (subject.model.levels - 1)).round().long()
        chosen = pixels.gather(2, place.expand(len(z), -1)[..., None]).flatten(1).sum(1)
        whole = _log_likelihood(subject, z, x[None])[:, 0]
        notes.append(expect_close("log p(x | z) of normalised pixels", chosen, whole, 2e-3, 1e-5))
    return notes[-1]


@law(LAWS, "prior", "The prior's probabilities of all maps of codes sum to one.")
def _prior(subject: Subject) -> str:
    total = _prior_log_probs(subject).exp().sum()
    return expect_close(f"sum of p over {len(_codes(subject))} codes", total, 1.0, 1e-4)


@law(
    LAWS,
    "joint bound",
    "log_prob_bound(x) = log p(x | z) + log p(z) at the encoder's z, and does not exceed log p(x),"
    " the sum over all codes.",
)
def _bound(subject: Subject) -> str:
    model, x, codes = subject.model, subject.examples(6), _codes(subject)
    with torch.no_grad():
        found, z = model.log_prob_bound(x), model.encode(x)
        if tuple(found.shape) != (6,):
            raise Broken(f"log_prob_bound: expected shape (6,), found {tuple(found.shape)}")
        joint = model.decode(model.lookup(z)).log_prob(x) + model.prior_log_prob(z)
    exact = (_log_likelihood(subject, codes, x) + _prior_log_probs(subject)[:, None]).logsumexp(0)
    worst = int((found.double() - exact).argmax())
    if found[worst] > exact[worst] + 1e-3:
        raise Broken(
            f"expected log_prob_bound <= log p(x) = {exact[worst]:.6g}, found {found[worst]:.6g}"
        )
    expect_close("log_prob_bound", found, joint, 1e-4, 1e-5)
    return f"{len(codes)} codes; log p(x) is {float((exact - found).mean()):.3g} nats above"


@law(LAWS, "code frequencies", "Codes are drawn as often as p(z) says.")
def _code_frequencies(subject: Subject) -> str:
    p = _prior_log_probs(subject).exp()
    z = subject.model.sample_codes(DRAWS, subject.generator(4)).flatten(1)
    place = len(subject.model.codebook) ** torch.arange(z.shape[1] - 1, -1, -1)
    counts = torch.bincount((z * place).sum(1), minlength=len(p))
    return expect_frequencies(f"counts of {len(p)} codes", counts, p)


@law(
    LAWS,
    "pixel frequencies",
    "In samples each pixel has each grey value as often as the sum over z of p(z) p(x_d | z) says.",
)
def _pixel_frequencies(subject: Subject) -> str:
    levels = subject.model.levels
    x = subject.model.sample(DRAWS, subject.generator(5)).flatten(1)
    k = (x * (levels - 1)).round()
    if float((x * (levels - 1) - k).abs().max()) > 0.01:
        raise Broken(f"expected grey values k/{levels - 1}, found {float(x.flatten()[0]):.5g}")
    pixels = _pixel_log_probs(subject, _codes(subject), torch.zeros(subject.shape))
    p = (_prior_log_probs(subject)[:, None, None] + pixels).logsumexp(0).exp()  # (D, L)
    for d in range(subject.dim):
        counts = torch.bincount(k[:, d].long(), minlength=levels)
        note = expect_frequencies(f"grey values of pixel {d}", counts, p[d])
    return note


def _codes(subject: Subject) -> Tensor:
    """All maps of codes, int64 (K^N, *code_shape)."""
    values, places = len(subject.model.codebook), math.prod(subject.model.code_shape)
    if values**places > 2**ENUMERABLE:
        raise NotApplicable(
            f"{values}^{places} codes are too many: make `tiny` at most 2^{ENUMERABLE}"
        )
    every = torch.tensor(list(itertools.product(range(values), repeat=places)))
    return every.view(-1, *subject.model.code_shape)


@torch.no_grad()
def _prior_log_probs(subject: Subject) -> Tensor:
    """Log p(z) of all codes, float64 (K^N,)."""
    codes = _codes(subject)
    found = subject.model.prior_log_prob(codes)
    if tuple(found.shape) != (len(codes),):
        raise Broken(f"prior_log_prob: expected {(len(codes),)}, found {tuple(found.shape)}")
    return found.double()


@torch.no_grad()
def _log_likelihood(subject: Subject, z: Tensor, x: Tensor) -> Tensor:
    """Log p(x | z) of all pairs, float64 (Z, B)."""
    model, rows = subject.model, []
    for one in x:
        found = model.decode(model.lookup(z)).log_prob(one.expand(len(z), *subject.shape))
        if tuple(found.shape) != (len(z),):
            raise Broken(
                f"decode(z_q).log_prob(x): expected shape {(len(z),)}, found {tuple(found.shape)}"
            )
        rows.append(found.double())
    return torch.stack(rows, 1)


def _pixel_log_probs(subject: Subject, z: Tensor, x: Tensor) -> Tensor:
    """Log p(x_d = v | z) of independent pixels, normalised, float64 (Z, D, L); x is any image."""
    levels = subject.model.levels
    if len(z) * subject.dim * levels > 100_000:
        raise NotApplicable(f"{len(z)} codes of {subject.dim} pixels: make `tiny` smaller")
    variants = x.flatten().repeat(subject.dim, levels, 1)  # (D, L, D)
    for d in range(subject.dim):
        variants[d, :, d] = torch.arange(levels) / (levels - 1)
    found = _log_likelihood(subject, z, variants.view(-1, *subject.shape))
    return found.view(len(z), subject.dim, levels).log_softmax(2)


def _terms_at_leaf(subject: Subject, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The encoder's output as a leaf, and the loss terms computed from it, in float64."""
    model = subject.double
    z_e = model.embed(x).detach().requires_grad_()
    with replaced(model, embed=lambda _: z_e):
        return z_e, model.loss_terms(x)


def _gradients(value: Tensor, *leaves: Tensor) -> list[Tensor]:
    """Gradients at the leaves, zero where there is none."""
    if not value.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    return list(
        torch.autograd.grad(
            value, leaves, retain_graph=True, allow_unused=True, materialize_grads=True
        )
    )


def _push(subject: Subject, z_e: Tensor) -> Tensor:
    """2 (z_e - e) / places, summed over the batch's examples: what commitment is to give."""
    model = subject.double
    with torch.no_grad():
        e = model.lookup(model.quantise(z_e))
        return 2 * (z_e - e) / math.prod(model.code_shape)


def _pull(subject: Subject, z_e: Tensor) -> Tensor:
    """The same with the other sign, collected over the places of each codebook vector, (K, D)."""
    model = subject.double
    with torch.no_grad():
        rows = -_push(subject, z_e).movedim(1, -1).flatten(0, -2)
        codes = model.quantise(z_e).flatten()
        return torch.zeros_like(model.codebook).index_add_(0, codes, rows)
