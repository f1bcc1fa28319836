"""The e-values of `tidegate.judge` for many runs at once: the same numbers from the same counts."""

import math
from collections.abc import Sequence

import numpy as np

from tidegate.judge import harm, noninferiority, threshold
from tidegate.judge.burst import PAIRS, SHRINKAGE
from tidegate.judge.fixed_share import BASE_SECONDS, KEPT_PER_BASE, deal
from tidegate.simulation.arrays import Columns, Flags, Floats, Ints, log_sum
from tidegate.simulation.cells import Cells
from tidegate.simulation.conditional import log_generating_function


class Wealth(Columns):
    """log wealth of shape (bets, runs), the same for every run at the start."""

    def __init__(self, start: Sequence[float], runs: int) -> None:
        self.log_wealth: Floats = np.repeat(np.array(start)[:, None], runs, axis=1)

    @property
    def log_e(self) -> Floats:
        """Natural logarithm of the e-value."""
        return log_sum(self.log_wealth)

    def _redeal(self, seconds: float) -> None:
        kept = KEPT_PER_BASE ** (seconds / BASE_SECONDS)
        start = np.exp(np.array(deal(len(self.log_wealth) - 1)))[:, None]
        top = self.log_wealth.max(axis=0)
        wealth = np.exp(self.log_wealth - top)
        self.log_wealth = top + np.log(kept * wealth + (1.0 - kept) * start * wealth.sum(axis=0))


class Harm(Wealth):
    """`tidegate.judge.HarmEvidence`: worse than stable by more than is tolerated."""

    def __init__(self, tolerate: float, cap: float | None, runs: int) -> None:
        super().__init__(deal(len(harm.MULTIPLES)), runs)
        self._tolerate, self._cap = tolerate, cap
        self.capped: Flags = np.zeros(runs, dtype=np.bool_)

    def update(self, cells: Cells, burst: Floats, seconds: float, where: Flags | None = None) -> None:
        """Take in one interval, in the runs `where` it counts."""
        before, capped_before = self.log_wealth, self.capped
        grown = np.concatenate([before[:1], before[1:] + self._log_ratios(cells, burst)])
        excess = np.zeros(grown.shape[1])
        if self._cap is not None:
            excess = np.maximum(0.0, log_sum(grown) - log_sum(before) - self._cap)
        self.log_wealth = grown - excess
        self._redeal(seconds)
        self.capped = np.where(cells.comparable.any(axis=0), excess > 0.0, capped_before)
        if where is not None:
            self.log_wealth = np.where(where, self.log_wealth, before)
            self.capped = np.where(where, self.capped, capped_before)

    def _log_ratios(self, cells: Cells, burst: Floats) -> Floats:
        comparable, finished = cells.comparable, cells.finished
        weight = cells.candidate_finished / (finished + (finished == 0))
        candidate_bad, bad = cells.candidate_bad * comparable, cells.bad * comparable
        tolerated = np.log1p(weight * (self._tolerate - 1.0))
        ratios = []
        for multiple in harm.MULTIPLES:
            tilt = np.log1p(weight * (self._tolerate * multiple - 1.0)) - tolerated
            ratios.append((candidate_bad * math.log(multiple) - bad * tilt).sum(axis=0) / burst)
        return np.array(ratios)


def _over(bad: Ints, finished: Ints, limit: float) -> Floats:
    """Log likelihood ratio of every alternative over the limit, for the candidate's counts."""
    shares = [min(limit * multiple, threshold.HIGHEST_SHARE) for multiple in threshold.MULTIPLES]
    return np.array([_log_ratio(bad, finished, share, limit) for share in shares])


def _log_ratio(bad: Ints, finished: Ints, share: float, against: float) -> Floats:
    ratio: Floats = bad * math.log(share / against) + (finished - bad) * (math.log1p(-share) - math.log1p(-against))
    return ratio


class Material(Wealth):
    """`tidegate.judge.materiality.MaterialityEvidence`: enough for anybody to care."""

    def __init__(self, ignore_below: float, runs: int) -> None:
        super().__init__(deal(len(threshold.MULTIPLES)), runs)
        self._ignore_below = ignore_below

    def update(self, cells: Cells, seconds: float, where: Flags | None = None) -> None:
        """Take in one interval, in the runs `where` it counts."""
        before, pooled = self.log_wealth, cells.pooled
        ratios = _over(pooled.candidate_bad, pooled.candidate_finished, self._ignore_below)
        self.log_wealth = np.concatenate([before[:1], before[1:] + ratios])
        self._redeal(seconds)
        if where is not None:
            self.log_wealth = np.where(where, self.log_wealth, before)


class Above(Wealth):
    """`tidegate.judge.ThresholdEvidence`: over the user's limit."""

    def __init__(self, limit: float, runs: int) -> None:
        bets = len(threshold.MULTIPLES)
        self._start = -math.log(bets)
        super().__init__([self._start] * bets, runs)
        self._limit = limit

    def update(self, cells: Cells, where: Flags) -> None:
        """Take in one interval, in the runs `where` it counts."""
        pooled = cells.pooled
        ratios = _over(pooled.candidate_bad, pooled.candidate_finished, self._limit)
        self.log_wealth = self.log_wealth + np.where(where, ratios, 0.0)

    def restart(self, where: Flags) -> None:
        """Begin again from 1."""
        self.log_wealth = np.where(where, self._start, self.log_wealth)


class NonInferiority(Wealth):
    """`tidegate.judge.NonInferiorityEvidence`: good enough to promote."""

    def __init__(self, below: float, limit: float | None, runs: int) -> None:
        relative, absolute = len(noninferiority.ODDS_RATIOS), len(noninferiority.FRACTIONS)
        start = [-math.log(relative)] * relative
        if limit is not None:
            start = [-math.log(2 * relative)] * relative + [-math.log(2 * absolute)] * absolute
        super().__init__(start, runs)
        self._below, self._limit = below, limit

    def update(self, cells: Cells, burst: Floats, where: Flags, alike: Flags | None = None) -> None:
        """Take in one interval in the runs `where` it counts; the relative part only where both were `alike`."""
        growth = np.zeros(self.log_wealth.shape)
        growth[:, where] = self.growth(cells.only(where), None if alike is None else alike[where]) / burst[where]
        self.log_wealth = self.log_wealth + growth

    def growth(self, cells: Cells, alike: Flags | None = None) -> Floats:
        """What log wealth grows by, without bursts."""
        relative = self._relative(cells)
        if alike is not None:
            relative = np.where(alike, relative, 0.0)
        if self._limit is None:
            return relative
        pooled = cells.pooled
        shares = [fraction * self._limit for fraction in noninferiority.FRACTIONS]
        absolute = [_log_ratio(pooled.candidate_bad, pooled.candidate_finished, q, self._limit) for q in shares]
        return np.concatenate([relative, np.array(absolute)])

    def _relative(self, cells: Cells) -> Floats:
        telling = cells.comparable & (cells.bad > 0)
        told = cells.only(telling)
        ratios = np.zeros((len(noninferiority.ODDS_RATIOS), *telling.shape))
        if told.bad.size:
            at_bound = log_generating_function(told, self._below)
            for ratio, odds_ratio in zip(ratios, noninferiority.ODDS_RATIOS, strict=True):
                tilt = told.candidate_bad * math.log(odds_ratio / self._below)
                ratio[telling] = tilt - log_generating_function(told, odds_ratio) + at_bound
        summed: Floats = ratios.sum(axis=1)
        return summed


class Burst(Columns):
    """`tidegate.judge.burst.BurstFactor`: a ring of the last 240 pairs of stable's intervals in every run."""

    def __init__(self, runs: int) -> None:
        self._squares = np.zeros((PAIRS, runs))
        self._expected = np.zeros((PAIRS, runs))
        self._position = np.zeros(runs, dtype=np.int64)
        self._sum_squares = np.zeros(runs)
        self._sum_expected = np.zeros(runs)
        self._finished = np.zeros(runs, dtype=np.int64)
        self._bad = np.zeros(runs, dtype=np.int64)

    @property
    def value(self) -> Floats:
        """Burst factor of every run, at least 1."""
        factor: Floats = (SHRINKAGE + self._sum_squares) / (SHRINKAGE + self._sum_expected)
        return np.maximum(1.0, factor)

    def follow(self, finished: Ints, bad: Ints) -> None:
        """Take in stable's counts of one interval; those in which it finished nothing are left out."""
        counted = finished > 0
        paired = np.flatnonzero(counted & (self._finished > 0))
        before, after = self._bad[paired] / self._finished[paired], finished[paired]
        difference = bad[paired] - before * after
        square, expected = difference * difference, (bad[paired] + self._bad[paired]).astype(np.float64)
        at = self._position[paired], paired
        self._sum_squares[paired] += square - self._squares[at]
        self._sum_expected[paired] += expected - self._expected[at]
        self._squares[at], self._expected[at] = square, expected
        self._position[paired] = (self._position[paired] + 1) % PAIRS
        self._finished = np.where(counted, finished, self._finished)
        self._bad = np.where(counted, bad, self._bad)
