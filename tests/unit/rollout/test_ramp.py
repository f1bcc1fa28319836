"""The default plan beside everything else that can happen to a rollout: adoption, the way back, undo, want of room."""

from typing import Any

from tests.unit.rollout.world import World, serving, spec_of
from tidegate.api.status import ModelDeploymentStatus

RAMP = [{"ramp": {}}]


def ramping(**rollout: Any) -> tuple[World, str, str]:
    """A world in which a second revision comes by the default plan; names of stable and of the candidate."""
    options = {"steps": RAMP, "analysis": {"statistics": {"harmBudgetRequests": 20}}, **rollout}
    world = serving(spec_of("1", **options))
    assert world.status.stable is not None
    return world, world.status.stable, world.apply(spec_of("2", **options))


def promoted() -> tuple[World, str, str]:
    world, first, second = ramping(keepPreviousSeconds=600)
    world.run_until(lambda world: world.status.stable == second)
    return world, first, second


def test_s15_the_way_back_to_previous_needs_no_pace() -> None:
    world, first, second = promoted()
    world.apply(spec_of("1", steps=RAMP, keepPreviousSeconds=600))
    assert world.run_until(lambda world: world.status.stable == first) < 15
    assert world.status.previous == second


def test_s15_undo_needs_no_pace_either() -> None:
    world, first, second = promoted()
    world.annotate("undo", f"{second}/wrong-labels")
    assert world.run_until(lambda world: world.status.stable == first) < 15
    assert world.status.rejected[-1].revision == second


def test_s12_the_spec_goes_back_to_stable_in_the_middle_of_a_ramp() -> None:
    world, first, second = ramping()
    world.run_until(lambda world: world.weight_of(second) == 73_457)
    world.apply(spec_of("1", steps=RAMP))
    assert world.run_until(lambda world: world.weight_of(second) <= 1) < 2
    world.run_until(lambda world: world.status.rollout is None)
    assert (world.status.stable, world.status.rejected) == (first, [])


def test_a_promoted_revision_that_fails_is_taken_back_after_a_ramp_too() -> None:
    world, first, second = promoted()
    world.traffic.bad = {second: 0.3}
    world.run_until(lambda world: world.status.stable == first, within=120)
    assert world.status.rejected[-1].reason == "AboveLimit"


def test_s32_status_lost_in_the_middle_of_a_ramp_takes_the_candidate_out() -> None:
    world, first, second = ramping()
    world.run_until(lambda world: world.weight_of(second) == 73_457)
    world.status = ModelDeploymentStatus()
    world.run_until(lambda world: world.condition("Stalled") == ("True", "Adopted"))
    assert (world.status.stable, world.weight_of(first)) == (first, 1_000_000)


def test_s25_where_there_is_no_room_a_ramp_ends_at_what_its_pods_carry() -> None:
    world, _, second = ramping()
    world.run_until(lambda world: world.weight_of(second) == 181_916)
    world.ready_limit[second] = 1
    world.no_room_for(second)
    world.run_until(lambda world: world.status.rollout is not None and world.status.rollout.phase == "Promoting")
    assert [(entry.verdict, entry.weight) for entry in world.status.decisions] == [("Promote", 333_333)]


def test_s25_pods_lost_in_the_middle_of_a_ramp_come_back_to_the_weight_that_was_judged() -> None:
    world, _, second = ramping()
    world.run_until(lambda world: world.weight_of(second) == 181_916)
    world.pass_time(8)
    world.ready_limit[second] = 0
    world.run_until(lambda world: world.weight_of(second) == 1)
    del world.ready_limit[second]
    world.run_until(lambda world: world.weight_of(second) > 1, within=30)
    assert world.weight_of(second) == 73_457


def test_stable_that_is_scaled_up_in_the_middle_of_a_ramp_waits_for_the_candidate() -> None:
    world, first, second = ramping()
    world.run_until(lambda world: world.weight_of(second) == 500_000)
    before = len(world.weights_written)
    world.apply(world.spec.model_copy(update={"replicas": 5}))
    world.run_until(lambda world: world.status.stable == second)
    assert [written["b"] for written in world.weights_written[before:]] == [999_999, 1_000_000]
    assert world._deployments[first] == 5
