"""How well both revisions answer at the present weight."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tidegate.judge.pace import WHOLE
from tidegate.rollout.latency import LOAD_TOLERANCE
from tidegate.simulation.arrays import Columns, Flags, Floats, Ints
from tidegate.simulation.queueing import slow_share
from tidegate.simulation.situation import Situation


@dataclass
class Quality(Columns):
    """Shares of slow requests, and whether latency may be compared; arrays with one entry a run.

    Parameters
    ----------
    slow, slow_stable
        Shares of slow requests.
    alike
        Both revisions run under equal conditions.
    excess
        Share of the candidate's requests that are bad beyond what stable would have failed of them.
    """

    slow: Floats
    slow_stable: Floats
    alike: Flags
    excess: Floats

    @classmethod
    def of(cls, situation: Situation, weight: Ints, pods: Ints) -> Self:
        """The quality at these weights (parts per million), with so many pods of the candidate."""
        share, errors = weight / WHOLE, situation.candidate_error_rate - situation.error_rate
        stable_pods = np.full(len(weight), situation.replicas)
        loads = share / pods, (1.0 - share) / stable_pods
        alike = (pods == stable_pods) & (np.maximum(*loads) <= LOAD_TOLERANCE * np.minimum(*loads))
        latency = situation.latency
        if latency is None:
            none = np.zeros(len(weight))
            return cls(none, none, alike, none + errors)
        slow = slow_share(share * situation.rps, pods, latency.candidate_seconds, latency.bound_seconds)
        stable = (1.0 - share) * situation.rps
        slow_stable = slow_share(stable, stable_pods, latency.stable_seconds, latency.bound_seconds)
        return cls(slow, slow_stable, alike, errors + slow - slow_stable)
