"""What is judged beside errors, and promotion without proof, on real parts."""

import itertools
import time
from typing import Any

from lab.trial import Served
from tests.cluster.scenarios.parts import panels_without_data, rollout_of
from tidegate.judge.pace import RISE_AT_MOST

HALF = [{"weight": {"percent": 50, "seconds": 5}}]
BUDGET = {"harmBudgetRequests": 1000}
LATENCY = {"boundMilliseconds": 250, "maxSharePercent": "1"}


def analysis(**more: Any) -> dict[str, Any]:
    """By latency too, which counts as soon as a pod has been ready for ten seconds."""
    return {"latency": LATENCY, "statistics": {**BUDGET, "warmupSeconds": 10}, **more}


def test_s07_a_slow_candidate_is_taken_back_for_its_latency(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    with served.requests(rate=40) as requests:
        served.apply("echo-late", steps=HALF, analysis=analysis())
        candidate = served.wait_candidate()
        message = served.wait_stalled("RolledBack", within=240)
    assert "latency over 250 ms: candidate " in message
    assert "evidence of harm" in message
    assert served.status.stable != candidate
    assert requests.summary.failed == 0, requests.summary


def test_s07_what_makes_both_slow_is_not_the_candidates_fault(served: Served) -> None:
    served.apply("echo-late")
    served.wait_ready()
    with served.requests(rate=40):
        served.apply("echo-late2", steps=HALF, analysis=analysis())
        candidate = served.wait_candidate()
        served.wait(lambda served: _held(served) == "AboveLimit", "over the limit", within=120)
        served.wait(lambda served: rollout_of(served).evidence["intervals"] >= 8, "eight intervals", within=180)
    assert served.status.candidate == candidate
    assert [entry.reason for entry in served.status.decisions if entry.verdict == "Rollback"] == []


def test_s08b_a_candidate_that_refuses_what_stable_accepts_is_taken_back(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    with served.requests(rate=40) as requests:
        served.apply("echo-refusing")
        candidate = served.wait_candidate()
        message = served.wait_stalled("RolledBack", within=180)
        served.wait_ended()
    assert "4xx answers: candidate " in message
    assert requests.summary.statuses.keys() == {200, 400}
    assert requests.summary.failed == requests.summary.failed_by(candidate)


def test_s08c_little_traffic_ends_in_a_promotion_without_proof_that_says_so(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    terms = {"noHarm": {"minRequests": 5, "minSeconds": 60}}
    kept = {"intervalSeconds": 10, "maxSeconds": 120, "statistics": {**BUDGET, **terms}}
    with served.requests(rate=1):
        served.apply("echo-2", steps=HALF, analysis=kept)
        candidate = served.wait_candidate()
        served.wait(lambda served: served.status.stable == candidate, "a promotion", within=480)
    promotion = served.status.decisions[-1]
    assert (promotion.verdict, promotion.reason) == ("Promote", "NoHarm")
    assert "promoted without proof" in promotion.message
    assert "PromotionChosen" in [reason for reason, _ in served.events()]


def test_the_default_plan_ramps_to_a_promotion_on_proof_and_the_dashboard_shows_it(served: Served) -> None:
    document = served.document("echo-2")
    document["spec"]["rollout"] = {"analysis": {"intervalSeconds": 5}}
    served.apply("echo-1")
    served.wait_ready()
    start = time.monotonic()
    with served.requests(rate=40) as requests, served.watched_weights() as weights:
        served.apply_document(document)
        candidate = served.wait_candidate()
        served.wait(lambda served: served.status.stable == candidate, "a promotion", within=300)
    taken = time.monotonic() - start
    assert requests.summary.failed == 0, requests.summary
    rises = [pair[1] for pair in weights.seen if 1 < pair[1] < 999_999]
    assert rises == sorted(rises)
    assert len(rises) >= 3, rises
    assert rises[-1] == 500_000
    assert all(later <= RISE_AT_MOST * earlier + 1 for earlier, later in itertools.pairwise(rises)), rises
    assert served.status.decisions[-1].reason == "NonInferior"
    assert panels_without_data(served, seconds=round(taken) + 60) == []
    print(f"promoted on proof {taken:.0f} s after it was applied")


def _held(served: Served) -> str:
    hold = rollout_of(served).hold
    return hold.reason if hold is not None else ""
