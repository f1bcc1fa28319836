"""What the evidence of a rollout comes to, in numbers for dashboards and alerts."""

import math
from typing import NamedTuple

from tidegate.api.status import RolloutStatus
from tidegate.judge.rules import Metric
from tidegate.judge.state import Evidence
from tidegate.rollout.measuring import rules_of

ALL_METRICS = "all"
LARGEST_LOG = 50.0
"""Of a ratio: enough for every chart, and far from overflow."""


class Figure(NamedTuple):
    """What a number is about: a metric, or all of them, and what is to be shown by it."""

    metric: str
    evidence: str


def evidence_ratios(rollout: RolloutStatus | None) -> dict[Figure, float]:
    """Evidence as a share of the line at which it decides: 1 is enough.

    ``harm`` takes a candidate back, of all metrics together; ``limit`` holds it, ``promotion`` promotes it, each by
    metric. Empty while nothing is judged.
    """
    if rollout is None or not rollout.evidence:
        return {}
    evidence, rules = Evidence.from_status(rollout.evidence), rules_of(rollout.plan.analysis)
    found = {Figure(ALL_METRICS, "harm"): _ratio(evidence.log_harm(rules), rules.harm_line)}
    for metric, about in evidence.metrics.items():
        if about.above is not None:
            found[Figure(metric.value, "limit")] = _ratio(about.above.log_e, rules.harm_line)
        if about.noninferiority is not None:
            found[Figure(metric.value, "promotion")] = _ratio(about.noninferiority.log_e, rules.promotion_line)
    return found


def _ratio(log_e: float, line: float) -> float:
    return math.exp(min(log_e - math.log(line), LARGEST_LOG))


def harmed_requests(rollout: RolloutStatus) -> dict[Metric, float]:
    """Bad requests of the candidate beyond what stable's rate in the same rollout would have given, by metric."""
    if not rollout.evidence:
        return {}
    found = {}
    for metric, about in Evidence.from_status(rollout.evidence).metrics.items():
        candidate, stable = about.total.candidate, about.total.stable
        expected = candidate.finished * stable.bad / stable.finished if stable.finished else 0.0
        found[metric] = max(0.0, candidate.bad - expected)
    return found
