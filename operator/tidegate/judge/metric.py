"""All evidence about one metric: harm, whether it matters, the user's limit, and proof for promotion."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Self

from tidegate.judge.harm import HarmEvidence
from tidegate.judge.logs import reaches
from tidegate.judge.materiality import MaterialityEvidence
from tidegate.judge.noninferiority import NonInferiorityEvidence
from tidegate.judge.rules import Rules
from tidegate.judge.strata import Stratum, pooled
from tidegate.judge.threshold import ThresholdEvidence

HOLD_INTERVALS = 4
"""Counted intervals in a row without evidence over the limit that end a hold."""


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """Evidence about one metric; a value: taking in an interval makes a new one.

    Parameters
    ----------
    harm, material
        Worse than stable, and enough for anybody to care.
    above
        Over the user's limit; None without a limit. Starts again from 1 whenever it reaches its line.
    noninferiority
        Good enough to promote.
    hold_intervals
        Intervals still to come without evidence over the limit before its hold ends; 0 when nothing holds.
    """

    harm: HarmEvidence
    material: MaterialityEvidence
    above: ThresholdEvidence | None
    noninferiority: NonInferiorityEvidence
    hold_intervals: int = 0

    @classmethod
    def begin(cls, rules: Rules) -> Self:
        """Before the first interval."""
        return cls(
            harm=HarmEvidence(rules.tolerate, rules.harm_cap),
            material=MaterialityEvidence(rules.ignored_share),
            above=None if rules.limit is None else ThresholdEvidence(rules.limit),
            noninferiority=NonInferiorityEvidence(rules.below, rules.limit),
        )

    def harmful(self, rules: Rules) -> bool:
        """Whether harm is proven and large enough to matter."""
        return reaches(self.harm.log_e, rules.harm_line) and reaches(self.material.log_e, rules.harm_line)

    def counted(
        self, strata: Sequence[Stratum], *, burst: float, seconds: float, rules: Rules, for_promotion: bool
    ) -> Self:
        """After one more interval; `for_promotion` only at the last weight."""
        harm, material, noninferiority = copy(self.harm), copy(self.material), copy(self.noninferiority)
        harm.update(strata, burst, seconds)
        material.update(strata, seconds)
        if for_promotion:
            noninferiority.update(strata, burst)
        after = replace(self, harm=harm, material=material, noninferiority=noninferiority)
        return after._limit_counted(strata, rules)

    def _limit_counted(self, strata: Sequence[Stratum], rules: Rules) -> Self:
        if self.above is None:
            return self
        above = copy(self.above)
        log_e = above.update(strata)
        if reaches(log_e, rules.harm_line) and not self.harmful(rules):
            return replace(self, above=above.restarted(), hold_intervals=HOLD_INTERVALS)
        if self.hold_intervals == 0 or pooled(strata).candidate.finished == 0:
            return replace(self, above=above)
        left = HOLD_INTERVALS if reaches(log_e, 1.0) else self.hold_intervals - 1
        return replace(self, above=above, hold_intervals=left)

    def to_status(self) -> dict[str, Any]:
        """Everything needed to go on, without floating-point numbers."""
        return {
            "harm": self.harm.to_status(),
            "material": self.material.to_status(),
            "above": None if self.above is None else self.above.to_status(),
            "nonInferiority": self.noninferiority.to_status(),
            "holdIntervals": self.hold_intervals,
        }

    @classmethod
    def from_status(cls, status: dict[str, Any]) -> Self:
        """Inverse of `to_status`, exact to the last digit."""
        above = status.get("above")
        return cls(
            harm=HarmEvidence.from_status(status["harm"]),
            material=MaterialityEvidence.from_status(status["material"]),
            above=None if above is None else ThresholdEvidence.from_status(above),
            noninferiority=NonInferiorityEvidence.from_status(status["nonInferiority"]),
            hold_intervals=int(status["holdIntervals"]),
        )
