"""What a proof takes, and what is claimed where there is none."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.judge.builders import FEW_EXAMPLES, cell, stratum
from tidegate.judge.harm import HarmEvidence
from tidegate.judge.logs import reaches
from tidegate.judge.metric import Interval, MetricEvidence
from tidegate.judge.noninferiority import NonInferiorityEvidence
from tidegate.judge.promotion import NoHarm, requests_needed, smallest_harm_found
from tidegate.judge.rules import Rules
from tidegate.judge.state import begin, count_interval
from tidegate.judge.strata import EMPTY, NO_REQUESTS, Counts, Stratum
from tidegate.judge.text import duration
from tidegate.judge.verdict import Case, Kind, judge

WHOLE = 1_000_000
CLEAN = 659
"""Requests a proof takes beside a clean stable under a limit of half a percent."""


def fresh(seen: Stratum = EMPTY, **rules: Any) -> MetricEvidence:
    """Evidence that has seen requests, but was not fed for a promotion."""
    return replace(MetricEvidence.begin(Rules(**rules)), total=seen)


def needed(share: float, *, weight: float = 0.5, **rules: Any) -> int | None:
    seen = Stratum(NO_REQUESTS, Counts(WHOLE, round(WHOLE * share)))
    return requests_needed(fresh(seen, **rules), Rules(**rules), weight=weight)


def test_a_clean_candidate_at_a_limit_of_half_a_percent_takes_659_requests() -> None:
    assert needed(0.0, limit=0.005) == CLEAN


def test_with_all_wealth_split_evenly_it_takes_840() -> None:
    even = NonInferiorityEvidence(2.0, 0.005, split=(0.25, 0.25, 1 / 6, 1 / 6, 1 / 6, 0.0))
    evidence = replace(fresh(Stratum(NO_REQUESTS, Counts(WHOLE, 0)), limit=0.005), noninferiority=even)
    assert requests_needed(evidence, Rules(limit=0.005), weight=0.5) == 840


@pytest.mark.parametrize(
    ("share", "more", "least", "most"),
    [
        (0.0, {"limit": 0.01}, 320, 340),
        (0.0, {"limit": 0.005, "beta": 0.5}, 100, 500),
        # Failing as often as the limit allows it is proven by the comparison with stable alone.
        (0.01, {"limit": 0.01}, 1000, 12_000),
        (0.3, {"limit": 0.01}, 50, 400),
        # At a small weight stable is known exactly, and more of the requests are stable's.
        (0.3, {"limit": 0.01, "weight": 0.05}, 20, 400),
    ],
)
def test_requests_a_proof_takes(share: float, more: dict[str, Any], least: int, most: int) -> None:
    found = needed(share, **more)
    assert found is not None
    assert least <= found <= most


def test_bursts_of_stable_make_a_proof_take_longer() -> None:
    calm, bursty = ([Counts(100, bad) for bad in bads] for bads in ((1, 1) * 20, (0, 0, 0, 12) * 10))
    rules = Rules(limit=0.005)
    found = [
        requests_needed(MetricEvidence.begin(rules, history=history), rules, weight=0.5) for history in (calm, bursty)
    ]
    assert None not in found
    assert found[1] > 2 * found[0]  # type: ignore[operator]


def test_where_it_cannot_be_compared_only_the_limit_proves_anything() -> None:
    seen, rules = Stratum(NO_REQUESTS, Counts(1000, 20)), Rules(limit=0.01)
    assert requests_needed(fresh(seen), rules, weight=0.5) is not None
    assert requests_needed(fresh(seen), rules, weight=0.5, alike=False) is None


def test_without_a_limit_a_clean_stable_proves_nothing() -> None:
    assert needed(0.0, limit=None) is None


@FEW_EXAMPLES
@given(st.floats(0.0, 0.4), st.floats(0.01, 0.5))
def test_the_number_is_where_the_expected_evidence_reaches_its_line(share: float, weight: float) -> None:
    rules = Rules(limit=0.01)
    found = needed(share, weight=weight, limit=0.01)
    if found is None:
        return
    beside = round(found * (1 - weight) / weight)
    known = round(WHOLE * share) / WHOLE
    expected = Stratum(Counts(found, round(found * known)), Counts(beside, round(beside * known)))
    before = Counts(WHOLE, round(WHOLE * share))
    assert reaches(NonInferiorityEvidence(2.0, 0.01).update([expected], before=before), rules.promotion_line)


def test_what_was_gathered_is_not_asked_for_again() -> None:
    rules = Rules(limit=0.005)
    interval = Interval([stratum((420, 0), (420, 0))])
    half = MetricEvidence.begin(rules).counted(interval, seconds=15.0, for_promotion=True)
    before = half.to_status()
    more = requests_needed(half, rules, weight=0.5)
    assert more is not None
    assert 420 + more == pytest.approx(requests_needed(MetricEvidence.begin(rules), rules, weight=0.5), rel=0.05)
    assert half.to_status() == before


@pytest.mark.parametrize(
    ("seen", "least", "most"),
    [(stratum((50, 0), (50, 0)), 0.1, 0.3), (stratum((5000, 5), (5000, 5)), 0.002, 0.01)],
)
def test_smallest_harm_found(seen: Stratum, least: float, most: float) -> None:
    rules = Rules()
    share = smallest_harm_found(fresh(seen), rules)
    assert share is not None
    assert least <= share <= most
    bad = round(share * seen.candidate.finished)
    for count, proven in ((bad, True), (bad - 1, False)):
        evidence = HarmEvidence(rules.tolerate)
        evidence.update([replace(seen, candidate=Counts(seen.candidate.finished, count))])
        assert reaches(evidence.log_e, rules.harm_line) is proven


@pytest.mark.parametrize("seen", [stratum((0, 0), (50, 0)), stratum((2, 0), (2, 0)), stratum((50, 0), (0, 0))])
def test_too_little_was_seen_to_find_any_harm(seen: Stratum) -> None:
    assert smallest_harm_found(fresh(seen), Rules()) is None


def test_with_a_share_of_alpha_only_more_harm_would_have_been_found() -> None:
    rules, alone = Rules(), fresh(stratum((500, 1), (500, 1)))
    shares = [smallest_harm_found(replace(alone, weight=weight), rules) for weight in (1.0, 0.5)]
    assert None not in shares
    assert shares[0] < shares[1]  # type: ignore[operator]


TERMS = NoHarm(min_requests=50, min_seconds=120.0, requests=60, seconds=150.0)


def case(*intervals: Stratum, **changes: Any) -> Case:
    rules = Rules()
    evidence = begin(rules, 0.0)
    for number, interval in enumerate(intervals):
        evidence = count_interval(
            evidence, cell(15.0 * number, 15.0 * (number + 1)), [interval], rules, for_promotion=True
        )
    return replace(Case(evidence=evidence, rules=rules, weight=0.5, at_last_weight=True), **changes)


QUIET = stratum((3, 0), (3, 0))


def test_s08c_no_harm_promotes_and_says_what_it_would_have_found() -> None:
    verdict = judge(case(*[QUIET] * 20, no_harm=TERMS))
    assert (verdict.kind, verdict.reason) == (Kind.Promote, "NoHarm")
    assert verdict.message.startswith(
        "errors: candidate 0.0 % of 60, stable 0.0 % of 60; promoted without proof: no evidence of harm in 60 requests "
        "and 150 s of judged time."
    )
    assert "A candidate that fails 1" in verdict.message
    assert "of them would have been found" in verdict.message


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"requests": 49}, "NotLongEnough"),
        ({"seconds": 119.0}, "NotLongEnough"),
        ({"requests": 0, "seconds": 0.0, "or_proof": True}, "NotLongEnough"),
    ],
)
def test_no_harm_takes_both_requests_and_time(changes: dict[str, Any], reason: str) -> None:
    verdict = judge(case(*[QUIET] * 20, no_harm=replace(TERMS, **changes)))
    assert (verdict.kind, verdict.reason) == (Kind.Hold, reason)


def test_a_suspicion_keeps_no_harm_from_promoting() -> None:
    verdict = judge(case(*[QUIET] * 20, stratum((5, 5), (3, 0)), no_harm=TERMS))
    assert (verdict.kind, verdict.reason) == (Kind.Hold, "TooLittleEvidence")


@pytest.mark.parametrize(("or_proof", "reason"), [(True, "NonInferior"), (False, "NotLongEnough")])
def test_a_proof_that_comes_sooner_counts_only_where_it_was_not_ruled_out(or_proof: bool, reason: str) -> None:
    terms = replace(TERMS, seconds=10.0, or_proof=or_proof)
    assert judge(case(*[stratum((100, 0), (100, 0))] * 10, no_harm=terms)).reason == reason


def test_what_a_proof_still_takes_is_told() -> None:
    verdict = judge(case(stratum((210, 0), (210, 0)), rate=4.0))
    assert verdict.reason == "NotYetProven"
    assert verdict.message.endswith("about 202 more requests, 101 s")


@pytest.mark.parametrize(("seconds", "told"), [(42.4, "42 s"), (180.0, "3 min"), (16_800.0, "4.7 h")])
def test_durations_as_people_say_them(seconds: float, told: str) -> None:
    assert duration(seconds) == told
