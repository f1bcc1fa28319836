"""A candidate at a fixed tenth of the traffic: when harm is found, and what it cost until then."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tidegate.judge.fixed_share import BASE_SECONDS
from tidegate.judge.rules import Metric, Rules
from tidegate.simulation.arrays import Flags, Floats
from tidegate.simulation.cells import Cells
from tidegate.simulation.flagger import FlaggerRule, failed
from tidegate.simulation.metric import MetricEvidence, reaches
from tidegate.simulation.traffic import draw_cells

SECONDS = BASE_SECONDS
REACTION_SECONDS = 20.0
"""From the end of an interval to the moment the candidate's traffic is away."""
TWO_HOURS = 7200.0
HOUR_INTERVALS = 240
SHARE = 0.1
TOLERATED = Rules().tolerate


@dataclass(frozen=True)
class Candidate:
    """A candidate and the stable beside it.

    Attributes
    ----------
    rate
        Requests a second to the candidate; stable has nine times as many.
    """

    rate: float
    share: float
    stable_share: float
    burst: float = 1.0

    @property
    def excess(self) -> float:
        """Bad requests a second beyond stable's share."""
        return self.rate * (self.share - self.stable_share)


def evidence_of(runs: int, tolerate: float = TOLERATED, weight: float = 1.0) -> MetricEvidence:
    """Evidence by the default rules; errors alone have all of alpha unless told otherwise."""
    return MetricEvidence(Rules(tolerate=tolerate), Metric.Errors, weight, runs)


def intervals(random: np.random.Generator, candidate: Candidate, runs: int) -> Callable[[], Cells]:
    """A source of intervals with constant weights."""
    requests = np.full(runs, candidate.rate * SECONDS)
    expected = requests, requests * (1.0 - SHARE) / SHARE
    return lambda: draw_cells(random, expected, (candidate.share, candidate.stable_share), candidate.burst)


def found_after(candidate: Candidate, tolerate: float, *, runs: int, seed: int) -> Floats:
    """Seconds until the candidate's traffic is away; infinite where harm is not found within two hours."""
    source = intervals(np.random.default_rng(seed), candidate, runs)
    evidence = evidence_of(runs, tolerate)
    if candidate.burst > 1.0:
        for _ in range(HOUR_INTERVALS):
            before = source().pooled
            evidence.burst.follow(before.stable_finished, before.stable_bad)
    return first_harm(evidence, (source() for _ in range(math.floor(TWO_HOURS / SECONDS))), candidate.burst > 1.0)


def first_harm(evidence: MetricEvidence, cells: Iterator[Cells], with_bursts: bool) -> Floats:
    """Seconds until harm is proven and acted on, for as long as there are cells."""
    runs = len(evidence.hold_intervals)
    found, now, independent = np.full(runs, math.inf), 0.0, np.ones(runs)
    for cell in cells:
        now += SECONDS
        evidence.harm.update(cell, evidence.burst.value if with_bursts else independent, SECONDS)
        evidence.material.update(cell, SECONDS)
        if with_bursts:
            pooled = cell.pooled
            evidence.burst.follow(pooled.stable_finished, pooled.stable_bad)
        found = np.where(np.isinf(found) & harmful(evidence), now + REACTION_SECONDS, found)
        if np.isfinite(found).all():
            break
    return found


def harmful(evidence: MetricEvidence) -> Flags:
    """Whether this metric alone proves harm that matters."""
    return reaches(evidence.log_part, evidence.rules.harm_line)


def flagger_found_after(candidate: Candidate, *, runs: int, seed: int) -> Floats:
    """The same by Flagger's rule at a constant weight."""
    rule, random = FlaggerRule(), np.random.default_rng(seed)
    failures, found, now = np.zeros(runs, dtype=np.int64), np.full(runs, math.inf), 0.0
    while now < TWO_HOURS:
        now += rule.interval_seconds
        finished = random.poisson(candidate.rate * rule.interval_seconds, runs)
        failures += failed(random.binomial(finished, candidate.share), finished, rule)
        found = np.where(np.isinf(found) & (failures >= rule.failures), now + REACTION_SECONDS, found)
    return found
