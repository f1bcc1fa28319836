"""Requests drawn at random: Poisson arrivals divided at random, failures alone or in groups."""

import numpy as np

from tidegate.simulation.arrays import Floats, Ints
from tidegate.simulation.cells import Cells


def draw_bad(random: np.random.Generator, finished: Ints, bad_share: Floats | float, burst: float) -> Ints:
    """Bad requests among those finished.

    Parameters
    ----------
    burst
        Variance in multiples of that of independent failures: they come in groups of so many, and of the whole number
        above or below in the right proportion where it is not one.
    """
    if burst <= 1.0:
        return random.binomial(finished, bad_share)
    small = int(burst)
    # Groups of m and m + 1: their mean size weighted by size is the variance over the mean.
    larger = burst - small
    expected = finished * np.asarray(bad_share, dtype=np.float64)
    groups = random.poisson(expected * (1.0 - larger) / small) * small
    groups += random.poisson(expected * larger / (small + 1)) * (small + 1)
    return np.minimum(groups, finished)


def draw_cells(
    random: np.random.Generator,
    expected: tuple[Floats, Floats],
    shares: tuple[Floats | float, Floats | float],
    burst: float = 1.0,
) -> Cells:
    """One stratum in every run: expected requests and bad shares of candidate and stable."""
    finished = [random.poisson(requests) for requests in expected]
    bad = [draw_bad(random, counts, part, burst) for counts, part in zip(finished, shares, strict=True)]
    return Cells(finished[0][None], bad[0][None], finished[1][None], bad[1][None])


def with_bad(random: np.random.Generator, cells: Cells, shares: tuple[Floats, Floats]) -> Cells:
    """The same requests, bad by another measure."""
    return Cells(
        cells.candidate_finished,
        random.binomial(cells.candidate_finished, shares[0]),
        cells.stable_finished,
        random.binomial(cells.stable_finished, shares[1]),
    )
