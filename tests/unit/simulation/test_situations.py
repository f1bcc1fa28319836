"""What situations come to: known cases of queues, bursts and latency, and Flagger's rule."""

import math

import numpy as np
import pytest

from tidegate.api.rollout import LatencyLimit
from tidegate.api.spec import Analysis, Rollout, Statistics, Step, WeightStep
from tidegate.simulation.flagger import simulate_flagger
from tidegate.simulation.queueing import slow_share
from tidegate.simulation.results import Outcome, wilson
from tidegate.simulation.rollouts import simulate
from tidegate.simulation.situation import Latency, Policy, Situation
from tidegate.simulation.traffic import draw_bad

RUNS = 200
BOUND = LatencyLimit(bound_milliseconds=250)


def slow(rate: float, pods: int, bound: float = 3.0) -> float:
    return float(slow_share(np.array([rate]), np.array([pods]), 1.0, bound)[0])


def test_one_pod_is_the_textbook_queue() -> None:
    assert slow(0.6, 1) == pytest.approx(math.exp(-(1.0 - 0.6) * 3.0))


def test_without_load_only_the_service_takes_time() -> None:
    assert slow(1e-9, 3) == pytest.approx(math.exp(-3.0))


def test_many_pods_at_the_same_load_are_faster_than_few() -> None:
    assert slow(0.8, 1) > slow(1.6, 2) > slow(3.2, 4) > slow(0.0, 4)


def test_where_the_general_form_has_no_value_its_limit_stands() -> None:
    assert slow(1.0, 2) == pytest.approx((slow(1.0 - 1e-6, 2) + slow(1.0 + 1e-6, 2)) / 2, rel=1e-6)


def test_pods_that_cannot_keep_up_are_slow() -> None:
    assert slow(2.0, 2) == 1.0


@pytest.mark.parametrize("burst", [1.0, 2.0, 2.5, 6.0])
def test_failures_in_groups_have_the_spread_asked_for(burst: float) -> None:
    finished = np.full(40_000, 10_000, dtype=np.int64)
    bad = draw_bad(np.random.default_rng(1), finished, 0.01, burst)
    assert bad.mean() == pytest.approx(100.0, rel=0.01)
    assert bad.var() / bad.mean() == pytest.approx(burst, rel=0.04)


def test_a_slow_candidate_at_equal_load_is_rolled_back_for_its_latency() -> None:
    latency = Latency(stable_seconds=0.02, candidate_seconds=0.2, bound_seconds=0.25)
    analysis = Analysis(statistics=Statistics(harm_budget_requests=1_000_000), latency=BOUND)
    rollout = Rollout(steps=[Step(weight=WeightStep(percent=50, seconds=120))], analysis=analysis)
    situation = Situation(rps=10.0, latency=latency)
    found = simulate(situation, Policy(rollout=rollout), runs=RUNS, seed=1)
    assert found.rate(Outcome.RolledBack) == 1.0
    assert found.excess.mean() > 0.0


def test_latency_at_unequal_load_rolls_nothing_back() -> None:
    latency = Latency(stable_seconds=0.02, candidate_seconds=0.2, bound_seconds=0.25)
    rollout = Rollout(
        steps=[Step(weight=WeightStep(percent=10))], analysis=Analysis(max_seconds=100, bake_seconds=10, latency=BOUND)
    )
    found = simulate(Situation(rps=10.0, replicas=4, latency=latency), Policy(rollout=rollout), runs=40, seed=1)
    assert found.count(Outcome.RolledBack) == 0
    assert found.count(Outcome.Promoted) == 0


def test_bursts_of_stable_slow_the_judge_down() -> None:
    even, bursty = (
        simulate(
            Situation(rps=40.0, error_rate=0.02, candidate_error_rate=0.2, burst=burst), Policy(), runs=RUNS, seed=1
        )
        for burst in (1.0, 6.0)
    )
    assert even.rate(Outcome.RolledBack) == bursty.rate(Outcome.RolledBack) == 1.0
    assert bursty.excess.mean() > 1.5 * even.excess.mean()


def test_flagger_rises_a_tenth_a_minute_and_promotes_after_five() -> None:
    found = simulate_flagger(Situation(rps=40.0), runs=3, seed=1)
    assert found.seconds.tolist() == [300.0] * 3
    assert found.changes[:, found.changes[1] == 0][[0, 2]].T.tolist() == [
        [60.0 * step, 100_000.0 * (step + 1)] for step in range(5)
    ]


def test_flagger_gives_up_after_five_bad_minutes() -> None:
    found = simulate_flagger(Situation(rps=40.0, candidate_error_rate=0.5), runs=3, seed=1)
    assert found.rate(Outcome.RolledBack) == 1.0
    assert found.excess.tolist() == pytest.approx([40.0 * 0.1 * 0.5 * 302.0] * 3)


def test_flagger_needs_requests() -> None:
    assert simulate_flagger(Situation(rps=0.001), runs=50, seed=1).rate(Outcome.RolledBack) == 1.0


@pytest.mark.parametrize(
    ("found", "runs", "low", "high"), [(0, 20_000, 0.0, 0.000192), (10, 100, 0.0552, 0.1744), (5, 5, 0.5655, 1.0)]
)
def test_limits_of_shares_are_wilsons(found: int, runs: int, low: float, high: float) -> None:
    assert wilson(found, runs) == pytest.approx((low, high), abs=1e-4)
