"""How the runs ended, and the figures of them all."""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from tidegate.simulation.arrays import Flags, Floats, Ints
from tidegate.simulation.plan import Plan
from tidegate.simulation.state import State

NORMAL = 1.959963984540054
"""Two-sided 95 % of a normal distribution."""


class Outcome(IntEnum):
    """How a run ended."""

    UnderWay = 0
    Promoted = 1
    RolledBack = 2
    Inconclusive = 3


@dataclass
class Results:
    """Arrays with one entry a run.

    Parameters
    ----------
    outcome
        An `Outcome` each.
    seconds
        From the candidate's entry into the route to the verdict.
    excess
        Bad requests to be expected beyond those stable would have failed.
    requests
        Requests to be expected of the candidate.
    changes
        Weights written: rows of moment, run and weight (parts per million), in the order of time.
    """

    outcome: Ints
    seconds: Floats
    excess: Floats
    requests: Floats
    changes: Floats

    @property
    def runs(self) -> int:
        """How many."""
        return len(self.outcome)

    def count(self, outcome: Outcome) -> int:
        """Runs that ended so."""
        return int((self.outcome == outcome).sum())

    def rate(self, outcome: Outcome) -> float:
        """Share of runs that ended so."""
        return self.count(outcome) / self.runs

    @property
    def median_seconds(self) -> float | None:
        """Half of the runs with a verdict had it by then; None without any."""
        decided = (self.outcome == Outcome.Promoted) | (self.outcome == Outcome.RolledBack)
        return float(np.median(self.seconds[decided])) if decided.any() else None

    def summary(self) -> dict[str, float | int | None]:
        """The figures, by the names they have in JSON."""
        return {
            "rollback_rate": self.rate(Outcome.RolledBack),
            "promote_rate": self.rate(Outcome.Promoted),
            "inconclusive_rate": self.rate(Outcome.Inconclusive),
            "median_seconds": self.median_seconds,
            "excess_bad_mean": float(self.excess.mean()),
            "excess_bad_p95": float(np.quantile(self.excess, 0.95)),
            "runs": self.runs,
        }


def wilson(found: int, runs: int) -> tuple[float, float]:
    """Two-sided 95 % limits of a share, by Wilson's score (JASA 22, 1927)."""
    share, square = found / runs, NORMAL * NORMAL
    middle = (share + square / (2 * runs)) / (1.0 + square / runs)
    half = NORMAL * math.sqrt(share * (1.0 - share) / runs + square / (4.0 * runs * runs)) / (1.0 + square / runs)
    return (middle - half if found > 0 else 0.0), (middle + half if found < runs else 1.0)


class Recorder:
    """Takes down how runs end, which are then dropped from the state."""

    def __init__(self, plan: Plan, runs: int) -> None:
        self._plan = plan
        self._outcome = np.zeros(runs, dtype=np.int64)
        self._seconds, self._excess, self._requests = np.zeros(runs), np.zeros(runs), np.zeros(runs)
        self._changes: list[Floats] = []

    def weights(self, state: State, where: Flags) -> None:
        """Runs in which another weight was written."""
        rows = state.now[where], state.number[where], state.weight[where]
        self._changes.append(np.array(rows, dtype=np.float64))

    def end(self, state: State, where: Flags, outcome: Outcome) -> None:
        """Runs that end now; one that ended already keeps its outcome."""
        ending = where & self.under_way(state)
        numbers = state.number[ending]
        self._outcome[numbers] = outcome
        self._seconds[numbers] = state.now[ending]
        leaving = state.leaving(self._plan)[ending] if outcome is Outcome.RolledBack else np.zeros(len(numbers))
        self._requests[numbers] = state.exposure[ending] + leaving
        self._excess[numbers] = state.excess[ending] + leaving * state.quality.excess[ending]

    def give_up(self, state: State, seconds: float) -> None:
        """Runs that took longer than this."""
        self.end(state, state.now >= seconds, Outcome.Inconclusive)

    def under_way(self, state: State) -> Flags:
        """Runs of the state that have not ended."""
        going: Flags = self._outcome[state.number] == Outcome.UnderWay
        return going

    def results(self) -> Results:
        """All runs, once they have ended."""
        changes = np.concatenate(self._changes, axis=1)
        order = np.argsort(changes[0], kind="stable")
        return Results(self._outcome, self._seconds, self._excess, self._requests, changes[:, order])
