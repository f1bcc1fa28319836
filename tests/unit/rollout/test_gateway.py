"""A gateway whose requests cannot be counted: whoever serves goes on, nothing rises by itself, people are told."""

from typing import Any

import pytest

from tests.unit.rollout.world import World, serving, spec_of
from tidegate.judge.queries import Outcome, QueryResult, UserQuery

TROUBLE = "the route is run by example.com/new, and no profile of it is known"
PAUSE: dict[str, Any] = {"pause": {}}
NOT_SUPPORTED = ("True", "GatewayNotSupported")


def behind_unknown(**rollout: Any) -> tuple[World, str, str]:
    """A world behind a gateway nothing is known of, and a second revision that comes; names of stable and candidate."""
    world = serving()
    world.gateway_trouble = TROUBLE
    candidate = world.apply(spec_of("2", **rollout))
    assert world.status.stable is not None
    return world, world.status.stable, candidate


def message(world: World, kind: str = "Ready") -> str:
    return next(condition.message for condition in world.status.conditions if condition.type == kind)


def stepping(world: World) -> bool:
    return world.status.rollout is not None and world.status.rollout.phase == "Stepping"


def test_s30a_the_first_revision_serves_and_people_are_told_at_once() -> None:
    world = World(gateway_trouble=TROUBLE)
    world.run_until(lambda world: world.status.stable is not None)
    world.pass_time(60)
    assert world.weight_of(world.revision()) == 1_000_000
    assert world.condition("Available") == ("True", "Serving")
    assert world.condition("Stalled") == NOT_SUPPORTED
    assert world.condition("Ready") == ("False", "GatewayNotSupported")
    assert world.condition("MetricsAvailable") == ("False", "GatewayNotSupported")
    assert message(world) == f"{TROUBLE}. {world.status.stable} serves, no candidate would get traffic"


def test_s30a_a_candidate_loads_and_gets_no_traffic_however_long_it_takes() -> None:
    world, stable, candidate = behind_unknown()
    world.run_until(stepping)
    written = len(world.weights_written)
    world.pass_time(7200)
    assert (world.status.stable, world.status.candidate, world.weight_of(candidate)) == (stable, candidate, 0)
    assert len(world.weights_written) == written
    assert world.status.rejected == []
    assert world.condition("Stalled") == NOT_SUPPORTED
    assert world.condition("Available") == ("True", "Serving")
    assert f"{candidate} stays at 0 of 1,000,000 until then, or until tidegate.dev/promote or" in message(world)
    assert [(entry.verdict, entry.reason, entry.count) for entry in world.status.decisions] == [
        ("Hold", "GatewayNotSupported", 1)
    ]


def test_s30a_it_goes_on_by_itself_once_the_gateway_is_known() -> None:
    world, _, candidate = behind_unknown()
    world.run_until(stepping)
    world.pass_time(3600)
    world.gateway_trouble = ""
    world.run_until(lambda world: world.weight_of(candidate) > 0, within=10)
    assert world.condition("Stalled")[0] == "False"
    world.run_until(lambda world: world.status.stable == candidate, within=1800)
    assert world.condition("Ready") == ("True", "Serving")


def test_s30a_a_pause_behind_it_ends_once_the_gateway_is_known() -> None:
    steps = [{"pause": {"seconds": 5}}, {"weight": {"percent": 50, "seconds": 10}}]
    world, _, candidate = behind_unknown(steps=steps)
    world.run_until(stepping)
    world.pass_time(60)
    assert world.weight_of(candidate) == 0
    world.gateway_trouble = ""
    world.run_until(lambda world: world.status.stable == candidate, within=1800)


def test_s30a_in_the_middle_of_a_rollout_the_weight_stays_and_no_clock_runs() -> None:
    world, stable, candidate = behind_unknown()
    world.gateway_trouble = ""
    world.run_until(lambda world: world.weight_of(candidate) == 250_000)
    world.gateway_trouble = TROUBLE
    world.pass_time(20)
    assert world.status.rollout is not None
    judged = world.status.rollout.judged_milliseconds
    world.pass_time(3600)
    assert (world.weight_of(candidate), world.status.stable) == (250_000, stable)
    assert world.status.rollout.judged_milliseconds == judged
    assert world.condition("Stalled") == NOT_SUPPORTED
    world.gateway_trouble = ""
    world.run_until(lambda world: world.status.stable == candidate, within=1800)


def test_s30a_a_query_of_the_users_own_takes_a_candidate_back_there_as_well() -> None:
    query = {"name": "accuracy", "query": "a", "min": "0.9", "failures": 2}
    world, _, candidate = behind_unknown(analysis={"queries": [query]})
    world.gateway_trouble = ""
    world.queries = (QueryResult(UserQuery("accuracy", 0.9, None, 2), Outcome.Pass, "0.95"),)
    world.run_until(lambda world: world.weight_of(candidate) == 250_000)
    world.gateway_trouble = TROUBLE
    world.queries = (QueryResult(UserQuery("accuracy", 0.9, None, 2), Outcome.Fail, "0.5 is under min 0.9"),)
    world.run_until(lambda world: world.status.rejected != [], within=120)
    assert world.status.rejected[0].reason == "QueryFailed"


@pytest.mark.parametrize("verb", ["promote", "abort"])
def test_s30a_a_person_decides(verb: str) -> None:
    world, stable, candidate = behind_unknown()
    world.run_until(stepping)
    world.annotate(verb, f"{candidate}/by-hand")
    world.run_until(lambda world: world.status.rollout is None, within=600)
    assert world.status.stable == (candidate if verb == "promote" else stable)
    assert world.condition("Stalled") == NOT_SUPPORTED


def test_s30a_where_the_plan_has_nothing_judged_there_is_nothing_to_refuse() -> None:
    world = serving(spec_of("1", steps=[PAUSE]))
    world.gateway_trouble = TROUBLE
    candidate = world.apply(spec_of("2", steps=[PAUSE]))
    world.run_until(lambda world: world.condition("Ready")[1] == "Paused")
    world.annotate("resume", f"{candidate}/looked-at-it")
    world.run_until(lambda world: world.status.stable == candidate, within=600)
    world.pass_time(120)
    assert world.condition("Ready") == ("True", "Serving")
    assert world.condition("MetricsAvailable") == ("False", "GatewayNotSupported")


def test_s30a_the_way_back_is_open() -> None:
    world, stable, _ = behind_unknown()
    world.run_until(stepping)
    world.apply(spec_of("1"))
    world.run_until(lambda world: world.status.rollout is None, within=600)
    assert (world.status.stable, world.weight_of(stable)) == (stable, 1_000_000)
