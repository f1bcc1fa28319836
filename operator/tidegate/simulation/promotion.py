"""What promotes a candidate, chosen in every run as `tidegate.rollout.proof` chooses it."""

import math
from collections.abc import Callable

import numpy as np

from tidegate.judge.promotion import MOST_REQUESTS
from tidegate.simulation.arrays import Flags, Floats, Ints, log_sum
from tidegate.simulation.cells import Cells, share
from tidegate.simulation.metric import MetricEvidence, reaches


def requests_needed(metric: MetricEvidence, weight: Floats, where: Flags, alike: Flags) -> Floats:
    """Further requests of the candidate until proof is to be expected; infinite where they are too many.

    Parameters
    ----------
    weight
        The candidate's share of the requests, over 0 and under 1.
    where
        Runs to be told; 0 in others.
    alike
        Runs in which it is compared with stable, too.
    """
    asked = np.flatnonzero(where)
    burst, shares = metric.burst.value[asked], weight[asked]
    own = share(metric.total.stable_bad, metric.total.stable_finished)[asked]
    compared, line = alike[asked], metric.rules.promotion_line
    seen, proof = metric.total.only(asked), metric.noninferiority.only(asked)

    def proven(requests: Ints, runs: Ints) -> Flags:
        cells = _expected(requests, own[runs], shares[runs])
        everywhere = np.ones(len(runs), dtype=np.bool_)
        some, before = proof.only(runs), seen.only(runs)
        wealth = some.dealt(cells, everywhere, compared[runs], before)
        growth = some.growth(cells, compared[runs], before)
        return reaches(log_sum(wealth + growth / burst[runs]), line)

    needed = np.zeros(len(weight))
    needed[asked] = _first(proven, len(asked))
    return needed


def _expected(requests: Ints, own: Floats, weight: Floats) -> Cells:
    beside = np.rint(requests * (1.0 - weight) / weight).astype(np.int64)
    bad = [np.rint(finished * own).astype(np.int64) for finished in (requests, beside)]
    return Cells(requests[None], bad[0][None], beside[None], bad[1][None])


def _first(proven: Callable[[Ints, Ints], Flags], runs: int) -> Floats:
    """Least number at which each run is proven, by doubling and halving."""
    high, found = np.ones(runs, dtype=np.int64), np.zeros(runs, dtype=np.bool_)
    open_runs = np.arange(runs)
    while open_runs.size:
        found[open_runs] = proven(high[open_runs], open_runs)
        open_runs = open_runs[~found[open_runs]]
        high[open_runs] *= 2
        open_runs = open_runs[high[open_runs] <= MOST_REQUESTS]
    low = high // 2
    while (open_runs := np.flatnonzero(found & (high - low > 1))).size:
        middle = (low[open_runs] + high[open_runs]) // 2
        enough = proven(middle, open_runs)
        low[open_runs] = np.where(enough, low[open_runs], middle)
        high[open_runs] = np.where(enough, middle, high[open_runs])
    return np.where(found, high.astype(np.float64), math.inf)
