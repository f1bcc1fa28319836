"""Candidates that are as good as stable, under bursts and queues: how often they are rolled back."""

import numpy as np

from bench.judge.figures import Bound, Figure, Table, rate
from bench.judge.fixed import (
    HOUR_INTERVALS,
    SECONDS,
    TOLERATED,
    TWO_HOURS,
    Candidate,
    evidence_of,
    first_harm,
    found_after,
)
from bench.judge.queues import Pods, Slow, simulate_pods
from tidegate.simulation.arrays import Floats
from tidegate.simulation.cells import Cells

FALSE_ROLLBACKS = 0.01
RATES = ((1.0, 0.005), (20.0, 0.009), (20.0, 0.05))
BURSTS = (2.0, 5.0)
STABLE_PODS = 4
CANDIDATE_PODS = (1, 2, 4)
LATENCY_WEIGHT = 1.0 / 4.0
LOAD = 0.6
SERVICE_SECONDS = 1.0
LONG_SERVICES = (2.0, 4.0)
WHY_NOT_LONG = (
    "Slow requests come in queues that last longer than an interval, and the burst factor compares neighbouring "
    "intervals only: what they have in common it does not see. Intervals several times as long as such a queue help."
)


def healthy_grid(runs: int, seed: int) -> Table:
    """Nine cells of identical revisions."""
    rows, bounds = [], []
    for request_rate, share in RATES:
        for burst in BURSTS:
            name = f"{_per_second(request_rate)} at {100 * share:g} %, failures in groups of {burst:g}"
            seconds = found_after(Candidate(request_rate, share, share, burst), TOLERATED, runs=runs, seed=seed)
            rows.append((name, {"rolled back": _finite(seconds)}))
    for name, judged, compared in _queues(runs, seed):
        rows.append((name, {"rolled back": judged, "compared whatever the pods": compared}))
    bounds = [Bound(f"{name}: upper limit", figures["rolled back"].high, FALSE_ROLLBACKS) for name, figures in rows]
    note = (
        "Share rolled back within two hours. Failures: the candidate has a tenth of the traffic; the burst factor is "
        "estimated from an hour before and what follows, as the operator does. Queues: each pod serves one request at "
        f"a time (gamma, mean {SERVICE_SECONDS:g} s, coefficient of variation 0.5), busy {100 * LOAD:.0f} % of the "
        "time, the proxy picks two pods at random and takes the one with fewer requests; slow is over 4 s; latency has "
        "a quarter of alpha. Fewer pods have longer queues at the same load a pod, as the proxy has fewer to choose "
        "from: latency is compared between as many pods only."
    )
    return Table("Identical revisions", runs, note, rows, bounds)


def tolerated(runs: int, seed: int) -> Table:
    """Candidates exactly as bad as is tolerated: the edge of the promise, independent failures."""
    rows = []
    for request_rate, share in RATES:
        odds = TOLERATED * share / (1.0 - share)
        seconds = found_after(Candidate(request_rate, odds / (1.0 + odds), share), TOLERATED, runs=runs, seed=seed)
        rows.append((f"{_per_second(request_rate)} at {100 * share:g} %", {"rolled back": _finite(seconds)}))
    bounds = [Bound(f"tolerated, {name}: upper limit", row["rolled back"].high, FALSE_ROLLBACKS) for name, row in rows]
    return Table("Candidates 1.25 times worse, as tolerated", runs, "As above, independent failures.", rows, bounds)


def _per_second(requests: float) -> str:
    return f"{requests:g} request{'' if requests == 1.0 else 's'}/s"


def _finite(seconds: Floats) -> Figure:
    return rate(int(np.isfinite(seconds).sum()), len(seconds))


def _queues(runs: int, seed: int) -> list[tuple[str, Figure, Figure]]:
    random = np.random.default_rng(seed)
    stable = _hours_of(random, STABLE_PODS, SERVICE_SECONDS, runs, HOUR_INTERVALS * SECONDS + TWO_HOURS)
    rows = []
    for pods in CANDIDATE_PODS:
        candidate = _hours_of(random, pods, SERVICE_SECONDS, runs, TWO_HOURS)
        compared = _finite(_latency_harm(stable, candidate, runs))
        # What is not compared cannot roll back.
        judged = compared if pods == STABLE_PODS else rate(0, runs)
        shares = f"slow {100 * stable.share:.2f} % and {100 * candidate.share:.2f} %"
        rows.append((f"queues, {STABLE_PODS} pods beside {pods} ({shares})", judged, compared))
    return rows


def long_services(runs: int, seed: int) -> Table:
    """Identical revisions of as many pods each, whose queues last longer than an interval."""
    rows, bounds = [], []
    for seconds in LONG_SERVICES:
        random = np.random.default_rng(seed)
        stable = _hours_of(random, STABLE_PODS, seconds, runs, HOUR_INTERVALS * SECONDS + TWO_HOURS)
        candidate = _hours_of(random, STABLE_PODS, seconds, runs, TWO_HOURS)
        name = f"services of {seconds:g} s, {STABLE_PODS} pods beside {STABLE_PODS}"
        found = _finite(_latency_harm(stable, candidate, runs))
        rows.append((name, {"rolled back": found}))
        bounds.append(Bound(f"{name}: upper limit", found.high, FALSE_ROLLBACKS, why_not=WHY_NOT_LONG))
    note = "As the queues above, with longer services."
    return Table("Identical revisions with long services", runs, note, rows, bounds)


def _hours_of(random: np.random.Generator, pods: int, service_seconds: float, runs: int, seconds: float) -> Slow:
    return simulate_pods(random, Pods(pods, LOAD, service_seconds), runs, seconds, SECONDS)


def _latency_harm(stable: Slow, candidate: Slow, runs: int) -> Floats:
    evidence = evidence_of(runs, weight=LATENCY_WEIGHT)
    for finished, slow in zip(stable.finished[:HOUR_INTERVALS], stable.slow[:HOUR_INTERVALS], strict=True):
        evidence.burst.follow(finished, slow)
    rows = zip(
        candidate.finished, candidate.slow, stable.finished[HOUR_INTERVALS:], stable.slow[HOUR_INTERVALS:], strict=True
    )
    return first_harm(evidence, (Cells(*(counts[None] for counts in row)) for row in rows), with_bursts=True)
