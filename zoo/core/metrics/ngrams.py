"""N-grams with two kinds of smoothing: what counting the characters before the next one gives.

h are the n − 1 characters before c, h' all of them but the first, p_0 = 1/K. The probabilities of
an unseen h are those of h'. Both are interpolated as in Chen and Goodman (1998, "An Empirical Study
of Smoothing Techniques for Language Modeling"), and nothing in them is tuned.

Witten and Bell (1991, method C; Chen and Goodman, eq. 15), T(h) the number of different characters
seen after h:

    p_n(c | h) = (count(h c) + T(h) p_{n−1}(c | h')) / (count(h) + T(h))

Modified Kneser–Ney, which Chen and Goodman find to be the best: a discount D of what was counted
once, twice and more often, and below the highest order a(h c) is not how often h c was seen, but
the number of different characters that were seen before it:

    p_n(c | h) = (a(h c) − D(a(h c)) + Σ_c' D(a(h c')) p_{n−1}(c | h')) / Σ_c' a(h c')
"""

from __future__ import annotations

import numpy as np

WITTEN_BELL_ORDERS = (1, 2, 3, 4, 5, 6)
KNESER_NEY_ORDERS = (3, 4, 5, 6, 7, 8)
USUAL_DISCOUNTS = (0.0, 0.5, 1.0, 1.5)  # where the counts are too few to say


def witten_bell_log_probs(train: np.ndarray, test: np.ndarray, size: int, order: int) -> np.ndarray:
    """Natural logarithm of p_n of every character of a test text, (N,).

    The first characters of the test text have shorter histories: nothing comes before them.

    Args:
        train: tokens 0 … size − 1 to count, (M,).
        test: tokens to predict, (N,).
        size: number of characters K.
        order: n, from 1; size^n must fit into 63 bits.
    """
    p = np.full(len(test), 1.0 / size)
    for n in range(1, order + 1):
        grams, counts = np.unique(_codes(train, n, size), return_counts=True)
        histories, first = np.unique(grams // size, return_index=True)
        totals = np.add.reduceat(counts, first)
        followers = np.diff(np.append(first, len(grams)))
        codes = _codes(test, n, size)
        here = p[n - 1 :]
        seen = _look_up(histories, totals, codes // size)
        kinds = _look_up(histories, followers, codes // size)
        hits = _look_up(grams, counts, codes)
        known = seen > 0
        here[known] = (hits + kinds * here)[known] / (seen + kinds)[known]
    return np.log(p)


def kneser_ney_log_probs(train: np.ndarray, test: np.ndarray, size: int, order: int) -> np.ndarray:
    """The same under modified Kneser–Ney; see `witten_bell_log_probs`."""
    p = np.full(len(test), 1.0 / size)
    for n in range(1, order + 1):
        codes = _codes(train, n, size)
        if n < order:  # each kind of n + 1 characters once, without its first
            codes = np.unique(_codes(train, n + 1, size)) % size**n
        grams, counts = np.unique(codes, return_counts=True)
        discounts = modified_discounts(counts)
        histories, first = np.unique(grams // size, return_index=True)
        totals = np.add.reduceat(counts, first)
        freed = np.add.reduceat(discounts[counts.clip(max=3)], first)
        codes = _codes(test, n, size)
        here = p[n - 1 :]
        seen = _look_up(histories, totals, codes // size)
        share = _look_up(histories, freed, codes // size)
        hits = _look_up(grams, counts, codes)
        kept = hits - discounts[hits.clip(max=3)]
        known = seen > 0
        here[known] = (kept + share * here)[known] / seen[known]
    return np.log(p)


def modified_discounts(counts: np.ndarray) -> np.ndarray:
    """Discounts of what was counted 0, 1, 2, and 3 times or more, (4,).

    With n_i the number of counts that are i and Y = n_1 / (n_1 + 2 n_2) they are
    D_i = i − (i + 1) Y n_{i+1} / n_i; where one of them is negative or no number, as happens with
    few counts, all are `USUAL_DISCOUNTS`.
    """
    n = np.bincount(counts.clip(max=5), minlength=6)
    if not n[1:4].all():
        return np.array(USUAL_DISCOUNTS)
    y = n[1] / (n[1] + 2 * n[2])
    found = np.array([0.0, *(i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3))])
    return found if (found >= 0).all() else np.array(USUAL_DISCOUNTS)


def _codes(tokens: np.ndarray, n: int, size: int) -> np.ndarray:
    """Every stretch of n tokens as one integer in base `size`, the last token being the units."""
    tokens = tokens.astype(np.int64)
    codes = np.zeros(len(tokens) - n + 1, dtype=np.int64)
    for place in range(n):
        codes = codes * size + tokens[place : place + len(codes)]
    return codes


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """values[i] where wanted == keys[i], 0 where it is no key; keys are sorted."""
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
