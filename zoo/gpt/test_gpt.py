"""GPT against equation 1 written out, closed forms of its sampler, and torch's own attention."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.conformance.law import perturbed
from zoo.gpt.model import GPT, Attention, Cache, filtered

K, T = 7, 6


def build(context: int = T, dropout: float = 0.0, **sizes: int) -> GPT:
    """A small model with no neutral weights, in evaluation mode."""
    torch.manual_seed(0)
    sizes = {"width": 12, "heads": 3, "layers": 2} | sizes
    return perturbed(GPT(K, context, dropout=dropout, **sizes)).double()


def texts(n: int = 5, length: int = T) -> Tensor:
    return torch.randint(K, (n, length), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_attention_is_equation_1_head_by_head() -> None:
    """With loops over heads, rows and columns, and softmax by hand."""
    torch.manual_seed(0)
    layer = Attention(width=6, heads=2, dropout=0.0).double().eval()
    x = torch.randn(1, 4, 6, dtype=torch.float64)
    w_q, w_k, w_v = layer.qkv.weight.chunk(3)
    b_q, b_k, b_v = layer.qkv.bias.chunk(3)
    q, k, v = x[0] @ w_q.T + b_q, x[0] @ w_k.T + b_k, x[0] @ w_v.T + b_v
    heads = torch.zeros(4, 6, dtype=torch.float64)
    for h, t in itertools.product(range(2), range(4)):
        own = slice(3 * h, 3 * h + 3)
        weights = [math.exp(float(q[t, own] @ k[s, own]) / math.sqrt(3)) for s in range(t + 1)]
        for s, weight in enumerate(weights):
            heads[t, own] += weight / sum(weights) * v[s, own]
    torch.testing.assert_close(layer(x, 0, None)[0], layer.output(heads))


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(0)
    layer = Attention(width=12, heads=3, dropout=0.0).double().eval()
    other = torch.nn.MultiheadAttention(12, 3, batch_first=True).double().eval()
    other.in_proj_weight.data, other.in_proj_bias.data = layer.qkv.weight, layer.qkv.bias
    other.out_proj.load_state_dict(layer.output.state_dict())
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    mask = torch.ones(5, 5, dtype=torch.bool).triu(1)
    torch.testing.assert_close(layer(x, 0, None), other(x, x, x, attn_mask=mask)[0])


def test_no_gradient_flows_from_later_tokens() -> None:
    """∂ logits_i / ∂ embedding of input j is 0 for j > i and not 0 for j ≤ i."""
    model = build()
    u = texts(1)
    embedded = model.tokens(u).detach().requires_grad_()
    model.tokens.forward = lambda _: embedded
    logits = model(u)
    for i in range(T):
        (gradient,) = torch.autograd.grad(logits[0, i].square().sum(), embedded, retain_graph=True)
        reached = gradient[0].abs().sum(1) > 0
        assert reached.tolist() == [j <= i for j in range(T)]


def test_probabilities_of_all_texts_add_up_to_one_at_every_length() -> None:
    model = perturbed(GPT(3, 4, 12, 3, 2))
    for length in (1, 2, 3, 4):
        every = torch.tensor(list(itertools.product(range(3), repeat=length)))
        assert model.log_prob(every).exp().sum().item() == pytest.approx(1.0, abs=1e-5)


def test_log_prob_is_the_chain_rule_one_conditional_at_a_time() -> None:
    """Each conditional from a pass of its own over the start symbol and what came before."""
    model, x = build(), texts()
    total = torch.zeros(len(x), dtype=torch.float64)
    for t in range(T):
        u = torch.cat((torch.full((len(x), 1), K), x[:, :t]), dim=1)
        total += model(u)[:, -1].log_softmax(1).gather(1, x[:, t : t + 1])[:, 0]
    torch.testing.assert_close(model.log_prob(x), total)


def test_cached_logits_are_those_of_the_whole_whatever_the_chunks() -> None:
    model, u = build(), texts()
    for lengths in ([1] * T, [3, 3], [2, 1, 3], [T]):
        cache = Cache(layers=2)
        parts = [model(part, cache) for part in u.split(lengths, dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model(u))
        assert len(cache) == T


@pytest.mark.parametrize("context", [1, 2, 5, T])
@pytest.mark.parametrize("prompt", [0, 3, 11])
def test_cache_changes_nothing_beyond_the_context_either(context: int, prompt: int) -> None:
    model, length = build(context), 17
    draws = [
        model.generate(
            texts(4, prompt), length, generator=torch.Generator().manual_seed(2), cache=cache
        )
        for cache in (True, False)
    ]
    assert torch.equal(draws[0][0], draws[1][0])
    torch.testing.assert_close(draws[0][1], draws[1][1])
    assert torch.equal(draws[0][0][:, :prompt], texts(4, prompt))
    assert draws[0][0].shape == (4, prompt + length)


@pytest.mark.parametrize("context", [1, 2, 5, 6])
def test_the_window_moves_on_only_when_it_is_full(context: int) -> None:
    model, first = GPT(K, context, 4, 1, 1), 0
    for t in range(40):
        if t - first == context:  # no position is left for the start symbol
            first = t - context // 2
        assert model.window_start(t) == first


def test_generation_sees_the_window_and_no_more() -> None:
    """Far into a text, the drawn token has the probability that its window gives it."""
    model = build()
    prompt = texts(3, 20)
    out, log_p = model.generate(prompt, 1, generator=torch.Generator().manual_seed(0))
    window = out[:, model.window_start(20) :]
    assert window.shape[1] <= T
    expected = model.log_prob(window) - model.log_prob(window[:, :-1])
    torch.testing.assert_close(log_p[:, 0], expected.float(), check_dtype=False)


def test_what_the_sampler_says_of_its_draw_is_the_teacher_forced_value() -> None:
    model = build()
    x, log_p = model.sample_with_log_prob(50, torch.Generator().manual_seed(0))
    torch.testing.assert_close(log_p, model.log_prob(x).float(), atol=1e-5, rtol=1e-5)


PROBABILITIES = [0.05, 0.4, 0.1, 0.3, 0.15]


def of(**options: float) -> list[float]:
    log_p = torch.tensor([PROBABILITIES], dtype=torch.float64).log() + 2.5  # any constant
    return [round(p, 9) for p in filtered(log_p, **options).exp()[0].tolist()]


def test_without_filters_the_distribution_is_the_softmax() -> None:
    assert of() == PROBABILITIES
    assert of(top_k=5) == of(top_k=99) == of(top_p=1.0) == PROBABILITIES


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_temperature_is_a_power_of_the_probabilities(temperature: float) -> None:
    powers = [p ** (1 / temperature) for p in PROBABILITIES]
    assert of(temperature=temperature) == pytest.approx([p / sum(powers) for p in powers])


def test_top_k_keeps_the_k_most_probable() -> None:
    assert of(top_k=1) == [0, 1, 0, 0, 0]
    assert of(top_k=2) == pytest.approx([0, 0.4 / 0.7, 0, 0.3 / 0.7, 0])
    assert of(top_k=3) == pytest.approx([0, 0.4 / 0.85, 0, 0.3 / 0.85, 0.15 / 0.85])


@pytest.mark.parametrize(
    ("top_p", "kept"), [(0.01, 1), (0.39, 1), (0.41, 2), (0.69, 2), (0.71, 3), (0.94, 4), (0.96, 5)]
)
def test_the_nucleus_is_the_smallest_set_with_enough_probability(top_p: float, kept: int) -> None:
    expected = of(top_k=kept)
    assert of(top_p=top_p) == pytest.approx(expected)


def test_a_set_that_is_exactly_enough_is_the_nucleus() -> None:
    """Four equal tokens have exactly 1/4 each; among equals the first ones are kept."""
    expected = torch.tensor([[0.5, 0.5, 0.0, 0.0]])
    torch.testing.assert_close(filtered(torch.zeros(1, 4), top_p=0.5).exp(), expected)
    torch.testing.assert_close(filtered(torch.zeros(1, 4), top_k=2).exp(), expected)


def test_filters_look_at_the_distribution_at_its_temperature() -> None:
    """At temperature 1/2 the two best have 0.25 / 0.295; at 1 they have 0.7."""
    assert sum(p > 0 for p in of(temperature=0.5, top_p=0.8)) == 2
    assert sum(p > 0 for p in of(top_p=0.8)) == 3


def test_a_token_must_be_in_both_sets() -> None:
    assert of(top_k=3, top_p=0.5) == of(top_k=2)
    assert of(top_k=1, top_p=0.9) == of(top_k=1)


def test_rows_are_filtered_independently() -> None:
    logits = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    together = filtered(logits, 0.7, 5, 0.8)
    for row, alone in zip(together, logits, strict=True):
        torch.testing.assert_close(row, filtered(alone[None], 0.7, 5, 0.8)[0])
    assert (together > -math.inf).sum(1).unique().numel() > 1


def test_tokens_left_out_are_never_drawn_and_the_others_as_often_as_they_should() -> None:
    model, n = build(), 20_000
    prompt = texts(1, 3).expand(n, -1)
    generator = torch.Generator().manual_seed(0)
    x, log_p = model.generate(prompt, 1, temperature=0.8, top_p=0.7, generator=generator)
    expected = filtered(
        model(torch.cat((torch.tensor([[K]]), texts(1, 3)), 1))[:, -1], 0.8, None, 0.7
    )
    expected = expected.exp()[0] * n
    counts = torch.bincount(x[:, -1], minlength=K).double()
    assert counts[expected == 0].sum() == 0
    kept = expected > 0
    assert kept.sum() < K
    chi2 = ((counts - expected)[kept].square() / expected[kept]).sum().item()
    assert chi2 < 30  # six cells at most; the seed is fixed
    torch.testing.assert_close(
        log_p[:, 0].exp(), (expected / n)[x[:, -1]].float(), check_dtype=False
    )


@pytest.mark.parametrize(
    "options",
    [{"temperature": 0.0}, {"temperature": -1.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.1}],
)
def test_filters_that_leave_nothing_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"temperature|leave nothing"):
        filtered(torch.zeros(1, 3), **options)


def test_greedy_continuation_takes_the_most_probable_token_each_time() -> None:
    model, x = build(), texts(2, 2)
    found, _ = model.generate(x, 3, top_k=1)
    for _ in range(3):
        u = torch.cat((torch.full((2, 1), K), x), dim=1)
        x = torch.cat((x, model(u)[:, -1:].argmax(2)), dim=1)
    assert torch.equal(found, x)


def test_a_text_beyond_the_positions_is_refused() -> None:
    model = build()
    with pytest.raises(ValueError, match="7 tokens do not fit into 6"):
        model.log_prob(texts(1, T + 1))
    cache = Cache(layers=2)
    model(texts(1), cache)
    with pytest.raises(ValueError, match="7 tokens do not fit into 6"):
        model(texts(1, 1), cache)


def test_layers_are_normalised_before_and_added_to_the_stream() -> None:
    """With the last map of both parts at zero a block is the identity."""
    model = build()
    block = model.blocks[0]
    for linear in (block.attention.output, block.contract):
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
    x = torch.randn(2, 4, 12, dtype=torch.float64)
    assert torch.equal(block(x, 0, None), x)


def test_a_block_is_its_formula() -> None:
    block = build().blocks[1]
    x = torch.randn(2, 4, 12, dtype=torch.float64)
    middle = x + block.attention(
        F.layer_norm(x, (12,), *block.before_attention.parameters()), 1, None
    )
    normed = F.layer_norm(middle, (12,), *block.before_network.parameters())
    hidden = normed @ block.expand.weight.T + block.expand.bias
    gelu = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    expected = middle + gelu @ block.contract.weight.T + block.contract.bias
    torch.testing.assert_close(block(x, 1, None), expected)


def test_initial_weights_have_the_stated_spread_and_predict_nothing() -> None:
    torch.manual_seed(0)
    model = GPT(65, 64, 128, 4, 4)
    assert model.tokens.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert model.positions.std().item() == pytest.approx(0.02, rel=0.05)
    for block in model.blocks:
        assert block.expand.weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert block.contract.weight.std().item() == pytest.approx(0.02 / math.sqrt(8), rel=0.05)
        assert block.attention.output.weight.std().item() == pytest.approx(
            0.02 / math.sqrt(8), rel=0.05
        )
        assert not block.expand.bias.any()
        assert (block.before_network.weight == 1).all()
    x = torch.randint(65, (8, 64))
    assert -model.log_prob(x).mean().item() / 64 == pytest.approx(math.log(65), abs=0.1)


def by_hand(model: GPT, u: Tensor, dropped: float = 1.0) -> Tensor:
    """Logits from the bare weights, R equation 2 with R2's normalisations; one text u, (L,).

    dropped: factor on all that dropout acts on: embeddings, attention weights, what is added.
    """
    w, width = dict(model.named_parameters()), model.positions.shape[1]
    h = dropped * (w["tokens.weight"][u] + w["positions"][: len(u)])  # (L, width)
    for layer in range(len(model.blocks)):
        own = {n: w[f"blocks.{layer}.{n}"] for n, _ in model.blocks[layer].named_parameters()}
        linear = [own["attention.qkv.weight"], own["attention.qkv.bias"]]
        normed = normalised(h, own["before_attention.weight"], own["before_attention.bias"])
        q, k, v = (normed @ linear[0].T + linear[1]).split(width, dim=1)
        size = width // model.blocks[layer].attention.heads
        mixed = []
        for a in range(0, width, size):
            scores = (q[:, a : a + size] @ k[:, a : a + size].T / size**0.5).exp().tril()
            weights = dropped * scores / scores.sum(1, keepdim=True)
            mixed.append(weights @ v[:, a : a + size])
        out = torch.cat(mixed, dim=1) @ own["attention.output.weight"].T
        h = h + dropped * (out + own["attention.output.bias"])
        normed = normalised(h, own["before_network.weight"], own["before_network.bias"])
        hidden = normed @ own["expand.weight"].T + own["expand.bias"]
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
        h = h + dropped * (hidden @ own["contract.weight"].T + own["contract.bias"])
    return normalised(h, w["norm.weight"], w["norm.bias"]) @ w["tokens.weight"][:K].T


def normalised(h: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    variance = h.var(1, correction=0, keepdim=True)
    return (h - h.mean(1, keepdim=True)) / (variance + 1e-5).sqrt() * gain + bias


@torch.no_grad()
def test_logits_are_the_whole_formula_from_embedding_to_output() -> None:
    model, u = build(layers=3), texts(1)
    torch.testing.assert_close(model(u)[0], by_hand(model, u[0]))


@torch.no_grad()
def test_dropout_acts_on_embeddings_attention_and_what_is_added(monkeypatch) -> None:
    """With a factor of 1 + rate in the place of the random zeros."""

    def drop(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        return x * (1 + p) if training else x

    model, u = build(dropout=0.3).train(), texts(1)
    monkeypatch.setattr(F, "dropout", drop)
    torch.testing.assert_close(model(u)[0], by_hand(model, u[0], 1.3))


def test_dropout_is_for_training_only() -> None:
    model = build(dropout=0.5)
    x = texts()
    assert torch.equal(model.log_prob(x), model.log_prob(x))
    model.train()
    assert not torch.equal(model.log_prob(x), model.log_prob(x))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_samples_follow_the_generator_wherever_the_model_is() -> None:
    model = build().float()
    here = model.sample(20, torch.Generator().manual_seed(0))
    there = model.cuda().sample(20, torch.Generator().manual_seed(0))
    assert torch.equal(there.cpu(), here)
