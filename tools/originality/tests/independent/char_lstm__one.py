"""Generating Sequences With Recurrent Neural Networks (arXiv 1308.0850), character level.

An independent implementation, for the calibration of the originality check.
"""

import torch
from torch import nn


class LSTMCell(nn.Module):
    """Long short-term memory with all four gates in one matrix."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)
        # start with an open forget gate
        with torch.no_grad():
            self.gates.bias[hidden_size : 2 * hidden_size].fill_(1.0)

    def forward(self, x, state):
        """Advance (h, c) by one time step."""
        h, c = state
        pre = self.gates(torch.cat([x, h], dim=1))
        i, f, o, g = pre.chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, c


class CharLSTM(nn.Module):
    """Stacked cells with skip connections from the input and to the output."""

    def __init__(self, n_chars, hidden_size=256, n_layers=2):
        super().__init__()
        self.n_chars = n_chars
        self.hidden_size = hidden_size
        self.n_layers = n_layers
        cells = []
        for k in range(n_layers):
            below = 0 if k == 0 else hidden_size
            cells.append(LSTMCell(n_chars + below, hidden_size))
        self.cells = nn.ModuleList(cells)
        self.readout = nn.Linear(n_layers * hidden_size, n_chars)

    def initial_state(self, batch_size):
        """All-zero state for each layer."""
        zeros = torch.zeros(batch_size, self.hidden_size)
        return [(zeros, zeros) for _ in range(self.n_layers)]

    def step(self, char, state):
        """Read one character for each sequence; return logits and the new state."""
        onehot = nn.functional.one_hot(char, self.n_chars).float()
        new_state, outputs = [], []
        for k, cell in enumerate(self.cells):
            x = onehot if k == 0 else torch.cat([onehot, outputs[-1]], dim=1)
            h, c = cell(x, state[k])
            new_state.append((h, c))
            outputs.append(h)
        return self.readout(torch.cat(outputs, dim=1)), new_state

    def forward(self, chars, state):
        """Run over (batch, time) and collect logits (batch, time, n_chars)."""
        all_logits = []
        for t in range(chars.shape[1]):
            logits, state = self.step(chars[:, t], state)
            all_logits.append(logits)
        return torch.stack(all_logits, dim=1), state


class Text:
    """A text as indices, with its alphabet."""

    def __init__(self, text):
        self.alphabet = sorted(set(text))
        self.index = {ch: i for i, ch in enumerate(self.alphabet)}
        self.data = torch.tensor([self.index[ch] for ch in text])

    def decode(self, ids):
        """Indices back to a string."""
        return "".join(self.alphabet[i] for i in ids)

    def chunks(self, batch_size, length):
        """Yield consecutive (input, target) windows of batch_size parallel streams."""
        per_stream = (len(self.data) - 1) // batch_size
        x = self.data[: per_stream * batch_size].view(batch_size, per_stream)
        y = self.data[1 : per_stream * batch_size + 1].view(batch_size, per_stream)
        for start in range(0, per_stream - length + 1, length):
            yield x[:, start : start + length], y[:, start : start + length]


def train(model, text, epochs=1, batch_size=16, length=50, lr=2e-3, clip=1.0, max_steps=None):
    """Truncated back-propagation through time, carrying the state between windows."""
    optimizer = torch.optim.RMSprop(model.parameters(), lr=lr, alpha=0.95)
    losses = []
    for _ in range(epochs):
        state = model.initial_state(batch_size)
        for inputs, targets in text.chunks(batch_size, length):
            state = [(h.detach(), c.detach()) for h, c in state]
            logits, state = model(inputs, state)
            loss = nn.functional.cross_entropy(logits.transpose(1, 2), targets)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(model.parameters(), clip)
            optimizer.step()
            losses.append(loss.item())
            if max_steps is not None and len(losses) >= max_steps:
                return losses
    return losses


@torch.no_grad()
def babble(model, text, first, length, temperature=1.0):
    """Sample a string that begins with the characters in `first`."""
    state = model.initial_state(1)
    for ch in first:
        logits, state = model.step(torch.tensor([text.index[ch]]), state)
    ids = [text.index[ch] for ch in first]
    for _ in range(length):
        probabilities = torch.softmax(logits[0] / temperature, dim=0)
        nxt = torch.multinomial(probabilities, 1)
        ids.append(nxt.item())
        logits, state = model.step(nxt, state)
    return text.decode(ids)


if __name__ == "__main__":
    torch.manual_seed(0)
    letters = torch.randint(97, 107, (400,)).tolist()
    toy = Text("".join(chr(n) for n in letters))
    net = CharLSTM(len(toy.alphabet), hidden_size=16)
    print(train(net, toy, batch_size=4, length=10, max_steps=2))
    print(babble(net, toy, "ab", 20))
