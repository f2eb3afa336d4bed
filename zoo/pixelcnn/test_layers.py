"""The parts of PixelCNN by hand: masks, gates, head, labels of a layer, initial weights."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from zoo.pixelcnn.model import GatedLayer, PixelCNN, gate, shift_down


def test_one_layer_by_hand() -> None:
    """Equation 2 with loops over pixels and over what the kernels of Figure 2 cover."""
    torch.manual_seed(0)
    n, height, width, channels = 3, 4, 5, 2
    r = n // 2
    for mask in "AB":
        layer = GatedLayer(channels, channels, n, mask, classes=0).double()
        v, h = torch.randn(2, 1, channels, height, width, dtype=torch.float64)
        above = torch.zeros(2 * channels, height, width, dtype=torch.float64)
        beside = torch.zeros_like(above)
        for i, j in itertools.product(range(height), range(width)):
            above[:, i, j] = layer.vertical.bias
            beside[:, i, j] = layer.horizontal.bias
            for di, dj in itertools.product(range(-r, 1), range(-r, r + 1)):
                if i + di >= 0 and 0 <= j + dj < width:
                    weight = layer.vertical.weight[:, :, r + di, r + dj]
                    above[:, i, j] += weight @ v[0, :, i + di, j + dj]
            for dj in range(-r, 1 if mask == "B" else 0):  # A: the pixels to the left only
                if j + dj >= 0:
                    weight = layer.horizontal.weight[:, :, 0, r + dj]
                    beside[:, i, j] += weight @ h[0, :, i, j + dj]
        link, out = layer.link.weight[:, :, 0, 0], layer.output.weight[:, :, 0, 0]
        new_v, new_h = layer(v, h, None)
        for i, j in itertools.product(range(height), range(width)):
            a = above[:, i, j]
            torch.testing.assert_close(new_v[0, :, i, j], a[:2].tanh() * a[2:].sigmoid())
            row_above = above[:, i - 1, j] if i else torch.zeros(4, dtype=torch.float64)
            b = beside[:, i, j] + link @ row_above + layer.link.bias
            expected = out @ (b[:2].tanh() * b[2:].sigmoid()) + layer.output.bias
            if mask == "B":  # residual; with A that would show pixel j to itself
                expected = expected + h[0, :, i, j]
            torch.testing.assert_close(new_h[0, :, i, j], expected)


def test_masks_by_hand() -> None:
    """Mask A in the first layer, mask B in all others (R, §3.4)."""
    model = PixelCNN((1, 8, 8), width=4, layers=3, kernel=3, first_kernel=7)
    assert [layer.seen.tolist() for layer in model.layers] == [[1, 1, 1, 0], [1, 1], [1, 1]]
    shapes = [tuple(layer.vertical.weight.shape[2:]) for layer in model.layers]
    assert shapes == [(4, 7), (2, 3), (2, 3)]  # ⌈n/2⌉ × n
    assert [layer.residual for layer in model.layers] == [False, True, True]


def test_shift_and_gate_by_hand() -> None:
    a = torch.arange(6.0).view(1, 1, 3, 2)
    assert shift_down(a)[0, 0].tolist() == [[0, 0], [0, 1], [2, 3]]
    assert gate(torch.tensor([[0.5, 0.0]])).item() == pytest.approx(math.tanh(0.5) / 2)


def test_the_head_by_hand() -> None:
    """ReLU, 1×1, ReLU, 1×1 (R, Table 1), on features of both signs."""
    torch.manual_seed(0)
    model = PixelCNN((1, 3, 4), width=6, layers=1).double()
    h = torch.randn(5, 6, 3, 4, dtype=torch.float64)
    (w1, b1), (w2, b2) = ((m.weight[:, :, 0, 0], m.bias) for m in (model.head[1], model.head[3]))
    for i, j in itertools.product(range(3), range(4)):
        inner = h[:, :, i, j].clamp(min=0) @ w1.T + b1
        assert (inner < 0).any()
        torch.testing.assert_close(model.head(h)[:, :, i, j], inner.clamp(min=0) @ w2.T + b2)


def test_initial_weights_have_the_declared_spread() -> None:
    """Gains 3, 3/√2 and 1/√2 over the root of the number of inputs; at least 8,192 draws each."""
    torch.manual_seed(0)
    layer = GatedLayer(64, 64, 3, "B", classes=0)
    inputs = {"vertical": 64 * 6, "horizontal": 64 * 2, "link": 128}
    gains = {"vertical": 3.0, "horizontal": 4.5**0.5, "link": 0.5**0.5}
    for name, gain in gains.items():
        part = getattr(layer, name)
        assert part.weight[0].numel() == inputs[name]
        spread = part.weight.std().item() * inputs[name] ** 0.5
        assert spread == pytest.approx(gain, rel=0.03), name
        assert abs(part.weight.mean().item()) < 0.03 * part.weight.std().item()
        assert not part.bias.any()


def test_the_signal_neither_dies_nor_grows_in_the_vertical_stack() -> None:
    torch.manual_seed(0)
    v = h = torch.randint(2, (4, 1, 28, 28)).float()
    sizes = []
    for layer in PixelCNN((1, 28, 28), layers=8).layers:
        v, h = layer(v, h, None)
        sizes.append(v.std().item())
    assert all(0.2 < size < 0.6 for size in sizes), sizes


def test_labels_go_through_both_gates_of_both_stacks() -> None:
    """Equation 4: a label is a constant that is added to all four pre-activations of a layer."""
    torch.manual_seed(0)
    layer = GatedLayer(2, 2, 3, "B", classes=3).double()
    v, h = torch.randn(2, 1, 2, 4, 4, dtype=torch.float64)
    y = torch.tensor([1])
    told = layer(v, h, y)
    with torch.no_grad():
        layer.vertical.bias += layer.labels.weight[1, :4]
        layer.horizontal.bias += layer.labels.weight[1, 4:]
    layer.labels = None
    plain = layer(v, h, None)
    torch.testing.assert_close(told[0], plain[0])
    torch.testing.assert_close(told[1], plain[1])
