"""All evidence about one metric: harm, whether it matters, the user's limit, and proof for promotion."""

import math
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Self

from tidegate.judge.burst import BurstFactor
from tidegate.judge.harm import HarmEvidence
from tidegate.judge.logs import reaches, read_float, write_float
from tidegate.judge.materiality import MaterialityEvidence
from tidegate.judge.noninferiority import NonInferiorityEvidence
from tidegate.judge.rules import Metric, Rules
from tidegate.judge.strata import EMPTY, Counts, Stratum, pooled, read_stratum, write_stratum
from tidegate.judge.threshold import ThresholdEvidence

HOLD_INTERVALS = 4
"""Counted intervals in a row without evidence over the limit that end a hold."""


@dataclass(frozen=True, slots=True)
class Interval:
    """What was counted of one metric in one interval.

    Parameters
    ----------
    strata
        One per proxy pod.
    alike
        Whether both revisions ran under equal conditions; if not, only the candidate's own share says anything.
    """

    strata: Sequence[Stratum]
    alike: bool = True


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """Evidence about one metric; a value: taking in an interval makes a new one.

    Parameters
    ----------
    weight
        Its share of alpha.
    harm, material
        Worse than stable, and enough for anybody to care.
    above
        Over the user's limit; None without a limit. Starts again from 1 whenever it reaches its line.
    noninferiority
        Good enough to promote; None for a metric that is judged for harm only.
    burst
        Burst factor of stable's bad requests, up to the last counted interval.
    total
        Requests counted, for people; evidence is never computed from them.
    hold_intervals
        Intervals still to come without evidence over the limit before its hold ends; 0 when nothing holds.
    """

    weight: float
    harm: HarmEvidence
    material: MaterialityEvidence
    above: ThresholdEvidence | None
    noninferiority: NonInferiorityEvidence | None
    burst: BurstFactor = field(default_factory=BurstFactor)
    total: Stratum = EMPTY
    hold_intervals: int = 0

    @classmethod
    def begin(
        cls, rules: Rules, metric: Metric = Metric.Errors, weight: float = 1.0, history: Iterable[Counts] = ()
    ) -> Self:
        """Before the first interval; `history` is stable's counts per interval before it, oldest first."""
        limit = rules.limit_of(metric)
        provable = metric is not Metric.ClientErrors
        return cls(
            weight=weight,
            harm=HarmEvidence(rules.tolerate, rules.harm_cap(weight)),
            material=MaterialityEvidence(rules.ignored_share_of(metric)),
            above=None if limit is None else ThresholdEvidence(limit),
            noninferiority=NonInferiorityEvidence(rules.below, limit) if provable else None,
            burst=BurstFactor().followed_by(history),
        )

    def log_part(self, line: float) -> float:
        """log of what it adds to the weighted mean of all metrics: nothing while it is too small to matter."""
        return math.log(self.weight) + self.harm.log_e if reaches(self.material.log_e, line) else -math.inf

    def counted(self, interval: Interval, *, seconds: float, for_promotion: bool) -> Self:
        """After one more interval, the limit aside; `for_promotion` only at the last weight."""
        harm, material, noninferiority = copy(self.harm), copy(self.material), copy(self.noninferiority)
        strata, burst, requests = interval.strata, self.burst.value, pooled(interval.strata)
        if interval.alike:
            harm.update(strata, burst, seconds)
            material.update(strata, seconds)
        if for_promotion and noninferiority is not None:
            noninferiority.update(strata, burst, alike=interval.alike, before=self.total.stable)
        return replace(
            self,
            harm=harm,
            material=material,
            noninferiority=noninferiority,
            burst=self.burst.followed_by([requests.stable]),
            total=self.total + requests,
        )

    def limit_counted(self, interval: Interval, line: float, *, harmful: bool) -> Self:
        """After the same interval as far as the user's limit goes; proven harm needs no hold any more."""
        if self.above is None:
            return self
        above = copy(self.above)
        log_e = above.update(interval.strata)
        if reaches(log_e, line) and not harmful:
            return replace(self, above=above.restarted(), hold_intervals=HOLD_INTERVALS)
        if self.hold_intervals == 0 or pooled(interval.strata).candidate.finished == 0:
            return replace(self, above=above)
        left = HOLD_INTERVALS if reaches(log_e, 1.0) else self.hold_intervals - 1
        return replace(self, above=above, hold_intervals=left)

    def to_status(self) -> dict[str, Any]:
        """Everything needed to go on, without floating-point numbers."""
        return {
            "weight": write_float(self.weight),
            "harm": self.harm.to_status(),
            "material": self.material.to_status(),
            "above": None if self.above is None else self.above.to_status(),
            "nonInferiority": None if self.noninferiority is None else self.noninferiority.to_status(),
            "burst": self.burst.to_status(),
            "total": write_stratum(self.total),
            "holdIntervals": self.hold_intervals,
        }

    @classmethod
    def from_status(cls, status: dict[str, Any]) -> Self:
        """Inverse of `to_status`, exact to the last digit."""
        above, noninferiority = status.get("above"), status.get("nonInferiority")
        return cls(
            weight=read_float(status["weight"]),
            harm=HarmEvidence.from_status(status["harm"]),
            material=MaterialityEvidence.from_status(status["material"]),
            above=None if above is None else ThresholdEvidence.from_status(above),
            noninferiority=None if noninferiority is None else NonInferiorityEvidence.from_status(noninferiority),
            burst=BurstFactor.from_status(status["burst"]),
            total=read_stratum(status["total"]),
            hold_intervals=int(status["holdIntervals"]),
        )
