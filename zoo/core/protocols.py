"""What a model of each family offers: small Protocols, in the field's words.

A Protocol lists what is *required*; what a family also understands but does not ask for is named in
`zoo.core.families.Family.optional`. Nothing here imports torch at run time.

Conventions shared by all families

- ``event_shape`` is the shape of one example. ``(C, H, W)`` means an image with values in [0, 1] at
  the interface, or in {0, 1} for a binary model; any other shape means unbounded real values.
- ``sample`` draws from the model's own distribution (never its mean), under ``torch.no_grad``; the
  same generator state gives the same draw.
- Likelihoods are in nats per example, shape ``(B,)``. A bound is called a bound.
- Randomness that training needs (``eps``, ``alpha``, ``t``) is an explicit tensor argument.
- A class-conditional model has ``classes``, the number K of labels (0: unconditional), and
  ``sample(n, generator, labels=None)``, labels int64 (n,) in 0..K-1; without labels it draws from
  the whole distribution. ``pixelcnn``, older than this line, calls its labels ``y``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch.distributions import Distribution


@runtime_checkable
class GenerativeModel(Protocol):
    """What every entry offers."""

    event_shape: tuple[int, ...]

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw ``n`` examples from the model, shape ``(n, *event_shape)``."""
        ...


@runtime_checkable
class ExactDensity(GenerativeModel, Protocol):
    """A model whose likelihood is computable; the family ``baseline`` asks for no more."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density or log-probability of each example, nats; ``(B, *event_shape) -> (B,)``."""
        ...


@runtime_checkable
class Autoregressive(ExactDensity, Protocol):
    """p(x) = prod_d p(x_d | earlier x), x binary or, with ``vocab_size``, tokens.

    Optional: ``vocab_size``, the number K of values: then x is int64 in 0..K-1 and ``logits`` has
    one more dimension, of size K; ``sample(..., cache=False)``, which keeps nothing between two
    steps; ``sample_with_log_prob(n, generator)``, samples and their log-probabilities (n,) as the
    sampler saw them; ``continued(x, carried)``, logits of x (B, L) given all that was read before
    it, and what to carry on (None at first): the models that have it are recurrent;
    ``generate(prompt, length, generator=...)``, texts (n, P) gone on with by ``length`` tokens, and
    the log-probabilities of these (n, length): what `zoo sample` calls.

    Optional: ``ordering``, integers (D,): ``ordering[d]`` is the position, from 0, at which
    dimension d of the flattened event is generated (default: raster order). A mask ensemble
    instead has ``orderings``, integers (K, D), and ``logits(x, k)`` for the k-th masks; its
    log_prob averages the K probabilities of x; ``logits(x)`` without k is that of the first masks.
    """

    def logits(self, x: Tensor) -> Tensor:
        """Logit of x_d = 1 given the earlier dimensions, as ``x``; of tokens (B, T, K)."""
        ...


@runtime_checkable
class LatentVariable(GenerativeModel, Protocol):
    """p(x) = integral of p(x | z) p(z) dz, with an approximate posterior q(z | x)."""

    latent_dim: int
    prior: Distribution  # event shape (latent_dim,)

    def encode(self, x: Tensor) -> Distribution:
        """q(z | x): batch shape (B,), event shape (latent_dim,)."""
        ...

    def decode(self, z: Tensor) -> Distribution:
        """p(x | z): ``(B, latent_dim)`` -> batch shape (B,), event shape ``event_shape``."""
        ...

    def elbo(self, x: Tensor, eps: Tensor) -> Tensor:
        """Evidence lower bound from one standard normal ``eps`` (B, latent_dim) each; (B,)."""
        ...

    def log_prob_bound(self, x: Tensor, k: int, generator: Generator | None = None) -> Tensor:
        """Importance-weighted bound log (1/k) sum_i w_i; k = 1: the ELBO; (B,)."""
        ...


@runtime_checkable
class Quantised(GenerativeModel, Protocol):
    """A latent-variable model whose code z is a map of integers, each naming one of K vectors.

    The kind of the family ``latent-variable`` that has ``codebook``. Pixels are grey values
    k / (levels - 1), independent given z. ``loss_terms`` goes through ``self.embed``.
    """

    codebook: Tensor  # (K, D)
    code_shape: tuple[int, ...]  # of z
    levels: int
    commitment: float  # beta

    def embed(self, x: Tensor) -> Tensor:
        """The encoder's output z_e, ``(B, *event_shape) -> (B, D, *code_shape)``."""
        ...

    def quantise(self, z_e: Tensor) -> Tensor:
        """Indices of the nearest vectors, int64 (B, *code_shape)."""
        ...

    def encode(self, x: Tensor) -> Tensor:
        """The code of x, int64 (B, *code_shape)."""
        ...

    def lookup(self, z: Tensor) -> Tensor:
        """The vectors that a code names, (B, D, *code_shape)."""
        ...

    def decode(self, z_q: Tensor) -> Distribution:
        """p(x | z) from (B, D, *code_shape): ``log_prob`` gives (B,), ``mean`` images."""
        ...

    def loss_terms(self, x: Tensor) -> dict[str, Tensor]:
        """(B,) each: "reconstruction" in nats per dimension, "codebook" and "commitment"."""
        ...

    def loss(self, terms: dict[str, Tensor]) -> Tensor:
        """The batch's mean of reconstruction + codebook + beta * commitment; scalar."""
        ...

    def prior_log_prob(self, z: Tensor) -> Tensor:
        """Log p(z), nats; ``(B, *code_shape) -> (B,)``."""
        ...

    def sample_codes(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw ``n`` codes from p(z)."""
        ...

    def log_prob_bound(self, x: Tensor) -> Tensor:
        """Log p(x, z) at the encoder's z, nats, (B,): at most log p(x), and no Monte Carlo."""
        ...


@runtime_checkable
class Flow(ExactDensity, Protocol):
    """An invertible map to standard normal noise; log p(x) = log N(z; 0, I) + log |det dz/dx|.

    Optional: ``velocity(x, t)``, the field of a flow in continuous time, t (B,): ``inverse`` goes
    along it from noise at t = 0 to data at t = 1, ``forward`` back, both through ``self.velocity``.
    ``transport(x, start, end)`` is the same journey for ``scale(x)``, without a determinant.
    Where it is learned by regression, ``interpolate(x0, x1, t)`` lies between noise x0 and data x1
    (B, ...), and ``target(x0, x1, t)`` is its derivative by t.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z (B, ...) and log |det dz/dx| (B,), the preprocessing's Jacobian included."""
        ...

    def inverse(self, z: Tensor) -> Tensor:
        """Return x, at the interface's scale, from z as ``forward`` returns it."""
        ...


@runtime_checkable
class Adversarial(GenerativeModel, Protocol):
    """A generator of standard normal z trained against a critic.

    The losses call ``self.generator`` and ``self.critic`` and are minimised. Optional:
    ``gradient_penalty(critic, real, fake, alpha) -> scalar`` with ``alpha`` (B,) in (0, 1), which
    then is a part of ``critic_loss`` with weight ``penalty_weight`` (the paper's lambda).

    Optional: ``objective``, "minimax" or "non-saturating", of a model whose critic is a classifier
    of data against samples: its score is the logit of D(x), the probability that x is data,
    ``critic_loss`` is -E log D(x) - E log(1 - D(G(z))), and ``generator_loss`` is, in this order,
    E log(1 - D(G(z))) or -E log D(G(z)). With ``classes``, both networks and both losses take
    ``labels`` (B,).
    """

    latent_dim: int

    def generator(self, z: Tensor) -> Tensor:
        """Fake examples (B, *event_shape) from noise (B, latent_dim)."""
        ...

    def critic(self, x: Tensor) -> Tensor:
        """Score of each example, larger for data; ``(B, *event_shape) -> (B,)``."""
        ...

    def critic_loss(self, real: Tensor, z: Tensor, alpha: Tensor) -> Tensor:
        """Scalar; no gradient reaches the generator. Without a penalty ``alpha`` is unused."""
        ...

    def generator_loss(self, z: Tensor) -> Tensor:
        """Scalar."""
        ...


@runtime_checkable
class Diffusion(GenerativeModel, Protocol):
    """A Gaussian diffusion with steps t = 1..T and its learned reversal.

    ``x0`` and ``x_t`` below are on the diffusion's own scale. For images that is [-1, 1], and the
    model has ``scale(x)`` and ``unscale(x)`` between it and [0, 1]; ``sample``, ``bound_terms`` and
    ``log_prob_bound`` speak the interface's scale. ``t`` is int64 (B,). ``reverse``, ``loss``,
    ``sample`` and ``bound_terms`` go through ``self.predict``.

    Optional: ``levels``, the number of grey values k / (levels - 1) of the discretised decoder
    p(x0 | x1) in L_0 (without it the decoder is the Gaussian density); ``sample(..., steps=S,
    eta=e)``, DDIM over a sub-sequence of S steps. Without ``steps`` the sampler is ancestral.

    Optional: ``predict_given(x_t, t, labels)``, for models that may be told a class: labels (B,) in
    0..K-1, with K = ``classes``, or ``null`` for none, which is what ``predict`` says. Such a model
    has ``guided(x_t, t, labels, weight)``, (1 + w) predict_given - w predict; samples with it by
    ``sample(..., labels=, weight=)``, through ``self.guided``, w being ``weight`` of the model by
    default; and learns by ``loss_given(x0, t, eps, labels)`` with some labels made null by
    ``drop(labels, uniform)``, with probability ``p_uncond``.
    """

    timesteps: int
    alpha_bar: Tensor  # (T + 1,), alpha_bar[0] = 1

    def q_sample(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """x_t given x0 and the noise."""
        ...

    def predict(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The noise that the network sees in x_t."""
        ...

    def posterior(self, x0: Tensor, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and (broadcastable) variance of q(x_{t-1} | x_t, x0)."""
        ...

    def reverse(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and (broadcastable) variance of p(x_{t-1} | x_t); at t = 1 those of the decoder."""
        ...

    def loss(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """L_simple: the mean squared error of the predicted noise; scalar."""
        ...

    def bound_terms(self, x: Tensor, generator: Generator | None = None) -> dict[str, Tensor]:
        """The bound in nats: "L_T" (B,), "L_t" (B, T - 1) for t = 2..T, "L_0" (B,)."""
        ...

    def log_prob_bound(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """-(L_T + sum_t L_t + L_0), a lower bound in expectation over the generator; (B,)."""
        ...


@runtime_checkable
class ScoreBased(GenerativeModel, Protocol):
    """Scores of data perturbed with normal noise at levels sigma, sampled by Langevin dynamics.

    Everything, images included, is on the interface's scale. ``sigma`` is (B,), each one of
    ``sigmas``; ``loss`` and ``sample`` go through ``self.score``. ``sample`` starts uniformly on
    ``start`` and takes ``langevin_steps`` steps at each level in turn, the largest first; samples
    of images are clamped to [0, 1] at the end.

    Optional: ``sample(..., annealed=False)``, as many steps, all at the last level.
    """

    sigmas: Tensor  # (L,), falling
    step_sizes: Tensor  # (L,), the alpha of each level
    langevin_steps: int
    start: tuple[float, float]

    def score(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Gradient by x of the log-density of the data perturbed with ``sigma``; as ``x``."""
        ...

    def loss(self, x: Tensor, sigma: Tensor, eps: Tensor) -> Tensor:
        """Mean over the batch of sigma^2/2 ||score(x + sigma eps, sigma) + eps/sigma||^2."""
        ...


@runtime_checkable
class EnergyBased(GenerativeModel, Protocol):
    """p(x) = exp(-E(x) / T) / Z with an unknown Z, sampled by Langevin dynamics.

    Images are cut to [0, 1] after each step. ``langevin``, ``loss`` and ``sample`` go through
    ``self.energy``; a training step goes through ``model.loss``. There is no likelihood: nothing
    here is called log_prob.
    """

    step_size: float  # lambda: the gradient is multiplied by lambda / 2
    noise_scale: float  # sigma, standard deviation of the noise of one step
    temperature: float  # T = sigma^2 / lambda
    penalty: float  # weight of the squared energies in the loss

    def energy(self, x: Tensor) -> Tensor:
        """E(x), lower where p is larger; ``(B, *event_shape) -> (B,)``."""
        ...

    def langevin(self, x: Tensor, eps: Tensor) -> Tensor:
        """K steps from x with standard normal noise ``eps`` (K, B, *event_shape); no graph."""
        ...

    def loss(self, x: Tensor, x_model: Tensor) -> Tensor:
        """Scalar, minimised: contrasts data with samples, and holds energies near 0."""
        ...
