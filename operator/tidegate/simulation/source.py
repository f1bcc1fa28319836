"""Where the counts of a cell come from: drawn at random, or anything else that has the same methods."""

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from tidegate.judge.pace import HOUR_SECONDS
from tidegate.judge.rules import Metric
from tidegate.simulation.arrays import Floats
from tidegate.simulation.cells import Cells
from tidegate.simulation.plan import Plan
from tidegate.simulation.queueing import slow_share
from tidegate.simulation.situation import Situation
from tidegate.simulation.state import State
from tidegate.simulation.traffic import draw_cells, with_bad


class Source(Protocol):
    """Counts of every run under way, by metric."""

    def before(self, state: State, plan: Plan) -> Iterator[dict[Metric, Cells]]:
        """Intervals of the hour before the rollout, in which stable has all traffic."""

    def cells(self, state: State, plan: Plan) -> dict[Metric, Cells]:
        """The cell each run is in."""


class Drawn:
    """Counts drawn from a situation."""

    def __init__(self, random: np.random.Generator, situation: Situation) -> None:
        self._random, self._situation = random, situation

    def before(self, state: State, plan: Plan) -> Iterator[dict[Metric, Cells]]:
        """Intervals of the hour before, in which stable had all traffic."""
        for _ in range(math.floor(HOUR_SECONDS / plan.cell_seconds)):
            yield self._before(np.zeros(state.runs), plan.cell_seconds)

    def _before(self, none: Floats, seconds: float) -> dict[Metric, Cells]:
        situation = self._situation
        expected = none, none + situation.rps * seconds
        cells = draw_cells(self._random, expected, (0.0, situation.error_rate), situation.burst)
        latency = situation.latency
        if latency is None:
            return {Metric.Errors: cells}
        pods = np.full(len(none), situation.replicas)
        slow = slow_share(none + situation.rps, pods, latency.stable_seconds, latency.bound_seconds)
        return {Metric.Errors: cells, Metric.Latency: with_bad(self._random, cells, (none, slow))}

    def cells(self, state: State, plan: Plan) -> dict[Metric, Cells]:
        """Requests between the scrapes of the present cell."""
        situation = self._situation
        requests: Floats = situation.rps * state.counted_seconds(plan)
        expected = requests * state.share, requests * (1.0 - state.share)
        shares = situation.candidate_error_rate, situation.error_rate
        cells = draw_cells(self._random, expected, shares, situation.burst)
        if situation.latency is None:
            return {Metric.Errors: cells}
        slow = state.quality.slow, state.quality.slow_stable
        return {Metric.Errors: cells, Metric.Latency: with_bad(self._random, cells, slow)}
