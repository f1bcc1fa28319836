"""Burst factor: how much more stable's bad requests come in clusters than independent ones would."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

from tidegate.judge.logs import write_float
from tidegate.judge.strata import Counts

PAIRS = 240
SHRINKAGE = 20.0
"""Bad requests' worth of belief that there are no bursts."""


@dataclass(frozen=True, slots=True)
class BurstFactor:
    """Dispersion of stable's bad counts over its last intervals; evidence is divided by it.

    Parameters
    ----------
    intervals
        Stable's counts, oldest first; kept are those of the last 240 pairs of neighbours.
    """

    intervals: tuple[Counts, ...] = ()

    @property
    def value(self) -> float:
        """max(1, (20 + sum d^2) / (20 + sum (k_i + k_(i-1)))), d = k_i - k_(i-1) n_i / n_(i-1)."""
        squares = expected = SHRINKAGE
        for before, after in pairwise(self.intervals):
            difference = after.bad - before.bad * after.finished / before.finished
            squares += difference * difference
            expected += after.bad + before.bad
        return max(1.0, squares / expected)

    def followed_by(self, stable: Iterable[Counts]) -> Self:
        """The factor for the intervals after these; those in which stable finished nothing are left out."""
        intervals = (*self.intervals, *(counts for counts in stable if counts.finished > 0))
        return type(self)(intervals[-(PAIRS + 1) :])

    def to_status(self) -> dict[str, Any]:
        """The value for people, and finished:bad per interval, from which it is computed again."""
        counts = " ".join(f"{interval.finished}:{interval.bad}" for interval in self.intervals)
        return {"value": write_float(self.value), "stable": counts}

    @classmethod
    def from_status(cls, status: dict[str, Any]) -> Self:
        """Inverse of `to_status`."""
        pairs = (text.split(":") for text in status["stable"].split())
        return cls(tuple(Counts(int(finished), int(bad)) for finished, bad in pairs))
