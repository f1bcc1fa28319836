"""Step `schema`: what would break clients is stopped before any traffic."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.rollout.world import SIGNATURE, World, serving, spec_of
from tidegate.runtimes.signature import Tensor

STEPS: list[dict[str, Any]] = [{"schema": {}}, {"weight": {"percent": 5, "seconds": 10}}]
RENAMED = replace(SIGNATURE, inputs=(Tensor("features", "INT32", (-1, 2048)),))


def checked() -> tuple[World, str, str]:
    world = serving()
    candidate = world.apply(spec_of("2", steps=STEPS))
    assert world.status.stable is not None
    return world, world.status.stable, candidate


def stepping(world: World) -> bool:
    return world.status.rollout is not None and world.status.rollout.phase == "Stepping"


def test_s18_a_candidate_that_takes_and_gives_the_same_goes_on() -> None:
    world, _, candidate = checked()
    world.run_until(lambda world: world.status.stable == candidate)


def test_s18_a_renamed_input_is_stopped_before_any_traffic_and_spelled_out() -> None:
    world, stable, candidate = checked()
    world.signatures[candidate] = RENAMED
    for _ in world.run(120):
        assert world.weight_of(candidate) == 0
    (rejected,) = world.status.rejected
    assert (rejected.revision, rejected.reason) == (candidate, "SchemaBreak")
    assert rejected.message == (
        "clients of stable would break: no input bytes (INT32 [-1, 2048] at stable; the candidate has features); "
        "input features (INT32 [-1, 2048]) must be sent, stable has none of that name"
    )
    assert (world.status.stable, world.status.rollout) == (stable, None)
    assert world.condition("Stalled") == ("True", "RolledBack")


@pytest.mark.parametrize("silent", ["stable", "candidate"])
def test_a_server_that_does_not_say_holds_and_is_told_of_and_goes_on_by_itself(silent: str) -> None:
    world, stable, candidate = checked()
    name = {"stable": stable, "candidate": candidate}[silent]
    world.signatures[name] = "filetype-a.demo:8000 did not answer within 5 s"
    world.run_until(stepping)
    world.pass_time(1700)
    assert world.status.rollout is not None
    assert world.status.rollout.hold is not None
    assert world.status.rollout.hold.message == (
        f"what {name} takes and gives is not known: filetype-a.demo:8000 did not answer within 5 s"
    )
    assert (world.condition("Stalled")[0], world.weight_of(candidate)) == ("False", 0)
    world.pass_time(200)
    assert world.condition("Stalled") == ("True", "SchemaUnknown")
    del world.signatures[name]
    world.run_until(lambda world: world.status.stable == candidate)


def test_a_person_who_promotes_skips_the_question() -> None:
    world, stable, candidate = checked()
    world.signatures[stable] = "no pod of it is ready"
    world.run_until(stepping)
    world.pass_time(5)
    world.annotate("promote", f"{candidate}/looked-at-it")
    world.run_until(lambda world: world.status.stable == candidate)


def test_nobody_is_asked_while_a_person_keeps_the_rollout_still() -> None:
    world, _, candidate = checked()
    world.run_until(lambda world: world.status.rollout is not None)
    world.annotate("pause", f"{candidate}/1")
    world.signatures[candidate] = RENAMED
    world.pass_time(60)
    assert (world.status.rejected, world.weight_of(candidate)) == ([], 0)
    world.annotate("resume", f"{candidate}/2")
    world.run_until(lambda world: world.status.rejected != [])


def test_the_first_revision_has_nothing_to_be_compared_with() -> None:
    world = World(spec=spec_of("1", steps=STEPS))
    world.run_until(lambda world: world.condition("Ready")[0] == "True")
    assert world.status.decisions == []


def test_the_question_may_come_between_weights() -> None:
    world = serving()
    candidate = world.apply(
        spec_of("2", steps=[{"weight": {"percent": 5, "seconds": 10}}, {"schema": {}}, {"ramp": {}}])
    )
    world.signatures[candidate] = "not yet"
    world.run_until(lambda world: world.weight_of(candidate) == 50_000)
    world.pass_time(120)
    assert world.weight_of(candidate) == 50_000
    world.signatures[candidate] = RENAMED
    world.run_until(lambda world: world.status.rejected != [])
