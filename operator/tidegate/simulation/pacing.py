"""The pace for many runs at once: `tidegate.judge.pace` in arrays."""

import math
from dataclasses import dataclass

import numpy as np

from tidegate.judge import pace
from tidegate.simulation.arrays import Columns, Flags, Floats, Ints, log_factorial
from tidegate.simulation.cells import Cells, share


def highest_share(finished: Ints, bad: Ints) -> Floats:
    """Upper bound of the candidate's bad share, as `tidegate.judge.pace.highest_share`."""
    constant = log_factorial(bad) + math.log(pace.PRIOR_REQUESTS) - (1 + bad) * np.log(pace.PRIOR_REQUESTS + finished)

    def refuted(candidate_share: Floats) -> Flags:
        log_share = np.log(np.where(bad > 0, candidate_share, 1.0))
        refutation: Flags = constant + finished * candidate_share - bad * log_share > math.log(pace.BOUND_LINE)
        return refutation

    possible, high = share(bad, finished), np.ones(len(finished))
    certain = ~refuted(high)
    for _ in range(pace.BISECTIONS):
        middle = (possible + high) / 2.0
        over = refuted(middle)
        possible, high = np.where(over, possible, middle), np.where(over, middle, high)
    return np.where(certain, 1.0, high)


class Traffic(Columns):
    """Requests on the route of about the last hour."""

    def __init__(self, runs: int) -> None:
        self.requests = np.zeros(runs)
        self.seconds = np.zeros(runs)
        self.last = np.zeros(runs)

    @property
    def mean(self) -> Floats:
        """Requests a second over the last hour."""
        found: Floats = self.requests / np.where(self.seconds > 0.0, self.seconds, 1.0)
        return found

    @property
    def rate(self) -> Floats:
        """Requests a second to be prepared for."""
        return np.maximum(self.last, self.mean)

    def follow(self, requests: Ints, seconds: float) -> None:
        """Take in one more interval."""
        with np.errstate(divide="ignore"):
            kept = np.clip((pace.HOUR_SECONDS - seconds) / self.seconds, 0.0, 1.0)
        self.requests = self.requests * kept + requests
        self.seconds = self.seconds * kept + seconds
        self.last = requests / seconds


@dataclass(frozen=True, slots=True)
class Budget:
    """The harm budget, as `tidegate.judge.pace.Budget`."""

    requests: float
    cell_seconds: float
    first_step: int

    def first_weight(self, rate: Floats, seen: Cells) -> Ints:
        """Weight for a candidate nothing is known of."""
        return np.minimum(self.first_step, self._weight(rate, seen, np.ones(len(rate))))

    def weight(self, rate: Floats, seen: Cells, caution: Floats | float = 1.0) -> Ints:
        """Largest weight after what was seen of both revisions in the rollout."""
        own = share(seen.stable_bad, seen.stable_finished)
        return self._weight(rate, seen, caution * (highest_share(seen.candidate_finished, seen.candidate_bad) - own))

    def _weight(self, rate: Floats, seen: Cells, excess: Floats) -> Ints:
        reaction = pace.Budget(self.requests, self.cell_seconds).reaction_seconds
        own = share(seen.stable_bad, seen.stable_finished)
        allowed = np.maximum(self.requests, own * rate * reaction / 2.0)
        at_stake = rate * reaction * np.maximum(excess, pace.LEAST_EXCESS)
        part = np.minimum(1.0, allowed / np.where(at_stake > 0.0, at_stake, 1.0))
        parts: Ints = np.maximum(1, np.floor(part * pace.WHOLE)).astype(np.int64)
        return parts


class Pace(Columns):
    """What the budget lets the candidate have, parts per million."""

    def __init__(self, runs: int) -> None:
        self.weight: Ints = np.zeros(runs, dtype=np.int64)
        self.first: Ints = np.zeros(runs, dtype=np.int64)
        self.held: Ints = np.zeros(runs, dtype=np.int64)
        self.traffic = Traffic(runs)

    @property
    def free(self) -> Ints:
        """Weight that needs no further evidence."""
        return np.maximum(self.held, self.first)

    def count(
        self, budget: Budget, seen: Cells, weight: Ints, *, may_rise: Flags, retreats: Flags, suspicion: Floats
    ) -> None:
        """After an interval was counted at `weight`, and its traffic taken in."""
        rate = self.traffic.rate
        unknown, known = (rate > 0.0) & (self.first == 0), (rate > 0.0) & (self.first > 0)
        first = budget.first_weight(rate, seen)
        weight = np.minimum(weight, self.weight)
        held = np.where(weight > pace.ENTRY, np.maximum(self.held, weight), self.held)
        free, bound = np.maximum(held, self.first), budget.weight(rate, seen)
        most = np.floor(pace.LOWERED_OVER * bound).astype(np.int64)
        back, lowered = retreats & (self.weight > self.first), weight > pace.LOWERED_OVER * bound
        proven = budget.weight(rate, seen, pace.REACTIONS * suspicion)
        risen = np.maximum(np.minimum(pace.RISE_AT_MOST * weight, proven), np.minimum(free, most))
        after = np.where(may_rise, risen, np.minimum(self.weight, free))
        down = np.where(back, np.minimum(self.first, first), bound)
        falls = back | lowered
        self.weight = np.where(known, np.where(falls, down, after), np.where(unknown, first, self.weight))
        self.held = np.where(known, np.where(falls, np.minimum(held, down), held), self.held)
        at_first = np.where(known & falls, np.minimum(self.first, down), self.first)
        self.first = np.where(unknown, first, at_first)

    def written(self, weight: Ints, where: Flags) -> None:
        """After another weight was written."""
        self.weight = np.where(where, np.minimum(self.weight, np.maximum(self.free, weight)), self.weight)
