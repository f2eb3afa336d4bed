"""TODO: what the paper (arXiv {{arxiv}}) models, in one sentence.

TODO: the equations that matter, in the paper's symbols and with its equation numbers.

Trained by `zoo train {{name}} --recipe digits`.
"""

from __future__ import annotations

{{imports}}


class {{class}}(nn.Module):
    """TODO: the model in one sentence, as the paper defines it.

    Args:
        event_shape: shape of one example, (C, H, W).
    """

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.event_shape = event_shape{{attributes}}
        raise NotImplementedError("TODO: build the layers")

{{methods}}
