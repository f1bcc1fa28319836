"""What was counted and what it comes to, metric by metric."""

from dataclasses import dataclass

from tidegate.api.status import RolloutStatus
from tidegate.judge.logs import reaches
from tidegate.judge.rules import Metric, Rules
from tidegate.judge.state import Evidence
from tidegate.judge.strata import Stratum
from tidegate.judge.text import bad_shares, metric_name, of_line
from tidegate.rollout.measuring import rules_of


@dataclass(frozen=True)
class Line:
    """An e-value beside the line at which it decides; `log_e` is its natural logarithm."""

    name: str
    log_e: float
    line: float

    @property
    def told(self) -> str:
        """For example "promotion 3.1 of 20"."""
        return f"{self.name} {of_line(self.log_e, self.line)}"


@dataclass(frozen=True)
class MetricView:
    """One metric of a rollout."""

    name: str
    requests: Stratum
    lines: tuple[Line, ...]

    @property
    def told(self) -> str:
        """For example "errors: candidate 0.6 % of 1,417, stable 0.4 % of 3,012; evidence of limit 0.1 of 100"."""
        evidence = ", ".join(line.told for line in self.lines)
        return f"{self.name}: {bad_shares(self.requests)}" + (f"; evidence of {evidence}" if evidence else "")


@dataclass(frozen=True)
class EvidenceView:
    """All of it: harm is told of all metrics together, for that is what decides."""

    harm: Line
    immaterial: bool
    metrics: tuple[MetricView, ...]


def evidence_of(rollout: RolloutStatus | None) -> EvidenceView | None:
    """What the status has; None while nothing was counted."""
    if rollout is None or not rollout.evidence:
        return None
    evidence, rules = Evidence.from_status(rollout.evidence), rules_of(rollout.plan.analysis)
    log_harm = evidence.log_harm(rules)
    immaterial = not any(reaches(found.material.log_e, rules.harm_line) for found in evidence.metrics.values())
    return EvidenceView(
        Line("harm", log_harm, rules.harm_line),
        immaterial,
        tuple(_metric(evidence, rules, metric) for metric in Metric if metric in evidence.metrics),
    )


def _metric(evidence: Evidence, rules: Rules, metric: Metric) -> MetricView:
    found = evidence.metrics[metric]
    lines = []
    if found.noninferiority is not None:
        lines.append(Line("promotion", found.noninferiority.log_e, rules.promotion_line))
    if found.above is not None:
        lines.append(Line("limit", found.above.log_e, rules.harm_line))
    bound = rules.latency.bound_milliseconds if rules.latency else None
    return MetricView(metric_name(metric, bound, evidence.latency_edge), found.total, tuple(lines))
