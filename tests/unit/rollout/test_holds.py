"""Holds that last: who is told, what ends them, and what does not rise meanwhile."""

import math
from typing import Any

import pytest

from tests.unit.rollout.world import PLENTY, World, serving, spec_of
from tidegate.judge.state import Evidence

LATENCY = {"boundMilliseconds": 250}
WARM = {"warmupSeconds": 20}


def ramping(rate: float = 50.0, most: int = 50, **analysis: Any) -> tuple[World, str, str]:
    """A world in which a second revision comes by the default plan; names of stable and of the candidate."""
    world = serving()
    world.traffic.rate = rate
    statistics = {**WARM, **analysis.pop("statistics", {})}
    candidate = world.apply(
        spec_of("2", steps=[{"ramp": {"maxPercent": most}}], analysis={"statistics": statistics, **analysis})
    )
    assert world.status.stable is not None
    return world, world.status.stable, candidate


def held(world: World) -> str:
    hold = world.status.rollout.hold if world.status.rollout else None
    return hold.reason if hold else ""


def stalled(world: World) -> tuple[str, str]:
    return world.condition("Stalled")


def log_harm(world: World) -> float:
    assert world.status.rollout is not None
    return Evidence.from_status(world.status.rollout.evidence).errors.harm.log_e


def fail_for_an_interval(world: World, candidate: str, share: float) -> None:
    """The candidate fails so many of its requests until an interval of that was counted."""
    world.traffic.bad = {candidate: share}
    world.run_until(lambda world: held(world) in ("AboveLimit", "TooLittleEvidence"), within=60)
    world.traffic.bad = {}


def test_s07_a_slow_candidate_that_cannot_be_compared_is_held_told_of_and_taken_back_by_a_person() -> None:
    world, stable, candidate = ramping(latency=LATENCY)
    world.traffic.slow = {candidate: 0.3, stable: 0.002}
    world.run_until(lambda world: held(world) == "AboveLimit")
    world.pass_time(1700)
    assert (stalled(world)[0], world.weight_of(candidate)) == ("False", 24_000)
    world.pass_time(200)
    assert stalled(world) == ("True", "AboveLimit")
    assert (world.weight_of(candidate), world.status.rejected) == (24_000, [])
    world.annotate("abort", f"{candidate}/too-slow")
    world.run_until(lambda world: world.status.rollout is None)
    assert stalled(world) == ("True", "RolledBack")


def test_a_hold_that_was_told_of_ends_by_itself_all_the_same() -> None:
    world, stable, candidate = ramping(latency=LATENCY)
    world.traffic.slow = {candidate: 0.3, stable: 0.002}
    world.run_until(lambda world: stalled(world) == ("True", "AboveLimit"), within=3600)
    world.traffic.slow = {}
    world.run_until(lambda world: world.status.stable == candidate, within=3600)


def test_s07_at_equal_pods_and_load_the_same_candidate_is_taken_back() -> None:
    world, stable, candidate = ramping(latency=LATENCY, bakeSeconds=600)
    world.run_until(lambda world: world.weight_of(candidate) == 500_000)
    world.pass_time(30)
    world.traffic.slow = {candidate: 0.3, stable: 0.002}
    world.run_until(lambda world: world.status.rejected != [], within=60)
    assert world.status.rejected[-1].message.startswith("latency over 250 ms: candidate ")


def test_s07_where_latency_is_compared_both_over_the_limit_keep_the_weight() -> None:
    world, stable, candidate = ramping(latency=LATENCY, bakeSeconds=600)
    world.run_until(lambda world: world.weight_of(candidate) == 500_000)
    world.pass_time(30)
    world.traffic.slow = {candidate: 0.3, stable: 0.3}
    world.pass_time(600)
    assert (held(world), world.weight_of(candidate), world.status.rejected) == ("AboveLimit", 500_000, [])
    world.traffic.slow = {candidate: 0.001, stable: 0.001}
    world.run_until(lambda world: world.status.stable == candidate, within=3600)


def test_s07_what_is_slow_only_under_load_and_cannot_be_compared_comes_to_its_deadline() -> None:
    world, _, candidate = ramping(most=30, latency=LATENCY, maxSeconds=400)
    for _ in world.run(3600):
        world.traffic.slow = {candidate: 0.3} if world.weight_of(candidate) > 100_000 else {}
        if world.condition("Ready")[1] == "Paused":
            break
    assert world.status.rollout is not None
    assert world.status.rollout.inconclusive


def test_a_suspicion_after_which_nothing_fails_any_more_does_not_fade_and_is_told_of() -> None:
    world, stable, candidate = ramping(rate=2.0)
    world.run_until(lambda world: world.weight_of(candidate) == 500_000)
    fail_for_an_interval(world, candidate, 0.8)
    world.run_until(lambda world: stalled(world) == ("True", "TooLittleEvidence"), within=3600)
    assert (world.status.stable, world.status.rejected) == (stable, [])
    world.annotate("promote", f"{candidate}/looked-at-it")
    world.run_until(lambda world: world.status.stable == candidate)


def test_a_suspicion_fades_beside_a_stable_that_fails_as_often() -> None:
    world, stable, candidate = ramping(statistics={"harmBudgetRequests": PLENTY}, bakeSeconds=120)
    world.run_until(lambda world: world.weight_of(candidate) == 500_000)
    fail_for_an_interval(world, candidate, 0.1)
    world.traffic.bad = {candidate: 0.004, stable: 0.004}
    assert log_harm(world) >= math.log(10.0)
    world.pass_time(60)
    assert log_harm(world) < math.log(10.0)
    world.run_until(lambda world: world.status.stable == candidate, within=3600)


def test_a_ramp_does_not_rise_once_its_time_is_up() -> None:
    world, _, candidate = ramping(maxSeconds=20, bakeSeconds=10)
    world.traffic.rate = 10_000.0
    world.run_until(lambda world: world.condition("Ready")[1] == "Paused", within=900)
    weight = world.weight_of(candidate)
    assert 1 < weight < 500_000
    world.pass_time(300)
    assert world.weight_of(candidate) == weight
    world.annotate("resume", f"{candidate}/1")
    world.run_until(lambda world: world.weight_of(candidate) > weight, within=300)


@pytest.mark.parametrize("how", ["suspend", "pause"])
def test_a_ramp_stays_where_a_person_keeps_it_and_goes_on_from_there(how: str) -> None:
    world, _, candidate = ramping()
    world.run_until(lambda world: world.weight_of(candidate) == 61_754)
    if how == "suspend":
        world.apply(world.spec.model_copy(update={"suspend": True}))
    else:
        world.annotate("pause", f"{candidate}/1")
    world.pass_time(300)
    assert world.weight_of(candidate) == 61_754
    if how == "suspend":
        world.apply(world.spec.model_copy(update={"suspend": False}))
    else:
        world.annotate("resume", f"{candidate}/2")
    world.run_until(lambda world: world.weight_of(candidate) > 61_754)
    assert world.weight_of(candidate) == 247_016
    world.run_until(lambda world: world.status.stable == candidate)
