"""What people do in the middle of things: pause, resume, undo, suspend; and the watch over what was promoted."""

from datetime import timedelta

import pytest

from tests.unit.rollout.world import World, serving, spec_of
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.judge.counts import Uncountable
from tidegate.judge.queries import Outcome, QueryResult, UserQuery

WHOLE = 1_000_000
QUERY = {"name": "accuracy", "query": "accuracy", "min": "0.9", "failures": 2}


def suspended(spec: ModelDeploymentSpec, yes: bool = True) -> ModelDeploymentSpec:
    return spec.model_copy(update={"suspend": yes})


def at_weight(weight: int, **rollout: object) -> tuple[World, str]:
    """A world whose candidate has `weight` in the route."""
    world = serving()
    candidate = world.apply(spec_of("2", **rollout))
    world.run_until(lambda world: world.weight_of(candidate) == weight)
    return world, candidate


def promoted(**rollout: object) -> tuple[World, str, str]:
    """A world whose second revision was just promoted; with the names of the first and the second."""
    world = serving(spec_of("1", **rollout))
    first = world.status.stable or ""
    second = world.apply(spec_of("2", **rollout))
    world.run_until(lambda world: world.status.stable == second)
    return world, first, second


def refusal(world: World) -> str:
    """What was said of the one request that was refused."""
    (message,) = [event.message for event in world.events if event.reason == "RequestRefused"]
    return message


# ---- pause -----------------------------------------------------------------------------------------------------------


def test_s16_a_paused_rollout_stays_where_it_is_until_it_is_resumed() -> None:
    world, candidate = at_weight(50_000)
    world.annotate("pause", f"{candidate}/1")
    world.pass_time(600)
    assert world.weight_of(candidate) == 50_000
    assert world.condition("Reconciling") == ("True", "Paused")
    assert world.status.rollout is not None
    assert "paused by request" in world.status.rollout.message
    world.annotate("resume", f"{candidate}/2")
    world.run_until(lambda world: world.status.stable == candidate)


def test_s16_a_pause_while_the_model_loads_keeps_it_out_of_traffic() -> None:
    world = serving()
    candidate = world.apply(spec_of("2"))
    world.ready_limit[candidate] = 0
    world.pass_time(5)
    world.annotate("pause", f"{candidate}/1")
    world.pass_time(5)
    del world.ready_limit[candidate]
    world.pass_time(120)
    assert world.weight_of(candidate) == 0
    assert world.condition("Reconciling") == ("True", "Paused")


def test_a_paused_candidate_that_harms_is_taken_back_all_the_same() -> None:
    world, candidate = at_weight(250_000)
    world.annotate("pause", f"{candidate}/1")
    world.traffic.bad[candidate] = 0.3
    world.run_until(lambda world: world.condition("Stalled") == ("True", "RolledBack"))


def test_the_deadline_of_judgement_does_not_run_out_in_a_pause() -> None:
    steps = [{"weight": {"percent": 25, "seconds": 10}}, {"pause": {}}, {"weight": {"percent": 50, "seconds": 10}}]
    world, candidate = at_weight(250_000, steps=steps, analysis={"maxSeconds": 60, "onInconclusive": "Rollback"})
    world.pass_time(600)
    assert world.condition("Reconciling") == ("True", "Paused")
    world.annotate("resume", f"{candidate}/1")
    world.run_until(lambda world: world.status.stable == candidate)


@pytest.mark.parametrize(
    ("verb", "value", "why"),
    [
        ("pause", "another/1", "the candidate is"),
        ("undo", "filetype-x/1", "is under way"),
        ("resume", "{candidate}/1", "is not paused"),
    ],
)
def test_s16_requests_that_do_not_fit_are_refused_with_the_reason(verb: str, value: str, why: str) -> None:
    world, candidate = at_weight(50_000)
    world.annotate(verb, value.format(candidate=candidate))
    world.settle()
    assert why in refusal(world)


# ---- undo ------------------------------------------------------------------------------------------------------------


def test_s15_undo_brings_previous_back_without_a_load_and_rejects_what_was_undone() -> None:
    world, first, second = promoted()
    asked_for = dict(world._deployments)
    world.annotate("undo", f"{second}/1")
    world.run_until(lambda world: world.status.stable == first, within=30)
    assert set(world._deployments) <= set(asked_for)
    assert world.condition("Stalled") == ("True", "RolledBack")
    assert [(entry.revision, entry.reason) for entry in world.status.rejected] == [(second, "Undone")]
    world.pass_time(60)
    assert world.status.previous is None
    assert world.weights_written[-1] == {"a": WHOLE, "b": 0}
    world.annotate("retry", f"{second}/2")
    world.run_until(lambda world: world.status.stable == second)


def test_s15_an_undo_that_is_aborted_leaves_stable_as_it_was() -> None:
    world, first, second = promoted()
    world.annotate("undo", f"{second}/1")
    world.settle()
    assert world.condition("Reconciling") == ("True", "Undoing")
    world.annotate("abort", f"{first}/1")
    world.run_until(lambda world: world.condition("Ready")[0] == "True")
    assert world.status.stable == second
    assert [entry.revision for entry in world.status.rejected] == [first]


@pytest.mark.parametrize(("ready", "kept", "why"), [(0, True, "no pod of"), (2, False, "no previous revision")])
def test_undo_without_a_warm_previous_is_refused(ready: int, kept: bool, why: str) -> None:
    world, first, second = promoted()
    world.ready_limit[first] = ready
    if not kept:
        world.pass_time(120)
    world.annotate("undo", f"{second}/1")
    world.settle()
    assert world.status.stable == second
    assert why in refusal(world)


@pytest.mark.parametrize("way", ["undo", "spec"])
def test_the_way_back_to_previous_is_open_where_stable_has_no_ready_pod(way: str) -> None:
    world, first, second = promoted()
    world.ready_limit[second] = 0
    world.pass_time(3)
    if way == "undo":
        world.annotate("undo", f"{second}/1")
    else:
        world.apply(spec_of("1"))
    world.run_until(lambda world: world.status.stable == first, within=60)


# ---- suspend ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [1, 50_000, 500_000, 999_999])
def test_suspended_nothing_rises_and_nothing_is_promoted(weight: int) -> None:
    world, candidate = at_weight(weight)
    world.apply(suspended(world.spec))
    world.settle()
    before = world.status.rollout and world.status.rollout.judged_milliseconds
    world.pass_time(300)
    assert world.weight_of(candidate) == weight
    assert world.condition("Reconciling") == ("True", "Suspended")
    assert world.status.rollout is not None
    assert world.status.rollout.judged_milliseconds == before
    world.apply(suspended(world.spec, False))
    world.run_until(lambda world: world.status.stable == candidate)


def test_suspended_a_harmful_candidate_loses_its_traffic_but_keeps_its_pods() -> None:
    world, candidate = at_weight(250_000)
    world.apply(suspended(world.spec))
    world.traffic.bad[candidate] = 0.3
    world.run_until(lambda world: world.weight_of(candidate) == 0)
    world.pass_time(600)
    assert world.status.candidate == candidate
    assert world.condition("Stalled") == ("True", "RolledBack")
    world.apply(suspended(world.spec, False))
    world.run_until(lambda world: world.status.candidate is None)


def test_suspended_nothing_starts() -> None:
    world = serving()
    stable = world.status.stable
    second = world.apply(suspended(spec_of("2")))
    world.pass_time(60)
    assert [entry.name for entry in world.status.revisions] == [stable]
    assert world.condition("Reconciling") == ("True", "Suspended")
    world.apply(spec_of("2"))
    world.run_until(lambda world: world.status.stable == second)


def test_suspended_before_the_first_revision_nothing_starts() -> None:
    world = World(spec=suspended(spec_of()))
    world.pass_time(60)
    assert world.status.revisions == []
    assert world.condition("Reconciling") == ("True", "Suspended")


def test_suspended_with_nothing_to_do_is_ready() -> None:
    world = serving()
    world.apply(suspended(world.spec))
    world.pass_time(60)
    assert world.condition("Ready") == ("True", "Serving")


def test_suspended_previous_is_kept_and_its_time_does_not_run() -> None:
    world, first, _ = promoted()
    world.apply(suspended(world.spec))
    world.pass_time(300)
    assert world.status.previous == first
    world.apply(suspended(world.spec, False))
    world.pass_time(30)
    assert world.status.previous == first
    world.pass_time(60)
    assert world.status.previous is None


def test_suspended_the_deadline_for_room_does_not_run() -> None:
    world = serving()
    candidate = world.apply(spec_of("2", capacity={"waitSeconds": 100}))
    world.ready_limit[candidate] = 0
    world.no_room_for(candidate)
    world.pass_time(50)
    world.apply(suspended(world.spec))
    world.pass_time(600)
    assert world.status.candidate == candidate
    world.apply(suspended(world.spec, False))
    assert world.run_until(lambda world: world.condition("Stalled") == ("True", "CapacityTimeout")) > 20


@pytest.mark.parametrize("verb", ["promote", "undo"])
def test_suspended_requests_that_move_traffic_are_refused(verb: str) -> None:
    world, candidate = (promoted()[0], promoted()[2]) if verb == "undo" else at_weight(50_000)
    world.apply(suspended(world.spec))
    world.annotate(verb, f"{candidate}/1")
    world.settle()
    assert "spec.suspend" in refusal(world)


# ---- after a promotion -----------------------------------------------------------------------------------------------


def failing_query() -> tuple[QueryResult, ...]:
    bounds = UserQuery("accuracy", "0.9", None, 2)
    return (QueryResult(bounds, Outcome.Fail, "0.5 is under min 0.9"),)


def test_a_promoted_revision_that_breaks_the_limit_is_undone_while_previous_is_kept() -> None:
    world, first, second = promoted(keepPreviousSeconds=600)
    world.traffic.bad[second] = 0.05
    world.run_until(lambda world: world.condition("Stalled") == ("True", "RolledBack"), within=120)
    assert world.status.stable == first
    assert world.status.rejected[-1].reason == "AboveLimit"
    assert "of 1" in world.status.rejected[-1].message
    assert "limit of 1.0 %" in world.status.rejected[-1].message


def test_a_promoted_revision_whose_query_fails_is_undone() -> None:
    world, first, _ = promoted(keepPreviousSeconds=600, analysis={"queries": [QUERY]})
    world.queries = failing_query()
    world.run_until(lambda world: world.status.stable == first, within=120)
    assert world.status.rejected[-1].reason == "QueryFailed"


@pytest.mark.parametrize("who", ["Report", "person"])
def test_a_promoted_revision_is_only_told_of_where_a_person_decides(who: str) -> None:
    world = serving()
    after = "Report" if who == "Report" else "Undo"
    second = world.apply(spec_of("2", keepPreviousSeconds=600, afterPromotion=after))
    if who == "person":
        world.run_until(lambda world: world.weight_of(second) == 50_000)
        world.annotate("promote", f"{second}/1")
    world.run_until(lambda world: world.status.stable == second)
    world.traffic.bad[second] = 0.05
    world.pass_time(300)
    assert world.status.stable == second
    assert world.reasons().count("LimitBroken") == 1


def test_a_promoted_revision_within_its_limits_is_left_alone_and_the_watch_ends_with_previous() -> None:
    world, first, second = promoted(keepPreviousSeconds=120)
    assert world.status.after_promotion is not None
    world.traffic.bad[second] = 0.002
    world.pass_time(100)
    assert world.status.previous == first
    world.pass_time(60)
    assert world.status.stable == second
    assert world.status.after_promotion is None


def test_the_watch_waits_for_a_previous_that_is_ready() -> None:
    world, first, second = promoted(keepPreviousSeconds=600)
    world.ready_limit[first] = 0
    world.traffic.bad[second] = 0.05
    world.pass_time(120)
    assert world.status.stable == second
    del world.ready_limit[first]
    world.run_until(lambda world: world.status.stable == first, within=120)


# ---- a long time without anything to judge ---------------------------------------------------------------------------


def test_s21_half_an_hour_without_metrics_is_told_as_stalled_and_goes_on_by_itself() -> None:
    world, candidate = at_weight(50_000)
    world.metrics_trouble = Uncountable("MetricsUnavailable", "Refused: no answer")
    world.pass_time(29 * 60)
    assert world.condition("Reconciling") == ("True", "Stepping")
    world.pass_time(2 * 60)
    assert world.condition("Stalled") == ("True", "MetricsUnavailable")
    world.now += timedelta(milliseconds=1)
    before = world.status
    world.reconcile()
    assert world.status == before
    world.metrics_trouble = None
    world.run_until(lambda world: world.status.stable == candidate)


# ---- sizes -----------------------------------------------------------------------------------------------------------


LONG_AT_HALF = [{"weight": {"percent": 50, "seconds": 300}}]


def test_stable_gets_more_pods_only_once_the_candidate_has_its_share_of_them() -> None:
    world, candidate = at_weight(500_000, steps=LONG_AT_HALF)
    stable = world.status.stable or ""
    world.ready_limit[candidate] = 2
    world.apply(world.spec.model_copy(update={"replicas": 4}))
    world.pass_time(30)
    asked = {entry.name: entry.replicas for entry in world.status.revisions}
    assert asked == {stable: 2, candidate: 4}
    assert world.weight_of(candidate) == 500_000
    del world.ready_limit[candidate]
    world.pass_time(5)
    asked = {entry.name: entry.replicas for entry in world.status.revisions}
    assert asked == {stable: 4, candidate: 4}
    assert world.weight_of(candidate) == 500_000


def test_stable_does_not_wait_for_a_candidate_that_finds_no_room() -> None:
    world, candidate = at_weight(500_000, steps=LONG_AT_HALF)
    stable = world.status.stable or ""
    world.ready_limit[candidate] = 2
    world.no_room_for(candidate)
    world.apply(world.spec.model_copy(update={"replicas": 4}))
    world.pass_time(5)
    assert {entry.name: entry.replicas for entry in world.status.revisions}[stable] == 4
    assert world.weight_of(candidate) == 333_333
