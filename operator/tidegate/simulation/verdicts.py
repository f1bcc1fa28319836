"""The verdict in every run: `tidegate.judge.verdict` in arrays, user queries and gaps in the metrics left out."""

from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

import numpy as np

from tidegate.judge.rules import Metric
from tidegate.judge.verdict import IDLE_SECONDS, LARGEST_BURST, REQUESTS_EXPECTED
from tidegate.simulation.arrays import Flags
from tidegate.simulation.metric import log_harm, reaches
from tidegate.simulation.state import WITHOUT_PROOF, State


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What speaks against a higher weight.

    Parameters
    ----------
    harmful
        Proven, and large enough to matter.
    holds
        Something less.
    retreats
        A hold that takes the weight back to the first one.
    """

    harmful: Flags
    holds: Flags
    retreats: Flags

    @property
    def none(self) -> Flags:
        """Nothing does."""
        return ~(self.harmful | self.holds)


@dataclass(frozen=True, slots=True)
class Terms:
    """What promotion takes besides proof: requests and seconds without harm where there is none, and baking."""

    requests: int
    seconds: float
    or_proof: bool
    bake_seconds: float


def is_harmful(state: State) -> Flags:
    """Whether harm is proven and large enough to matter."""
    metrics = list(state.metrics.values())
    return reaches(log_harm(metrics), metrics[0].rules.harm_line)


def suspicion(state: State) -> Suspicion:
    """What speaks against a higher weight, in the order of the rules: who has no traffic does not retreat."""
    metrics, harmful = state.metrics.values(), is_harmful(state)
    expected = state.share * state.at_weight_finished
    silent = (expected >= REQUESTS_EXPECTED) & (state.at_weight_candidate == 0)
    no_traffic = (state.at_weight_finished == 0) | silent | (state.idle >= IDLE_SECONDS)
    over = {metric: found.hold_intervals > 0 for metric, found in state.metrics.items()}
    above = reduce(or_, over.values())
    # The weight is kept where harm may soon be told: errors suspected already, or only latency over, and compared.
    stays = np.where(over[Metric.Errors], state.metrics[Metric.Errors].suspected, state.compared)
    bursty = reduce(or_, (metric.burst.value > LARGEST_BURST for metric in metrics))
    suspicious = reduce(or_, (metric.suspicious for metric in metrics))
    holds = ~harmful & (no_traffic | above | bursty | suspicious)
    return Suspicion(harmful, holds, holds & ~no_traffic & np.where(above, ~stays, bursty))


def promotes(state: State, found: Suspicion, at_last: Flags, terms: Terms) -> Flags:
    """Whether the candidate is promoted."""
    proven = reduce(and_, (metric.proven for metric in state.metrics.values()))
    fewest = np.minimum.reduce([metric.total.candidate_finished for metric in state.metrics.values()])
    requests = np.minimum(state.bake_requests, fewest)
    unproven = (requests >= terms.requests) & (state.bake >= terms.seconds)
    without = unproven | (proven & terms.or_proof)
    enough = np.where(state.mode == WITHOUT_PROOF, without, proven)
    return found.none & at_last & (state.bake >= terms.bake_seconds) & enough
