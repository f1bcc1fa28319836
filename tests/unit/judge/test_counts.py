"""Counts from raw samples: exact up to the last scrape, whatever happens to the counters."""

import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.judge.builders import FEW_EXAMPLES, cell, counted, proxy, series, slot, stratum, up
from tidegate.judge.counts import CellCounts, Problem, ProblemKind, Uncountable, count_cell, why_not_scraped
from tidegate.judge.grid import Grid, complete_cells
from tidegate.judge.rules import Metric
from tidegate.judge.samples import ProxySamples, Series, SlotSeries, group_by_proxy, scrape_times, stands_still
from tidegate.judge.strata import Counts, Stratum

QUIET = slot()
STABLE = slot({5: 1000, 10: 1090, 15: 1180, 20: 1270}, {5: 4, 10: 4, 15: 5, 20: 5})
TARGET = up(5, 10, 15, 20)
INTERVAL = cell(10, 20)


def candidate_of(candidate: SlotSeries) -> Counts:
    (counts,) = counted(proxy([TARGET], candidate, STABLE), INTERVAL).strata
    assert counts.stable == Counts(180, 1)
    return counts.candidate


@pytest.mark.parametrize(
    ("finished", "expected"),
    [
        ({5: 10, 10: 20, 15: 30, 20: 45}, 25),
        ({5: 100, 10: 110, 15: 3, 20: 8}, 8),
        ({5: 100, 10: 110, 15: 3, 20: 2}, 5),
        ({15: 7, 20: 9}, 9),
        ({20: 4}, 4),
        ({5: 100, 10: 110, 15: 118}, 8),
        ({5: 100, 10: 110}, 0),
        ({5: 100, 20: 103}, 3),
        ({5: 100, 20: 40}, 40),
        ({}, 0),
    ],
    ids=[
        "grows",
        "counter reset",
        "two resets",
        "appears late",
        "appears with the last scrape",
        "vanishes: ends at its last sample",
        "vanished before",
        "not shown for a while",
        "vanished and back from zero",
        "never there",
    ],
)
def test_s22_counts_are_exact_up_to_the_last_scrape(finished: Mapping[float, float], expected: int) -> None:
    assert candidate_of(slot(finished)) == Counts(expected, 0)


def test_s22_error_series_that_appears_late_counts_from_zero() -> None:
    assert candidate_of(slot({5: 10, 10: 20, 15: 30, 20: 45}, errors={20: 3})) == Counts(25, 3)


def test_s22_a_new_proxy_pod_starts_with_its_second_scrape() -> None:
    fresh = proxy([up(15, 20)], slot({15: 40, 20: 43}), slot({15: 400, 20: 440}))
    assert counted(fresh, INTERVAL).strata == (stratum((3, 0), (40, 0)),)


def test_s22_a_replaced_proxy_ends_at_its_last_scrape() -> None:
    gone = proxy([up(5, 10, 15)], slot({5: 10, 10: 20, 15: 30}), slot({5: 100, 10: 150, 15: 190}))
    assert counted(gone, INTERVAL).strata == (stratum((10, 0), (40, 0)),)


def test_s23_a_dead_backend_is_seen_as_bad() -> None:
    dead = slot({10: 5, 15: 9, 20: 13}, errors={10: 5, 15: 9, 20: 13})
    assert candidate_of(dead) == Counts(8, 8)


@pytest.mark.parametrize(
    ("abandoned", "timeouts", "expected"),
    [
        ({5: 0, 10: 0, 15: 6, 20: 10}, None, Counts(35, 11)),
        ({5: 0, 10: 0, 15: 6, 20: 10}, {10: 2, 20: 5}, Counts(32, 8)),
        ({5: 0, 10: 0, 15: 1, 20: 1}, {10: 2, 20: 9}, Counts(25, 1)),
    ],
    ids=["abandoned", "less the proxy's own time-outs", "never under zero"],
)
def test_s08a_abandoned_requests_are_bad_and_counted(
    abandoned: Mapping[float, float], timeouts: Mapping[float, float] | None, expected: Counts
) -> None:
    hanging = slot({5: 10, 10: 20, 15: 30, 20: 45}, {10: 2, 20: 3}, abandoned, timeouts)
    assert candidate_of(hanging) == expected


def test_series_of_one_role_are_added_up() -> None:
    resets = series({10: 1, 15: 2, 20: 3}, __name__="rq_tx_reset")
    destroyed = series({10: 0, 15: 4, 20: 4}, __name__="cx_destroy_local_with_active_rq")
    assert candidate_of(SlotSeries(abandoned=(resets, destroyed))) == Counts(6, 6)


def test_an_error_scraped_before_its_request_does_not_make_more_bad_than_finished() -> None:
    assert candidate_of(slot({10: 5, 20: 5}, {10: 0, 20: 1})) == Counts(1, 1)


def test_a_gap_in_scraping_is_bridged_from_up_to_five_minutes_behind() -> None:
    target = up(-280, 15, 20, down=[-100, 5, 10])
    samples = proxy([target], slot({-280: 10, 15: 30, 20: 45}), slot({-280: 100, 15: 250, 20: 300}))
    assert counted(samples, cell(10, 20, -1000)).strata == (stratum((35, 0), (200, 0)),)


def test_a_difference_from_before_the_weight_came_in_force_is_dropped() -> None:
    (counts,) = counted(proxy([TARGET], slot({5: 10, 10: 20, 15: 30, 20: 45}), STABLE), cell(10, 20, 12)).strata
    assert counts == stratum((15, 0), (90, 0))


def test_history_before_the_look_behind_is_not_seen() -> None:
    target = up(-400, 15, 20)
    samples = proxy([target], slot({-400: 10, 15: 30, 20: 45}), slot({-400: 100, 15: 250, 20: 300}))
    assert counted(samples, cell(10, 20, -1000)).strata == (stratum((15, 0), (50, 0)),)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 3.5])
def test_s20_a_scrape_with_an_unusable_counter_is_left_out_for_all_counters(value: float) -> None:
    samples = proxy([TARGET], slot({5: 10, 10: 20, 15: value, 20: 45}, {15: 1, 20: 2}), STABLE)
    result = counted(samples, INTERVAL)
    assert result.strata == (stratum((25, 2), (180, 1)),)
    assert [problem.kind for problem in result.problems] == [ProblemKind.UnusableSample]


def test_s20_counters_that_are_never_usable_are_no_metrics() -> None:
    samples = proxy([TARGET], slot({5: math.nan, 10: math.nan, 15: math.nan, 20: math.nan}), STABLE)
    result = count_cell([samples], INTERVAL)
    assert isinstance(result, Uncountable)
    assert (result.reason, result.problems[0].kind) == ("NoMetrics", ProblemKind.UnusableSample)
    assert "4 scrapes left out" in result.message


def test_samples_with_timestamps_of_their_own_are_refused() -> None:
    result = count_cell([proxy([TARGET], slot({7: 10, 12: 20, 17: 30}), STABLE)], INTERVAL)
    assert isinstance(result, Uncountable)
    assert result.problems[0].kind is ProblemKind.UnmatchedSample


@pytest.mark.parametrize("targets", [[], [up(5)], [up(down=[15, 20])]], ids=["unknown", "no longer", "down"])
def test_a_proxy_that_was_not_scraped_is_no_metrics(targets: list[Series]) -> None:
    result = count_cell([proxy(targets, QUIET, QUIET)], INTERVAL)
    assert isinstance(result, Uncountable)
    assert (result.reason, result.problems[0].kind) == ("NoMetrics", ProblemKind.NotScraped)


def test_counters_of_a_proxy_that_is_going_away_still_count() -> None:
    samples = proxy([up(5, 10, down=[15, 20])], slot({5: 10, 10: 20, 15: 30, 20: 45}), STABLE)
    assert counted(samples, INTERVAL).strata == (stratum((25, 0), (180, 1)),)


def test_series_that_do_not_name_their_proxy_are_never_counted_beside_those_that_do() -> None:
    nameless = {"job": "b", "instance": "10.0.0.1:19001"}
    finished = Series(nameless, ((5, 1000), (10, 1090), (15, 1180), (20, 1270)))
    proxies = group_by_proxy(
        [TARGET, Series(nameless, TARGET.samples)], QUIET, SlotSeries((*STABLE.finished, finished))
    )
    result = count_cell(proxies, INTERVAL)
    assert isinstance(result, CellCounts)
    assert result.strata == (stratum((0, 0), (180, 0)),)
    assert [problem.kind for problem in result.problems] == [ProblemKind.UnnamedProxy]


def test_no_proxy_at_all_is_no_metrics() -> None:
    result = count_cell([], INTERVAL)
    assert isinstance(result, Uncountable)
    assert result.message == "none of 0 proxies was scraped twice; check that the gateway is scraped"


def test_one_unscraped_proxy_does_not_stop_the_others() -> None:
    silent = ProxySamples("gateways/envoy-1", (), QUIET, QUIET)
    result = count_cell([silent, proxy([TARGET], QUIET, STABLE)], INTERVAL)
    assert isinstance(result, CellCounts)
    assert result.strata == (stratum((0, 0), (180, 1)),)
    assert [problem.proxy for problem in result.problems] == ["gateways/envoy-1"]


def duplicated(*, first_until: float = 100.0, first_from: float = 0.0) -> ProxySamples:
    """One pod scraped by two jobs: `a` every 5 s from 5, `b` every 5 s from 7; both count 2 requests per second."""
    times = {"a": [5.0 * i for i in range(1, 20)], "b": [2.0 + 5.0 * i for i in range(1, 20)]}
    times["a"] = [moment for moment in times["a"] if first_from < moment <= first_until]
    targets = [up(*moments, job=job) for job, moments in reversed(times.items())]
    finished = tuple(series({moment: 2 * moment for moment in times[job]}, job=job) for job in times)
    return proxy(targets, QUIET, SlotSeries(finished=finished))


def test_two_scrape_jobs_are_counted_once_and_told() -> None:
    result = counted(duplicated(), cell(30, 40))
    assert result.strata == (stratum((0, 0), (20, 0)),)
    (problem,) = result.problems
    assert problem.kind is ProblemKind.DuplicateSeries
    assert 'counted once, from {instance="10.0.0.1:19001", job="a"' in problem.message


@pytest.mark.parametrize(("first_from", "first_until"), [(0.0, 42.0), (33.0, 100.0), (22.0, 51.0)])
def test_changing_from_one_scrape_job_to_the_other_counts_nothing_twice(first_from: float, first_until: float) -> None:
    samples = duplicated(first_from=first_from, first_until=first_until)
    total = sum(
        counts.stable.finished
        for start in range(10, 80, 10)
        for counts in counted(samples, cell(start, start + 10)).strata
    )
    assert 2 * 55 <= total <= 2 * 70


def test_a_target_that_shows_no_counters_is_no_duplicate() -> None:
    sidecar = up(6, 11, 16, instance="10.0.0.1:9999")
    result = counted(proxy([sidecar, TARGET], slot({15: 7, 20: 9}), STABLE), INTERVAL)
    assert (result.strata, result.problems) == ((stratum((9, 0), (180, 1)),), ())


def test_series_are_sorted_by_the_proxy_they_come_from() -> None:
    def of(pod: str) -> SlotSeries:
        return slot({5: 1}, {5: 0}, pod=pod)

    everything = SlotSeries((*of("x").finished, *of("y").finished), (*of("x").errors, *of("y").errors))
    proxies = group_by_proxy([up(5, 10, pod="y"), up(5, 20, pod="z")], everything, SlotSeries(of("x").finished))
    assert [samples.proxy for samples in proxies] == ["gateways/x", "gateways/y", "gateways/z"]
    assert proxies[0] == ProxySamples("gateways/x", (), of("x"), SlotSeries(of("x").finished))
    assert proxies[1].candidate == of("y")
    assert scrape_times(proxies) == [5, 5, 10, 20]


@pytest.mark.parametrize(
    ("scrapes", "words"),
    [([], "no proxy"), ([10.0, 79.0], "21 s old"), ([10.0, 80.0], None), ([10.0, 140.0], "90 s old")],
)
def test_scrapes_that_stopped_are_no_metrics(scrapes: list[float], words: str | None) -> None:
    reason = why_not_scraped(scrapes, 100.0, 10.0)
    assert (reason is None) if words is None else (reason is not None and words in reason.message)


def recorded(source: random.Random) -> tuple[list[float], dict[float, float], dict[float, float]]:
    """Scrape times and two counters that grow, restart and are sometimes not shown."""
    times = sorted(source.uniform(0, 300) for _ in range(40))
    counters: tuple[dict[float, float], dict[float, float]] = ({}, {})
    for counter in counters:
        value = source.randrange(1000)
        for moment in times:
            value = 0 if source.random() < 0.1 else value + source.randrange(20)
            if source.random() > 0.1:
                counter[moment] = value
    return times, *counters


@FEW_EXAMPLES
@given(seed=st.integers(0, 2**32), polls=st.lists(st.floats(0.0, 300.0), max_size=12))
def test_counts_are_the_same_however_the_polling_is_cut(seed: int, polls: list[float]) -> None:
    times, candidate, stable = recorded(random.Random(seed))

    def seen_at(evaluation: float, since: float) -> ProxySamples:
        def cut(values: dict[float, float]) -> dict[float, float]:
            return {moment: value for moment, value in values.items() if since - 300.0 < moment <= evaluation}

        return proxy([up(*cut(dict.fromkeys(times, 1.0)))], slot(cut(candidate)), slot(cut(stable)))

    def judged(evaluations: list[float]) -> list[Stratum | Problem]:
        found: list[Stratum | Problem] = []
        judged_until = 20.0
        for evaluation in evaluations:
            samples = seen_at(evaluation, judged_until)
            for interval in complete_cells(Grid(20.0, 15.0), judged_until, evaluation, scrape_times([samples])):
                result = count_cell([samples], interval)
                found += result.problems if isinstance(result, Uncountable) else result.strata
                judged_until = interval.end
        return found

    assert judged([*sorted(polls), 300.0]) == judged([300.0])


@pytest.mark.parametrize(
    ("finished", "since", "expected"),
    [
        ({5: 10, 10: 20, 15: 30, 20: 30}, 10, True),
        ({5: 10, 10: 20, 15: 30, 20: 31}, 10, False),
        ({5: 10, 10: 20, 15: 30}, 10, True),
        ({5: 10, 10: 20}, 10, True),
        ({20: 2}, 10, False),
        ({}, 10, True),
        ({5: 10, 10: 20, 15: 30, 20: 30}, 16, None),
    ],
    ids=["flat", "moves", "gone since the last scrape", "gone before", "just appeared", "never there", "too early"],
)
def test_s32c_a_slot_stands_still_between_the_last_two_scrapes(
    finished: Mapping[float, float], since: float, expected: bool | None
) -> None:
    assert stands_still([proxy([TARGET], slot(finished), QUIET)], since) is expected


def test_s32c_one_proxy_that_lags_or_is_not_scraped_any_more_is_enough() -> None:
    still = proxy([TARGET], slot({10: 5, 15: 5, 20: 5}), QUIET)
    moving = proxy([TARGET], slot({10: 5, 15: 5, 20: 6}), QUIET)
    lost = proxy([up(0, 5)], slot({0: 1, 5: 9}), QUIET)
    assert stands_still([still, still], 0) is True
    assert stands_still([still, moving], 0) is False
    assert stands_still([still, lost], 0) is None
    assert stands_still([], 0) is None


def timed(timed_: Mapping[float, float], in_time: Mapping[float, float] | None) -> SlotSeries:
    """A backend with a histogram of response times, whose requests are its finished ones."""
    buckets = () if in_time is None else (series(in_time, le="250"),)
    return SlotSeries(finished=(series(timed_),), timed=(series(timed_),), in_time=buckets)


STEADY = timed({5: 1000, 10: 1090, 15: 1180, 20: 1270}, {5: 990, 10: 1080, 15: 1169, 20: 1258})


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (timed({5: 10, 10: 20, 15: 30, 20: 45}, {5: 9, 10: 18, 15: 25, 20: 36}), Counts(25, 7)),
        (timed({15: 7, 20: 9}, {15: 3, 20: 4}), Counts(9, 5)),
        (timed({5: 100, 10: 110, 15: 3, 20: 8}, {5: 60, 10: 70, 15: 1, 20: 5}), Counts(8, 3)),
        (timed({5: 100, 10: 110, 15: 118}, {5: 100, 10: 110, 15: 117}), Counts(8, 1)),
        (slot(), Counts(0, 0)),
    ],
    ids=["grows", "appears late", "reset", "vanishes", "never there"],
)
def test_s22_slow_requests_are_counted_by_the_histograms_own_count(candidate: SlotSeries, expected: Counts) -> None:
    (latency,) = counted(proxy([TARGET], candidate, STEADY), INTERVAL).of(Metric.Latency)
    assert latency == Stratum(expected, Counts(180, 2))


@pytest.mark.parametrize(
    "broken",
    [
        timed({5: 10, 10: 20, 15: 30, 20: 45}, None),
        timed({5: 10, 10: 20, 15: 30, 20: 45}, {5: 9, 10: 18, 20: 36}),
    ],
    ids=["no bucket at the bound", "not in every scrape"],
)
def test_a_histogram_without_its_bucket_counts_nothing_as_slow(broken: SlotSeries) -> None:
    result = counted(proxy([TARGET], broken, STEADY), INTERVAL)
    assert result.of(Metric.Latency) == ()
    assert [problem.kind for problem in result.problems] == [ProblemKind.UnmatchedHistogram]
    assert result.strata == (stratum((25, 0), (180, 0)),)


def test_4xx_answers_are_counted_among_all_requests() -> None:
    candidate = slot({5: 10, 10: 20, 15: 30, 20: 45}, abandoned={10: 0, 20: 2}, client_errors={20: 6})
    (found,) = counted(proxy([TARGET], candidate, STABLE), INTERVAL).of(Metric.ClientErrors)
    assert found == stratum((27, 6), (180, 0))


@pytest.mark.parametrize(("gauge", "expected"), [({15: 0, 20: 3}, True), ({15: 3, 20: 0}, False), ({15: 3}, False)])
def test_requests_under_way_are_those_of_the_last_scrape(gauge: Mapping[float, float], expected: bool) -> None:
    assert counted(proxy([TARGET], slot({20: 4}, in_flight=gauge), STABLE), INTERVAL).in_flight == expected
