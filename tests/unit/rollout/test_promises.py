"""Promises that random histories have found broken, each with the shortest history that tells."""

from datetime import timedelta

import pytest

from tests.unit.rollout.world import World, serving, spec_of
from tidegate.api.names import Letter
from tidegate.api.status import ModelDeploymentStatus
from tidegate.judge.counts import Uncountable
from tidegate.rollout.observation import Pod

WHOLE = 1_000_000
NO_METRICS = Uncountable("MetricsUnavailable", "Refused: no answer")


def rollout_to(weight: int, **rollout: object) -> tuple[World, str]:
    """A world whose candidate has `weight` in the route."""
    world = serving()
    candidate = world.apply(spec_of("2", **rollout))
    world.run_until(lambda world: world.weight_of(candidate) == weight)
    return world, candidate


def promoting(world: World) -> bool:
    return world.status.rollout is not None and world.status.rollout.phase == "Promoting"


def pending(revision: str) -> Pod:
    return Pod(name="p", revision=revision, unschedulable="0/1 nodes: 1 Insufficient nvidia.com/gpu.")


def test_seconds_at_the_weight_before_do_not_count_for_a_step() -> None:
    world, candidate = rollout_to(250_000)
    world.ready_limit[candidate] = 1
    world.pass_time(60)
    assert world.weight_of(candidate) == 250_000
    assert world.status.rollout is not None
    assert world.status.rollout.step == 2
    assert world.status.rollout.step_judged_milliseconds == 0
    del world.ready_limit[candidate]
    world.run_until(lambda world: world.weight_of(candidate) == 500_000)
    assert world.run_until(promoting) >= 10


def test_s21_a_step_that_waited_for_pods_is_not_entered_while_nothing_is_measured() -> None:
    world, candidate = rollout_to(250_000)
    world.ready_limit[candidate] = 1
    world.pass_time(30)
    world.metrics_trouble = NO_METRICS
    world.pass_time(30)
    del world.ready_limit[candidate]
    world.pass_time(120)
    assert world.weight_of(candidate) == 250_000
    world.metrics_trouble = None
    world.run_until(lambda world: world.weight_of(candidate) == 500_000)


def test_s21_a_retreat_does_not_end_because_nothing_is_measured() -> None:
    world, candidate = rollout_to(250_000)
    world.traffic.bad = {candidate: 0.03, world.status.stable or "": 0.03}
    world.run_until(lambda world: world.weight_of(candidate) == 50_000)
    world.metrics_trouble = NO_METRICS
    world.pass_time(300)
    assert world.weight_of(candidate) == 50_000


def test_a_plan_that_begins_with_a_pause_retreats_to_its_first_weight() -> None:
    steps = [{"pause": {"seconds": 5}}] + [{"weight": {"percent": percent, "seconds": 10}} for percent in (10, 50)]
    world, candidate = rollout_to(500_000, steps=steps)
    world.traffic.bad = {candidate: 0.03, world.status.stable or "": 0.03}
    world.run_until(lambda world: world.weight_of(candidate) < 500_000)
    world.pass_time(60)
    assert world.weight_of(candidate) == 100_000
    world.traffic.bad.clear()
    world.run_until(lambda world: world.status.stable == candidate, within=3600)


def test_s29_waiting_for_previous_to_drain_writes_nothing() -> None:
    world = serving()
    second = world.apply(spec_of("2"))
    world.run_until(lambda world: world.status.stable == second)
    world.apply(spec_of("3"))
    world.settle()
    world.now += timedelta(milliseconds=1)
    before = world.status
    world.reconcile()
    assert world.status == before


def test_stable_comes_back_through_one_part_in_a_million() -> None:
    world, candidate = rollout_to(999_999)
    world.run_until(lambda world: world.weight_of(candidate) == WHOLE)
    world.ready_limit[candidate] = 1
    world.pass_time(10)
    assert [weights["a"] for weights in world.weights_written[-3:]] == [0, 1, 666_667]


def test_stable_comes_back_at_once_where_no_candidate_pod_is_left_to_serve() -> None:
    world, candidate = rollout_to(999_999)
    world.run_until(lambda world: world.weight_of(candidate) == WHOLE)
    world.ready_limit[candidate] = 0
    world.settle()
    assert world.weight_of(candidate) == 1


def test_harm_found_while_promoting_still_takes_the_candidate_back() -> None:
    world, candidate = rollout_to(50_000, steps=[{"weight": {"percent": 5, "seconds": 10}}])
    world.ready_limit[candidate] = 1
    world.run_until(promoting)
    world.traffic.bad[candidate] = 0.5
    world.run_until(lambda world: world.condition("Stalled") == ("True", "RolledBack"))
    assert world.status.rejected[-1].reason == "Harm"


def test_a_person_who_promotes_is_not_overruled_by_the_judge() -> None:
    world, candidate = rollout_to(50_000)
    world.ready_limit[candidate] = 1
    world.annotate("promote", f"{candidate}/1")
    world.traffic.bad[candidate] = 0.5
    world.pass_time(300)
    assert promoting(world)
    del world.ready_limit[candidate]
    world.run_until(lambda world: world.status.stable == candidate)


def test_a_candidate_that_crashes_while_promoting_is_taken_back() -> None:
    world, candidate = rollout_to(50_000)
    world.ready_limit[candidate] = 1
    world.annotate("promote", f"{candidate}/1")
    world.pass_time(5)
    world.pods[candidate] = (Pod(name="p", revision=candidate, restarts=2, exit_code=1),)
    world.run_until(lambda world: world.condition("Stalled") == ("True", "RolledBack"))
    assert world.status.rejected[-1].reason == "ServerRestarts"


def test_where_there_is_no_room_it_bakes_at_the_share_its_pods_carry_and_stable_makes_room() -> None:
    world = serving(spec_of(replicas=4))
    stable, candidate = world.status.stable or "", world.apply(spec_of("2", replicas=4))
    least_stable = 4
    for _ in world.run(900):
        asked = {entry.name: entry.replicas for entry in world.status.revisions}
        if world.status.stable == candidate:
            break
        room = 6 - asked[stable]
        least_stable = min(least_stable, asked[stable])
        world.ready_limit[candidate] = room
        world.pods[candidate] = (pending(candidate),) if asked.get(candidate, 0) > room else ()
        assert min(asked.get(candidate, 0), room) + asked[stable] >= 4
    assert world.status.stable == candidate
    assert least_stable == 2
    assert 333_333 in [weights["b"] for weights in world.weights_written]


@pytest.mark.parametrize("weight", [1, 250_000])
def test_s40_a_clock_set_back_stops_nothing(weight: int) -> None:
    world, candidate = rollout_to(weight)
    world.now -= timedelta(hours=1)
    world.apply(spec_of("1"))
    assert world.run_until(lambda world: world.weight_of(candidate) == 0) < 60


@pytest.mark.parametrize("weight", [1, 250_000, WHOLE])
def test_s32_status_lost_in_a_rollout_takes_the_candidate_out_of_traffic_as_ever(weight: int) -> None:
    world, candidate = rollout_to(weight)
    stable = world.status.stable
    before = len(world.weights_written)
    world.status = ModelDeploymentStatus()
    world.run_until(lambda world: world.condition("Stalled") == ("True", "Adopted"), within=120)
    written = [weights["b"] for weights in world.weights_written[before:]]
    assert written == {1: [0], 250_000: [1, 0], WHOLE: [999_999, 1, 0]}[weight]
    assert world.status.stable == stable
    world.pass_time(60)
    assert world.status.candidate is None
    assert [entry.name for entry in world.status.revisions] == [stable]
    world.annotate("retry", f"{candidate}/1")
    world.run_until(lambda world: world.status.stable == candidate)


def test_s25_only_a_person_moves_traffic_to_a_withdrawn_candidate_while_stable_does_not_answer() -> None:
    world, candidate = rollout_to(250_000)
    world.ready_limit[world.status.stable or ""] = 0
    world.traffic.bad[candidate] = 0.3
    world.run_until(lambda world: world.status.rejected != [])
    assert world.weight_of(candidate) == 250_000
    world.annotate("promote", f"{candidate}/1")
    world.run_until(lambda world: world.status.stable == candidate)
    assert world.status.rejected == []


@pytest.mark.parametrize("obstacle", ["name", "configmap"])
def test_s11_a_new_spec_that_cannot_start_yet_still_ends_the_rollout_of_the_old_one(obstacle: str) -> None:
    world, candidate = rollout_to(250_000)
    third = world.apply(spec_of("3"))
    if obstacle == "name":
        world.names_taken = (f"Deployment {third}",)
    else:
        world.missing_config_map = "files"
    world.pass_time(60)
    assert world.status.candidate is None
    assert world.status.stable != candidate
    world.names_taken, world.missing_config_map = (), ""
    world.run_until(lambda world: world.status.stable == third)


@pytest.mark.parametrize("found", [None, {"a": 400_000, "b": 600_000}])
def test_s27_a_route_changed_by_hand_is_told_once_and_written_as_recorded(found: dict[Letter, int] | None) -> None:
    world = rollout_to(250_000)[0]
    world.pass_time(5)
    assert world.status.rollout is not None
    step = world.status.rollout.step
    world._weights = found
    world.pass_time(5)
    assert world._weights == {"a": 750_000, "b": 250_000}
    assert world.reasons().count("RouteRestored") == 1
    assert world.status.rollout.step == step


def test_a_slot_does_not_leave_the_route_before_its_last_part_in_a_million_was_written() -> None:
    world, candidate = rollout_to(500_000)
    before = len(world.weights_written)
    world.route_is_writable = False
    world.annotate("abort", f"{candidate}/1")
    world.pass_time(60)
    world.settle()
    world.route_is_writable = True
    world.settle()
    world.pass_time(60)
    assert [weights["b"] for weights in world.weights_written[before:]] == [1, 0]


@pytest.mark.parametrize("who", ["candidate", "previous"])
@pytest.mark.parametrize(("quiet", "least", "most"), [(True, 15, 25), (None, 60, 75)])
def test_s32c_a_slot_is_given_up_once_no_proxy_sends_it_requests(
    who: str, quiet: bool | None, least: float, most: float
) -> None:
    world, candidate = rollout_to(50_000)
    gone = candidate if who == "candidate" else world.status.stable or ""
    if who == "candidate":
        world.annotate("abort", f"{candidate}/1")
        world.run_until(lambda world: world.weight_of(candidate) == 0)
    else:
        world.run_until(lambda world: world.status.stable == candidate)
        world.status.keep_previous_until = world.now
    world.quiet = False
    world.pass_time(300)
    assert gone in world._deployments
    if who == "candidate":
        assert "still sends it requests" in next(c.message for c in world.status.conditions if c.type == "Ready")
    world.status.slots.a.in_force_since = world.status.slots.b.in_force_since = world.now
    world.quiet = quiet
    taken = world.run_until(lambda world: gone not in world._deployments)
    assert least <= taken <= most
