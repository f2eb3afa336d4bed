"""The cells against torch's own and against the equations; the state; truncated training."""

import dataclasses
import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from zoo.char_lstm.model import CharLSTM, GRUCell, LSTMCell, detached, token_log_probs
from zoo.char_lstm.recipe import RECIPES, Task
from zoo.core.conformance.general import StubLoop
from zoo.core.conformance.law import Subject, perturbed
from zoo.core.errors import ZooError
from zoo.core.loop import Loop
from zoo.core.noise import Noise
from zoo.core.text import load_text

K = 5
CELLS = pytest.mark.parametrize("cell", ["lstm", "gru"])


def build(cell: str = "lstm", layers: int = 2, **options: float) -> CharLSTM:
    torch.manual_seed(0)
    model = CharLSTM(K, 6, width=7, layers=layers, cell=cell, **options)
    return perturbed(model).double()


def texts(n: int = 4, length: int = 6) -> Tensor:
    return torch.randint(K, (n, length), generator=torch.Generator().manual_seed(1))


def double(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def run(cell: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    outputs = []
    for from_input in cell.input(x).unbind(1):
        state = cell(from_input, state)
        outputs.append(state[0])
    return torch.stack(outputs, dim=1), state


@pytest.mark.parametrize(("kind", "theirs"), [(LSTMCell, nn.LSTM), (GRUCell, nn.GRU)])
def test_cells_are_those_of_torch_with_the_same_weights(kind: type, theirs: type) -> None:
    """Outputs, last states, and the gradients of all weights."""
    torch.manual_seed(0)
    cell, other = kind(3, 5).double(), theirs(3, 5, batch_first=True).double()
    cell.input.load_state_dict({"weight": other.weight_ih_l0, "bias": other.bias_ih_l0})
    cell.recurrent.load_state_dict({"weight": other.weight_hh_l0, "bias": other.bias_hh_l0})
    x, state = double(2, 8, 3), tuple(double(2, 5) for _ in range(kind.states))
    ours, last = run(cell, x, state)
    packed = tuple(part[None] for part in state)
    expected, expected_last = other(x, packed if kind is LSTMCell else packed[0])
    torch.testing.assert_close(ours, expected)
    expected_last = expected_last if kind is LSTMCell else (expected_last,)
    for part, wanted in zip(last, expected_last, strict=True):
        torch.testing.assert_close(part, wanted[0])
    ours.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(cell.input.weight.grad, other.weight_ih_l0.grad)
    torch.testing.assert_close(cell.recurrent.weight.grad, other.weight_hh_l0.grad)
    torch.testing.assert_close(cell.recurrent.bias.grad, other.bias_hh_l0.grad)


@CELLS
@torch.no_grad()
def test_stacked_layers_are_those_of_torch(cell: str) -> None:
    """Logits and last states of two layers on top of each other, from a state that is not zero."""
    model, u = build(cell), texts(3)
    theirs = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](7, 7, num_layers=2, batch_first=True).double()
    for i, layer in enumerate(model.layers):
        for kind, part in (("ih", layer.input), ("hh", layer.recurrent)):
            getattr(theirs, f"weight_{kind}_l{i}").copy_(part.weight)
            getattr(theirs, f"bias_{kind}_l{i}").copy_(part.bias)
    parts = double(2, model.layers[0].states, 3, 7)  # (layers, h and c, B, width)
    logits, last = model(u, [tuple(state) for state in parts])
    packed = tuple(parts.transpose(0, 1)) if cell == "lstm" else parts[:, 0]
    expected, expected_last = theirs(model.tokens(u), packed)
    torch.testing.assert_close(logits, model.output(expected))
    expected_last = expected_last if cell == "lstm" else (expected_last,)
    for i, state in enumerate(last):
        for part, wanted in zip(state, expected_last, strict=True):
            torch.testing.assert_close(part, wanted[i])


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@torch.no_grad()
def test_lstm_is_equations_7_to_11_unit_by_unit() -> None:
    cell = LSTMCell(3, 2).double()
    x, h, c = double(3), double(2), double(2) / 2
    gates = cell.input(x) + cell.recurrent.weight @ h + cell.recurrent.bias
    new_h, new_c = cell(cell.input(x)[None], (h[None], c[None]))
    for unit in range(2):
        i, f, z, o = (float(gates[2 * gate + unit]) for gate in range(4))
        expected = sigma(f) * float(c[unit]) + sigma(i) * math.tanh(z)
        assert new_c[0, unit].item() == pytest.approx(expected, abs=1e-12)
        assert new_h[0, unit].item() == pytest.approx(sigma(o) * math.tanh(expected), abs=1e-12)


@torch.no_grad()
def test_gru_keeps_its_state_where_z_is_one_and_forgets_it_where_r_is_zero() -> None:
    cell = GRUCell(3, 2).double()
    x, h = double(1, 3), double(1, 2)
    cell.input.bias[2:4] = 50.0  # z = 1
    torch.testing.assert_close(cell(cell.input(x), (h,))[0], h)
    cell.input.bias[2:4], cell.input.bias[:2] = -50.0, -50.0  # z = 0, r = 0
    n = (cell.input.weight[4:] @ x[0] + cell.input.bias[4:]).tanh()
    torch.testing.assert_close(cell(cell.input(x), (h,))[0][0], n)


def test_an_lstm_begins_by_remembering() -> None:
    cell = LSTMCell(3, 4)
    assert torch.equal(cell.input.bias[4:8], torch.ones(4))
    assert (cell.input.bias[:4].abs() < 1).all()


@CELLS
def test_no_gradient_flows_from_later_tokens_and_all_from_earlier_ones(cell: str) -> None:
    model = build(cell)
    u = texts(1)
    embedded = model.tokens(u).detach().requires_grad_()
    model.tokens.forward = lambda _: embedded
    logits, _ = model(u, model.first(1)[0])
    for t in range(6):
        (gradient,) = torch.autograd.grad(logits[0, t].square().sum(), embedded, retain_graph=True)
        assert (gradient[0].abs().sum(1) > 0).tolist() == [s <= t for s in range(6)]


@CELLS
def test_probabilities_of_all_texts_add_up_to_one_at_every_length(cell: str) -> None:
    torch.manual_seed(0)
    model = perturbed(CharLSTM(3, 4, width=5, cell=cell))
    for length in (1, 2, 4):
        every = torch.tensor(list(itertools.product(range(3), repeat=length)))
        assert model.log_prob(every).exp().sum().item() == pytest.approx(1.0, abs=1e-5)


@CELLS
@pytest.mark.parametrize("length", [1, 4, 7, 20])
def test_reading_in_chunks_is_reading_the_whole(cell: str, length: int) -> None:
    model, x = build(cell), texts(3, 20)
    carried, parts = None, []
    for chunk in x.split(length, dim=1):
        part, carried = model.continued(chunk, carried)
        parts.append(part)
    torch.testing.assert_close(torch.cat(parts, dim=1), model.logits(x))


@CELLS
def test_every_row_carries_a_state_of_its_own(cell: str) -> None:
    """What is carried for one row after another text does not change with the other rows."""
    model, x, more = build(cell), texts(4, 10), texts(4, 3)
    _, carried = model.continued(x)
    together, _ = model.continued(more, carried)
    for row in range(4):
        _, own = model.continued(x[row : row + 1])
        alone, _ = model.continued(more[row : row + 1], own)
        torch.testing.assert_close(alone[0], together[row])
    states = carried[0]
    assert all(part.shape == (4, 7) for state in states for part in state)
    assert all(len(part.unique(dim=0)) == 4 for state in states for part in state)


def test_the_first_state_is_zero_and_nothing_was_read() -> None:
    model = build()
    states, token = model.first(3)
    assert len(states) == 2
    assert all(not part.any() for state in states for part in state)
    assert token.tolist() == [K] * 3


def test_detached_keeps_the_values_and_cuts_the_history() -> None:
    model = build()
    _, carried = model.continued(texts())
    cut = detached(carried)
    for state, before in zip(cut[0], carried[0], strict=True):
        for part, wanted in zip(state, before, strict=True):
            assert torch.equal(part, wanted)
            assert wanted.requires_grad
            assert not part.requires_grad
    assert torch.equal(cut[1], carried[1])


@CELLS
def test_samples_with_the_state_are_those_of_reading_all_again(cell: str) -> None:
    model = build(cell)
    draws = [
        model.generate(texts(3, 4), 25, generator=torch.Generator().manual_seed(0), cache=cache)
        for cache in (True, False)
    ]
    assert torch.equal(draws[0][0], draws[1][0])
    torch.testing.assert_close(draws[0][1], draws[1][1])
    assert torch.equal(draws[0][0][:, :4], texts(3, 4))


def test_the_sampler_draws_from_the_softmax_at_its_temperature() -> None:
    model, n = build(), 20_000
    prompt = texts(1, 3)
    p = (model.logits(torch.cat((prompt, prompt[:, :1]), 1))[0, -1] / 0.6).softmax(0)
    generator = torch.Generator().manual_seed(0)
    x, log_p = model.generate(prompt.expand(n, -1), 1, temperature=0.6, generator=generator)
    counts = torch.bincount(x[:, -1], minlength=K)
    assert ((counts - n * p).square() / (n * p)).sum().item() < 23.5  # 99.99 %, 4 degrees
    torch.testing.assert_close(log_p[:, 0].exp(), p[x[:, -1]].float(), check_dtype=False)
    with pytest.raises(ValueError, match="must be positive"):
        model.generate(prompt, 1, temperature=0.0)


def test_every_draw_has_the_log_probability_of_its_temperature() -> None:
    """All of ten draws at 0.6, against the tempered softmax of the whole text, teacher-forced."""
    model, prompt = build(), texts(50, 3)
    generator = torch.Generator().manual_seed(0)
    x, log_p = model.generate(prompt, 10, temperature=0.6, generator=generator)
    expected = token_log_probs(model.logits(x) / 0.6, x)[:, 3:]
    torch.testing.assert_close(log_p, expected.float(), atol=1e-5, rtol=1e-5)


def test_drawing_nothing_leaves_the_prompt() -> None:
    x, log_p = build().generate(texts(4, 3), 0)
    assert torch.equal(x, texts(4, 3))
    assert log_p.shape == (4, 0)


def test_what_the_sampler_says_of_its_draw_is_the_teacher_forced_value() -> None:
    model = build()
    x, log_p = model.sample_with_log_prob(50, torch.Generator().manual_seed(0))
    torch.testing.assert_close(log_p, model.log_prob(x).float(), atol=1e-5, rtol=1e-5)


class Recorder(StubLoop):
    """Remembers the loss and the gradients of every update."""

    def __init__(self, task: Task, model: CharLSTM) -> None:
        super().__init__(Subject(model, "autoregressive", task), model)
        self.updates: list[tuple[float, Tensor]] = []

    def minimise(self, name: str, loss: Tensor) -> None:
        weight = self.model.layers[0].recurrent.weight
        (gradient,) = torch.autograd.grad(loss, weight)
        self.updates.append((loss.item(), gradient))


def recorded(chunk: int) -> tuple[CharLSTM, Tensor, Recorder, dict[str, Tensor]]:
    config = dataclasses.replace(RECIPES["tiny"], length=12, chunk=chunk)
    task = Task(config)
    torch.manual_seed(0)
    model = perturbed(task.build())
    x = torch.randint(3, (5, 12), generator=torch.Generator().manual_seed(3))
    loop = Recorder(task, model)
    return model, x, loop, task.training_step(loop, x, Noise(0, 0))


def test_one_chunk_is_back_propagation_through_the_whole_stretch() -> None:
    model, x, loop, out = recorded(chunk=12)
    loss = -model.log_prob(x).mean() / 12
    (gradient,) = torch.autograd.grad(loss, model.layers[0].recurrent.weight)
    ((value, found),) = loop.updates
    assert value == out["loss"].item() == pytest.approx(loss.item(), rel=1e-5)
    torch.testing.assert_close(found, gradient)


def test_chunks_carry_values_on_and_gradients_not() -> None:
    """Losses are those of the whole text; gradients those of a chunk whose first state is data."""
    model, x, loop, out = recorded(chunk=4)
    whole = token_log_probs(model.logits(x), x)
    assert [value for value, _ in loop.updates] == pytest.approx(
        [-whole[:, i : i + 4].mean().item() for i in (0, 4, 8)], rel=1e-5
    )
    assert out["loss"].item() == pytest.approx(-whole.mean().item(), rel=1e-5)
    with torch.no_grad():
        _, carried = model.continued(x[:, :4])
    logits, _ = model.continued(x[:, 4:8], carried)
    loss = -token_log_probs(logits, x[:, 4:8]).mean()
    (truncated,) = torch.autograd.grad(loss, model.layers[0].recurrent.weight)
    torch.testing.assert_close(loop.updates[1][1], truncated)
    (full,) = torch.autograd.grad(-whole[:, 4:8].mean(), model.layers[0].recurrent.weight)
    assert not torch.allclose(truncated, full, rtol=1e-2)


def test_a_step_begins_anew_and_updates_once_per_chunk() -> None:
    """Two steps of the loop on the same batch differ by the weights alone, not by a state."""
    task = Task(dataclasses.replace(RECIPES["tiny"], learning_rate=1e-12))
    loop = Loop(task, torch.device("cpu"))
    x, noise = loop.next_batch()
    expected = -loop.model.log_prob(x).mean().item() / 6
    for _ in range(2):
        assert task.training_step(loop, x, noise)["loss"].item() == pytest.approx(expected)
    (steps,) = {state["step"].item() for state in loop.optimizers["model"].state.values()}
    assert steps == 2 * 6 / 2


def test_dropout_is_for_training_only_and_never_between_time_steps() -> None:
    model = build(dropout=0.5, layers=1)
    x = texts()
    assert torch.equal(model.log_prob(x), model.log_prob(x))
    model.train()
    assert not torch.equal(model.log_prob(x), model.log_prob(x))
    model.dropout.p = 1.0  # nothing is handed in or up; what is carried on in time is untouched
    ((h, c),), _ = model.continued(x)[1]
    (state,), _ = model.first(4)
    for expected, found in zip(
        run(model.layers[0], double(4, 6, 7) * 0, state)[1], (h, c), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_dropout_of_everything_leaves_the_bias_of_the_output() -> None:
    model = build(dropout=0.5).train()
    model.dropout.p = 1.0
    logits = model.logits(texts())
    torch.testing.assert_close(logits, model.output.bias.expand_as(logits))


def test_batches_are_stretches_of_the_training_text() -> None:
    task = Task(RECIPES["docstrings"])
    tokens = load_text("docstrings", "train").tokens
    data = task.training_data()
    assert data.shape == (len(tokens) - 191, 192)
    assert torch.equal(task.prepare(data[7:8], Noise(0, 0))[0], tokens[7:199].long())


def test_a_recipe_passes_all_its_fields_on() -> None:
    changes = {"length": 8, "chunk": 4, "width": 9, "layers": 3, "cell": "gru", "dropout": 0.3}
    model = Task(dataclasses.replace(RECIPES["tiny"], **changes, alphabet=None)).build()
    assert model.event_shape == (8,)
    assert (model.vocab_size, model.width, len(model.layers)) == (37, 9, 3)
    assert all(isinstance(layer, GRUCell) for layer in model.layers)
    assert model.dropout.p == 0.3


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="lstm, gru, not 'rnn'"):
        CharLSTM(K, 6, cell="rnn")
    for changes in ({"chunk": 4}, {"width": 0}, {"dataset": "digits"}):
        with pytest.raises(ZooError, match=r"no multiple|at least 1|unknown text"):
            dataclasses.replace(RECIPES["tiny"], **changes)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_samples_follow_the_generator_wherever_the_model_is() -> None:
    model = build().float()
    here = model.sample(20, torch.Generator().manual_seed(0))
    there = model.cuda().sample(20, torch.Generator().manual_seed(0))
    assert torch.equal(there.cpu(), here)
