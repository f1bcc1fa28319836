"""Evidence and harm as numbers for dashboards."""

import pytest

from tests.unit.rollout.test_metrics import rolled_back, rollout
from tidegate.judge.rules import Metric
from tidegate.rollout.figures import Figure, evidence_ratios, harmed_requests

HARM = Figure("all", "harm")


def test_without_a_rollout_there_is_nothing_to_tell() -> None:
    assert evidence_ratios(None) == {}


def test_before_anything_is_judged_there_is_nothing_to_tell() -> None:
    world, _, _ = rollout()
    world.run_until(lambda world: world.status.rollout is not None)
    assert world.status.rollout is not None
    assert evidence_ratios(world.status.rollout) == {}
    assert harmed_requests(world.status.rollout) == {}


def test_every_metric_is_told_against_its_lines() -> None:
    world, _, _ = rollout()
    world.run_until(lambda world: world.status.rollout is not None and world.status.rollout.evidence != {})
    ratios = evidence_ratios(world.status.rollout)
    assert set(ratios) == {
        HARM,
        Figure("errors", "limit"),
        Figure("errors", "promotion"),
        Figure("latency", "limit"),
        Figure("latency", "promotion"),
    }
    assert ratios[HARM] <= 0.01
    assert ratios["errors", "promotion"] >= 0.05


def test_evidence_of_harm_reaches_its_line_when_the_candidate_is_taken_back() -> None:
    world, _, candidate = rollout()
    world.traffic.bad = {candidate: 0.3}
    seen = []
    while not rolled_back(world):
        world.pass_time(1)
        if world.status.rollout is not None:
            seen.append((evidence_ratios(world.status.rollout).get(HARM, 0.0), harmed_requests(world.status.rollout)))
    assert max(ratio for ratio, _ in seen) >= 1.0 - 1e-9
    harmed = [requests[Metric.Errors] for _, requests in seen if requests]
    assert harmed == sorted(harmed)
    assert harmed[-1] > 0


def test_harm_is_what_goes_beyond_stables_rate() -> None:
    world, stable, candidate = rollout()
    world.traffic.bad = {candidate: 0.04, stable: 0.02}
    world.run_until(lambda world: world.status.rollout is not None and world.status.rollout.evidence != {})
    world.pass_time(60)
    assert world.status.rollout is not None
    requests = world.status.rollout.evidence["metrics"]["errors"]["total"]
    finished, bad = requests["candidate"]["finished"], requests["candidate"]["bad"]
    rate = requests["stable"]["bad"] / requests["stable"]["finished"]
    assert harmed_requests(world.status.rollout)[Metric.Errors] == pytest.approx(bad - finished * rate)
