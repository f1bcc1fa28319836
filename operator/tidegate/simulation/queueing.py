"""Share of slow requests of some pods in front of which requests queue (M/M/c)."""

import numpy as np

from tidegate.simulation.arrays import Floats, Ints


def slow_share(rate: Floats, pods: Ints, service_seconds: float, bound_seconds: float) -> Floats:
    """Share of requests that take longer than the bound, at `rate` requests a second to so many pods.

    Requests come at random, wait in one queue for the next free pod and are served one at a time by each; service
    times are exponential. 1 where the pods cannot keep up.

    Source: L. Kleinrock, Queueing Systems I, 1975, section 3.5.
    """
    load = rate * service_seconds
    busy = load < pods
    load = np.where(busy, load, 0.0)
    waits = _share_waiting(load, pods)
    spare, bound = pods - 1.0 - load, bound_seconds / service_seconds
    level = np.abs(spare) < 1e-9
    slope = np.where(level, bound, -np.expm1(-bound * spare) / np.where(level, 1.0, spare))
    tail = np.exp(-bound) * (1.0 + waits * slope)
    return np.where(busy, np.clip(tail, 0.0, 1.0), 1.0)


def _share_waiting(load: Floats, pods: Ints) -> Floats:
    """Erlang's C formula, by the recurrence of his B formula."""
    blocked = np.ones(load.shape)
    for servers in range(1, int(pods.max(initial=1)) + 1):
        following = load * blocked / (servers + load * blocked)
        blocked = np.where(servers <= pods, following, blocked)
    waits: Floats = pods * blocked / (pods - load * (1.0 - blocked))
    return waits
