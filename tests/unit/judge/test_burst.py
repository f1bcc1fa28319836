"""The burst factor against hand-made and random counts."""

import json
import random

import pytest

from tests.unit.judge.builders import binomial
from tidegate.judge.burst import PAIRS, BurstFactor
from tidegate.judge.strata import Counts


def test_nothing_known_is_no_burst() -> None:
    assert BurstFactor().value == 1.0


@pytest.mark.parametrize(
    ("intervals", "value"),
    [
        ([(100, 0), (100, 30)], (20 + 900) / (20 + 30)),
        ([(100, 30), (200, 60)], 1.0),
        ([(100, 10), (50, 20)], (20 + 15**2) / (20 + 30)),
        ([(100, 30), (0, 0), (100, 30)], 1.0),
    ],
)
def test_value_follows_its_formula(intervals: list[tuple[int, int]], value: float) -> None:
    assert BurstFactor().followed_by(Counts(*counts) for counts in intervals).value == pytest.approx(value)


def test_independent_failures_stay_near_one_and_clustered_ones_do_not() -> None:
    source = random.Random(5)
    steady = BurstFactor().followed_by(Counts(1000, binomial(source, 1000, 0.02)) for _ in range(240))
    clustered = BurstFactor().followed_by(Counts(1000, 6 * binomial(source, 160, 0.02)) for _ in range(240))
    assert steady.value < 1.3
    assert 3.0 < clustered.value < 10.0


def test_only_the_last_240_pairs_count_and_the_status_stays_small() -> None:
    outage = [Counts(10_000_000, 5_000_000), Counts(10_000_000, 0)]
    calm = [Counts(10_000_000, 100_000)] * (PAIRS + 1)
    factor = BurstFactor().followed_by(outage).followed_by(calm)
    assert factor.value == 1.0
    assert len(json.dumps(factor.to_status())) < 6_000


def test_status_brings_back_the_identical_factor() -> None:
    factor = BurstFactor().followed_by([Counts(100, 3), Counts(110, 9), Counts(90, 0)])
    assert BurstFactor.from_status(json.loads(json.dumps(factor.to_status()))) == factor
    assert BurstFactor.from_status(BurstFactor().to_status()) == BurstFactor()
