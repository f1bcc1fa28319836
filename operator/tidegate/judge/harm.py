"""Evidence that the candidate fails more often than stable: a one-sided, stratified, fixed-share e-process.

Null hypothesis: in every stratum odds(bad | candidate) <= tolerate * odds(bad | stable), whatever the base rate does.
Sources: Ramdas et al. 2210.01948, Lindon and Malek 2011.03567, ter Schure et al. 2011.06931.
"""

import math
from collections.abc import Sequence
from typing import Any, Self

from tidegate.judge.evalue import EValue
from tidegate.judge.fixed_share import deal, redeal
from tidegate.judge.logs import log_sum, read_float, read_floats, write_float, write_floats
from tidegate.judge.strata import Stratum

MULTIPLES = (1.5, 2.5, 5.0, 15.0, 100.0)
"""Alternatives, as multiples of the tolerated odds ratio."""


class HarmEvidence(EValue):
    """E-value against "the candidate is no worse than tolerated"; at or over 1/alpha is harm.

    Parameters
    ----------
    tolerate
        Odds ratio that is still harmless, at least 1.
    cap
        The most log E may grow in one interval; None for no bound.
    """

    def __init__(self, tolerate: float = 1.25, cap: float | None = None) -> None:
        if not (math.isfinite(tolerate) and tolerate >= 1.0):
            raise ValueError(f"found tolerate={tolerate}; expected an odds ratio of at least 1")
        if cap is not None and not cap > 0.0:
            raise ValueError(f"found cap={cap}; expected a positive growth of log E, or None")
        self._tolerate = tolerate
        self._cap = cap
        self._log_wealth = deal(len(MULTIPLES))
        self._capped = False

    @property
    def capped(self) -> bool:
        """Whether the last interval with both revisions said more than the cap let through."""
        return self._capped

    def update(self, strata: Sequence[Stratum], burst: float = 1.0, seconds: float = 15.0) -> float:
        """Take in one interval.

        Parameters
        ----------
        strata
            One per proxy pod; those where a revision finished nothing say nothing.
        burst
            Burst factor, at least 1, from earlier intervals only.
        seconds
            Length of the interval.

        Returns
        -------
        float
            log E after the interval.
        """
        comparable = [stratum for stratum in strata if stratum.comparable]
        cash, *bets = self._log_wealth
        grown = [cash]
        for multiple, bet in zip(MULTIPLES, bets, strict=True):
            grown.append(bet + math.fsum(self._log_ratio(stratum, multiple, burst) for stratum in comparable))
        excess = self._excess(log_sum(grown) - self.log_e)
        self._log_wealth = redeal([value - excess for value in grown], seconds)
        if comparable:
            self._capped = excess > 0.0
        return self.log_e

    def _excess(self, growth: float) -> float:
        return 0.0 if self._cap is None else max(0.0, growth - self._cap)

    def _log_ratio(self, stratum: Stratum, multiple: float, burst: float) -> float:
        share = stratum.candidate.finished / stratum.finished
        tilt = math.log1p(share * (self._tolerate * multiple - 1.0)) - math.log1p(share * (self._tolerate - 1.0))
        return (stratum.candidate.bad * math.log(multiple) - stratum.bad * tilt) / burst

    def to_status(self) -> dict[str, Any]:
        return {
            "tolerate": write_float(self._tolerate),
            "cap": None if self._cap is None else write_float(self._cap),
            "capped": self._capped,
            "logWealth": write_floats(self._log_wealth),
        }

    @classmethod
    def from_status(cls, status: dict[str, Any]) -> Self:
        """Inverse of `to_status`, exact to the last digit."""
        cap = status.get("cap")
        evidence = cls(read_float(status["tolerate"]), None if cap is None else read_float(cap))
        evidence._log_wealth = read_floats(status["logWealth"], length=len(MULTIPLES) + 1)
        evidence._capped = bool(status["capped"])
        return evidence
