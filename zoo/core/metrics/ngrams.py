"""Witten–Bell n-grams: what counting the characters before the next one already gives.

    p_n(c | h) = (count(h c) + T(h) p_{n−1}(c | h')) / (count(h) + T(h))

h are the n − 1 characters before c, h' all of them but the first, T(h) the number of different
characters seen after h, and p_0 = 1/K. The probabilities of an unseen h are those of h' (Witten and
Bell 1991, method C; interpolated as in Chen and Goodman 1998, eq. 15).
"""

from __future__ import annotations

import numpy as np

ORDERS = (1, 2, 3, 4, 5, 6)


def ngram_log_probs(train: np.ndarray, test: np.ndarray, size: int, order: int) -> np.ndarray:
    """Natural logarithm of p_n of every character of a test text, (N,).

    The first characters of the test text have shorter histories: nothing comes before them.

    Args:
        train: tokens 0 … size − 1 to count, (M,).
        test: tokens to predict, (N,).
        size: number of characters K.
        order: n, 1 … 6; size^n must fit into 63 bits.
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
