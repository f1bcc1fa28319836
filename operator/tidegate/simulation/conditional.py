"""Fisher's noncentral hypergeometric distribution for many strata at once; `tidegate.judge.conditional` in arrays."""

import math

import numpy as np

from tidegate.judge.conditional import NEGLIGIBLE
from tidegate.simulation.arrays import Floats, Ints, log_factorial
from tidegate.simulation.cells import Cells


def log_generating_function(cells: Cells, odds_ratio: float) -> Floats:
    """log of sum over x of C(n_c, x) C(n_s, k - x) odds_ratio^x for every stratum, k bad requests in all."""
    n_candidate, n_stable, k = cells.candidate_finished, cells.stable_finished, cells.bad
    if odds_ratio == 1.0:
        return _log_binomial(n_candidate + n_stable, k)
    mode = _mode(n_candidate, n_stable, k, odds_ratio)
    total = 1.0 + _tail(n_candidate, n_stable, k, odds_ratio, mode, up=True)
    total += _tail(n_candidate, n_stable, k, odds_ratio, mode, up=False)
    largest = _log_binomial(n_candidate, mode) + _log_binomial(n_stable, k - mode) + mode * math.log(odds_ratio)
    return largest + np.log(total)


def _log_binomial(n: Ints, x: Ints) -> Floats:
    return log_factorial(n) - log_factorial(x) - log_factorial(n - x)


def _mode(n_candidate: Ints, n_stable: Ints, k: Ints, odds_ratio: float) -> Ints:
    a = odds_ratio - 1.0
    b = (n_candidate + k + 2) * odds_ratio + n_stable - k
    c = (n_candidate + 1.0) * (k + 1.0) * odds_ratio
    root = (2.0 * c / (b + np.sqrt(b * b - 4.0 * a * c))).astype(np.int64)
    return np.clip(root, np.maximum(0, k - n_stable), np.minimum(k, n_candidate))


def _tail(n_candidate: Ints, n_stable: Ints, k: Ints, odds_ratio: float, mode: Ints, *, up: bool) -> Floats:
    """Terms on one side of the largest, as multiples of it; each falls to nought by itself at its bound."""
    x, rest = mode.astype(np.float64), (n_stable - k).astype(np.float64)
    term, total = np.ones(mode.shape), np.zeros(mode.shape)
    while True:
        if up:
            term = term * (odds_ratio * (n_candidate - x) * (k - x) / ((x + 1.0) * (rest + x + 1.0)))
            x = x + 1.0
        else:
            term = term * (x * (rest + x) / (odds_ratio * (n_candidate - x + 1.0) * (k - x + 1.0)))
            x = x - 1.0
        total += term
        if not (term >= NEGLIGIBLE * total).any() or not term.any():
            return total
