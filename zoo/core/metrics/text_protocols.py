"""Protocol on text: every character of the validation text is predicted once, none at random.

A model with a fixed context of T positions reads the text in windows of T characters, each half a
window after the last; of every window but the first only the second half counts. So a character is
predicted from at least T/2 and at most T − 1 characters before it, or from all there are where
there are fewer. A recurrent model (`continued`) reads the text once from its first character to its
last and carries its state all the way.
"""

import math

import torch
from torch import Tensor, nn
from tqdm import tqdm

from zoo.core.errors import ZooError
from zoo.core.metrics import Measurement, likelihood
from zoo.core.metrics.baselines import baseline_values
from zoo.core.text import alphabet_of, load_text

WINDOWS = 64  # windows evaluated at once
CHUNK = 1000  # characters that a recurrent model reads between two updates of the bar
BLOCKS = 100  # stretches of text whose means give the recorded standard error


def nats_per_char(model: nn.Module, dataset: str, device: str, progress: bool) -> Measurement:
    """Mean of −ln p(character | characters before it) over the validation text.

    Neighbouring characters are not independent. The standard error is therefore that of the means
    of 100 stretches of equal length. It takes the stretches for independent, which scenes and plays
    are not: longer stretches give a larger value. So it describes the spread over stretches of that
    length and is too small as an uncertainty of what another text would give. Two models on the
    same text go up and down together; they are compared by the differences of their `log_probs`,
    stretch by stretch.
    """
    size = len(alphabet_of(dataset))
    if getattr(model, "vocab_size", None) != size:
        raise ZooError(
            f"nats-per-char on {dataset} needs a model of its {size} characters, this one has "
            f"{getattr(model, 'vocab_size', 'none')}"
        )
    tokens = load_text(dataset, "validation").tokens.long()
    nats = -log_probs(model, tokens, device, progress)
    _, error = likelihood.mean_and_error(
        torch.stack([part.mean() for part in nats.tensor_split(BLOCKS)])
    )
    details = {
        "bits_per_char": nats.mean().item() / math.log(2),
        "context": "carried" if hasattr(model, "continued") else model.event_shape[0],
        "baselines": baseline_values("nats/char", dataset),
    }
    return Measurement(nats.mean().item(), error, len(nats), (), details)


@torch.no_grad()
def log_probs(model: nn.Module, tokens: Tensor, device: str, progress: bool = False) -> Tensor:
    """Log-probability of every token of a text given those before it, (N,), float64 on the CPU."""
    read = _carried if hasattr(model, "continued") else _windowed
    return read(model, tokens.to(device), progress).double().cpu()


def _carried(model: nn.Module, tokens: Tensor, progress: bool) -> Tensor:
    carried, parts = None, []
    for chunk in tqdm(tokens.split(CHUNK), desc="text", disable=not progress, leave=False):
        logits, carried = model.continued(chunk[None], carried)
        parts.append(_chosen(logits, chunk[None])[0])
    return torch.cat(parts)


def _windowed(model: nn.Module, tokens: Tensor, progress: bool) -> Tensor:
    size = min(model.event_shape[0], len(tokens))
    stride = max(1, size // 2)
    ends = [*range(size, len(tokens), stride), len(tokens)]
    new = torch.tensor(ends).diff(prepend=torch.zeros(1, dtype=torch.int64)).tolist()
    every = tokens.unfold(0, size, 1)  # (N - T + 1, T), row i from character i on
    starts, parts = torch.tensor(ends, device=tokens.device) - size, []
    for rows in tqdm(starts.split(WINDOWS), desc="windows", disable=not progress, leave=False):
        parts.append(_chosen(model.logits(every[rows]), every[rows]))
    pairs = zip(torch.cat(parts), new, strict=True)
    return torch.cat([row[size - count :] for row, count in pairs])


def _chosen(logits: Tensor, x: Tensor) -> Tensor:
    """Log softmax of the logits (B, L, K) at the tokens x (B, L), (B, L)."""
    return logits.float().log_softmax(2).gather(2, x[:, :, None])[:, :, 0]
