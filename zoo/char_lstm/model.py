"""A recurrent language model over characters (Graves 2013, arXiv 1308.0850, §2 and §3).

A state h_t that is computed from the character before and the state before it is all that the
model knows of the past. The next character is a softmax of it,

    p(x_{t+1} | x_≤t) = softmax(W_hy h_t + b_y)                              (equations 5 and 12)

and −log p(x) = −Σ_t ln p(x_{t+1} | x_≤t) is minimised (6). The input x_t is a learned vector of the
character, where the paper has a one-hot vector, and a learned start symbol where its first input is
zero. With ⊙ the element-wise product, the state of a long short-term memory is that of equations
7 to 11 of §2.1 without peepholes,

    i_t = σ(W_xi x_t + W_hi h_{t−1} + b_i)      f_t = σ(W_xf x_t + W_hf h_{t−1} + b_f)
    c_t = f_t ⊙ c_{t−1} + i_t ⊙ tanh(W_xc x_t + W_hc h_{t−1} + b_c)
    o_t = σ(W_xo x_t + W_ho h_{t−1} + b_o)      h_t = o_t ⊙ tanh(c_t)

and that of a gated recurrent unit (Cho et al. 2014, arXiv 1406.1078, equations 5 to 8)

    r_t = σ(W_xr x_t + W_hr h_{t−1} + b_r)      z_t = σ(W_xz x_t + W_hz h_{t−1} + b_z)
    n_t = tanh(W_xn x_t + b_n + r_t ⊙ (W_hn h_{t−1} + b'_n))
    h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1}

Every gate here has two biases, as in PyTorch: one of the input and one of the state.

Train it with `zoo train char_lstm --recipe tinyshakespeare`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]  # of one layer: (h, c) or (h,), each (B, width)
Carried = tuple[list[State], Tensor]  # states of all layers, and the last token (B,)


class LSTMCell(nn.Module):
    """Long short-term memory; the gates stand in the order i, f, c, o.

    Args:
        inputs: width of x_t.
        width: width of h_t and c_t.
    """

    states = 2  # h and c

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.input, self.recurrent = nn.Linear(inputs, 4 * width), nn.Linear(width, 4 * width)
        with torch.no_grad():  # begin by remembering
            self.input.bias[width : 2 * width] = 1.0

    def forward(self, from_input: Tensor, state: State) -> State:
        """One step: W_x x_t + b of all gates (B, 4 width), (h, c) before → (h, c) after."""
        h, c = state
        i, f, new, o = (from_input + self.recurrent(h)).chunk(4, dim=1)  # (B, width) each
        c = f.sigmoid() * c + i.sigmoid() * new.tanh()
        return o.sigmoid() * c.tanh(), c


class GRUCell(nn.Module):
    """Gated recurrent unit; the gates stand in the order r, z, n.

    Args:
        inputs: width of x_t.
        width: width of h_t.
    """

    states = 1  # h

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.input, self.recurrent = nn.Linear(inputs, 3 * width), nn.Linear(width, 3 * width)

    def forward(self, from_input: Tensor, state: State) -> State:
        """One step: W_x x_t + b of all gates (B, 3 width), (h,) before → (h,) after."""
        (h,) = state
        r_x, z_x, n_x = from_input.chunk(3, dim=1)  # (B, width) each
        r_h, z_h, n_h = self.recurrent(h).chunk(3, dim=1)
        r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
        n = (n_x + r * n_h).tanh()
        return ((1 - z) * n + z * h,)


CELLS = {"lstm": LSTMCell, "gru": GRUCell}


class CharLSTM(nn.Module):
    """A language model over K tokens with recurrent layers on top of each other.

    Args:
        vocab_size: number K of tokens.
        length: tokens T of one example, as `sample` draws it; texts of any length can be read.
        width: units of each layer.
        layers: number of layers.
        cell: "lstm" or "gru".
        dropout: rate on what a layer hands up, not on what it carries on in time.

    Raises:
        ValueError: an unknown cell.
    """

    def __init__(
        self,
        vocab_size: int,
        length: int,
        width: int = 256,
        layers: int = 1,
        cell: str = "lstm",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"the cell must be one of {', '.join(CELLS)}, not '{cell}'")
        self.vocab_size, self.width, self.event_shape = vocab_size, width, (length,)
        self.start = vocab_size  # the symbol before the first token
        self.tokens = nn.Embedding(vocab_size + 1, width)
        self.layers = nn.ModuleList(CELLS[cell](width, width) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, vocab_size)  # W_hy and b_y

    def forward(self, u: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        """Logits of the token that follows each input token.

        Args:
            u: input tokens, the start symbol among them, (B, L).
            states: of all layers before the first of them.

        Returns:
            Logits (B, L, K), and the states after the last token.
        """
        h, last = self.tokens(u), []  # (B, L, width)
        for layer, state in zip(self.layers, states, strict=True):
            from_input = layer.input(self.dropout(h)).unbind(dim=1)  # L times (B, gates · width)
            outputs = []
            for now in from_input:
                state = layer(now, state)
                outputs.append(state[0])
            h = torch.stack(outputs, dim=1)  # (B, L, width)
            last.append(state)
        return self.output(self.dropout(h)), last

    def first(self, n: int) -> Carried:
        """What is carried before anything was read: zeros, and the start symbol."""
        zero = self.output.weight.new_zeros(n, self.width)
        states = [(zero,) * layer.states for layer in self.layers]
        return states, torch.full((n,), self.start, device=zero.device)

    def continued(self, x: Tensor, carried: Carried | None = None) -> tuple[Tensor, Carried]:
        """Logits of x given all that was read before it.

        Args:
            x: tokens, (B, L).
            carried: what an earlier call returned for the same rows; None: nothing was read.

        Returns:
            Logits of p(x_t | what came before) (B, L, K), and what to carry on.
        """
        states, before = carried or self.first(len(x))
        logits, states = self(torch.cat((before[:, None], x[:, :-1]), dim=1), states)
        return logits, (states, x[:, -1])

    def logits(self, x: Tensor) -> Tensor:
        """Logits of p(x_t | x_<t) for every t; (B, L) → (B, L, K)."""
        return self.continued(x)[0]

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-likelihood in nats; (B, L) → (B,)."""
        return token_log_probs(self.logits(x), x).sum(1)

    @torch.no_grad()
    def generate(
        self,
        prompt: Tensor,
        length: int,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        cache: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Continue texts, token by token.

        Args:
            prompt: texts of equal length to be continued, int64 (n, P); P = 0 for none.
            length: number of tokens to draw after it; 0 for none.
            temperature: divides the logits; below 1 it favours what is likely already.
            generator: of the draws.
            cache: carry the state on. Without, every step reads all of the text again.

        Returns:
            The texts with their continuations, (n, P + length), and the log-probability of each
            drawn token under the distribution it was drawn from, (n, length).

        Raises:
            ValueError: a temperature that is not positive.
        """
        if not temperature > 0:
            raise ValueError(f"the temperature must be positive, not {temperature}")
        device = self.output.weight.device
        drawn = [torch.zeros(len(prompt), 0, device=device)]  # so that nothing can be drawn, too
        begin, start = self.first(len(prompt))
        texts = prompt.to(device)
        unread, states = torch.cat((start[:, None], texts), dim=1), begin
        for _ in range(length):
            logits, after = self(unread, states)
            log_p = (logits[:, -1].float() / temperature).log_softmax(dim=1)  # (n, K)
            p = log_p.exp().to(generator.device if generator else device)
            token = torch.multinomial(p, 1, generator=generator).to(device)  # (n, 1)
            drawn.append(log_p.gather(1, token))
            texts = torch.cat((texts, token), dim=1)
            unread, states = (token, after) if cache else (torch.cat((unread, token), 1), begin)
        return texts, torch.cat(drawn, dim=1)

    def sample_with_log_prob(
        self, n: int, generator: torch.Generator | None = None, cache: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Draw n texts of T tokens, (n, T), and the log-probability of each, (n,)."""
        nothing = torch.zeros(n, 0, dtype=torch.int64)
        texts, log_p = self.generate(nothing, self.event_shape[0], generator=generator, cache=cache)
        return texts, log_p.sum(1)

    def sample(
        self, n: int, generator: torch.Generator | None = None, cache: bool = True
    ) -> Tensor:
        """Draw n texts of T tokens, int64 (n, T)."""
        return self.sample_with_log_prob(n, generator, cache)[0]


def token_log_probs(logits: Tensor, x: Tensor) -> Tensor:
    """Log softmax of logits (B, L, K) at the tokens x (B, L), nats, (B, L)."""
    return logits.log_softmax(dim=2).gather(2, x[:, :, None])[:, :, 0]


def detached(carried: Carried) -> Carried:
    """The same values without their history: where back-propagation through time is cut off."""
    states, token = carried
    return [tuple(part.detach() for part in state) for state in states], token
