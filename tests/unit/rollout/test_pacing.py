"""The harm budget in whole rollouts: how the weight rises, what a bad candidate costs, and what brings it down."""

from itertools import pairwise
from typing import Any

import pytest

from tests.unit.rollout.world import PLENTY, World, serving, spec_of
from tidegate.judge.counts import Uncountable
from tidegate.judge.pace import RISE_AT_MOST, Budget
from tidegate.judge.queries import Outcome, QueryResult, UserQuery
from tidegate.judge.strata import NO_REQUESTS

WHOLE = 1_000_000
RAMP = [{"ramp": {}}]
RISEN = (27_771, 73_457, 181_916, 408_995)
"""Weights of a clean candidate between the first one and the last, at 50 requests/s and a budget of 20."""


def ramping(rate: float = 50.0, budget: int = 20, **rollout: Any) -> tuple[World, str]:
    """A world in which a second revision was just applied, to be brought in by a ramp."""
    rollout = {"steps": RAMP, **rollout}
    analysis = {"statistics": {"harmBudgetRequests": budget}, **rollout.pop("analysis", {})}
    world = serving()
    world.traffic.rate = rate
    return world, world.apply(spec_of("2", analysis=analysis, **rollout))


def weights(world: World) -> list[int]:
    """The candidate's weights in the order they were written."""
    return [written["b"] for written in world.weights_written if written["b"] > 0]


def promoted(world: World, candidate: str) -> bool:
    return world.status.stable == candidate


def failed_by(world: World, candidate: str, within: float = 600.0) -> float:
    """Requests of the candidate that fail until its traffic is away."""
    failed = 0.0
    for _ in world.run(within):
        failed += world.traffic.rate * world.weight_of(candidate) / WHOLE * world.traffic.bad.get(candidate, 0.0)
        if world.status.rejected:
            return failed
    raise AssertionError(f"never taken back; status: {world.status}")


def test_s05_a_ramp_begins_with_the_budget_rises_once_judged_and_ends_at_its_share() -> None:
    world, candidate = ramping()
    world.run_until(lambda world: promoted(world, candidate))
    first = Budget(20.0, 10.0).first_weight(50.0, NO_REQUESTS)
    assert first == 16_000
    assert weights(world) == [1, first, *RISEN, 500_000, 999_999, WHOLE]
    assert world.status.decisions[-1].reason == "NonInferior"


def test_each_weight_of_a_ramp_is_judged_for_an_interval() -> None:
    world, candidate = ramping()
    held: dict[int, int] = {}
    for _ in world.run(600):
        held[world.weight_of(candidate)] = held.get(world.weight_of(candidate), 0) + 1
        if promoted(world, candidate):
            break
    assert all(held[weight] >= 10 for weight in (1, 16_000, *RISEN, 500_000))


def test_a_ramp_asks_for_pods_as_it_rises() -> None:
    world, candidate = ramping()
    sizes = {}
    for _ in world.run(600):
        if candidate in world._deployments and not promoted(world, candidate):
            sizes.setdefault(world.weight_of(candidate), world._deployments[candidate])
    assert (sizes[1], sizes[16_000], sizes[181_916], sizes[408_995]) == (1, 1, 1, 2)


@pytest.mark.parametrize(("rate", "bad", "most"), [(50.0, 1.0, 25), (50.0, 0.3, 25), (10_000.0, 0.5, 60)])
def test_a_bad_candidate_costs_about_the_budget(rate: float, bad: float, most: float) -> None:
    world, candidate = ramping(rate)
    world.traffic.bad[candidate] = bad
    assert failed_by(world, candidate) <= most


def test_the_same_candidate_without_a_budget_costs_ten_times_as_much() -> None:
    world, candidate = ramping(budget=PLENTY)
    world.traffic.bad[candidate] = 1.0
    assert failed_by(world, candidate) > 250


@pytest.mark.parametrize(("rate", "written"), [(1.0, [500_000]), (1e6, [1, 3, 7]), (0.2, [500_000])])
def test_the_first_weights_follow_the_traffic(rate: float, written: list[int]) -> None:
    world, _ = ramping(rate)
    world.pass_time(60)
    assert weights(world)[1 : 1 + len(written)] == written or weights(world)[: len(written)] == written


@pytest.mark.parametrize("obstacle", ["traffic", "metrics"])
def test_s09_s20_while_the_traffic_is_unknown_the_slot_only_enters(obstacle: str) -> None:
    world, candidate = ramping()
    if obstacle == "traffic":
        world.traffic.rate = 0.0
    else:
        world.metrics_trouble = Uncountable("MetricsUnavailable", "Refused: no answer")
    world.pass_time(3000)
    assert world.weight_of(candidate) == 1
    assert world.condition("Stalled")[1] == ("NoTraffic" if obstacle == "traffic" else "MetricsUnavailable")
    world.traffic.rate, world.metrics_trouble = 50.0, None
    world.run_until(lambda world: promoted(world, candidate))


def test_what_keeps_the_weight_low_is_told() -> None:
    world, candidate = ramping()
    world.run_until(lambda world: world.weight_of(candidate) == 1)
    assert world.status.rollout is not None
    assert (
        world.status.rollout.message == "a harm budget of 20 requests sets the weight once the route's traffic is known"
    )
    world.run_until(lambda world: world.weight_of(candidate) == 73_457)
    world.pass_time(5)
    allowed = "a harm budget of 20 requests allows 7.35 % of the 50 % planned; more once judged"
    assert world.status.rollout is not None
    assert allowed in world.status.rollout.message


def test_a_step_of_a_fixed_weight_is_paced_too() -> None:
    world, candidate = ramping(steps=[{"weight": {"percent": 5, "seconds": 30}}, {"weight": {"percent": 50}}])
    world.run_until(lambda world: world.weight_of(candidate) == 50_000)
    assert weights(world) == [1, 16_000, 27_771, 50_000]
    assert world.run_until(lambda world: world.weight_of(candidate) > 50_000) >= 30
    assert world.weight_of(candidate) == 200_000


def test_a_query_without_data_does_not_keep_the_first_weight_from_being_entered() -> None:
    world, candidate = ramping(analysis={"queries": [{"name": "accuracy", "query": "a", "min": "0.9"}]})
    asked = UserQuery("accuracy", "0.9", None, 3)
    world.queries = (QueryResult(asked, Outcome.NoData, "nothing"),)
    world.pass_time(300)
    assert world.weight_of(candidate) == 16_000
    world.queries = (QueryResult(asked, Outcome.Pass, "0.95"),)
    world.run_until(lambda world: promoted(world, candidate))


def test_pods_that_come_back_bring_the_weight_back_at_once() -> None:
    world, candidate = ramping()
    world.run_until(lambda world: world.weight_of(candidate) == 500_000)
    world.pass_time(15)
    world.ready_limit[candidate] = 1
    world.run_until(lambda world: world.weight_of(candidate) == 333_333)
    del world.ready_limit[candidate]
    assert world.run_until(lambda world: world.weight_of(candidate) == 500_000) < 5


def test_after_a_retreat_the_weight_is_proven_anew() -> None:
    world, candidate = ramping()
    world.run_until(lambda world: world.weight_of(candidate) == 500_000)
    world.traffic.bad = {candidate: 0.03, world.status.stable or "": 0.03}
    world.run_until(lambda world: world.weight_of(candidate) < 500_000)
    assert world.weight_of(candidate) == 16_000
    world.pass_time(120)
    assert world.weight_of(candidate) == 16_000
    world.traffic.bad.clear()
    before = len(world.weights_written)
    world.run_until(lambda world: world.weight_of(candidate) == 500_000, within=3600)
    risen = [16_000, *(written["b"] for written in world.weights_written[before:])]
    assert all(after <= RISE_AT_MOST * weight for weight, after in pairwise(risen))


def test_an_upgrade_in_the_middle_keeps_the_weight_of_a_version_without_a_pace() -> None:
    world, candidate = ramping(budget=20, steps=[{"weight": {"percent": 25, "seconds": 60}}])
    world.run_until(lambda world: world.weight_of(candidate) == 250_000)
    assert world.status.rollout is not None
    world.status.rollout.pace = {}
    before = len(world.weights_written)
    world.run_until(lambda world: promoted(world, candidate))
    assert [written["b"] for written in world.weights_written[before:]] == [999_999, WHOLE]


def test_a_broken_limit_keeps_the_weight_while_harm_is_nearly_proven() -> None:
    steps = [{"weight": {"percent": 6, "seconds": 300}}]
    world, candidate = ramping(rate=500.0, budget=200, steps=steps)
    world.run_until(lambda world: world.weight_of(candidate) == 60_000)
    world.pass_time(100)
    world.traffic.bad = {candidate: 0.3}
    bad_since, weight = world.now, world.weight_of(candidate)
    world.run_until(lambda world: world.status.rollout is not None and world.status.rollout.phase == "Withdrawing")
    assert "AboveLimit" in [entry.reason for entry in world.status.decisions]
    # The interval after the first bad one decides: a decrease between them would put that off by the route's timeout.
    assert weights(world)[-2:] == [weight, 1]
    assert (world.now - bad_since).total_seconds() <= 25
