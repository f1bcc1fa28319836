"""What promotes a candidate: proof, or no evidence of harm where there is too little traffic for proof."""

from typing import Any

import pytest

from tests.unit.rollout.world import World, serving, spec_of

RAMP = [{"ramp": {}}]


def rollout_at(rate: float, *, bad: float = 0.0, **analysis: Any) -> tuple[World, str]:
    """A world with so many requests a second, of which stable fails a share, and a second revision just applied."""
    world = serving()
    world.traffic.rate = rate
    world.traffic.bad[world.status.stable or ""] = bad
    candidate = world.apply(spec_of("2", steps=RAMP, analysis=analysis))
    world.traffic.bad[candidate] = bad
    return world, candidate


def ended(world: World, candidate: str, within: float) -> tuple[str, str]:
    """Reason and message of the promotion; nobody was asked for anything on the way."""
    world.run_until(lambda world: paused(world) or world.status.stable == candidate, within=within)
    assert not paused(world), world.status.rollout
    decision = world.status.decisions[-1]
    assert decision.verdict == "Promote"
    return decision.reason, decision.message


def paused(world: World) -> bool:
    return world.status.rollout is not None and world.status.rollout.paused


def chosen(world: World) -> list[str]:
    return [event.message for event in world.events if event.reason == "PromotionChosen"]


def test_s08c_a_tenth_of_a_request_a_second_ends_without_proof_and_says_so() -> None:
    world, candidate = rollout_at(0.1, statistics={"noHarm": {"minSeconds": 120}})
    reason, message = ended(world, candidate, within=7200)
    assert reason == "NoHarm"
    assert "promoted without proof: no evidence of harm in 5" in message
    assert "would have been found" in message
    (told,) = chosen(world)
    assert "NoHarm: promoted without proof after 50 requests and 120 s of judged time" in told
    assert "at 0.1" in told
    assert "more than the" in told


def test_s08c_one_request_in_ten_seconds_ends_with_the_default_numbers_too() -> None:
    world, candidate = rollout_at(0.1)
    assert ended(world, candidate, within=14_400)[0] == "NoHarm"


def test_where_the_traffic_can_prove_it_proof_is_asked_for() -> None:
    world, candidate = rollout_at(40.0)
    assert ended(world, candidate, within=1200)[0] == "NonInferior"
    (told,) = chosen(world)
    assert "NonInferior: promoted on proof; proof takes about 1" in told
    assert "at 40 requests/s" in told


def test_the_choice_is_recorded_once_and_kept() -> None:
    world, _ = rollout_at(1.0, maxSeconds=7200)
    world.run_until(lambda world: world.status.rollout is not None and world.status.rollout.promotion is not None)
    assert world.status.rollout is not None
    before = world.status.rollout.promotion
    assert before is not None
    assert before.mode == "NonInferior"
    world.traffic.rate = 0.05
    world.pass_time(600)
    assert world.status.rollout is not None
    assert world.status.rollout.promotion == before
    assert len(chosen(world)) == 1


@pytest.mark.parametrize(("mode", "reason"), [("NonInferior", "NonInferior"), ("NoHarm", "NoHarm")])
def test_what_the_user_asks_for_is_not_chosen_otherwise(mode: str, reason: str) -> None:
    world, candidate = rollout_at(40.0, promotion=mode, statistics={"noHarm": {"minSeconds": 300}})
    start = world.now
    assert ended(world, candidate, within=1200)[0] == reason
    assert chosen(world) == []
    assert ((world.now - start).total_seconds() >= 300) is (mode == "NoHarm")


def test_a_proof_that_takes_longer_than_there_is_time_is_not_waited_for() -> None:
    world, candidate = rollout_at(2.0, maxSeconds=400, statistics={"noHarm": {"minSeconds": 60}})
    assert ended(world, candidate, within=1200)[0] == "NoHarm"


def test_a_proof_that_comes_sooner_than_expected_counts_as_one() -> None:
    world, candidate = rollout_at(2.0, maxSeconds=400, statistics={"noHarm": {"minSeconds": 390}})
    world.run_until(lambda world: world.status.rollout is not None and world.status.rollout.promotion is not None)
    world.traffic.rate = 100.0
    assert ended(world, candidate, within=1200)[0] == "NonInferior"


def test_time_without_proof_begins_anew_with_a_rise() -> None:
    world, candidate = rollout_at(0.5, statistics={"noHarm": {"minSeconds": 600}})
    world.run_until(lambda world: world.status.rollout is not None and world.status.rollout.bake_requests > 5)
    assert world.status.rollout is not None
    world.ready_limit[candidate] = 1
    world.run_until(lambda world: world.weight_of(candidate) == 333_333)
    del world.ready_limit[candidate]
    world.run_until(lambda world: world.weight_of(candidate) == 500_000)
    assert world.status.rollout.bake_requests == 0


def test_harm_is_found_at_a_tenth_of_a_request_a_second_as_well() -> None:
    world, candidate = rollout_at(0.1)
    world.traffic.bad[candidate] = 1.0
    world.run_until(lambda world: world.condition("Stalled") == ("True", "RolledBack"), within=7200)
    assert world.status.rejected[-1].reason == "Harm"
