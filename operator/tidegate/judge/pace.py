"""Pace: a harm budget sets the candidate's weight, so that a bad one hurts few requests before it is found.

While nothing is known of the candidate, its weight is what would cost no more than the budget if every one of its
requests failed for as long as it takes to notice. The more of them went well, the more it may have.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from tidegate.judge.logs import read_float, write_float
from tidegate.judge.strata import Counts, Stratum

WHOLE = 1_000_000
"""All traffic, in parts per million."""
ENTRY = 1
"""The weight of a slot that only enters the route, parts per million."""

PRIOR_REQUESTS = 100.0
BOUND_LINE = 20.0
LEAST_EXCESS = 1e-6
BISECTIONS = 60

HOUR_SECONDS = 3600.0
ROUTE_SECONDS = 5.0
"""From a decision to the moment every proxy uses the new weight."""
RISE_AT_MOST = 4
"""A weight is followed by one so many times as high, or less."""
REACTIONS = 1.5
"""What is bad in a few requests only takes longer to find than what is bad in all of them: so many times, to rise."""
LOWERED_OVER = 1.5
"""Each decrease blanks the route's timeout of evidence: the weight is lowered only if it is so many times too high."""


def highest_share(candidate: Counts) -> float:
    """Upper bound of the candidate's bad share: the largest p a mixture e-value against it is still under 20.

    lnGamma(1+k) + ln n0 - (1+k) ln(n0+n) - k ln p + n p <= ln 20 with n0 = 100; 1 while nothing is known.
    """
    n, k = candidate.finished, candidate.bad

    def refuted(share: float) -> bool:
        log_e = math.lgamma(1 + k) + math.log(PRIOR_REQUESTS) - (1 + k) * math.log(PRIOR_REQUESTS + n) + n * share
        return log_e - (k * math.log(share) if k else 0.0) > math.log(BOUND_LINE)

    if not refuted(1.0):
        return 1.0
    possible, high = k / n, 1.0
    for _ in range(BISECTIONS):
        middle = (possible + high) / 2.0
        possible, high = (possible, middle) if refuted(middle) else (middle, high)
    return high


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests on the route, in both revisions together.

    Parameters
    ----------
    requests, seconds
        Of about the last hour: what is older than that fades.
    last
        Requests a second in the last interval.
    """

    requests: float = 0.0
    seconds: float = 0.0
    last: float = 0.0

    @property
    def mean(self) -> float:
        """Requests a second over the last hour; 0 where nothing is known."""
        return self.requests / self.seconds if self.seconds > 0.0 else 0.0

    @property
    def rate(self) -> float:
        """Requests a second to be prepared for: the higher of last interval and last hour."""
        return max(self.last, self.mean)

    def followed_by(self, requests: int, seconds: float) -> Self:
        """The traffic after one more interval."""
        kept = max(0.0, min(1.0, (HOUR_SECONDS - seconds) / self.seconds)) if self.seconds > 0.0 else 0.0
        return type(self)(self.requests * kept + requests, self.seconds * kept + seconds, requests / seconds)

    @classmethod
    def before(cls, history: Iterable[Counts], seconds: float) -> Self:
        """Traffic of the hour before a rollout, when stable had it all; intervals of `seconds`, oldest first."""
        traffic = cls()
        for counts in history:
            traffic = traffic.followed_by(counts.finished, seconds)
        return traffic


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests a bad candidate may harm before its traffic can be taken away.

    Parameters
    ----------
    requests
        As the user sets it.
    cell_seconds
        Length of an interval.
    first_step
        The plan's first weight, parts per million: a candidate nothing is known of never gets more.
    """

    requests: float
    cell_seconds: float
    first_step: int = WHOLE

    @property
    def reaction_seconds(self) -> float:
        """From the first bad request to the moment the weight is lowered: an interval, scrapes at most as old, and the
        route (35 s at intervals of 15 s)."""
        return 2.0 * self.cell_seconds + ROUTE_SECONDS

    def allowed(self, rate: float, stable: Counts) -> float:
        """The budget, or half of what stable itself fails in that time where that is more."""
        own = stable.bad / stable.finished if stable.finished > 0 else 0.0
        return max(self.requests, own * rate * self.reaction_seconds / 2.0)

    def first_weight(self, rate: float, stable: Counts) -> int:
        """Weight (parts per million) for a candidate nothing is known of, at `rate` requests a second, over 0."""
        return min(self.first_step, self._weight(rate, stable, excess=1.0))

    def weight(self, rate: float, seen: Stratum, *, caution: float = 1.0) -> int:
        """Largest weight (parts per million, at least 1) after what was seen of both revisions in the rollout.

        Parameters
        ----------
        caution
            By how much the candidate is taken for worse than it can be by then.
        """
        own = seen.stable.bad / seen.stable.finished if seen.stable.finished > 0 else 0.0
        return self._weight(rate, seen.stable, excess=caution * (highest_share(seen.candidate) - own))

    def _weight(self, rate: float, stable: Counts, *, excess: float) -> int:
        at_stake = rate * self.reaction_seconds * max(excess, LEAST_EXCESS)
        share = min(1.0, self.allowed(rate, stable) / at_stake)
        return max(1, math.floor(share * WHOLE))


@dataclass(frozen=True, slots=True)
class Pace:
    """What the budget lets the candidate have; weights in parts per million.

    Parameters
    ----------
    weight
        The most it may have now; 0 while the traffic is unknown, and the slot only enters the route.
    first
        The weight it began with, which needs no evidence; 0 while unknown.
    held
        The highest weight at which an interval was counted since the last retreat: going back to it is no rise.
    traffic
        Requests on the route.
    """

    weight: int = 0
    first: int = 0
    held: int = 0
    traffic: Traffic = field(default_factory=Traffic)

    @classmethod
    def at(cls, weight: int, traffic: Traffic) -> Self:
        """At a rollout's first measurement; `weight` is over the entry weight only where another version raised it."""
        known = weight if weight > ENTRY else 0
        return cls(known, known, known, traffic)

    def counted(
        self, budget: Budget, seen: Stratum, weight: int, *, may_rise: bool, retreats: bool, suspicion: float = 1.0
    ) -> Self:
        """After an interval was counted at `weight`, and its traffic taken in.

        Parameters
        ----------
        seen
            Requests of the whole rollout.
        suspicion
            The evidence of harm where it speaks for harm, an e-value of at least 1: what is at stake counts so many
            times when the weight is to rise.
        may_rise
            Nothing speaks against a higher weight.
        retreats
            The weight goes back to the first one; only a new proof brings it up again.
        """
        rate = self.traffic.rate
        if rate <= 0.0:
            return self
        if self.first == 0:
            first = budget.first_weight(rate, seen.stable)
            return replace(self, weight=first, first=first)
        # Intervals may still come in of a weight that the one before them took back.
        weight = min(weight, self.weight)
        held = max(self.held, weight) if weight > ENTRY else self.held
        after, bound = replace(self, held=held), budget.weight(rate, seen)
        if retreats and self.weight > self.first:
            return after._down_to(min(self.first, budget.first_weight(rate, seen.stable)))
        if weight > LOWERED_OVER * bound:
            return after._down_to(bound)
        proven = min(after._free, math.floor(LOWERED_OVER * bound))
        if not may_rise:
            return replace(after, weight=min(self.weight, after._free))
        risen = budget.weight(rate, seen, caution=REACTIONS * suspicion)
        return replace(after, weight=max(min(RISE_AT_MOST * weight, risen), proven))

    def written(self, weight: int) -> Self:
        """After another weight was written: leave to rise that was not used is void, the new weight is judged first."""
        return replace(self, weight=min(self.weight, max(self._free, weight)))

    @property
    def _free(self) -> int:
        """Weight that needs no further evidence."""
        return max(self.held, self.first)

    def _down_to(self, weight: int) -> Self:
        return replace(self, weight=weight, first=min(self.first, weight), held=min(self.held, weight))

    def to_status(self) -> dict[str, Any]:
        """Everything needed to go on, without floating-point numbers."""
        return {
            "weight": self.weight,
            "first": self.first,
            "held": self.held,
            "requests": write_float(self.traffic.requests),
            "seconds": write_float(self.traffic.seconds),
            "lastRate": write_float(self.traffic.last),
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """Inverse of `to_status`, exact to the last digit.

        Raises
        ------
        ValueError, KeyError
            If the status was not written by `to_status`.
        """
        traffic = Traffic(*(read_float(status[key]) for key in ("requests", "seconds", "lastRate")))
        return cls(int(status["weight"]), int(status["first"]), int(status["held"]), traffic)
