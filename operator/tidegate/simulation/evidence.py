"""The e-values of `tidegate.judge` for many runs at once: the same numbers from the same counts."""

import math
from collections.abc import Sequence
from copy import copy
from typing import Self

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
        alternatives = len(noninferiority.ODDS_RATIOS) + (0 if limit is None else len(noninferiority.FRACTIONS) + 1)
        super().__init__([-math.log(alternatives)] * alternatives, runs)
        self._below, self._limit = below, limit
        self._dealt: Flags = np.zeros(runs, dtype=np.bool_)

    def update(self, cells: Cells, burst: Floats, where: Flags, alike: Flags, before: Cells) -> None:
        """Take in one interval in the runs `where` it counts, the relative part only where both were `alike`.

        Parameters
        ----------
        before
            Requests of earlier intervals, of shape (runs).
        """
        self._deal(cells, where, alike, before)
        growth = np.zeros(self.log_wealth.shape)
        growth[:, where] = self.growth(cells.only(where), alike[where], before.only(where)) / burst[where]
        self.log_wealth = self.log_wealth + growth

    def _deal(self, cells: Cells, where: Flags, alike: Flags, before: Cells) -> None:
        """Split the wealth of runs at their first interval."""
        self.log_wealth = self.dealt(cells, where, alike, before)
        self._dealt = self._dealt | (where & (cells.pooled.candidate_finished > 0))

    def only(self, runs: Ints) -> Self:
        """Some of the runs."""
        some = copy(self)
        some.log_wealth, some._dealt = self.log_wealth[:, runs], self._dealt[runs]
        return some

    def dealt(self, cells: Cells, where: Flags, alike: Flags, before: Cells) -> Floats:
        """Log wealth as it is, or as it would be split with these cells in runs where it is not."""
        pooled = cells.pooled
        known = before.stable_finished > 0
        begins = np.flatnonzero(where & ~self._dealt & known & (pooled.candidate_finished > 0))
        if not begins.size:
            return self.log_wealth
        count, seen = noninferiority.EXPECTED_REQUESTS, before.only(begins)
        beside = np.rint(count * pooled.stable_finished[begins] / pooled.candidate_finished[begins]).astype(np.int64)
        share = (seen.stable_bad + 0.5) / (seen.stable_finished + 1.0)
        finished = [np.full(begins.size, count), beside]
        bad = [np.rint(requests * share).astype(np.int64) for requests in finished]
        expected = Cells(finished[0][None], bad[0][None], finished[1][None], bad[1][None])
        growth = self.growth(expected, alike[begins], seen)
        others = math.log((1.0 - noninferiority.BOLD) / (len(growth) - 1))
        log_wealth = self.log_wealth.copy()
        log_wealth[:, begins] = others
        log_wealth[growth.argmax(axis=0), begins] = math.log(noninferiority.BOLD)
        return log_wealth

    def growth(self, cells: Cells, alike: Flags, before: Cells) -> Floats:
        """What log wealth grows by, without bursts."""
        relative = np.where(alike, self._relative(cells), 0.0)
        if self._limit is None:
            return relative
        pooled = cells.pooled
        bad, finished, limit = pooled.candidate_bad, pooled.candidate_finished, self._limit
        absolute = [_log_ratio(bad, finished, fraction * limit, limit) for fraction in noninferiority.FRACTIONS]
        as_stable = (before.stable_bad + 0.5) / (before.stable_finished + 1.0) / limit
        shares = np.clip(as_stable, *noninferiority.AS_STABLE) * limit
        told = bad * np.log(shares / limit) + (finished - bad) * (np.log1p(-shares) - math.log1p(-limit))
        return np.concatenate([relative, np.array([*absolute, told])])

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
