"""Distribution of the candidate's bad requests given both margins: Fisher's noncentral hypergeometric."""

import math

from tidegate.judge.strata import Stratum

NEGLIGIBLE = 1e-18


def log_generating_function(stratum: Stratum, odds_ratio: float) -> float:
    """log of sum over x of C(n_c, x) C(n_s, k - x) odds_ratio^x, k bad requests in all.

    Summed outwards from the largest term until a term no longer shows in the sum: the work grows with the square root
    of k. Good to about 1e-8 at a million requests.
    """
    mode = _mode(stratum, odds_ratio)
    total = math.fsum((1.0, _tail_up(stratum, odds_ratio, mode), _tail_down(stratum, odds_ratio, mode)))
    return (
        _log_binomial(stratum.candidate.finished, mode)
        + _log_binomial(stratum.stable.finished, stratum.bad - mode)
        + mode * math.log(odds_ratio)
        + math.log(total)
    )


def _log_binomial(n: int, x: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(x + 1) - math.lgamma(n - x + 1)


def _bounds(stratum: Stratum) -> tuple[int, int]:
    return max(0, stratum.bad - stratum.stable.finished), min(stratum.bad, stratum.candidate.finished)


def _mode(stratum: Stratum, odds_ratio: float) -> int:
    """Where the ratio of neighbouring terms passes 1: the root of a quadratic, in the form that does not cancel."""
    n_candidate, n_stable, k = stratum.candidate.finished, stratum.stable.finished, stratum.bad
    a = odds_ratio - 1.0
    b = (n_candidate + k + 2) * odds_ratio + n_stable - k
    c = (n_candidate + 1) * (k + 1) * odds_ratio
    low, high = _bounds(stratum)
    return min(max(int(2.0 * c / (b + math.sqrt(b * b - 4.0 * a * c))), low), high)


def _tail_up(stratum: Stratum, odds_ratio: float, mode: int) -> float:
    n_candidate, k = stratum.candidate.finished, stratum.bad
    rest = stratum.stable.finished - k
    term, total = 1.0, 0.0
    for x in range(mode, _bounds(stratum)[1]):
        term *= odds_ratio * (n_candidate - x) * (k - x) / ((x + 1) * (rest + x + 1))
        total += term
        if term < NEGLIGIBLE * total:
            break
    return total


def _tail_down(stratum: Stratum, odds_ratio: float, mode: int) -> float:
    n_candidate, k = stratum.candidate.finished, stratum.bad
    rest = stratum.stable.finished - k
    term, total = 1.0, 0.0
    for x in range(mode, _bounds(stratum)[0], -1):
        term *= x * (rest + x) / (odds_ratio * (n_candidate - x + 1) * (k - x + 1))
        total += term
        if term < NEGLIGIBLE * total:
            break
    return total
