"""Several metrics side by side: how they share alpha, when their mean is harm, and what each may hold or prove."""

import json
import math
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.judge.builders import FEW_EXAMPLES, binomial, cell, outcomes, stratum
from tidegate.judge.metric import Interval
from tidegate.judge.rules import Latency, Metric, Rules, weights
from tidegate.judge.state import Evidence, begin, count_interval
from tidegate.judge.strata import Counts, Stratum
from tidegate.judge.verdict import Case, Kind, Verdict, judge

ERRORS, LATENCY, CLIENT_ERRORS = Metric.Errors, Metric.Latency, Metric.ClientErrors
ALL = Rules(latency=Latency(bound_milliseconds=250), client_errors=True)
CLEAN = stratum((200, 0), (200, 1))
BROKEN = stratum((200, 60), (200, 1))
TOO_MANY = stratum((200, 60), (200, 60))

Others = Mapping[Metric, Interval]


def counted(
    evidence: Evidence, errors: Stratum, others: Others, rules: Rules = ALL, *, for_promotion: bool = True
) -> Evidence:
    start = evidence.judged_until
    found = cell(start, start + 15)
    return count_interval(evidence, found, [errors], rules, for_promotion=for_promotion, others=others)


def interval(latency: Stratum | None = CLEAN, client_errors: Stratum | None = CLEAN, *, alike: bool = True) -> Others:
    found = {LATENCY: (latency, alike), CLIENT_ERRORS: (client_errors, True)}
    return {metric: Interval([one], equal) for metric, (one, equal) in found.items() if one is not None}


def after(*intervals: tuple[Stratum, Others], rules: Rules = ALL) -> Evidence:
    evidence = begin(rules, 0.0)
    for errors, others in intervals:
        evidence = counted(evidence, errors, others, rules)
    return evidence


def verdict(evidence: Evidence, rules: Rules = ALL, **more: Any) -> Verdict:
    return judge(Case(evidence=evidence, rules=rules, weight=0.5, at_last_weight=True, **more))


@pytest.mark.parametrize(
    ("judged", "shares"),
    [
        ((ERRORS, LATENCY, CLIENT_ERRORS), (1 / 2, 1 / 4, 1 / 4)),
        ((ERRORS, CLIENT_ERRORS), (2 / 3, 1 / 3)),
        ((ERRORS, LATENCY), (2 / 3, 1 / 3)),
        ((ERRORS,), (1.0,)),
    ],
)
def test_alpha_is_shared(judged: tuple[Metric, ...], shares: tuple[float, ...]) -> None:
    assert weights(judged) == dict(zip(judged, shares, strict=True))


def test_what_is_judged_and_its_share_of_alpha_are_recorded_at_the_start() -> None:
    recorded = json.loads(json.dumps(begin(ALL, 0.0).to_status()))
    assert {name: found["weight"] for name, found in recorded["metrics"].items()} == {
        "errors": "0.5",
        "latency": "0.25",
        "clientErrors": "0.25",
    }
    without = Evidence.from_status(begin(Rules(), 0.0).to_status())
    assert list(counted(without, CLEAN, interval()).metrics) == [ERRORS]


@pytest.mark.parametrize("metric", [ERRORS, LATENCY, CLIENT_ERRORS])
def test_two_capped_intervals_of_one_metric_are_harm_and_one_is_not(metric: Metric) -> None:
    def broken() -> tuple[Stratum, Others]:
        others = {one: Interval([BROKEN if one is metric else CLEAN]) for one in (LATENCY, CLIENT_ERRORS)}
        return BROKEN if metric is ERRORS else CLEAN, others

    assert not after(broken()).harmful(ALL)
    assert after(broken(), broken()).harmful(ALL)


def test_no_single_interval_rolls_back_though_every_metric_is_broken() -> None:
    assert not after((BROKEN, interval(BROKEN, BROKEN))).harmful(ALL)


def test_two_metrics_that_are_each_short_of_proof_prove_harm_together() -> None:
    slightly = stratum((200, 14), (200, 2))
    alone = after(*[(slightly, interval())] * 2)
    together = after(*[(slightly, interval(slightly, slightly))] * 2)
    assert not alone.harmful(ALL)
    assert together.harmful(ALL)


def test_what_is_too_small_to_matter_adds_nothing() -> None:
    rules = Rules(latency=Latency(bound_milliseconds=250, ignore_below=0.9, limit=0.95), client_errors=True)
    evidence = after(*[(CLEAN, interval(BROKEN))] * 4, rules=rules)
    assert evidence.metrics[LATENCY].harm.log_e > math.log(400)
    assert not evidence.harmful(rules)
    assert evidence.log_harm(rules) == -math.inf


@st.composite
def strata(draw: st.DrawFn) -> Stratum:
    candidate, stable = (draw(st.integers(0, 300)) for _ in range(2))
    return stratum((candidate, draw(st.integers(0, candidate))), (stable, draw(st.integers(0, stable))))


OPTIONAL = st.none() | strata()
INTERVALS = st.lists(st.tuples(strata(), OPTIONAL, OPTIONAL, st.booleans()), min_size=1, max_size=6)


@FEW_EXAMPLES
@given(intervals=INTERVALS, data=st.data())
def test_going_on_from_status_gives_the_identical_evidence(
    intervals: list[tuple[Stratum, Stratum | None, Stratum | None, bool]], data: st.DataObject
) -> None:
    found = [
        (errors, interval(latency, client_errors, alike=alike)) for errors, latency, client_errors, alike in intervals
    ]
    stop = data.draw(st.integers(0, len(found)))
    whole, resumed = after(*found), after(*found[:stop])
    for errors, others in found[stop:]:
        resumed = counted(Evidence.from_status(json.loads(json.dumps(resumed.to_status()))), errors, others)
    assert resumed == whole


@FEW_EXAMPLES
@given(intervals=INTERVALS)
def test_a_metric_that_is_skipped_keeps_its_evidence_to_the_last_digit(
    intervals: list[tuple[Stratum, Stratum | None, Stratum | None, bool]],
) -> None:
    evidence = after((CLEAN, interval(BROKEN, BROKEN)))
    for errors, latency, client_errors, alike in intervals:
        following = counted(evidence, errors, interval(latency, client_errors, alike=alike))
        for metric, one in ((LATENCY, latency), (CLIENT_ERRORS, client_errors)):
            if one is None:
                assert following.metrics[metric] == evidence.metrics[metric]
        evidence = following


@FEW_EXAMPLES
@given(latency=strata())
def test_under_unequal_conditions_latency_says_nothing_of_harm(latency: Stratum) -> None:
    before = after((CLEAN, interval(BROKEN)))
    following = counted(before, CLEAN, interval(latency, alike=False))
    assert following.metrics[LATENCY].harm == before.metrics[LATENCY].harm
    assert following.metrics[LATENCY].material == before.metrics[LATENCY].material


def log_mean(evidence: Evidence) -> float:
    """The weighted mean with nothing left out as too small to matter: an upper bound of what is compared."""
    return math.log(sum(found.weight * math.exp(found.harm.log_e) for found in evidence.metrics.values()))


@pytest.mark.parametrize("base", [0.01, 0.2, 0.7])
@pytest.mark.parametrize("requests", [(3, 3), (2, 9), (9, 2)])
def test_mean_of_dependent_metrics_is_at_most_one_on_average_whichever_is_skipped(
    base: float, requests: tuple[int, int]
) -> None:
    """Every bad request is bad by all metrics at once; the second interval is skipped by what the first one showed."""
    rules = replace(ALL, tolerate=1.0, alpha=0.5, ignore_below=1e-6)
    possible = [
        (stratum((requests[0], candidate), (requests[1], stable)), likely_candidate * likely_stable)
        for candidate, likely_candidate in outcomes(requests[0], base)
        for stable, likely_stable in outcomes(requests[1], base)
    ]
    mean = compared = 0.0
    for first, likely_first in possible:
        begun = after((first, interval(first, first)), rules=rules)
        keeps = begun.metrics[LATENCY].harm.log_e <= 0.0
        for second, likely_second in possible:
            end = counted(begun, second, interval(second if keeps else None, second, alike=first.bad != 1), rules)
            likely = likely_first * likely_second
            mean += likely * math.exp(log_mean(end))
            compared += likely * math.exp(end.log_harm(rules))
    assert compared <= mean <= 1.0 + 1e-9


def test_harmless_candidates_are_rolled_back_in_fewer_than_one_per_cent_of_rollouts() -> None:
    source, rolled_back, rollouts = random.Random(20261125), 0, 120

    def draw(share: float) -> Stratum:
        return stratum((40, binomial(source, 40, share)), (160, binomial(source, 160, share)))

    for _ in range(rollouts):
        evidence = begin(ALL, 0.0)
        for _ in range(30):
            evidence = counted(evidence, draw(0.02), interval(draw(0.03), draw(0.05)), for_promotion=False)
            if evidence.harmful(ALL):
                rolled_back += 1
                break
    assert rolled_back <= rollouts * 0.01


@pytest.mark.parametrize(
    ("errors", "latency", "client_errors", "words"),
    [
        (
            CLEAN,
            BROKEN,
            CLEAN,
            "latency over 250 ms: candidate 30.0 % of 400, stable 0.5 % of 400; evidence of harm 100",
        ),
        (
            CLEAN,
            CLEAN,
            BROKEN,
            "4xx answers: candidate 30.0 % of 400, stable 0.5 % of 400; evidence of harm 100 of 100",
        ),
        (BROKEN, BROKEN, CLEAN, "errors: candidate 30.0 % of 400, stable 0.5 % of 400; latency over 250 ms: candidate"),
    ],
)
def test_s07_s08b_harm_names_the_metrics_and_their_numbers(
    errors: Stratum, latency: Stratum, client_errors: Stratum, words: str
) -> None:
    found = verdict(after(*[(errors, interval(latency, client_errors))] * 2))
    assert (found.kind, found.reason) == (Kind.Rollback, "Harm")
    assert found.message.startswith(words)


def test_s07_both_slow_alike_is_held_by_the_limit_and_never_rolled_back() -> None:
    found = verdict(after(*[(CLEAN, interval(TOO_MANY))] * 200))
    # At another weight it could not be compared.
    assert (found.kind, found.reason, found.retreat) == (Kind.Hold, "AboveLimit", False)
    assert found.message.startswith("latency over 250 ms: candidate 30.0 % of 40,000, stable 30.0 % of 40,000; over")


def test_s07_latency_under_unequal_conditions_only_holds() -> None:
    note = "not compared with stable: 1 ready pod beside 4"
    found = verdict(after(*[(CLEAN, interval(BROKEN, alike=False))] * 200), latency_note=note)
    assert (found.kind, found.reason, found.retreat) == (Kind.Hold, "AboveLimit", True)
    assert note in found.message


def test_s08b_4xx_alike_neither_hold_nor_roll_back() -> None:
    found = verdict(after(*[(CLEAN, interval(client_errors=TOO_MANY))] * 40))
    assert found.kind is Kind.Promote


@pytest.mark.parametrize(
    ("latency", "missing"),
    [(CLEAN, False), (None, True), (stratum((0, 0), (0, 0)), True)],
    ids=["proven", "skipped", "no request"],
)
def test_promotion_needs_proof_for_latency_too(latency: Stratum | None, missing: bool) -> None:
    found = verdict(after(*[(CLEAN, interval(latency))] * 40), latency_note="pods are warming up")
    assert (found.kind, found.reason) == ((Kind.Hold, "NotYetProven") if missing else (Kind.Promote, "NonInferior"))
    assert ("latency over 250 ms: candidate no request" in found.message) == missing
    assert ("pods are warming up" in found.message) == missing


def test_under_unequal_conditions_latency_is_proven_by_the_limit_alone() -> None:
    clean = stratum((200, 0), (200, 0))
    assert verdict(after(*[(clean, interval(clean, alike=False))] * 40)).kind is Kind.Promote
    alike, unlike = (
        after(*[(CLEAN, interval(stratum((200, 1), (200, 9)), alike=alike))] * 40) for alike in (True, False)
    )
    proofs = [evidence.metrics[LATENCY].noninferiority for evidence in (alike, unlike)]
    assert proofs[0] is not None
    assert proofs[1] is not None
    assert proofs[0].log_e > proofs[1].log_e


@pytest.mark.parametrize(("metric", "held"), [(LATENCY, True), (CLIENT_ERRORS, False)])
def test_bursts_hold_only_what_promotion_rests_on(metric: Metric, held: bool) -> None:
    bursts = [Counts(950, 0), Counts(950, 400)]
    evidence = begin(ALL, 0.0, {metric: bursts})
    evidence = counted(evidence, CLEAN, interval())
    found = verdict(evidence)
    assert (found.reason == "BurstyErrors") == held
    assert ("latency over 250 ms: stable's come in bursts" in found.message) == held


def test_the_edge_that_counts_is_named_where_it_is_not_the_bound() -> None:
    evidence = replace(after(*[(CLEAN, interval(BROKEN))] * 2), latency_edge=500.0)
    assert verdict(evidence).message.startswith(
        "latency over 500 ms (the histogram's next edge over 250 ms): candidate"
    )


def test_status_of_all_metrics_stays_small_through_a_long_rollout() -> None:
    evidence = begin(ALL, 0.0)
    for _ in range(300):
        many = stratum((150_000, 150), (1_350_000, 13_500))
        evidence = counted(evidence, many, interval(many, many))
    assert len(json.dumps(evidence.to_status())) < 20_000
