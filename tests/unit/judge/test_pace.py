"""Pace: the weight a harm budget allows."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.judge.builders import FEW_EXAMPLES, stratum
from tidegate.judge.pace import (
    ENTRY,
    LOWERED_OVER,
    REACTIONS,
    RISE_AT_MOST,
    WHOLE,
    Budget,
    Pace,
    Traffic,
    highest_share,
)
from tidegate.judge.strata import EMPTY, NO_REQUESTS, Counts, Stratum

BUDGET = Budget(20.0, 15.0)

rates = st.floats(0.001, 1e6)
shares = st.integers(ENTRY, WHOLE // 2)
counts = st.tuples(st.integers(0, 1_000_000), st.floats(0.0, 1.0)).map(
    lambda drawn: Counts(drawn[0], int(math.prod(drawn)))
)
strata = st.builds(Stratum, counts, counts)


@pytest.mark.parametrize(
    ("finished", "bad", "expected"),
    [
        (0, 0, 1.0),
        (2, 0, 1.0),
        (2, 2, 1.0),
        (8, 0, 0.3841),
        (100, 0, 0.03689),
        (1000, 0, 0.005394),
        (1000, 10, 0.022279),
        (1000, 300, 0.45550),
        (100, 20, 0.55569),
        (1000, 1000, 1.0),
        (1_000_000, 0, 1.2206e-05),
    ],
)
def test_upper_bound_of_the_candidates_bad_share(finished: int, bad: int, expected: float) -> None:
    assert highest_share(Counts(finished, bad)) == pytest.approx(expected, rel=1e-3)


@given(counts)
def test_the_upper_bound_is_the_last_share_not_refuted(seen: Counts) -> None:
    n, k, bound = seen.finished, seen.bad, highest_share(seen)
    assert (k / n if n else 0.0) <= bound <= 1.0
    if bound < 1.0:
        log_e = math.lgamma(1 + k) + math.log(100) - (1 + k) * math.log(100 + n) - k * math.log(bound) + n * bound
        assert log_e == pytest.approx(math.log(20), abs=1e-6 * max(1, n))


@given(st.integers(0, 10_000), st.integers(0, 1000), st.integers(0, 10_000))
def test_more_that_went_well_lowers_the_bound(good: int, bad: int, more: int) -> None:
    assert highest_share(Counts(good + more + bad, bad)) <= highest_share(Counts(good + bad, bad)) + 1e-12


def test_reaction_time_is_that_of_the_specification() -> None:
    assert BUDGET.reaction_seconds == 35.0


@pytest.mark.parametrize(
    ("rate", "seen", "expected"),
    [
        (0.1, EMPTY, WHOLE),
        (40.0, EMPTY, 14_285),
        (10_000.0, EMPTY, 57),
        (1e7, EMPTY, 1),
        (40.0, stratum((1000, 0), (0, 0)), WHOLE),
        (40.0, stratum((100, 0), (0, 0)), 387_255),
        (40.0, stratum((100, 20), (0, 0)), 25_708),
        # Stable fails 1 % of 350,000 requests itself: half of those are the budget.
        (10_000.0, stratum((0, 0), (1000, 10)), 5_050),
    ],
)
def test_weight_the_budget_allows(rate: float, seen: Stratum, expected: int) -> None:
    assert BUDGET.weight(rate, seen) == pytest.approx(expected, rel=1e-3)


@given(rates, strata)
def test_never_over_budget_for_the_stated_bound_and_at_least_one_part(rate: float, seen: Stratum) -> None:
    weight = BUDGET.weight(rate, seen)
    own = seen.stable.bad / seen.stable.finished if seen.stable.finished else 0.0
    excess = max(highest_share(seen.candidate) - own, 1e-6)
    harmed = weight / WHOLE * rate * BUDGET.reaction_seconds * excess
    assert 1 <= weight <= WHOLE
    assert weight == 1 or harmed <= BUDGET.allowed(rate, seen.stable) * (1 + 1e-9)


@given(rates, rates, strata)
def test_more_traffic_never_means_more_weight_for_a_stable_without_failures(
    first: float, second: float, seen: Stratum
) -> None:
    clean = replace(seen, stable=Counts(seen.stable.finished, 0))
    assert BUDGET.weight(max(first, second), clean) <= BUDGET.weight(min(first, second), clean)


@given(rates, strata, st.integers(0, 100_000))
def test_more_that_went_well_never_means_less_weight(rate: float, seen: Stratum, more: int) -> None:
    better = replace(seen, candidate=seen.candidate + Counts(more, 0))
    assert BUDGET.weight(rate, better) >= BUDGET.weight(rate, seen)


def pace(weight: int = 0, first: int = 0, held: int = 0, rate: float = 40.0) -> Pace:
    return Pace(weight, first, held, Traffic(rate * 600, 600.0, rate))


paces = st.builds(pace, shares, shares, shares, rates)


@given(paces, strata, shares, st.booleans(), st.booleans())
def test_one_rise_is_to_four_times_at_most_unless_it_returns(
    before: Pace, seen: Stratum, weight: int, may_rise: bool, retreats: bool
) -> None:
    after = before.counted(BUDGET, seen, weight, may_rise=may_rise, retreats=retreats)
    free = max(before.held, before.first, weight)
    assert after.weight <= max(RISE_AT_MOST * weight, free)
    assert after.weight >= 1
    if not may_rise:
        assert after.weight <= max(free, BUDGET.weight(before.traffic.rate, seen))
        assert after.weight <= before.weight or after.weight <= BUDGET.weight(before.traffic.rate, seen)


@given(paces, strata, shares)
def test_what_it_rises_to_is_within_the_budget(before: Pace, seen: Stratum, weight: int) -> None:
    bound = BUDGET.weight(before.traffic.rate, seen)
    after = before.counted(BUDGET, seen, weight, may_rise=True, retreats=False)
    assert after.weight <= LOWERED_OVER * bound
    if after.weight > max(before.held, before.first, weight):
        assert after.weight <= BUDGET.weight(before.traffic.rate, seen, caution=REACTIONS) <= bound


@given(paces, strata, shares, st.floats(1.0, 100.0), st.floats(1.0, 100.0))
def test_the_more_speaks_for_harm_the_less_it_rises(
    before: Pace, seen: Stratum, weight: int, first: float, second: float
) -> None:
    less, more = (
        before.counted(BUDGET, seen, weight, may_rise=True, retreats=False, suspicion=suspicion)
        for suspicion in sorted((first, second))
    )
    assert more.weight <= less.weight


@given(paces, strata, shares, st.booleans())
def test_it_is_lowered_only_where_it_is_half_as_much_again_too_high(
    before: Pace, seen: Stratum, weight: int, may_rise: bool
) -> None:
    bound = BUDGET.weight(before.traffic.rate, seen)
    before = replace(before, weight=max(before.weight, weight))
    after = before.counted(BUDGET, seen, weight, may_rise=may_rise, retreats=False)
    assert (after.weight < weight) == (weight > LOWERED_OVER * bound)


def test_the_entry_weight_is_held_until_the_traffic_is_known() -> None:
    unknown = Pace.at(ENTRY, Traffic())
    assert unknown.counted(BUDGET, EMPTY, ENTRY, may_rise=True, retreats=False) == unknown
    known = replace(unknown, traffic=Traffic().followed_by(600, 15.0))
    after = known.counted(BUDGET, EMPTY, ENTRY, may_rise=False, retreats=False)
    assert (after.weight, after.first, after.held) == (14_285, 14_285, 0)
    assert after.counted(BUDGET, EMPTY, ENTRY, may_rise=True, retreats=False).weight == 14_285


def test_the_first_weight_is_at_most_the_plans() -> None:
    known = Pace(traffic=Traffic().followed_by(2, 15.0))
    after = known.counted(replace(BUDGET, first_step=50_000), EMPTY, ENTRY, may_rise=True, retreats=False)
    assert (after.weight, after.first) == (50_000, 50_000)


def test_an_interval_of_a_weight_that_was_just_taken_back_does_not_bring_it_again() -> None:
    retreated = pace(400_000, 14_285, 400_000).counted(BUDGET, CLEAN, 400_000, may_rise=False, retreats=True)
    assert retreated.counted(BUDGET, CLEAN, 400_000, may_rise=True, retreats=False).weight == 4 * 14_285


CLEAN = stratum((100_000, 0), (100_000, 0))


def test_a_clean_candidate_has_four_times_as_much_each_time_it_was_judged() -> None:
    now, weights = pace(14_285, 14_285), []
    for _ in range(4):
        weights.append(now.weight)
        now = now.counted(BUDGET, CLEAN, now.weight, may_rise=True, retreats=False)
    assert weights == [14_285, 57_140, 228_560, 914_240]


def test_leave_to_rise_is_void_once_another_weight_was_written() -> None:
    risen = pace(50_000, 14_285, 50_000).counted(BUDGET, CLEAN, 50_000, may_rise=True, retreats=False)
    assert risen.weight == 200_000
    assert risen.written(30_000).weight == 50_000
    assert risen.written(70_000).weight == 70_000


def test_returning_after_a_loss_of_capacity_is_free_and_after_a_retreat_is_not() -> None:
    lowered = pace(400_000, 14_285, 400_000).written(10_000)
    assert lowered.counted(BUDGET, CLEAN, 10_000, may_rise=True, retreats=False).weight == 400_000
    retreated = pace(400_000, 14_285, 400_000).counted(BUDGET, CLEAN, 400_000, may_rise=False, retreats=True)
    assert retreated.weight == 14_285
    again = retreated.counted(BUDGET, CLEAN, 14_285, may_rise=False, retreats=True)
    assert again.weight == 14_285
    assert again.counted(BUDGET, CLEAN, 14_285, may_rise=True, retreats=False).weight == 4 * 14_285


def test_more_traffic_than_ever_lowers_even_the_first_weight() -> None:
    now = replace(pace(14_285, 14_285, 14_285), traffic=Traffic(400.0 * 600, 600.0, 400.0))
    after = now.counted(BUDGET, stratum((2, 0), (500, 0)), 14_285, may_rise=False, retreats=False)
    assert (after.weight, after.first, after.held) == (1428, 1428, 1428)


def test_the_hour_fades_and_the_last_interval_counts_where_it_was_busier() -> None:
    quiet = Traffic.before([Counts(10, 0)] * 400, 10.0)
    assert (quiet.mean, quiet.rate) == (pytest.approx(1.0), pytest.approx(1.0))
    assert quiet.seconds == pytest.approx(3600.0)
    busy = quiet.followed_by(1000, 10.0)
    assert busy.rate == 100.0
    after = busy
    for _ in range(3 * 360):
        after = after.followed_by(0, 10.0)
    assert 0.0 < after.rate < 0.1
    assert Traffic.before([], 10.0).rate == 0.0
    assert Traffic.before([NO_REQUESTS], 10.0).rate == 0.0


@FEW_EXAMPLES
@given(paces)
def test_status_brings_it_back_to_the_last_digit(now: Pace) -> None:
    odd = replace(now, traffic=now.traffic.followed_by(7, 13.7))
    assert Pace.from_status(odd.to_status()) == odd


def test_another_versions_weight_counts_as_held() -> None:
    assert Pace.at(250_000, Traffic()) == Pace(250_000, 250_000, 250_000, Traffic())
