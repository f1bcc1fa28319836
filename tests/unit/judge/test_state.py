"""The judge's memory: exact through status, never counting twice, never changed in place."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.judge.builders import FEW_EXAMPLES, cell, stratum
from tidegate.judge.queries import Outcome, QueryResult, UserQuery
from tidegate.judge.rules import Metric, Rules
from tidegate.judge.state import Evidence, begin, change_weight, count_interval, count_queries, skip_interval
from tidegate.judge.strata import EMPTY, Counts, Stratum

RULES = Rules()
ACCURACY = UserQuery("accuracy", minimum="0.9")


@st.composite
def strata(draw: st.DrawFn) -> Stratum:
    candidate, stable = (draw(st.integers(0, 500)) for _ in range(2))
    return stratum((candidate, draw(st.integers(0, candidate))), (stable, draw(st.integers(0, stable))))


def through_status(evidence: Evidence) -> Evidence:
    return Evidence.from_status(json.loads(json.dumps(evidence.to_status())))


def counted(evidence: Evidence, *intervals: Stratum) -> Evidence:
    for interval in intervals:
        start = evidence.judged_until
        evidence = count_interval(evidence, cell(start, start + 15), [interval], RULES, for_promotion=True)
    return evidence


@FEW_EXAMPLES
@given(intervals=st.lists(strata(), min_size=1, max_size=8), data=st.data())
def test_going_on_from_status_at_any_point_gives_the_identical_evidence(
    intervals: list[Stratum], data: st.DataObject
) -> None:
    stop = data.draw(st.integers(0, len(intervals)))
    fresh = begin(RULES, 0.1, {Metric.Errors: [Counts(100, 3), Counts(90, 1)]})
    interrupted = counted(through_status(counted(fresh, *intervals[:stop])), *intervals[stop:])
    assert interrupted == counted(fresh, *intervals)
    assert through_status(interrupted).to_status() == interrupted.to_status()


def test_what_a_version_that_judged_errors_alone_recorded_is_read() -> None:
    evidence = counted(begin(RULES, 0.0, {Metric.Errors: [Counts(100, 3)]}), stratum((40, 1), (300, 2)))
    now = evidence.to_status()
    errors = now.pop("metrics")["errors"]
    before = {**now, "errors": errors, "burst": errors.pop("burst"), "total": errors.pop("total")}
    del errors["weight"], before["latencyEdge"]
    assert Evidence.from_status(before) == evidence


def test_status_holds_no_floating_point_number() -> None:
    def refuse(text: str) -> None:
        raise AssertionError(text)

    evidence = counted(begin(RULES, 0.0), stratum((40, 1), (300, 2)))
    json.loads(json.dumps(evidence.to_status()), parse_float=refuse)
    without_limit = begin(Rules(limit=None), 0.0)
    assert through_status(without_limit) == without_limit


def test_an_interval_is_never_counted_twice() -> None:
    evidence = counted(begin(RULES, 0.0), stratum((40, 1), (300, 2)))
    with pytest.raises(ValueError, match=r"found a cell from 0; expected none before 15"):
        count_interval(evidence, cell(0, 15), [], RULES, for_promotion=False)


def test_counting_leaves_the_evidence_before_as_it_was() -> None:
    before = begin(RULES, 0.0)
    after = counted(before, stratum((40, 4), (300, 2)))
    assert before == begin(RULES, 0.0)
    assert (after.judged_until, after.intervals, after.intervals_at_weight) == (15.0, 1, 1)
    assert after.total == after.at_weight == stratum((40, 4), (300, 2))


def test_promotion_is_fed_at_the_last_weight_only() -> None:
    before = begin(RULES, 0.0)
    clean = [stratum((400, 0), (400, 4))]
    lower = count_interval(before, cell(0, 15), clean, RULES, for_promotion=False)
    last = count_interval(before, cell(0, 15), clean, RULES, for_promotion=True)
    assert lower.errors.noninferiority == before.errors.noninferiority
    assert last.errors.noninferiority.log_e > 0.0
    assert lower.errors.harm == last.errors.harm


def test_burst_factor_divides_only_later_intervals() -> None:
    calm, bursting = begin(RULES, 0.0), begin(RULES, 0.0, {Metric.Errors: [Counts(300, 0), Counts(300, 60)]})
    broken = stratum((40, 2), (300, 0))
    assert counted(bursting, broken).errors.harm.log_e < counted(calm, broken).errors.harm.log_e
    outage = stratum((40, 2), (300, 60))
    assert counted(calm, outage).errors.burst.intervals == (Counts(300, 60),)


def test_another_weight_keeps_the_evidence_and_counts_its_requests_anew() -> None:
    evidence = counted(begin(RULES, 0.0), stratum((40, 1), (300, 2)), stratum((0, 0), (0, 0)))
    raised = change_weight(evidence, 47.5)
    assert evidence.idle_seconds == 15.0
    assert raised == replace(evidence, judged_until=47.5, intervals_at_weight=0, at_weight=EMPTY, idle_seconds=0.0)
    assert change_weight(raised, 40.0).judged_until == 47.5


def test_a_skipped_cell_teaches_nothing_and_is_over() -> None:
    evidence = begin(RULES, 0.0)
    assert skip_interval(evidence, cell(0, 15)) == replace(evidence, judged_until=15)


def test_query_failures_are_kept_by_name() -> None:
    evidence = begin(RULES, 0.0)
    for outcome in (Outcome.Fail, Outcome.NoData, Outcome.Fail):
        evidence = count_queries(evidence, [QueryResult(ACCURACY, outcome, "")])
    assert through_status(evidence).query_failures == {"accuracy": 2}
    assert count_queries(evidence, [QueryResult(ACCURACY, Outcome.Pass, "")]).query_failures == {"accuracy": 0}


def test_status_stays_small_through_a_long_rollout_at_high_traffic() -> None:
    evidence = begin(RULES, 0.0)
    for _ in range(300):
        evidence = counted(evidence, stratum((150_000, 150), (1_350_000, 13_500)))
    assert len(json.dumps(evidence.to_status())) < 8_000


@pytest.mark.parametrize("broken", ["nan", "inf", 1.5, None])
def test_a_status_that_was_not_written_by_the_judge_is_refused(broken: object) -> None:
    status = begin(RULES, 0.0).to_status() | {"judgedUntil": broken}
    with pytest.raises(ValueError, match="expected a finite number written as text"):
        Evidence.from_status(status)
