"""Pods in front of which requests queue, request by request, many runs side by side."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidegate.simulation.arrays import Floats, Ints

SHAPE = 4.0
SLOW = 4.0
"""A request is slow if it takes so many times the mean service time."""
LONGEST_QUEUE = 10
"""Requests under way to a pod are counted up to here."""
CHUNK = 64


@dataclass(frozen=True)
class Pods:
    """Pods of one revision.

    Attributes
    ----------
    load
        Share of the time each of them serves a request.
    service_seconds
        Mean time that takes.
    """

    count: int
    load: float
    service_seconds: float

    @property
    def rate(self) -> float:
        """Requests a second to all of them."""
        return self.count * self.load / self.service_seconds


@dataclass(frozen=True)
class Slow:
    """Finished and slow requests, of shape (intervals, runs)."""

    finished: Ints
    slow: Ints

    @property
    def share(self) -> float:
        """Share of slow requests over everything."""
        return float(self.slow.sum() / self.finished.sum())


def simulate_pods(random: np.random.Generator, pods: Pods, runs: int, seconds: float, interval: float) -> Slow:
    """Counts per interval; the proxy picks two pods at random and takes the one with fewer requests under way."""
    intervals = round(seconds / interval)
    shape = (intervals + 1, runs)
    finished, slow = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    # Departure times of the last requests of each pod: (pods, ring, runs).
    departures = np.zeros((pods.count, LONGEST_QUEUE, runs), dtype=np.float32)
    last = np.zeros((pods.count, runs))
    now, position, run = np.zeros(runs), np.zeros((pods.count, runs), dtype=np.int64), np.arange(runs)
    while now.min() < seconds:
        gaps = random.exponential(1.0 / pods.rate, (CHUNK, runs))
        services = random.gamma(SHAPE, pods.service_seconds / SHAPE, (CHUNK, runs))
        picks = random.integers(0, pods.count, (CHUNK, 2, runs))
        for gap, service, pick in zip(gaps, services, picks, strict=True):
            now = now + gap
            chosen = _fewer(departures, now, pick, run)
            done = np.maximum(now, last[chosen, run]) + service
            last[chosen, run] = done
            departures[chosen, position[chosen, run], run] = done
            position[chosen, run] = (position[chosen, run] + 1) % LONGEST_QUEUE
            cell = np.minimum((done / interval).astype(np.int64), intervals)
            finished[cell, run] += 1
            slow[cell, run] += done - now > SLOW * pods.service_seconds
    return Slow(finished[:intervals], slow[:intervals])


def _fewer(departures: npt.NDArray[np.float32], now: Floats, pick: Ints, run: Ints) -> Ints:
    if len(departures) == 1:
        first: Ints = pick[0]
        return first
    under_way = (departures > now.astype(np.float32)).sum(axis=1, dtype=np.int8)
    fewer: Ints = np.where(under_way[pick[0], run] <= under_way[pick[1], run], pick[0], pick[1])
    return fewer
