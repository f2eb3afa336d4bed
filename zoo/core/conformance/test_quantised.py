"""The laws refuse models with a codebook that have one thing wrong, and accept an honest one."""

import math

import pytest
import torch

from zoo.core.conformance import check_model, conformance_report, laws_for
from zoo.core.conformance.breaking import (
    assert_every_law_can_fail,
    assert_refused,
    broken,
    no_grad,
)
from zoo.core.conformance.quantised import LAWS
from zoo.core.conformance.quantised_examples import Greys, SmallVQ
from zoo.core.families import kind_of


def with_terms(change):
    """loss_terms of the honest model, changed by ``change(self, x, z_e, e, terms)``."""

    def loss_terms(self, x):
        z_e = self.embed(x)
        e = self.lookup(self.quantise(z_e))
        terms = SmallVQ.loss_terms(self, x)
        terms.update(change(self, x, z_e, e))
        return terms

    return loss_terms


def weighted(reconstruction=1.0, codebook=1.0, commitment=0.25, mean=True):
    def loss(self, terms):
        total = (
            reconstruction * terms["reconstruction"]
            + codebook * terms["codebook"]
            + commitment * terms["commitment"]
        )
        return total.mean() if mean else total.sum()

    return loss


def reconstruction(z_q):
    return with_terms(
        lambda self, x, z_e, e: {"reconstruction": -self.decode(z_q(z_e, e)).log_prob(x) / 4}
    )


def distance(a, b):
    return (a - b).square().sum(1).mean(1)


class Unnormalised(Greys):
    def log_prob(self, value):
        return super().log_prob(value) + 0.1


VQS = {
    "farthest vector": (
        "nearest vector",
        lambda: broken(
            SmallVQ,
            quantise=lambda self, z_e: (
                (z_e[:, None] - self.codebook[:, :, None]).square().sum(2).argmax(1)
            ),
        ),
    ),
    "largest product instead of the smallest distance": (
        "nearest vector",
        lambda: broken(
            SmallVQ,
            quantise=lambda self, z_e: torch.einsum("bdp,kd->bkp", z_e, self.codebook).argmax(1),
        ),
    ),
    "lookup of the next vector": (
        "nearest vector",
        lambda: broken(SmallVQ, lookup=lambda self, z: SmallVQ.lookup(self, (z + 1) % 3)),
    ),
    "decoder fed with the encoder's output": (
        "loss terms",
        lambda: broken(SmallVQ, loss_terms=reconstruction(lambda z_e, e: z_e)),
    ),
    "straight-through before the losses": (
        "loss terms",
        lambda: broken(
            SmallVQ,
            loss_terms=with_terms(
                lambda self, x, z_e, e: (
                    {"commitment": distance(z_e, z_e + (e - z_e))} | {"codebook": distance(e, e)}
                )
            ),
        ),
    ),
    "sum over the places": (
        "loss terms",
        lambda: broken(
            SmallVQ,
            loss_terms=with_terms(
                lambda self, x, z_e, e: {"codebook": 2 * distance(z_e.detach(), e)}
            ),
        ),
    ),
    "no straight-through": (
        "straight-through gradient",
        lambda: broken(SmallVQ, loss_terms=reconstruction(lambda z_e, e: e)),
    ),
    "gradient scaled on its way": (
        "straight-through gradient",
        lambda: broken(
            SmallVQ,
            loss_terms=reconstruction(lambda z_e, e: 2 * z_e + (e - 2 * z_e).detach()),
        ),
    ),
    "codebook term without stop-gradient": (
        "codebook gradient",
        lambda: broken(
            SmallVQ,
            loss_terms=with_terms(lambda self, x, z_e, e: {"codebook": distance(z_e, e)}),
        ),
    ),
    "stop-gradients exchanged, codebook": (
        "codebook gradient",
        lambda: broken(
            SmallVQ,
            loss_terms=with_terms(
                lambda self, x, z_e, e: {
                    "codebook": distance(z_e, e.detach()),
                    "commitment": distance(z_e.detach(), e),
                }
            ),
        ),
    ),
    "commitment without stop-gradient": (
        "commitment gradient",
        lambda: broken(
            SmallVQ,
            loss_terms=with_terms(lambda self, x, z_e, e: {"commitment": distance(z_e, e)}),
        ),
    ),
    "commitment that commits nothing": (
        "commitment gradient",
        lambda: broken(
            SmallVQ,
            loss_terms=with_terms(
                lambda self, x, z_e, e: {"commitment": distance(z_e.detach(), e.detach())}
            ),
        ),
    ),
    "beta on the codebook term": (
        "objective",
        lambda: broken(SmallVQ, loss=weighted(codebook=0.25, commitment=1.0)),
    ),
    "sum over the batch": ("objective", lambda: broken(SmallVQ, loss=weighted(mean=False))),
    "no commitment": ("objective", lambda: broken(SmallVQ, loss=weighted(commitment=0.0))),
    "probabilities that do not sum to one": (
        "decoder's probabilities",
        lambda: broken(
            SmallVQ,
            decode=lambda self, z_q: Unnormalised(SmallVQ.decode(self, z_q).base_dist.logits),
        ),
    ),
    "mean over the places of the prior": (
        "prior",
        lambda: broken(SmallVQ, prior_log_prob=lambda self, z: SmallVQ.prior_log_prob(self, z) / 2),
    ),
    "bound without the prior": (
        "joint bound",
        lambda: broken(
            SmallVQ,
            log_prob_bound=lambda self, x: (
                self.decode(self.lookup(self.encode(x))).log_prob(x) - 2 * math.log(100)
            ),
        ),
    ),
    "reconstruction called a bound": (
        "joint bound",
        lambda: broken(
            SmallVQ,
            log_prob_bound=lambda self, x: self.decode(self.lookup(self.encode(x))).log_prob(x) + 5,
        ),
    ),
    "codes drawn uniformly": (
        "code frequencies",
        lambda: broken(
            SmallVQ,
            sample_codes=no_grad(
                lambda self, n, generator=None: torch.randint(3, (n, 2), generator=generator)
            ),
        ),
    ),
    "samples from uniform codes": (
        "pixel frequencies",
        lambda: broken(
            SmallVQ,
            sample=no_grad(
                lambda self, n, generator=None: (
                    torch.multinomial(
                        self.decode(
                            self.lookup(torch.randint(3, (n, 2), generator=generator))
                        ).base_dist.probs.flatten(0, -2),
                        1,
                        generator=generator,
                    ).view(n, 1, 1, 4)
                    / 4
                )
            ),
        ),
    ),
    "means instead of draws": (
        "pixel frequencies",
        lambda: broken(
            SmallVQ,
            sample=no_grad(
                lambda self, n, generator=None: (
                    self.decode(self.lookup(self.sample_codes(n, generator))).mean
                )
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", VQS)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("quantised", VQS[name])


def test_every_law_can_fail() -> None:
    assert_every_law_can_fail("quantised", VQS)


@pytest.mark.parametrize("seed", range(4))
def test_honest_model_passes_under_the_name_of_its_family(seed: int) -> None:
    torch.manual_seed(seed)
    model = SmallVQ()
    assert kind_of(model, "latent-variable") == "quantised"
    assert kind_of(model, "flow") == "flow"
    outcomes = check_model(model, "latent-variable", seed=seed)
    assert all(o.passed for o in outcomes), conformance_report(outcomes)
    applied = {o.law for o in outcomes if o.applies}
    assert {law.name for law in LAWS} <= applied
    assert [o.law for o in outcomes] == [law.name for law in laws_for("quantised")]


def test_what_lacks_a_method_is_told_its_protocol() -> None:
    class Half(torch.nn.Module):
        event_shape, codebook = (1, 1, 1), torch.zeros(2, 1)

    (outcome,) = check_model(Half(), "latent-variable")
    assert "attributes of Quantised, missing code_shape, commitment" in outcome.message
