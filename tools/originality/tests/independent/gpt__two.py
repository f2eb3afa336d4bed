"""Language Models are Few-Shot Learners (arXiv 2005.14165), the decoder-only transformer.

An independent implementation, for the calibration of the originality check.
"""

import torch
import torch.nn.functional as F

# The model is a flat dictionary of tensors and a pure function of it.


def init(V, T, C, L, std=0.02):
    """Make the parameters: V symbols, context T, width C, L blocks."""

    def N(*shape, s=std):
        return torch.nn.Parameter(s * torch.randn(*shape))

    def Z(*shape):
        return torch.nn.Parameter(torch.zeros(*shape))

    def one(n):
        return torch.nn.Parameter(torch.ones(n))

    W = {"wte": N(V, C), "wpe": N(T, C), "lnf.g": one(C), "lnf.b": Z(C)}
    for i in range(L):
        resid = std / (2 * L) ** 0.5
        W |= {
            f"{i}.ln1.g": one(C),
            f"{i}.ln1.b": Z(C),
            f"{i}.qkv.w": N(3 * C, C),
            f"{i}.qkv.b": Z(3 * C),
            f"{i}.o.w": N(C, C, s=resid),
            f"{i}.o.b": Z(C),
            f"{i}.ln2.g": one(C),
            f"{i}.ln2.b": Z(C),
            f"{i}.up.w": N(4 * C, C),
            f"{i}.up.b": Z(4 * C),
            f"{i}.down.w": N(C, 4 * C, s=resid),
            f"{i}.down.b": Z(C),
        }
    return W


def _ln(W, k, x):
    return F.layer_norm(x, x.shape[-1:], W[k + ".g"], W[k + ".b"])


def _fc(W, k, x):
    return F.linear(x, W[k + ".w"], W[k + ".b"])


def _attend(W, k, x, H, past):
    """Causal attention; `past` is None or the (keys, values) of earlier tokens."""
    q, key, v = (u.unflatten(-1, (H, -1)).movedim(-2, -3) for u in _fc(W, k, x).chunk(3, -1))
    if past is not None:
        key, v = torch.cat((past[0], key), -2), torch.cat((past[1], v), -2)
    y = F.scaled_dot_product_attention(q, key, v, is_causal=past is None)
    return y.movedim(-3, -2).flatten(-2), (key, v)


def gpt(W, idx, H, cache=None):
    """Logits for idx (B x T), and the cache to continue from (then one token at a time)."""
    off = 0 if cache is None else cache[0][0].shape[-2]
    x = W["wte"][idx] + W["wpe"][off : off + idx.shape[1]]
    new, i = [], 0
    while f"{i}.o.w" in W:
        past = cache[i] if cache else None
        y, kv = _attend(W, f"{i}.qkv", _ln(W, f"{i}.ln1", x), H, past)
        x = x + _fc(W, f"{i}.o", y)
        x = x + _fc(W, f"{i}.down", F.gelu(_fc(W, f"{i}.up", _ln(W, f"{i}.ln2", x))))
        new.append(kv)
        i += 1
    return _ln(W, "lnf", x) @ W["wte"].T, new


def nll(W, idx, H):
    """Average negative log-likelihood of every token but the first."""
    lp = gpt(W, idx[:, :-1], H)[0].log_softmax(-1)
    return -lp.gather(-1, idx[:, 1:, None]).mean()


@torch.no_grad()
def sample(W, prompt, n, H, temp=1.0):
    """Continue a B x T prompt by n tokens with a key-value cache."""
    out, cache, feed = prompt, None, prompt
    for _ in range(n):
        logits, cache = gpt(W, feed, H, cache)
        feed = torch.distributions.Categorical(logits=logits[:, -1] / temp).sample()[:, None]
        out = torch.cat((out, feed), 1)
    return out


def train(W, get_batch, steps, H, lr=6e-4, warmup=10):
    """AdamW with decay on matrices only, and a linear warm-up then cosine decay."""
    mats = [p for p in W.values() if p.ndim > 1]
    vecs = [p for p in W.values() if p.ndim <= 1]
    groups = [{"params": mats, "weight_decay": 0.1}, {"params": vecs, "weight_decay": 0.0}]
    opt = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), eps=1e-8)

    def shape(i):
        cosine = 0.55 + 0.45 * torch.cos(torch.tensor(torch.pi * i / steps)).item()
        return min((i + 1) / warmup, cosine)

    sch = torch.optim.lr_scheduler.LambdaLR(opt, shape)
    hist = []
    for _ in range(steps):
        loss = nll(W, get_batch(), H)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(W.values(), 1.0)
        opt.step()
        sch.step()
        hist.append(loss.item())
    return hist


if __name__ == "__main__":
    torch.manual_seed(0)
    W = init(V=13, T=16, C=24, L=2)
    print(train(W, lambda: torch.randint(13, (4, 16)), 2, H=3))
    s = sample(W, torch.randint(13, (2, 4)), 8, H=3)
    full, (_, kv) = gpt(W, s, 3)
    head, c = gpt(W, s[:, :-1], 3)
    tail, _ = gpt(W, s[:, -1:], 3, c)
    assert torch.allclose(full, torch.cat((head, tail), 1), atol=1e-5)
    print(s)
