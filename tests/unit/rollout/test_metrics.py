"""Whole rollouts judged by latency and 4xx answers beside errors."""

from typing import Any

import pytest

from tests.unit.rollout.world import PLENTY, World, serving, spec_of
from tidegate.judge.rules import Metric

LATENCY = {"boundMilliseconds": 250}
HALF: dict[str, Any] = {"steps": [{"weight": {"percent": 50, "seconds": 10}}]}


def plan(tag: str = "2", *, steps: list[Any] | None = None, replicas: int = 2, **analysis: Any) -> Any:
    statistics = {"warmupSeconds": 20, "harmBudgetRequests": PLENTY}
    kept = {"latency": LATENCY, "statistics": statistics, **analysis}
    return spec_of(tag, steps=HALF["steps"] if steps is None else steps, replicas=replicas, analysis=kept)


def rollout(**more: Any) -> tuple[World, str, str]:
    """A world in which stable has served for a while and a candidate comes; both revisions' names."""
    world = serving(plan("1", **more))
    world.pass_time(60)
    stable = world.status.stable
    assert stable is not None
    return world, stable, world.apply(plan(**more))


def rolled_back(world: World) -> bool:
    return world.condition("Stalled") == ("True", "RolledBack") and world.status.rollout is None


def held(world: World) -> str:
    hold = world.status.rollout.hold if world.status.rollout else None
    return hold.reason if hold else ""


def rollbacks(world: World) -> list[str]:
    return [entry.reason for entry in world.status.decisions if entry.verdict == "Rollback"]


def test_s07_a_slow_candidate_is_taken_back_with_its_numbers() -> None:
    world, stable, candidate = rollout()
    world.traffic.slow = {candidate: 0.041, stable: 0.009}
    world.run_until(rolled_back, within=3600)
    decision = world.status.decisions[-1]
    assert (decision.verdict, decision.reason) == ("Rollback", "Harm")
    assert decision.message.startswith("latency over 250 ms: candidate 4.")
    assert ", stable 0.8 % of " in decision.message
    assert "evidence of harm 1" in decision.message


def test_s07_what_was_slow_only_while_it_warmed_up_is_promoted() -> None:
    world, _, candidate = rollout()
    world.traffic.slow = {candidate: 0.5}
    world.run_until(lambda world: world.status.rollout is not None and world.status.rollout.latency_note != "")
    assert world.status.rollout is not None
    assert world.status.rollout.latency_note.startswith(f"not counted while pods of {candidate} warm up, until 00:0")
    world.pass_time(5)
    world.traffic.slow = {}
    world.run_until(lambda world: world.status.stable == candidate, within=3600)


def test_errors_count_from_the_first_request_while_latency_waits() -> None:
    world, _, candidate = rollout(statistics={"warmupSeconds": 3600, "harmBudgetRequests": PLENTY})
    world.traffic.bad = {candidate: 0.3}
    world.traffic.slow = {candidate: 1.0}
    world.run_until(rolled_back, within=120)
    assert world.status.decisions[-1].message.startswith("errors: candidate 30.")


def test_s07_both_slow_alike_is_never_taken_back() -> None:
    world, stable, candidate = rollout()
    world.traffic.slow = {candidate: 0.3, stable: 0.3}
    world.pass_time(1800)
    assert held(world) == "AboveLimit"
    assert rollbacks(world) == []


def test_s07_both_slow_alike_within_the_limit_is_promoted() -> None:
    world, stable, candidate = rollout(latency={**LATENCY, "maxSharePercent": "60"})
    world.traffic.slow = {candidate: 0.3, stable: 0.3}
    world.run_until(lambda world: world.status.stable == candidate, within=3600)
    assert "latency over 250 ms: candidate 30." in world.status.decisions[-1].message


FIFTH = [{"weight": {"percent": 20, "seconds": 10}}]


@pytest.mark.parametrize(
    ("plan_of", "note"),
    [
        ({"steps": FIFTH, "replicas": 4}, "it has 1 pod ready beside 4 of stable"),
        ({"steps": [{"weight": {"percent": 25, "seconds": 10}}], "replicas": 4}, "it has 2 pods ready beside 4"),
        ({"steps": FIFTH, "replicas": 1}, "gets 20.0 % of the requests, one of stable 80.0 %"),
    ],
    ids=["1 beside 4", "2 beside 4", "1 beside 1 at unequal load"],
)
def test_s07_an_identical_candidate_under_unequal_conditions_is_never_taken_back(
    plan_of: dict[str, Any], note: str
) -> None:
    world, _, candidate = rollout(**plan_of)
    world.traffic.slow = {candidate: 0.3}
    world.pass_time(1800)
    assert rollbacks(world) == []
    assert (held(world), world.condition("Ready")[0]) == ("AboveLimit", "False")
    assert world.status.rollout is not None
    assert world.status.rollout.hold is not None
    assert note in world.status.rollout.hold.message


def test_s07_unequal_conditions_still_let_a_fast_candidate_through() -> None:
    world, _, candidate = rollout(steps=FIFTH, replicas=4)
    world.run_until(lambda world: world.status.stable == candidate, within=3600)


def test_s07_revisions_on_different_hardware_are_not_compared() -> None:
    world, _, candidate = rollout()
    gpus = {"containers": [{"resources": {"limits": {"nvidia.com/gpu": 2}}}]}
    world.templates = {candidate: {"spec": gpus}}
    world.traffic.slow = {candidate: 0.3}
    world.pass_time(900)
    assert (rollbacks(world), held(world)) == ([], "AboveLimit")
    assert world.status.rollout is not None
    assert (
        world.status.rollout.latency_note
        == "not compared with stable: the revisions ask for different resources or nodes"
    )


def test_an_interval_that_began_under_unequal_conditions_is_not_compared() -> None:
    world, stable, candidate = rollout()
    world.run_until(lambda world: world.weight_of(candidate) == 500_000)
    world.ready_limit[stable] = 1
    world.pass_time(5)
    del world.ready_limit[stable]
    world.pass_time(3)
    assert world.status.rollout is not None
    since = world.status.rollout.alike_since
    assert since is not None
    assert since > world.status.rollout.step_since


def test_s08b_a_candidate_that_answers_400_to_what_stable_accepts_is_taken_back() -> None:
    world = serving()
    stable, candidate = world.status.stable, world.apply(spec_of("2"))
    world.traffic.refused = {candidate: 0.2, stable or "": 0.01}
    world.run_until(rolled_back)
    assert world.status.decisions[-1].message.startswith("4xx answers: candidate 2")
    assert world.status.stable == stable


def test_s08b_400_from_both_alike_is_promoted() -> None:
    world = serving()
    stable, candidate = world.status.stable, world.apply(spec_of("2"))
    world.traffic.refused = {candidate: 0.2, stable or "": 0.2}
    world.run_until(lambda world: world.status.stable == candidate)


def test_what_the_gateway_does_not_tell_has_no_share_of_alpha() -> None:
    world = serving()
    world.told = frozenset({Metric.Errors})
    world.apply(spec_of("2"))
    world.run_until(lambda world: world.status.rollout is not None and world.status.rollout.evidence != {})
    assert world.status.rollout is not None
    metrics = world.status.rollout.evidence["metrics"]
    assert {name: found["weight"] for name, found in metrics.items()} == {"errors": "1.0"}


def test_s08a_a_candidate_that_answers_none_of_its_requests_goes_back_to_the_first_weight() -> None:
    world = serving()
    candidate = world.apply(spec_of("2"))
    world.run_until(lambda world: world.weight_of(candidate) == 250_000)
    world.traffic.hanging = {candidate}
    world.run_until(lambda world: world.weight_of(candidate) == 50_000, within=60)
    assert held(world) == "NoTraffic"
    world.pass_time(300)
    assert world.weight_of(candidate) == 50_000
    assert rollbacks(world) == []


def test_a_promoted_revision_over_its_limit_of_slow_requests_is_undone() -> None:
    world, stable, candidate = rollout()
    world.run_until(lambda world: world.status.stable == candidate, within=3600)
    world.traffic.slow = {candidate: 0.3}
    world.run_until(lambda world: world.status.stable == stable, within=120)
    assert world.status.rejected[-1].reason == "AboveLimit"
    assert world.status.rejected[-1].message.startswith("latency over 250 ms: ")
