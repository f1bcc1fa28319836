"""Evidence that the candidate's share of bad requests is over a fixed bound, whatever stable does."""

import math
from collections.abc import Sequence
from typing import Any, Self

from tidegate.judge.evalue import EValue
from tidegate.judge.logs import read_float, read_floats, write_float, write_floats
from tidegate.judge.strata import Counts, Stratum, pooled

MULTIPLES = (1.5, 2.5, 5.0, 15.0)
"""Alternatives, as multiples of the bound."""
HIGHEST_SHARE = 0.999


def log_likelihood_ratio(counts: Counts, share: float, against: float) -> float:
    """log P(counts | share) - log P(counts | against) for independent requests."""
    good = counts.finished - counts.bad
    return counts.bad * math.log(share / against) + good * (math.log1p(-share) - math.log1p(-against))


def checked_share(limit: float) -> float:
    """A share strictly between 0 and the highest alternative.

    Raises
    ------
    ValueError
        For any other number.
    """
    if not 0.0 < limit < HIGHEST_SHARE:
        raise ValueError(f"found a limit of {limit}; expected a share over 0 and under {HIGHEST_SHARE}")
    return limit


def log_ratios_over(strata: Sequence[Stratum], limit: float) -> list[float]:
    """Log likelihood ratio of every alternative over the limit, for the candidate's counts of all strata."""
    candidate = pooled(strata).candidate
    return [log_likelihood_ratio(candidate, min(limit * multiple, HIGHEST_SHARE), limit) for multiple in MULTIPLES]


class ThresholdEvidence(EValue):
    """E-value against "the candidate's bad share is at most the limit"; four alternatives of equal weight.

    Parameters
    ----------
    limit
        Share of bad requests, over 0 and under 0.999.
    """

    def __init__(self, limit: float = 0.01) -> None:
        self._limit = checked_share(limit)
        self._log_wealth = (-math.log(len(MULTIPLES)),) * len(MULTIPLES)

    def update(self, strata: Sequence[Stratum]) -> float:
        """Take in one interval and return log E after it; an interval without the candidate changes nothing."""
        growth = log_ratios_over(strata, self._limit)
        self._log_wealth = tuple(value + ratio for value, ratio in zip(self._log_wealth, growth, strict=True))
        return self.log_e

    def restarted(self) -> Self:
        """The same evidence before its first interval."""
        return type(self)(self._limit)

    def to_status(self) -> dict[str, Any]:
        return {"limit": write_float(self._limit), "logWealth": write_floats(self._log_wealth)}

    @classmethod
    def from_status(cls, status: dict[str, Any]) -> Self:
        """Inverse of `to_status`, exact to the last digit."""
        evidence = cls(read_float(status["limit"]))
        evidence._log_wealth = read_floats(status["logWealth"], length=len(MULTIPLES))
        return evidence
