"""The table of judge.md's section on what the rule must show: false alarms, harm and time to find it."""

import numpy as np

from bench.judge.figures import Bound, Figure, Table, mean, median, rate
from bench.judge.fixed import TWO_HOURS, Candidate, flagger_found_after, found_after
from tidegate.api.spec import Analysis, Rollout, Statistics
from tidegate.simulation.arrays import Floats
from tidegate.simulation.flagger import FlaggerRule, simulate_flagger
from tidegate.simulation.rollouts import simulate
from tidegate.simulation.situation import Policy, Situation

TOLERATE = (1.25, 1.0)
FALSE_ROLLBACKS = 0.01
HARM_ALLOWED = 1.15

HEALTHY = (
    ("healthy, 1 request/s at 0.5 %", Candidate(1.0, 0.005, 0.005)),
    ("healthy, 20 requests/s at 0.9 %", Candidate(20.0, 0.009, 0.009)),
)
# With the harm that is to be shown, by what is tolerated.
HARMFUL = (
    ("5 x the errors at 0.5 %, 1 request/s", Candidate(1.0, 0.025, 0.005), (11.0, 9.0)),
    ("5 x the errors at 0.5 %, 20 requests/s", Candidate(20.0, 0.025, 0.005), (28.0, 25.0)),
    ("2 x the errors at 0.5 %, 20 requests/s", Candidate(20.0, 0.01, 0.005), (45.0, 26.0)),
    ("5 x the errors at 0.1 %, 20 requests/s", Candidate(20.0, 0.005, 0.001), (14.0, 12.0)),
    ("2 x the errors at 0.1 %, 1,000 requests/s", Candidate(1000.0, 0.002, 0.001), (88.0, 65.0)),
    ("half broken beside 0.1 %, 20 requests/s", Candidate(20.0, 0.5, 0.001), (499.0, 499.0)),
)
WHOLE_WHY = (
    "The harm budget is at least half of what stable fails itself in the reaction time, here 0.001 x 10,000 x 35 / 2 = "
    "175 requests at intervals of 15 s: the first weight is 500 parts per million, 2.5 requests fail each second, and "
    "it takes two intervals to roll back, as no single one may."
)
WHOLE_SITUATION = Situation(rps=10_000.0, error_rate=0.001, candidate_error_rate=0.5)
WHOLE_INTERVALS = (15, 10)
BOUND_INTERVAL = 10
"""The default: 63 requests are 25 s at the first weight, which two intervals of 15 s do not fit into."""
WHOLE_ROLLOUT = ("whole rollout at 10,000 requests/s, half broken beside 0.1 %", 63.0)


def false_alarms(runs: int, seed: int) -> Table:
    """Healthy candidates for two hours at a fixed weight."""
    rows, bounds = [], []
    for name, candidate in HEALTHY:
        figures = {"Flagger's rule": _rolled_back(flagger_found_after(candidate, runs=runs, seed=seed))}
        for tolerate in TOLERATE:
            found = _rolled_back(found_after(candidate, tolerate, runs=runs, seed=seed))
            figures[f"tolerate {tolerate:g}"] = found
            bounds.append(Bound(f"{name}, tolerate {tolerate:g}: upper limit", found.high, FALSE_ROLLBACKS))
        rows.append((name, figures))
    note = "Share rolled back within two hours at a tenth of the traffic, intervals of 15 s, independent failures."
    return Table("False alarms", runs, note, rows, bounds)


def harm_and_time(runs: int, seed: int) -> tuple[Table, Table]:
    """What harmful candidates cost until their traffic is away, and how long that takes."""
    harms: list[tuple[str, dict[str, Figure]]] = []
    times: list[tuple[str, dict[str, Figure]]] = []
    bounds = []
    for name, candidate, wanted in HARMFUL:
        found = {"Flagger's rule": flagger_found_after(candidate, runs=runs, seed=seed)}
        for tolerate, most in zip(TOLERATE, wanted, strict=True):
            found[f"tolerate {tolerate:g}"] = seconds = found_after(candidate, tolerate, runs=runs, seed=seed)
            cost = mean(_capped(seconds) * candidate.excess).value
            bounds.append(Bound(f"{name}, tolerate {tolerate:g}: harm", cost, most * HARM_ALLOWED, is_share=False))
        harms.append((name, {column: mean(_capped(seconds) * candidate.excess) for column, seconds in found.items()}))
        times.append((name, _times(found)))
    whole, whole_bounds = _whole_rollouts(runs, seed)
    note = (
        "Bad requests beyond stable's share until the traffic is away, mean of all runs; at most two hours. The "
        "candidate has a tenth of the traffic, the reaction takes 20 s after an interval of 15 s."
    )
    harm = Table("Harm", runs, note, [*harms, *whole], [*bounds, *whole_bounds])
    return harm, Table("Seconds until the traffic is away", runs, "Median of the runs in which harm was found.", times)


def _times(found: dict[str, Floats]) -> dict[str, Figure]:
    figures = {}
    for column, seconds in found.items():
        finite = seconds[np.isfinite(seconds)]
        figures[column] = median(finite) if finite.size else Figure(np.inf, np.inf, np.inf)
        figures[f"{column}, found"] = rate(finite.size, seconds.size)
    return figures


def _whole_rollouts(runs: int, seed: int) -> tuple[list[tuple[str, dict[str, Figure]]], list[Bound]]:
    name, wanted = WHOLE_ROLLOUT
    rows, bounds = [], []
    for interval in WHOLE_INTERVALS:
        flagger = simulate_flagger(WHOLE_SITUATION, runs=runs, seed=seed, rule=FlaggerRule(step_percent=5))
        figures = {"Flagger's rule": mean(flagger.excess)}
        for tolerate in TOLERATE:
            found = mean(_paced(interval, tolerate, runs, seed))
            figures[f"tolerate {tolerate:g}"] = found
            if interval == BOUND_INTERVAL:
                told = f"{name}, intervals of {interval} s, tolerate {tolerate:g}: harm"
                bounds.append(Bound(told, found.value, wanted * HARM_ALLOWED, is_share=False, why_not=WHOLE_WHY))
        rows.append((f"{name}, intervals of {interval} s", figures))
    return rows, bounds


def _paced(interval: int, tolerate: float, runs: int, seed: int) -> Floats:
    analysis = Analysis(interval_seconds=interval, statistics=Statistics(tolerate_odds_ratio=f"{tolerate:g}"))
    policy = Policy(rollout=Rollout(analysis=analysis))
    return simulate(WHOLE_SITUATION, policy, runs=runs, seed=seed).excess


def _rolled_back(seconds: Floats) -> Figure:
    return rate(int(np.isfinite(seconds).sum()), len(seconds))


def _capped(seconds: Floats) -> Floats:
    return np.minimum(seconds, TWO_HOURS)
