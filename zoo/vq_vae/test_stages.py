"""Both stages of training: what is minimised, what is frozen, what is restarted."""

from dataclasses import replace

import pytest
import torch

from zoo.core.data import load_dataset
from zoo.core.errors import ZooError
from zoo.core.loop import Loop
from zoo.core.noise import Noise
from zoo.core.recipes import with_overrides
from zoo.core.training import train
from zoo.vq_vae import recipe
from zoo.vq_vae.model import VQVAE
from zoo.vq_vae.recipe import RECIPES, Task

TINY = RECIPES["tiny"]
FIRST = replace(TINY, prior_layers=0)


def batch(n=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(17, (n, 1, 4, 4), generator=generator).float() / 16


@pytest.fixture
def shipped(monkeypatch):
    """A shipped first stage named "first"."""
    torch.manual_seed(1)
    first = Task(FIRST).build()

    class Entry:
        def load(self, name):
            assert name == "first"
            return first

    monkeypatch.setattr(recipe, "get_entry", lambda name: {"vq_vae": Entry()}[name])
    return first


def test_images_are_scaled_to_their_grid():
    raw = load_dataset("digits", "train").images[:3]
    x = Task(TINY).prepare(raw, Noise(0, 0))
    torch.testing.assert_close(x, raw[:, :, 2:6, 2:6].float() / 16)


def test_first_stage_minimises_equation_3_under_a_uniform_prior():
    task = Task(FIRST)
    model, x = task.build(), batch()
    assert model.prior is None
    out = task.loss(model, x, Noise(0, 0))
    terms = model.loss_terms(x)
    torch.testing.assert_close(out["loss"], model.loss(terms))
    for name in ("reconstruction", "codebook", "commitment"):
        torch.testing.assert_close(out[name], terms[name].mean())
    shares = torch.bincount(model.encode(x).flatten(), minlength=3) / (8 * 4)
    entropy = -sum(p * p.log() for p in shares if p > 0)
    torch.testing.assert_close(out["perplexity"], entropy.exp())


def test_trained_together_neither_sees_the_others_loss():
    task = Task(TINY)
    model, x = task.build(), batch()
    together = task.loss(model, x, Noise(0, 0))
    terms = model.loss_terms(x)
    torch.testing.assert_close(
        together["loss"], model.loss(terms) - model.prior_log_prob(terms["codes"]).mean()
    )
    for loss, part in (
        (model.loss(terms), model.encoder),
        (model.loss(terms), model.decoder),
        (-model.prior_log_prob(model.encode(x)).mean(), model.prior),
    ):
        alone = torch.autograd.grad(loss, part.parameters(), retain_graph=True)
        found = torch.autograd.grad(together["loss"], part.parameters(), retain_graph=True)
        for left, right in zip(found, alone, strict=True):
            torch.testing.assert_close(left, right)


def test_second_stage_keeps_the_shipped_autoencoder_and_fits_its_codes(shipped):
    task = Task(replace(TINY, codes_of="first", steps=3))
    model = task.build()
    for name, value in shipped.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)
    (group,) = task.optimizers(model)["model"].param_groups
    assert {id(p) for p in group["params"]} == {id(p) for p in model.prior.parameters()}
    frozen = [p for name, p in model.named_parameters() if not name.startswith("prior.")]
    assert not any(p.requires_grad for p in frozen)
    codes = task.training_data()
    images = load_dataset("digits", "train").images[:, :, 2:6, 2:6] / 16
    assert torch.equal(codes, shipped.encode(images))
    z = task.prepare(codes[:5], Noise(0, 0))
    assert torch.equal(z, codes[:5])
    out = task.loss(model, z, Noise(0, 0))
    torch.testing.assert_close(out["loss"], -model.prior.log_prob(z).mean())
    trained = train(task, progress=False).model
    for name, value in shipped.state_dict().items():
        assert torch.equal(trained.state_dict()[name], value)
    assert not torch.equal(trained.prior.head[1].weight, model.prior.head[1].weight)


def test_restarts_in_the_first_half_with_the_batch_of_the_step(monkeypatch):
    seen = []

    def restart(self, z_e, u):
        seen.append((z_e, u))
        return 0

    monkeypatch.setattr(VQVAE, "restart", restart)
    task = Task(replace(TINY, steps=12, restart_every=2, seed=3))
    steps = []
    inner = task.loss
    task.loss = lambda model, x, noise: (steps.append((model, x)), inner(model, x, noise))[1]
    train(task, progress=False)
    assert len(seen) == 3  # steps 0, 2, 4: at 6 half of the run is over
    assert len({tuple(u.tolist()) for _, u in seen}) == 3
    for step, (z_e, u) in zip((0, 2, 4), seen, strict=True):
        assert torch.equal(u, Noise(3, -1 - step).uniform(3))  # draws of the seed and the step
        assert z_e.shape == (32, 2, 2, 2)
        assert not z_e.requires_grad
        assert u.shape == (3,)
        assert 0 <= u.min() <= u.max() < 1


def test_all_processes_restart_with_the_outputs_of_all_and_the_same_draws():
    x, task = batch(8), Task(TINY)

    class Loop:
        def __init__(self, model, rank):
            self.model, self.step, self.device, self.rank = model, 0, torch.device("cpu"), rank
            self.fabric = self

        def all_gather(self, z_e):
            parts = [self.model.embed(part) for part in x.split(4)]
            assert torch.equal(z_e, parts[self.rank])
            return torch.stack(parts)

        def autocast(self):
            return torch.enable_grad()

        def minimise(self, name, loss):
            pass

    books = []
    for rank in range(2):
        torch.manual_seed(0)
        model = task.build()
        with torch.no_grad():
            model.codebook[1:] += 9  # never chosen
        task.training_step(Loop(model, rank), x[4 * rank : 4 * rank + 4], Noise(0, 0, rank, 2))
        books.append(model.codebook.detach())
    assert torch.equal(*books)
    outputs = model.embed(x).movedim(1, -1).flatten(0, 2)
    moved = torch.cdist(books[0][1:], outputs).amin(1)
    torch.testing.assert_close(moved, torch.zeros(2), atol=1e-5, rtol=0)


def test_a_resumed_run_restarts_the_same_codes():
    task = Task(replace(FIRST, steps=6, restart_every=1))
    whole, first, second = (Loop(task, torch.device("cpu")) for _ in range(3))
    for _ in range(5):
        whole.advance()
    first.advance()
    second.restore(first.state())
    for _ in range(4):
        second.advance()
    expected = whole.model.state_dict()
    assert all(torch.equal(expected[name], v) for name, v in second.model.state_dict().items())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": "binarized-digits"}, "grey images"),
        ({"prior_layers": "0", "codes_of": "mnist"}, "trains a prior"),
        ({"codes": "1"}, "two codes"),
        ({"code_dim": "0"}, "two codes"),
        ({"commitment": "0"}, "must be positive"),
        ({"restart_every": "0"}, "restart_every at least 1"),
        ({"halvings": "3"}, "halved 3 times"),
        ({"prior_width": "16"}, "must not be 16"),
    ],
)
def test_what_no_recipe_can_be(settings, message):
    with pytest.raises(ZooError, match=message):
        with_overrides(TINY, settings)


def test_the_second_stage_of_mnist_has_the_first_ones_autoencoder():
    first, second = RECIPES["mnist"], RECIPES["mnist-prior"]
    assert second.codes_of == "mnist"
    fields = ("event_shape", "codes", "code_dim", "width", "halvings", "components", "commitment")
    assert all(getattr(first, name) == getattr(second, name) for name in fields)


def test_every_field_of_a_recipe_reaches_the_model():
    """Each with a value that no other has and that no default is."""
    config = replace(
        TINY, event_shape=(1, 8, 8), codes=7, code_dim=5, width=9, halvings=2, components=6,
        commitment=0.7, prior_layers=3, prior_width=11,
    )  # fmt: skip
    model = Task(config).build()
    assert (model.event_shape, model.levels, model.code_shape) == ((1, 8, 8), 17, (2, 2))
    assert model.codebook.shape == (7, 5)
    assert model.commitment == 0.7
    shapes = {name: tuple(value.shape) for name, value in model.named_parameters()}
    assert shapes["encoder.0.weight"] == (9, 1, 4, 4)
    assert shapes["encoder.6.weight"] == (5, 9, 1, 1)
    assert shapes["decoder.6.weight"] == (9, 18, 4, 4)
    prior = model.prior
    assert (prior.event_shape, prior.vocab_size, len(prior.layers)) == ((2, 2), 7, 3)
    assert prior.embedding.weight.shape == (7, 16)
    assert shapes["prior.head.1.weight"] == (22, 11, 1, 1)
    assert shapes["prior.head.3.weight"] == (7, 22, 1, 1)


def test_adam_without_weight_decay_on_what_is_trained():
    config = replace(TINY, learning_rate=3e-3)
    model = Task(config).build()
    (optimizer,) = Task(config).optimizers(model).values()
    assert type(optimizer) is torch.optim.Adam
    (group,) = optimizer.param_groups
    assert {id(p) for p in group["params"]} == {id(p) for p in model.parameters()}
    names = ("lr", "betas", "eps", "weight_decay", "amsgrad")
    assert [group[name] for name in names] == [3e-3, (0.9, 0.999), 1e-8, 0, False]


def test_beta_of_all_recipes_is_the_papers():
    assert {config.commitment for config in RECIPES.values()} == {0.25}
    assert {config.restart_every for config in RECIPES.values()} == {100}


def test_the_least_that_a_recipe_can_be():
    """Every limit is reached and not excluded."""
    least = replace(
        TINY, codes=2, code_dim=1, width=1, halvings=1, components=1, restart_every=1,
        prior_layers=1, commitment=0.001,
    )  # fmt: skip
    model = Task(least).build()
    assert torch.isfinite(model.log_prob_bound(batch(2))).all()
    with pytest.raises(ZooError, match="must be positive"):
        replace(TINY, commitment=-1.0)
    with pytest.raises(ZooError, match="steps and batch_size"):
        replace(TINY, steps=0)


def test_clipping_couples_the_two_trainings_and_its_absence_does_not():
    """One norm over both: with the prior's gradient in it the autoencoder moves otherwise."""

    class Alone(Task):
        def loss(self, model, x, noise):
            out = super().loss(model, x, noise)
            return {**out, "loss": out["loss"] - out["prior"]}

    def autoencoder(kind, clip_norm):
        task = kind(replace(TINY, steps=4, clip_norm=clip_norm))
        state = train(task, progress=False).model.state_dict()
        return {name: value for name, value in state.items() if not name.startswith("prior.")}

    for clip_norm, equal in ((None, True), (0.01, False)):
        together, alone = autoencoder(Task, clip_norm), autoencoder(Alone, clip_norm)
        assert all(torch.allclose(alone[name], together[name]) for name in alone) == equal
