"""Evidence that the candidate is good enough to promote: under the user's limit, or not much worse than stable."""

import math
from collections.abc import Sequence
from typing import Any, Self

from tidegate.judge.conditional import log_generating_function
from tidegate.judge.evalue import EValue
from tidegate.judge.logs import read_float, read_floats, write_float, write_floats
from tidegate.judge.strata import NO_REQUESTS, Counts, Stratum, pooled
from tidegate.judge.threshold import checked_share, log_likelihood_ratio

ODDS_RATIOS = (1.0, 0.5)
"""Alternatives of the relative part."""
FRACTIONS = (0.5, 0.1, 0.01)
"""Alternatives of the absolute part, as fractions of the limit. Another one is the share that stable had so far."""
AS_STABLE = (0.01, 0.7)
"""Least and largest fraction of the limit that is taken for stable's share."""
BOLD = 0.6
"""Share of the wealth bet on the alternative expected to grow fastest; the others have equal parts of the rest."""
EXPECTED_REQUESTS = 1000
"""Of the candidate, for that expectation."""
NOTHING = -700.0
"""log of the wealth of an alternative on which a version that did not know it had bet nothing."""


class NonInferiorityEvidence(EValue):
    """E-value against "the candidate is at least `below` times worse and over the limit"; 1/beta is proof.

    A mixture of a relative part (odds ratio against stable, exact given the margins: a bound on it would not be valid
    in this direction) and, where there is a limit, an absolute part (the candidate's share alone). How the wealth is
    split is decided with the first interval, by what is known before it is counted: most goes to what is expected to
    grow fastest for a candidate that does as stable did.

    Parameters
    ----------
    below
        Odds ratio the candidate has to stay under, over 1.
    limit
        Share of bad requests the candidate has to stay under; None for the relative part alone.
    split
        Wealth at the start by alternative: the relative ones, the absolute ones, stable's share. None to decide then.
    """

    def __init__(self, below: float = 2.0, limit: float | None = 0.01, *, split: Sequence[float] | None = None) -> None:
        if not (math.isfinite(below) and below > 1.0):
            raise ValueError(f"found below={below}; expected an odds ratio over 1")
        self._below = below
        self._limit = None if limit is None else checked_share(limit)
        self._dealt = split is not None
        self._log_wealth = _logs(split or [1.0] * self._alternatives)

    @property
    def _alternatives(self) -> int:
        return len(ODDS_RATIOS) + (0 if self._limit is None else len(FRACTIONS) + 1)

    def update(
        self, strata: Sequence[Stratum], burst: float = 1.0, *, alike: bool = True, before: Counts = NO_REQUESTS
    ) -> float:
        """Take in one interval, its logs divided by the burst factor, and return log E after it.

        Parameters
        ----------
        alike
            Where the two were not, in hardware and load, only the absolute part learns from it.
        before
            Stable's requests in earlier intervals, this one excluded.
        """
        requests = pooled(strata)
        if not self._dealt and requests.candidate.finished > 0:
            self._log_wealth, self._dealt = self._deal(requests, before, alike=alike), True
        growth = self._growth(strata, before, alike=alike)
        self._log_wealth = tuple(value + ratio / burst for value, ratio in zip(self._log_wealth, growth, strict=True))
        return self.log_e

    def _deal(self, requests: Stratum, before: Counts, *, alike: bool) -> tuple[float, ...]:
        """Split the wealth; of the interval no more is looked at than how many requests finished."""
        if before.finished == 0:
            return self._log_wealth
        beside = round(EXPECTED_REQUESTS * requests.stable.finished / requests.candidate.finished)
        share = _share(before)
        expected = [Counts(finished, round(finished * share)) for finished in (EXPECTED_REQUESTS, beside)]
        growth = self._growth([Stratum(*expected)], before, alike=alike)
        best = growth.index(max(growth))
        others = (1.0 - BOLD) / (len(growth) - 1)
        return _logs([BOLD if number == best else others for number in range(len(growth))])

    def _growth(self, strata: Sequence[Stratum], before: Counts, *, alike: bool) -> list[float]:
        return self._relative(strata if alike else ()) + self._absolute(strata, before)

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

    def _absolute(self, strata: Sequence[Stratum], before: Counts) -> list[float]:
        if self._limit is None:
            return []
        candidate, (least, most) = pooled(strata).candidate, AS_STABLE
        fractions = (*FRACTIONS, min(max(_share(before) / self._limit, least), most))
        return [log_likelihood_ratio(candidate, fraction * self._limit, self._limit) for fraction in fractions]

    def to_status(self) -> dict[str, Any]:
        return {
            "below": write_float(self._below),
            "limit": None if self._limit is None else write_float(self._limit),
            "dealt": self._dealt,
            "logWealth": write_floats(self._log_wealth),
        }

    @classmethod
    def from_status(cls, status: dict[str, Any]) -> Self:
        """Inverse of `to_status`, exact to the last digit."""
        limit = status.get("limit")
        evidence = cls(read_float(status["below"]), None if limit is None else read_float(limit))
        evidence._dealt = bool(status.get("dealt", True))
        known = [*status["logWealth"], write_float(NOTHING)][: evidence._alternatives]
        evidence._log_wealth = read_floats(known, length=evidence._alternatives)
        return evidence


def _share(before: Counts) -> float:
    """Stable's share of bad requests, half of one added to what is known."""
    return (before.bad + 0.5) / (before.finished + 1.0)


def _logs(parts: Sequence[float]) -> tuple[float, ...]:
    return tuple(math.log(part / sum(parts)) if part > 0.0 else NOTHING for part in parts)
