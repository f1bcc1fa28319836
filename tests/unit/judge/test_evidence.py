"""What every evidence promises: at most 1 on average under its null hypothesis, exact memory, no order."""

import copy
import json
import math
import random
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.judge.builders import FEW_EXAMPLES, draw, outcomes, stratum
from tidegate.judge import Counts, HarmEvidence, NonInferiorityEvidence, Stratum, ThresholdEvidence
from tidegate.judge.conditional import log_generating_function
from tidegate.judge.evalue import EValue
from tidegate.judge.logs import reaches
from tidegate.judge.materiality import MaterialityEvidence

AnyEvidence = HarmEvidence | ThresholdEvidence | NonInferiorityEvidence | MaterialityEvidence
MAKERS: list[Callable[[], AnyEvidence]] = [
    lambda: HarmEvidence(1.25, math.log(100) / 2),
    lambda: HarmEvidence(1.0),
    lambda: ThresholdEvidence(0.01),
    lambda: NonInferiorityEvidence(2.0, 0.01),
    lambda: NonInferiorityEvidence(2.0, None),
    lambda: MaterialityEvidence(0.001),
]
KINDS = ["harm", "harm without cap", "above", "noninferiority", "relative noninferiority", "material"]


@st.composite
def counts(draw_from: st.DrawFn, most: int = 2000) -> Counts:
    finished = draw_from(st.integers(0, most))
    return Counts(finished, draw_from(st.integers(0, finished)))


INTERVALS = st.lists(st.lists(st.builds(Stratum, counts(), counts()), max_size=3), min_size=1, max_size=6)


@pytest.mark.parametrize("make", MAKERS, ids=KINDS)
@FEW_EXAMPLES
@given(intervals=INTERVALS)
def test_status_brings_back_the_identical_evidence(
    make: Callable[[], AnyEvidence], intervals: list[list[Stratum]]
) -> None:
    kept = make()
    for strata in intervals:
        restored = type(kept).from_status(json.loads(json.dumps(kept.to_status())))
        assert restored.update(strata) == kept.update(strata)
        assert restored == kept


@pytest.mark.parametrize("make", MAKERS, ids=KINDS)
@FEW_EXAMPLES
@given(strata=st.lists(st.builds(Stratum, counts(), counts()), min_size=2, max_size=6), order=st.randoms())
def test_order_of_the_strata_is_irrelevant(
    make: Callable[[], AnyEvidence], strata: list[Stratum], order: random.Random
) -> None:
    shuffled = list(strata)
    order.shuffle(shuffled)
    assert make().update(shuffled) == pytest.approx(make().update(strata), abs=1e-9)


@pytest.mark.parametrize("make", MAKERS, ids=KINDS)
@pytest.mark.parametrize("nothing", [[], [stratum((0, 0), (0, 0))], [stratum((0, 0), (300, 2))]])
def test_an_interval_without_the_candidate_changes_no_evidence(
    make: Callable[[], AnyEvidence], nothing: list[Stratum]
) -> None:
    evidence = make()
    before = evidence.update([stratum((40, 3), (300, 2))])
    assert evidence.update(nothing) == pytest.approx(before, abs=1e-12)


def test_evidence_equals_only_its_own_kind_and_state() -> None:
    evidence: EValue = ThresholdEvidence()
    assert evidence == ThresholdEvidence(0.01)
    assert evidence != ThresholdEvidence(0.02)
    assert evidence != HarmEvidence()
    with pytest.raises(TypeError, match="unhashable"):
        hash(evidence)


def test_two_capped_intervals_reach_the_line_and_one_does_not() -> None:
    evidence = HarmEvidence(1.25, math.log(100) / 2)
    broken = [stratum((500, 500), (500, 0))]
    assert not reaches(evidence.update(broken), 100)
    assert reaches(evidence.update(broken), 100)


def test_a_capped_interval_is_remembered_until_the_next_comparison() -> None:
    evidence = HarmEvidence(1.25, math.log(100) / 2)
    evidence.update([stratum((500, 500), (500, 0))])
    evidence.update([stratum((0, 0), (500, 0))])
    assert evidence.capped
    evidence.update([stratum((500, 0), (500, 0))])
    assert not evidence.capped


def test_a_good_hour_costs_half_a_per_cent_per_interval_beyond_the_first_half() -> None:
    evidence = HarmEvidence()
    for _ in range(240):
        evidence.update([stratum((100, 0), (900, 90))])
    assert evidence.log_e > math.log(0.5) + 240 * math.log(0.995)


def mean_e_value(
    make: Callable[[], HarmEvidence | NonInferiorityEvidence],
    requests: tuple[int, int],
    shares: tuple[float, float],
) -> float:
    total = 0.0
    for bad_candidate, likely_candidate in outcomes(requests[0], shares[0]):
        for bad_stable, likely_stable in outcomes(requests[1], shares[1]):
            evidence = make()
            log_e = evidence.update([stratum((requests[0], bad_candidate), (requests[1], bad_stable))])
            total += likely_candidate * likely_stable * math.exp(log_e)
    return total


def with_odds_ratio(share: float, ratio: float) -> float:
    odds = ratio * share / (1.0 - share)
    return odds / (1.0 + odds)


@pytest.mark.parametrize("base", [0.003, 0.05, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("requests", [(1, 1), (5, 5), (2, 14), (14, 2)])
@pytest.mark.parametrize(("tolerate", "ratio"), [(1.0, 1.0), (1.0, 0.4), (1.25, 1.25), (3.0, 3.0), (3.0, 2.0)])
def test_harm_is_at_most_one_on_average_at_every_base_rate(
    base: float, requests: tuple[int, int], tolerate: float, ratio: float
) -> None:
    shares = (with_odds_ratio(base, ratio), base)
    assert mean_e_value(lambda: HarmEvidence(tolerate), requests, shares) <= 1.0 + 1e-9


@pytest.mark.parametrize("base", [0.006, 0.05, 0.3, 0.7])
@pytest.mark.parametrize("requests", [(1, 1), (5, 5), (2, 14), (14, 2)])
@pytest.mark.parametrize("ratio", [2.0, 5.0])
def test_noninferiority_is_at_most_one_on_average_for_a_bad_candidate(
    base: float, requests: tuple[int, int], ratio: float
) -> None:
    shares = (with_odds_ratio(base, ratio), base)
    assert mean_e_value(lambda: NonInferiorityEvidence(2.0, 0.01), requests, shares) <= 1.0 + 1e-9


@pytest.mark.parametrize("odds_ratio", [0.5, 1.0, 2.0, 7.3])
@pytest.mark.parametrize(
    "counts_of", [((10, 3), (20, 5)), ((10, 10), (20, 20)), ((7, 0), (9, 0)), ((300, 150), (40, 39)), ((3, 1), (9, 8))]
)
def test_generating_function_agrees_with_its_sum_in_integers(
    counts_of: tuple[tuple[int, int], tuple[int, int]], odds_ratio: float
) -> None:
    both = stratum(*counts_of)
    n_candidate, n_stable, k = both.candidate.finished, both.stable.finished, both.bad
    exact = math.log(
        math.fsum(math.comb(n_candidate, x) * math.comb(n_stable, k - x) * odds_ratio**x for x in range(k + 1))
    )
    assert log_generating_function(both, odds_ratio) == pytest.approx(exact, abs=1e-9)


def test_a_million_requests_with_ten_thousand_bad_are_judged_in_milliseconds() -> None:
    evidence = NonInferiorityEvidence(2.0, None)
    started = time.process_time()
    log_e = evidence.update([stratum((1_000_000, 5_000), (1_000_000, 5_000))])
    assert time.process_time() - started < 0.1
    # the likelihood ratio of 1 against 2 for 10,000 bad ones, half of them the candidate's: 10,000 ln 1.5 - 5,000 ln 2
    assert log_e - math.log(0.5) == pytest.approx(10_000 * math.log(1.5) - 5_000 * math.log(2.0), rel=0.01)


def test_pooling_over_a_lagging_proxy_would_condemn_a_healthy_candidate_and_strata_do_not() -> None:
    source = random.Random(7)
    stratified, summed = HarmEvidence(1.25, math.log(100) / 2), HarmEvidence(1.25, math.log(100) / 2)
    highest_stratified = highest_summed = 0.0
    for _ in range(40):
        lagging = draw(source, (300, 0.05), (300, 0.05))
        prompt = draw(source, (30, 0.001), (570, 0.001))
        highest_stratified = max(highest_stratified, stratified.update([lagging, prompt]))
        highest_summed = max(highest_summed, summed.update([lagging + prompt]))
    assert not reaches(highest_stratified, 10)
    assert reaches(highest_summed, 100)


@pytest.mark.parametrize("tolerate", [1.0, 1.25])
def test_harmless_candidates_are_condemned_in_fewer_than_one_per_cent_of_rollouts(tolerate: float) -> None:
    source = random.Random(20261123)
    rollouts, condemned = 800, 0
    for _ in range(rollouts):
        evidence = HarmEvidence(tolerate, math.log(100) / 2)
        for _ in range(30):
            if reaches(evidence.update([draw(source, (40, 0.03), (260, 0.03))]), 100):
                condemned += 1
                break
    assert condemned <= rollouts * 0.01


def test_thirty_per_cent_errors_are_found_within_four_intervals() -> None:
    source = random.Random(3)
    needed = []
    for _ in range(200):
        evidence, intervals = HarmEvidence(1.25, math.log(100) / 2), 1
        while not reaches(evidence.update([draw(source, (15, 0.3), (285, 0.005))]), 100):
            intervals += 1
        needed.append(intervals)
    assert sorted(needed)[190] <= 4


def test_a_late_failure_matters_soon_after_a_clean_hour() -> None:
    fixed, dealt_anew = ThresholdEvidence(0.001), MaterialityEvidence(0.001)
    for _ in range(240):
        fixed.update([stratum((300, 0), (2700, 0))])
        dealt_anew.update([stratum((300, 0), (2700, 0))])
    late = [stratum((300, 15), (2700, 0))]
    assert not reaches(fixed.update(late), 100)
    assert reaches(dealt_anew.update(late), 100)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: HarmEvidence(0.9), "tolerate=0.9"),
        (lambda: HarmEvidence(1.25, 0.0), "cap=0.0"),
        (lambda: ThresholdEvidence(0.0), "limit of 0.0"),
        (lambda: ThresholdEvidence(1.0), "limit of 1.0"),
        (lambda: MaterialityEvidence(math.nan), "limit of nan"),
        (lambda: NonInferiorityEvidence(1.0), "below=1.0"),
        (lambda: HarmEvidence().update([], seconds=0.0), "interval of 0.0 s"),
        (lambda: Counts(3, 4), "finished=3, bad=4"),
        (lambda: Counts(-1, -1), "finished=-1"),
        (lambda: ThresholdEvidence.from_status({"limit": "0.01", "logWealth": ["0.0"]}), "found 1 numbers"),
        (lambda: ThresholdEvidence.from_status({"limit": 0.01, "logWealth": []}), "found 0.01"),
    ],
)
def test_what_cannot_be_is_refused_with_what_was_found(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_a_copy_goes_its_own_way() -> None:
    evidence = HarmEvidence()
    other = copy.copy(evidence)
    other.update([stratum((40, 10), (300, 2))])
    assert evidence == HarmEvidence()
    assert other != evidence
