"""The judge's whole memory of a rollout: a value that goes to status and comes back the same to the last digit."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from tidegate.judge.grid import Cell
from tidegate.judge.logs import log_sum, reaches, read_float, write_float
from tidegate.judge.metric import Interval, MetricEvidence
from tidegate.judge.queries import QueryResult, consecutive_failures
from tidegate.judge.rules import Metric, Rules, weights
from tidegate.judge.strata import EMPTY, Counts, Stratum, pooled, read_stratum, write_stratum

NOTHING: Mapping[Metric, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything judged so far; every change makes a new one, so it can be recorded before anybody acts on it.

    Parameters
    ----------
    judged_until
        Nothing up to this time of the metrics source may be counted again.
    metrics
        Evidence by what is judged, fixed at the start: from failed and abandoned requests always.
    latency_edge
        Milliseconds over which a request counts as slow, once known: the histogram's edge at the bound or above it.
    query_failures
        Consecutive failures per user query.
    intervals, intervals_at_weight
        Counted intervals, in the rollout and since the present weight came in force.
    at_weight
        Requests since then.
    idle_seconds
        Counted time since any request finished on the route, at this weight.
    """

    judged_until: float
    metrics: Mapping[Metric, MetricEvidence]
    latency_edge: float | None = None
    query_failures: Mapping[str, int] = field(default_factory=dict)
    intervals: int = 0
    intervals_at_weight: int = 0
    at_weight: Stratum = EMPTY
    idle_seconds: float = 0.0

    @property
    def errors(self) -> MetricEvidence:
        """Evidence from failed and abandoned requests."""
        return self.metrics[Metric.Errors]

    @property
    def total(self) -> Stratum:
        """Requests counted in the rollout."""
        return self.errors.total

    @property
    def log_proofs(self) -> dict[Metric, float]:
        """log E for promotion, by every metric that can show a candidate to be good enough."""
        found = {metric: evidence.noninferiority for metric, evidence in self.metrics.items()}
        return {metric: proof.log_e for metric, proof in found.items() if proof is not None}

    @property
    def log_suspicion(self) -> float:
        """log of the largest evidence of harm by a metric that may matter; 0 where none speaks for harm."""
        told = [found.harm.log_e for found in self.metrics.values() if reaches(found.material.log_e, 1.0)]
        return max([0.0, *told])

    def log_harm(self, rules: Rules) -> float:
        """log of the weighted mean of the metrics' evidence of harm, those that do not matter as 0."""
        parts = [metric.log_part(rules.harm_line) for metric in self.metrics.values()]
        return log_sum(parts) if max(parts) > -math.inf else -math.inf

    def harmful(self, rules: Rules) -> bool:
        """Whether harm is proven and large enough to matter."""
        return reaches(self.log_harm(rules), rules.harm_line)

    def to_status(self) -> dict[str, Any]:
        """JSON-safe, bounded in size, without floating-point numbers."""
        return {
            "judgedUntil": write_float(self.judged_until),
            "metrics": {metric.value: evidence.to_status() for metric, evidence in self.metrics.items()},
            "latencyEdge": None if self.latency_edge is None else write_float(self.latency_edge),
            "queryFailures": dict(self.query_failures),
            "intervals": self.intervals,
            "intervalsAtWeight": self.intervals_at_weight,
            "atWeight": write_stratum(self.at_weight),
            "idleSeconds": write_float(self.idle_seconds),
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> "Evidence":
        """Inverse of `to_status`.

        Raises
        ------
        ValueError, KeyError
            If the status was not written by `to_status`.
        """
        edge = status.get("latencyEdge")
        return cls(
            judged_until=read_float(status["judgedUntil"]),
            metrics={Metric(name): MetricEvidence.from_status(found) for name, found in _metrics(status).items()},
            latency_edge=None if edge is None else read_float(edge),
            query_failures={name: int(failures) for name, failures in status["queryFailures"].items()},
            intervals=int(status["intervals"]),
            intervals_at_weight=int(status["intervalsAtWeight"]),
            at_weight=read_stratum(status["atWeight"]),
            idle_seconds=read_float(status["idleSeconds"]),
        )


def _metrics(status: Mapping[str, Any]) -> Mapping[str, dict[str, Any]]:
    """Evidence by metric; a version that judged errors alone wrote it in another form."""
    if "errors" not in status:
        metrics: Mapping[str, dict[str, Any]] = status["metrics"]
        return metrics
    alone = {"weight": write_float(1.0), "burst": status["burst"], "total": status["total"]}
    return {Metric.Errors.value: {**status["errors"], **alone}}


def begin(rules: Rules, in_force: float, history: Mapping[Metric, Iterable[Counts]] = NOTHING) -> Evidence:
    """Evidence before the first interval: what is judged and how alpha is shared are fixed with it.

    Parameters
    ----------
    in_force
        Moment the first weight came in force.
    history
        Stable's counts per interval in the hour before, oldest first, for the burst factors.
    """
    metrics = {
        metric: MetricEvidence.begin(rules, metric, weight, history.get(metric, ()))
        for metric, weight in weights(rules.metrics).items()
    }
    return Evidence(in_force, metrics)


def count_interval(
    evidence: Evidence,
    cell: Cell,
    strata: Sequence[Stratum],
    rules: Rules,
    *,
    for_promotion: bool,
    others: Mapping[Metric, Interval] = NOTHING,
) -> Evidence:
    """Evidence after one more cell.

    Parameters
    ----------
    strata
        Failed requests, one per proxy pod.
    for_promotion
        Whether the weight is the plan's last: clean counts at a lower one say nothing about load.
    others
        What was counted of the other metrics; one that is missing keeps its evidence as it is.

    Raises
    ------
    ValueError
        If the cell begins before `judged_until`: an interval counted twice voids the guarantee.
    """
    if cell.start < evidence.judged_until:
        raise ValueError(
            f"found a cell from {cell.start}; expected none before {evidence.judged_until}, judged already"
        )
    requests, counted = pooled(strata), {Metric.Errors: Interval(strata), **others}
    after = replace(
        evidence,
        judged_until=cell.end,
        metrics={
            metric: before.counted(counted[metric], seconds=cell.seconds, for_promotion=for_promotion)
            if metric in counted
            else before
            for metric, before in evidence.metrics.items()
        },
        intervals=evidence.intervals + 1,
        intervals_at_weight=evidence.intervals_at_weight + 1,
        at_weight=evidence.at_weight + requests,
        idle_seconds=0.0 if requests.finished > 0 else evidence.idle_seconds + cell.length,
    )
    return _limits_counted(after, counted, rules)


def _limits_counted(evidence: Evidence, counted: Mapping[Metric, Interval], rules: Rules) -> Evidence:
    harmful = evidence.harmful(rules)
    metrics = {
        metric: before.limit_counted(counted[metric], rules.harm_line, harmful=harmful) if metric in counted else before
        for metric, before in evidence.metrics.items()
    }
    return replace(evidence, metrics=metrics)


def skip_interval(evidence: Evidence, cell: Cell) -> Evidence:
    """Evidence after a cell that could not be counted: nothing learnt, never to be looked at again."""
    return replace(evidence, judged_until=max(evidence.judged_until, cell.end))


def change_weight(evidence: Evidence, in_force: float) -> Evidence:
    """Evidence when another weight came in force: kept, what was counted per weight begins anew."""
    return replace(
        evidence,
        judged_until=max(evidence.judged_until, in_force),
        intervals_at_weight=0,
        at_weight=EMPTY,
        idle_seconds=0.0,
    )


def count_queries(evidence: Evidence, results: Iterable[QueryResult]) -> Evidence:
    """Evidence after the user's queries were asked once more."""
    failures = dict(evidence.query_failures)
    for result in results:
        name = result.query.name
        failures[name] = consecutive_failures(failures.get(name, 0), result.outcome)
    return replace(evidence, query_failures=failures)
