"""Verdicts: each reason from the counts that lead to it, and their order."""

import random
from dataclasses import replace
from functools import reduce
from typing import Any

import pytest

from tests.unit.judge.builders import cell, draw, stratum
from tidegate.judge.counts import Uncountable
from tidegate.judge.queries import Outcome, QueryResult, UserQuery
from tidegate.judge.rules import Metric, Rules
from tidegate.judge.state import Evidence, begin, count_interval, count_queries
from tidegate.judge.strata import Counts, Stratum
from tidegate.judge.verdict import Case, Kind, judge, why_not_rise

RULES = Rules()
HEALTHY = stratum((50, 0), (950, 4))
OUTAGE = stratum((50, 15), (950, 285))
EMPTY_ROUTE = stratum((0, 0), (0, 0))
ACCURACY = UserQuery("accuracy", minimum="0.92", failures=3)


def after(*intervals: Stratum, rules: Rules = RULES, history: tuple[Counts, ...] = ()) -> Evidence:
    def count(evidence: Evidence, interval: Stratum) -> Evidence:
        start = evidence.judged_until
        return count_interval(evidence, cell(start, start + 15), [interval], rules, for_promotion=True)

    return reduce(count, intervals, begin(rules, 0.0, {Metric.Errors: history}))


def case(*intervals: Stratum, **changes: Any) -> Case:
    rules = changes.get("rules", RULES)
    basis = Case(evidence=begin(rules, 0.0), rules=rules, weight=0.05)
    return replace(basis, **({"evidence": after(*intervals, rules=rules)} | changes))


def answered(*outcomes: Outcome) -> dict[str, Any]:
    results = [QueryResult(ACCURACY, outcome, f"answer {number}") for number, outcome in enumerate(outcomes)]
    evidence = after(HEALTHY)
    for result in results:
        evidence = count_queries(evidence, [result])
    return {"evidence": evidence, "queries": (results[-1],)}


def test_s06_a_third_of_errors_is_rolled_back_with_its_numbers() -> None:
    verdict = judge(case(stratum((200, 60), (1850, 7)), stratum((212, 64), (1850, 8))))
    assert (verdict.kind, verdict.reason) == (Kind.Rollback, "Harm")
    assert verdict.message == "errors: candidate 30.1 % of 412, stable 0.4 % of 3,700; evidence of harm 100 of 100"


def test_s10_two_of_two_failed_holds() -> None:
    verdict = judge(case(stratum((2, 2), (38, 0))))
    assert (verdict.kind, verdict.reason, verdict.retreat) == (Kind.Hold, "TooLittleEvidence", False)
    assert why_not_rise(case(stratum((2, 2), (38, 0)))) is not None


def test_s10_two_of_two_failed_holds_without_a_limit_too() -> None:
    verdict = why_not_rise(case(stratum((2, 2), (38, 0)), rules=Rules(limit=None)))
    assert verdict is not None
    assert verdict.reason == "TooLittleEvidence"
    assert "evidence of harm 10 of 100" in verdict.message


def test_s09_no_traffic_holds_at_any_length() -> None:
    verdict = judge(case(*[EMPTY_ROUTE] * 500, at_last_weight=True))
    assert (verdict.kind, verdict.reason) == (Kind.Hold, "NoTraffic")


@pytest.mark.parametrize(
    ("changes", "reason", "retreat"),
    [
        ({"uncounted": Uncountable("MetricsUnavailable", "connection refused")}, "MetricsUnavailable", False),
        ({"uncounted": Uncountable("NoMetrics", "none of 2 proxies")}, "NoMetrics", False),
        ({"evidence": begin(RULES, 0.0)}, "NotYetCounted", False),
        ({"evidence": after(HEALTHY, *[EMPTY_ROUTE] * 4)}, "NoTraffic", False),
        ({"evidence": after(stratum((0, 0), (200, 0)))}, "NoTraffic", False),
        ({"evidence": after(stratum((0, 0), (200, 0))), "in_flight": True}, "NoTraffic", True),
        ({"evidence": after(OUTAGE)}, "AboveLimit", True),
        ({"evidence": after(stratum((50, 20), (950, 4)))}, "AboveLimit", False),
        ({"evidence": after(HEALTHY, history=(Counts(950, 0), Counts(950, 400)))}, "BurstyErrors", True),
        ({"evidence": after(stratum((50, 4), (950, 4)))}, "TooLittleEvidence", False),
        (answered(Outcome.Error), "QueryError", False),
        (answered(Outcome.NoData), "QueryNoData", False),
        (answered(Outcome.Fail, Outcome.NoData, Outcome.Fail), "QueryFailing", False),
    ],
)
def test_every_hold_stops_rise_and_promotion(changes: dict[str, Any], reason: str, retreat: bool) -> None:
    held = case(HEALTHY, **changes, at_last_weight=True)
    verdict = judge(held)
    assert (verdict.kind, verdict.reason, verdict.retreat) == (Kind.Hold, reason, retreat)
    assert why_not_rise(held) == verdict


@pytest.mark.parametrize(
    "evidence",
    [after(HEALTHY, *[EMPTY_ROUTE] * 3), after(stratum((0, 0), (199, 0)))],
    ids=["quiet for 45 s", "fewer than ten requests expected"],
)
def test_a_short_silence_does_not_hold(evidence: Evidence) -> None:
    assert why_not_rise(case(evidence=evidence)) is None


def test_three_failures_of_a_query_roll_back() -> None:
    verdict = judge(case(**answered(Outcome.Fail, Outcome.NoData, Outcome.Fail, Outcome.Fail)))
    assert (verdict.kind, verdict.reason) == (Kind.Rollback, "QueryFailed")
    assert verdict.message == "query accuracy failed 3 times in a row; the last answer: answer 3"


def test_harm_decides_before_anything_that_holds() -> None:
    broken = after(*[stratum((50, 25), (950, 4))] * 2)
    verdict = judge(case(evidence=broken, uncounted=Uncountable("MetricsUnavailable", "refused")))
    assert verdict.kind is Kind.Rollback


def test_harm_nobody_cares_about_neither_rolls_back_nor_holds() -> None:
    negligible = case(*[stratum((10_000, 5), (90_000, 3))] * 60, weight=0.1, at_last_weight=True)
    assert judge(negligible).kind is Kind.Promote


@pytest.mark.parametrize(
    ("intervals", "changes", "reason"),
    [
        (40, {}, "MoreWeights"),
        (40, {"at_last_weight": True, "bake_seconds_left": 45.0}, "Baking"),
        (1, {"at_last_weight": True}, "NotYetProven"),
    ],
)
def test_what_is_missing_for_promotion_is_told(intervals: int, changes: dict[str, Any], reason: str) -> None:
    waiting = case(*[HEALTHY] * intervals, **changes)
    assert (judge(waiting).kind, judge(waiting).reason) == (Kind.Hold, reason)
    assert why_not_rise(waiting) is None


def test_a_proven_candidate_is_promoted_with_its_numbers() -> None:
    verdict = judge(case(*[HEALTHY] * 40, at_last_weight=True))
    assert (verdict.kind, verdict.reason, verdict.retreat) == (Kind.Promote, "NonInferior", False)
    assert verdict.message.startswith(
        "errors: candidate 0.0 % of 2,000, stable 0.4 % of 38,000; evidence for promotion "
    )


def outcome(source: random.Random, candidate: float, stable: float) -> tuple[Kind, int]:
    """Last verdict and intervals of a rollout at even weights, 20 requests per second, of at most 2 hours."""
    evidence = begin(RULES, 0.0)
    for number in range(1, 481):
        strata = [draw(source, (75, candidate), (75, stable)), draw(source, (75, candidate), (75, stable))]
        evidence = count_interval(
            evidence, cell(evidence.judged_until, 15.0 * number), strata, RULES, for_promotion=True
        )
        verdict = judge(Case(evidence=evidence, rules=RULES, weight=0.5, at_last_weight=True))
        if verdict.kind is not Kind.Hold:
            return verdict.kind, number
    return Kind.Hold, number


@pytest.mark.parametrize(
    ("candidate", "stable", "kind", "intervals"),
    [(0.002, 0.002, Kind.Promote, 40), (0.3, 0.002, Kind.Rollback, 4), (0.04, 0.004, Kind.Rollback, 12)],
)
def test_whole_rollouts_end_as_they_should(candidate: float, stable: float, kind: Kind, intervals: int) -> None:
    source = random.Random(11)
    ends = [outcome(source, candidate, stable) for _ in range(20)]
    assert {end for end, _ in ends} == {kind}
    assert sorted(needed for _, needed in ends)[18] <= intervals


def test_suspicion_outweighs_earlier_proof() -> None:
    suspicious = case(*[HEALTHY] * 40, stratum((50, 6), (950, 4)), at_last_weight=True)
    assert judge(suspicious).reason == "TooLittleEvidence"
