"""The judge's whole memory of a rollout: a value that goes to status and comes back the same to the last digit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tidegate.judge.burst import BurstFactor
from tidegate.judge.grid import Cell
from tidegate.judge.logs import read_float, write_float
from tidegate.judge.metric import MetricEvidence
from tidegate.judge.queries import QueryResult, consecutive_failures
from tidegate.judge.rules import Rules
from tidegate.judge.strata import EMPTY, Counts, Stratum, pooled


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything judged so far; every change makes a new one, so it can be recorded before anybody acts on it.

    Parameters
    ----------
    judged_until
        Nothing up to this time of the metrics source may be counted again.
    errors
        Evidence from failed and abandoned requests.
    burst
        Stable's burst factor, up to the last counted interval.
    query_failures
        Consecutive failures per user query.
    intervals, intervals_at_weight
        Counted intervals, in the rollout and since the present weight came in force.
    total, at_weight
        Requests likewise, for people; evidence is never computed from them.
    idle_seconds
        Counted time since any request finished on the route, at this weight.
    """

    judged_until: float
    errors: MetricEvidence
    burst: BurstFactor = field(default_factory=BurstFactor)
    query_failures: Mapping[str, int] = field(default_factory=dict)
    intervals: int = 0
    intervals_at_weight: int = 0
    total: Stratum = EMPTY
    at_weight: Stratum = EMPTY
    idle_seconds: float = 0.0

    def to_status(self) -> dict[str, Any]:
        """JSON-safe, bounded in size, without floating-point numbers."""
        return {
            "judgedUntil": write_float(self.judged_until),
            "errors": self.errors.to_status(),
            "burst": self.burst.to_status(),
            "queryFailures": dict(self.query_failures),
            "intervals": self.intervals,
            "intervalsAtWeight": self.intervals_at_weight,
            "total": _write_stratum(self.total),
            "atWeight": _write_stratum(self.at_weight),
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
        return cls(
            judged_until=read_float(status["judgedUntil"]),
            errors=MetricEvidence.from_status(status["errors"]),
            burst=BurstFactor.from_status(status["burst"]),
            query_failures={name: int(failures) for name, failures in status["queryFailures"].items()},
            intervals=int(status["intervals"]),
            intervals_at_weight=int(status["intervalsAtWeight"]),
            total=_read_stratum(status["total"]),
            at_weight=_read_stratum(status["atWeight"]),
            idle_seconds=read_float(status["idleSeconds"]),
        )


def begin(rules: Rules, in_force: float, history: Iterable[Counts] = ()) -> Evidence:
    """Evidence before the first interval.

    Parameters
    ----------
    in_force
        Moment the first weight came in force.
    history
        Stable's counts per interval in the hour before, oldest first, for the burst factor.
    """
    return Evidence(in_force, MetricEvidence.begin(rules), BurstFactor().followed_by(history))


def count_interval(
    evidence: Evidence, cell: Cell, strata: Sequence[Stratum], rules: Rules, *, for_promotion: bool
) -> Evidence:
    """Evidence after one more cell.

    Parameters
    ----------
    strata
        One per proxy pod.
    for_promotion
        Whether the weight is the plan's last: clean counts at a lower one say nothing about load.

    Raises
    ------
    ValueError
        If the cell begins before `judged_until`: an interval counted twice voids the guarantee.
    """
    if cell.start < evidence.judged_until:
        raise ValueError(
            f"found a cell from {cell.start}; expected none before {evidence.judged_until}, judged already"
        )
    requests = pooled(strata)
    errors = evidence.errors.counted(
        strata, burst=evidence.burst.value, seconds=cell.seconds, rules=rules, for_promotion=for_promotion
    )
    return replace(
        evidence,
        judged_until=cell.end,
        errors=errors,
        burst=evidence.burst.followed_by([requests.stable]),
        intervals=evidence.intervals + 1,
        intervals_at_weight=evidence.intervals_at_weight + 1,
        total=evidence.total + requests,
        at_weight=evidence.at_weight + requests,
        idle_seconds=0.0 if requests.finished > 0 else evidence.idle_seconds + cell.length,
    )


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


def _write_stratum(stratum: Stratum) -> dict[str, dict[str, int]]:
    return {
        "candidate": {"finished": stratum.candidate.finished, "bad": stratum.candidate.bad},
        "stable": {"finished": stratum.stable.finished, "bad": stratum.stable.bad},
    }


def _read_stratum(status: Mapping[str, Any]) -> Stratum:
    return Stratum(
        *(Counts(int(status[slot]["finished"]), int(status[slot]["bad"])) for slot in ("candidate", "stable"))
    )
