"""One metric: harm that matters, and the hold of the user's limit."""

import pytest

from tests.unit.judge.builders import cell, stratum
from tidegate.judge.logs import reaches
from tidegate.judge.metric import MetricEvidence
from tidegate.judge.rules import Metric, Rules
from tidegate.judge.state import begin, count_interval
from tidegate.judge.strata import Stratum

RULES = Rules()
OUTAGE = [stratum((100, 20), (900, 180))]
CLEAN = [stratum((100, 0), (900, 0))]
WITHOUT_CANDIDATE = [stratum((0, 0), (900, 0))]


def after(intervals: list[list[Stratum]], rules: Rules = RULES) -> MetricEvidence:
    evidence = begin(rules, 0.0)
    for number, strata in enumerate(intervals):
        interval = cell(15 * number, 15 * number + 15)
        evidence = count_interval(evidence, interval, strata, rules, for_promotion=False)
    return evidence.errors


def harmful(metric: MetricEvidence, rules: Rules = RULES) -> bool:
    return reaches(metric.log_part(rules.harm_line), rules.harm_line)


def test_a_shared_outage_holds_and_starts_the_evidence_over() -> None:
    metric = after([OUTAGE])
    assert not harmful(metric)
    assert metric.hold_intervals == 4
    assert metric.above is not None
    assert metric.above.log_e == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("following", "left"),
    [
        ([CLEAN], 3),
        ([CLEAN] * 3, 1),
        ([CLEAN] * 4, 0),
        ([CLEAN] * 5, 0),
        ([CLEAN] * 3 + [WITHOUT_CANDIDATE] * 9, 1),
        ([CLEAN] * 3 + [OUTAGE], 4),
        ([CLEAN, [stratum((10, 3), (900, 9))]], 4),
    ],
    ids=["one", "three", "four end it", "ended", "no data ends nothing", "outage again", "suspicion again"],
)
def test_a_hold_ends_after_four_intervals_without_evidence(following: list[list[Stratum]], left: int) -> None:
    assert after([OUTAGE, *following]).hold_intervals == left


def test_harm_does_not_turn_into_a_hold() -> None:
    metric = after([[stratum((100, 30), (900, 1))]] * 2)
    assert harmful(metric)
    assert metric.above is not None
    assert reaches(metric.above.log_e, RULES.harm_line)


def test_ten_times_nearly_nothing_is_nobodys_emergency() -> None:
    metric = after([[stratum((10_000, 10), (90_000, 9))]] * 40)
    assert reaches(metric.harm.log_e, RULES.harm_line)
    assert not harmful(metric)
    assert metric.hold_intervals == 0


def test_without_a_limit_only_harm_is_judged() -> None:
    rules = Rules(limit=None)
    assert after([OUTAGE], rules).above is None
    assert harmful(after([[stratum((100, 30), (900, 1))]] * 2, rules), rules)


@pytest.mark.parametrize(
    ("rules", "share"),
    [(Rules(limit=0.02), 0.002), (Rules(limit=None), 0.001), (Rules(limit=0.02, ignore_below=0.005), 0.005)],
)
def test_what_may_be_ignored_follows_the_limit_unless_said(rules: Rules, share: float) -> None:
    assert rules.ignored_share_of(Metric.Errors) == pytest.approx(share)


@pytest.mark.parametrize("rates", [{"alpha": 0.0}, {"alpha": 1.0}, {"beta": -0.1}])
def test_error_rates_that_are_no_shares_are_refused(rates: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected a share"):
        Rules(**rates)
