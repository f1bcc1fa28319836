"""Evidence that the candidate is good enough to promote: under the user's limit, or not much worse than stable."""

import math
from collections.abc import Sequence
from typing import Any, Self

from tidegate.judge.conditional import log_generating_function
from tidegate.judge.evalue import EValue
from tidegate.judge.logs import read_float, read_floats, write_float, write_floats
from tidegate.judge.strata import Stratum, pooled
from tidegate.judge.threshold import checked_share, log_likelihood_ratio

ODDS_RATIOS = (1.0, 0.5)
"""Alternatives of the relative part."""
FRACTIONS = (0.5, 0.1, 0.01)
"""Alternatives of the absolute part, as fractions of the limit."""


class NonInferiorityEvidence(EValue):
    """E-value against "the candidate is at least `below` times worse and over the limit"; 1/beta is proof.

    The mean of a relative part (odds ratio against stable, exact given the margins: a bound on it would not be valid
    in this direction) and, where there is a limit, an absolute part (the candidate's share alone).

    Parameters
    ----------
    below
        Odds ratio the candidate has to stay under, over 1.
    limit
        Share of bad requests the candidate has to stay under; None for the relative part alone.
    """

    def __init__(self, below: float = 2.0, limit: float | None = 0.01) -> None:
        if not (math.isfinite(below) and below > 1.0):
            raise ValueError(f"found below={below}; expected an odds ratio over 1")
        self._below = below
        self._limit = None if limit is None else checked_share(limit)
        self._log_wealth = self._start()

    def _start(self) -> tuple[float, ...]:
        if self._limit is None:
            return (-math.log(len(ODDS_RATIOS)),) * len(ODDS_RATIOS)
        relative = (-math.log(2 * len(ODDS_RATIOS)),) * len(ODDS_RATIOS)
        return relative + (-math.log(2 * len(FRACTIONS)),) * len(FRACTIONS)

    def update(self, strata: Sequence[Stratum], burst: float = 1.0, *, alike: bool = True) -> float:
        """Take in one interval, its logs divided by the burst factor, and return log E after it.

        Where the two were not `alike`, in hardware and load, only the absolute part learns from it.
        """
        growth = self._relative(strata if alike else ()) + self._absolute(strata)
        self._log_wealth = tuple(value + ratio / burst for value, ratio in zip(self._log_wealth, growth, strict=True))
        return self.log_e

    def _relative(self, strata: Sequence[Stratum]) -> list[float]:
        telling = [stratum for stratum in strata if stratum.comparable and stratum.bad > 0]
        at_bound = [log_generating_function(stratum, self._below) for stratum in telling]
        return [
            math.fsum(
                stratum.candidate.bad * math.log(odds_ratio / self._below)
                - log_generating_function(stratum, odds_ratio)
                + bound
                for stratum, bound in zip(telling, at_bound, strict=True)
            )
            for odds_ratio in ODDS_RATIOS
        ]

    def _absolute(self, strata: Sequence[Stratum]) -> list[float]:
        if self._limit is None:
            return []
        candidate = pooled(strata).candidate
        return [log_likelihood_ratio(candidate, fraction * self._limit, self._limit) for fraction in FRACTIONS]

    def to_status(self) -> dict[str, Any]:
        return {
            "below": write_float(self._below),
            "limit": None if self._limit is None else write_float(self._limit),
            "logWealth": write_floats(self._log_wealth),
        }

    @classmethod
    def from_status(cls, status: dict[str, Any]) -> Self:
        """Inverse of `to_status`, exact to the last digit."""
        limit = status.get("limit")
        evidence = cls(read_float(status["below"]), None if limit is None else read_float(limit))
        evidence._log_wealth = read_floats(status["logWealth"], length=len(evidence._log_wealth))
        return evidence
