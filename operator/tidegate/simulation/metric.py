"""All evidence about one metric in every run: `tidegate.judge.metric` in arrays."""

import math
from collections.abc import Iterable

import numpy as np

from tidegate.judge.logs import TOLERANCE
from tidegate.judge.metric import HOLD_INTERVALS
from tidegate.judge.rules import Metric, Rules
from tidegate.judge.verdict import HOLD_LINE
from tidegate.simulation.arrays import Columns, Flags, Floats, Ints
from tidegate.simulation.cells import Cells
from tidegate.simulation.evidence import Above, Burst, Harm, Material, NonInferiority


def reaches(log_e: Floats, line: float) -> Flags:
    """Whether an e-value is at or over a line."""
    return log_e >= math.log(line) - TOLERANCE


class MetricEvidence(Columns):
    """Evidence of one metric, with its share of alpha; arrays with one entry a run."""

    def __init__(self, rules: Rules, metric: Metric, weight: float, runs: int) -> None:
        limit = rules.limit_of(metric)
        self.rules, self.weight = rules, weight
        self.harm = Harm(rules.tolerate, rules.harm_cap(weight), runs)
        self.material = Material(rules.ignored_share_of(metric), runs)
        self.above = None if limit is None else Above(limit, runs)
        self.noninferiority = NonInferiority(rules.below, limit, runs)
        self.burst = Burst(runs)
        self.total = Cells.none(runs)
        self.hold_intervals: Ints = np.zeros(runs, dtype=np.int64)

    @property
    def log_part(self) -> Floats:
        """log of what it adds to the weighted mean of all metrics: nothing while it is too small to matter."""
        matters = reaches(self.material.log_e, self.rules.harm_line)
        return np.where(matters, math.log(self.weight) + self.harm.log_e, -math.inf)

    @property
    def proven(self) -> Flags:
        """Whether the candidate is shown to be good enough."""
        return reaches(self.noninferiority.log_e, self.rules.promotion_line)

    @property
    def suspected(self) -> Flags:
        """Whether harm is suspected, and may soon be proven."""
        return self.harm.capped | reaches(self.harm.log_e, HOLD_LINE)

    @property
    def suspicious(self) -> Flags:
        """Suspicion that is no proof; harm that surely does not matter is none."""
        found = self.suspected & reaches(self.material.log_e, 1.0)
        return found if self.above is None else found | reaches(self.above.log_e, HOLD_LINE)

    def count(self, cells: Cells, *, seconds: float, for_promotion: Flags, counted: Flags, alike: Flags) -> None:
        """Take in an interval, the limit aside.

        Parameters
        ----------
        for_promotion
            Runs at their last weight.
        counted
            Runs in which this metric was counted at all.
        alike
            Runs in which both revisions ran under equal conditions.
        """
        burst = self.burst.value
        self.harm.update(cells, burst, seconds, where=counted & alike)
        self.material.update(cells, seconds, where=counted & alike)
        self.noninferiority.update(cells, burst, counted & for_promotion, alike, self.total)
        pooled = cells.pooled
        self.burst.follow(np.where(counted, pooled.stable_finished, 0), pooled.stable_bad)
        self.total = self.total + pooled.where(counted)

    def count_limit(self, cells: Cells, *, counted: Flags, harmful: Flags) -> None:
        """Take in the same interval as far as the user's limit goes; proven harm needs no hold any more."""
        if self.above is None:
            return
        self.above.update(cells, where=counted)
        log_e = self.above.log_e
        reached = counted & reaches(log_e, self.rules.harm_line) & ~harmful
        counts_down = counted & ~reached & (self.hold_intervals > 0) & (cells.pooled.candidate_finished > 0)
        left = np.where(reaches(log_e, 1.0), HOLD_INTERVALS, self.hold_intervals - 1)
        self.hold_intervals = np.where(counts_down, left, self.hold_intervals)
        self.hold_intervals = np.where(reached, HOLD_INTERVALS, self.hold_intervals)
        self.above.restart(reached)


def log_harm(metrics: Iterable[MetricEvidence]) -> Floats:
    """log of the weighted mean of what all metrics say of harm."""
    parts = np.array([metric.log_part for metric in metrics])
    top = parts.max(axis=0)
    with np.errstate(invalid="ignore"):
        found = top + np.log(np.exp(parts - top).sum(axis=0))
    return np.where(top > -math.inf, found, -math.inf)


def log_suspicion(metrics: Iterable[MetricEvidence]) -> Floats:
    """log of the largest evidence of harm by a metric that may matter; 0 where none speaks for harm."""
    told = [np.where(reaches(metric.material.log_e, 1.0), metric.harm.log_e, 0.0) for metric in metrics]
    found: Floats = np.maximum(0.0, np.max(told, axis=0))
    return found
