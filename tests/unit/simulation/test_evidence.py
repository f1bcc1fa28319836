"""The e-values of the simulation are those of the judge: on the same counts, to 1e-9."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tidegate.judge import Counts, HarmEvidence, NonInferiorityEvidence, Stratum, ThresholdEvidence
from tidegate.judge.burst import PAIRS, BurstFactor
from tidegate.judge.conditional import log_generating_function
from tidegate.judge.materiality import MaterialityEvidence
from tidegate.simulation.arrays import log_factorial
from tidegate.simulation.cells import Cells
from tidegate.simulation.conditional import log_generating_function as log_generating_functions
from tidegate.simulation.evidence import Above, Burst, Harm, Material, NonInferiority

RUNS, INTERVALS, SECONDS = 12, 40, 10.0
EVERYWHERE = np.ones(RUNS, dtype=np.bool_)
# Requests an interval of candidate and stable, and their bad shares.
STREAMS = {
    "healthy": ((40.0, 360.0), (0.005, 0.005)),
    "harmful": ((40.0, 40.0), (0.2, 0.02)),
    "few": ((0.7, 0.7), (0.3, 0.1)),
    "half of all": ((300.0, 300.0), (0.5, 0.45)),
    "one-sided": ((0.2, 50.0), (0.9, 0.01)),
}


def stream(name: str, proxies: int) -> list[Cells]:
    """Intervals of every run, some of them empty."""
    random, (requests, shares) = np.random.default_rng(len(name) + proxies), STREAMS[name]
    cells = []
    for _ in range(INTERVALS):
        finished = [random.poisson(mean, (proxies, RUNS)) for mean in requests]
        bad = [random.binomial(counts, share) for counts, share in zip(finished, shares, strict=True)]
        cells.append(Cells(finished[0], bad[0], finished[1], bad[1]))
    return cells


def strata_of(cells: Cells, run: int) -> list[Stratum]:
    """One run's interval, as the judge takes it."""
    columns = (cells.candidate_finished, cells.candidate_bad, cells.stable_finished, cells.stable_bad)
    rows = [[int(number) for number in row] for row in np.stack([column[:, run] for column in columns], axis=1)]
    return [Stratum(Counts(row[0], row[1]), Counts(row[2], row[3])) for row in rows]


def assert_same(cells: list[Cells], twin: Any, take_in: Callable[[Cells], None], judge: Any, update: Any) -> None:
    """After every interval, log E of each run is that of a judge of its own."""
    judges = [judge() for _ in range(RUNS)]
    for interval in cells:
        take_in(interval)
        expected = [update(one, strata_of(interval, run), run) for run, one in enumerate(judges)]
        np.testing.assert_allclose(twin.log_e, expected, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("proxies", [1, 3])
@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("phi", [1.0, 3.7])
def test_harm_is_the_judges(name: str, proxies: int, phi: float) -> None:
    twin, burst = Harm(1.25, 2.3, RUNS), np.linspace(1.0, phi, RUNS)
    judges = [HarmEvidence(1.25, 2.3) for _ in range(RUNS)]
    for interval in stream(name, proxies):
        twin.update(interval, burst, SECONDS)
        expected = [one.update(strata_of(interval, run), float(burst[run]), SECONDS) for run, one in enumerate(judges)]
        np.testing.assert_allclose(twin.log_e, expected, rtol=0.0, atol=1e-9)
        assert twin.capped.tolist() == [one.capped for one in judges]


@pytest.mark.parametrize("name", STREAMS)
def test_materiality_is_the_judges(name: str) -> None:
    twin = Material(0.001, RUNS)
    assert_same(
        stream(name, 2),
        twin,
        lambda interval: twin.update(interval, SECONDS),
        lambda: MaterialityEvidence(0.001),
        lambda one, strata, _: one.update(strata, SECONDS),
    )


@pytest.mark.parametrize("name", STREAMS)
def test_the_users_limit_is_the_judges(name: str) -> None:
    twin = Above(0.01, RUNS)
    assert_same(
        stream(name, 2),
        twin,
        lambda interval: twin.update(interval, EVERYWHERE),
        lambda: ThresholdEvidence(0.01),
        lambda one, strata, _: one.update(strata),
    )


@pytest.mark.parametrize("limit", [0.01, None])
@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("phi", [1.0, 3.7])
def test_proof_for_promotion_is_the_judges(name: str, limit: float | None, phi: float) -> None:
    twin, burst = NonInferiority(2.0, limit, RUNS), np.linspace(1.0, phi, RUNS)
    alike = np.arange(RUNS) % 4 > 0
    finished = np.array([0, 900, 4000])[np.arange(RUNS) % 3]
    before = Cells(finished * 0, finished * 0, finished, finished // 30)
    stable = [Counts(int(n), int(n) // 30) for n in finished]
    assert_same(
        stream(name, 2),
        twin,
        lambda interval: twin.update(interval, burst, EVERYWHERE, alike, before),
        lambda: NonInferiorityEvidence(2.0, limit),
        lambda one, strata, run: one.update(strata, float(burst[run]), alike=bool(alike[run]), before=stable[run]),
    )


def test_runs_an_interval_does_not_count_in_keep_their_evidence() -> None:
    interval, some = stream("harmful", 1)[0], np.arange(RUNS) % 2 == 0
    twins = Harm(1.25, None, RUNS), Material(0.001, RUNS), Above(0.01, RUNS), NonInferiority(2.0, 0.01, RUNS)
    before = [twin.log_e for twin in twins]
    harm, material, above, proof = twins
    harm.update(interval, np.ones(RUNS), SECONDS, where=some)
    material.update(interval, SECONDS, where=some)
    above.update(interval, where=some)
    proof.update(interval, np.ones(RUNS), some, EVERYWHERE, Cells.none(RUNS))
    for twin, log_e in zip(twins, before, strict=True):
        assert (twin.log_e[~some] == log_e[~some]).all()
        assert (twin.log_e[some] != log_e[some]).any()


@pytest.mark.parametrize("size", [1.0, 4.0])
def test_the_burst_factor_is_the_judges(size: float) -> None:
    random, twin, judges = np.random.default_rng(3), Burst(RUNS), [BurstFactor() for _ in range(RUNS)]
    for _ in range(2 * PAIRS):
        finished = random.poisson(2.0, RUNS)
        bad = np.minimum(finished, size * random.poisson(0.3, RUNS)).astype(np.int64)
        twin.follow(finished, bad)
        counts = [Counts(int(n), int(k)) for n, k in zip(finished, bad, strict=True)]
        judges = [one.followed_by([after]) for one, after in zip(judges, counts, strict=True)]
    np.testing.assert_allclose(twin.value, [one.value for one in judges], rtol=1e-12)


@pytest.mark.parametrize("odds_ratio", [0.5, 1.0, 2.0, 40.0])
def test_generating_functions_are_the_judges(odds_ratio: float) -> None:
    strata = [(1, 0, 1, 1), (5, 5, 7, 7), (3, 3, 900, 0), (900, 0, 3, 3), (4_000, 90, 3_000, 80), (9, 0, 9, 1)]
    columns = np.array(strata, dtype=np.int64).T[:, None, :]
    found = log_generating_functions(Cells(*columns), odds_ratio)[0]
    expected = [
        log_generating_function(Stratum(Counts(n_c, k_c), Counts(n_s, k_s)), odds_ratio)
        for n_c, k_c, n_s, k_s in strata
    ]
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-9)


def test_factorials_are_exact_on_both_sides_of_the_series() -> None:
    n = np.array([0, 1, 2, 170, 255, 256, 257, 1_000, 1_000_000], dtype=np.int64)
    expected = [float(np.sum(np.log(np.arange(1, number + 1)))) for number in n]
    np.testing.assert_allclose(log_factorial(n), expected, rtol=1e-13)
