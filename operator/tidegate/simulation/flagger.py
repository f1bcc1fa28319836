"""Flagger's rule, for comparison: a number in a window of one minute against a fixed threshold.

Source: Flagger's canary analysis, github.com/fluxcd/flagger, pkg/controller/scheduler.go. Failed checks add up over the
whole analysis, and a window without requests is one.
"""

from dataclasses import dataclass

import numpy as np

from tidegate.rollout.capacity import WHOLE, candidate_size
from tidegate.rollout.traffic import SETTLE_SECONDS
from tidegate.simulation.arrays import Flags, Floats, Ints
from tidegate.simulation.quality import Quality
from tidegate.simulation.results import Outcome, Results
from tidegate.simulation.situation import Situation
from tidegate.simulation.traffic import draw_bad

PARTS_PER_PERCENT = WHOLE // 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggerRule:
    """Parameters of a Canary's analysis.

    Parameters
    ----------
    interval_seconds
        Length of a window.
    largest_share
        Of bad requests in a window, and of slow ones where latency is judged.
    failures
        Failed windows in all that roll back.
    step_percent, most_percent
        Weight added after each window that passed, and the weight after which the candidate is promoted.
    """

    interval_seconds: float = 60.0
    largest_share: float = 0.01
    failures: int = 5
    step_percent: int = 10
    most_percent: int = 50


def failed(bad: Ints, finished: Ints, rule: FlaggerRule) -> Flags:
    """Whether a window fails its check."""
    found: Flags = (finished == 0) | (bad > rule.largest_share * finished)
    return found


def simulate_flagger(situation: Situation, *, runs: int, seed: int, rule: FlaggerRule | None = None) -> Results:
    """Run so many rollouts of one candidate by Flagger's rule."""
    rule, random = rule or FlaggerRule(), np.random.default_rng(seed)
    weight = np.full(runs, rule.step_percent * PARTS_PER_PERCENT)
    failures, outcome = np.zeros(runs, dtype=np.int64), np.zeros(runs, dtype=np.int64)
    seconds, excess, requests = np.zeros(runs), np.zeros(runs), np.zeros(runs)
    changes: list[Floats] = [_changes(0.0, np.ones(runs, dtype=np.bool_), weight)]
    now = 0.0
    while (going := outcome == Outcome.UnderWay).any():
        now += rule.interval_seconds
        quality = Quality.of(situation, weight, _pods(weight, situation))
        share = weight / WHOLE
        fails = _window_failed(random, situation, rule, share, quality)
        failures = failures + (going & fails)
        rolled_back = going & (failures >= rule.failures)
        promoted = going & ~fails & (weight >= rule.most_percent * PARTS_PER_PERCENT)
        outcome = np.where(rolled_back, Outcome.RolledBack, np.where(promoted, Outcome.Promoted, outcome))
        served = situation.rps * share * (rule.interval_seconds * going + SETTLE_SECONDS * rolled_back)
        requests, excess = requests + served, excess + served * quality.excess
        seconds = np.where(going, now, seconds)
        rises = going & ~fails & ~promoted
        weight = weight + rises * rule.step_percent * PARTS_PER_PERCENT
        changes.append(_changes(now, rises, weight))
    return Results(outcome, seconds, excess, requests, np.concatenate(changes, axis=1))


def _window_failed(
    random: np.random.Generator, situation: Situation, rule: FlaggerRule, share: Floats, quality: Quality
) -> Flags:
    finished = random.poisson(situation.rps * rule.interval_seconds * share)
    bad = draw_bad(random, finished, situation.candidate_error_rate, situation.burst)
    fails = failed(bad, finished, rule)
    return (
        fails if situation.latency is None else fails | failed(random.binomial(finished, quality.slow), finished, rule)
    )


def _pods(weight: Ints, situation: Situation) -> Ints:
    sizes = {int(value): candidate_size(int(value), situation.replicas) for value in np.unique(weight)}
    return np.array([sizes[int(value)] for value in weight], dtype=np.int64)


def _changes(now: float, where: Flags, weight: Ints) -> Floats:
    runs = np.flatnonzero(where)
    return np.array([np.full(len(runs), now), runs, weight[runs]], dtype=np.float64)
