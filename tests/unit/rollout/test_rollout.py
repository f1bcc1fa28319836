"""Whole rollouts of the planner, in a world of its own."""

from dataclasses import replace

import pytest

from tests.unit.rollout.world import World, serving, spec_of
from tidegate.judge.counts import Problem, ProblemKind, Uncountable
from tidegate.judge.queries import Outcome, QueryResult, UserQuery
from tidegate.rollout import plan
from tidegate.rollout.observation import Pod

WHOLE = 1_000_000


def promoted(revision: str):  # type: ignore[no-untyped-def]
    return lambda world: world.status.stable == revision


def rolled_back(world: World) -> bool:
    return world.condition("Stalled") == ("True", "RolledBack") and world.status.rollout is None


def failing_pod(revision: str, *, restarts: int = 1, words: str = "failed to load 'filetype'") -> Pod:
    return Pod(name="p", revision=revision, restarts=restarts, exit_code=1, exit_reason="Error", last_words=words)


def test_s01_first_revision_gets_all_traffic_only_once_it_is_ready() -> None:
    world = World()
    first = world.revision()
    world.ready_limit[first] = 0
    world.pass_time(30)
    assert world.condition("Ready")[0] == "False"
    assert world.weights_written == []
    del world.ready_limit[first]
    world.run_until(lambda world: world.condition("Ready") == ("True", "Serving"))
    assert world.weights_written == [{"a": WHOLE, "b": 0}]
    assert world.status.decisions == []
    assert world.reasons().count("Serving") == 1


def test_s02_candidate_starts_at_weight_zero_beside_an_untouched_stable() -> None:
    world = serving()
    stable = world.status.stable
    candidate = world.apply(spec_of("2"))
    world.ready_limit[candidate] = 0
    world.pass_time(20)
    assert world.status.candidate == candidate
    assert world.status.stable == stable
    assert world.weight_of(candidate) == 0
    assert world.weights_written == [{"a": WHOLE, "b": 0}]


def test_s05_weights_pass_through_one_in_a_million_and_candidate_becomes_stable() -> None:
    world = serving()
    candidate = world.apply(spec_of("2"))
    world.run_until(promoted(candidate))
    risen = [50_000, 200_000, 250_000, 500_000]
    assert [weights["b"] for weights in world.weights_written] == [0, 1, *risen, 999_999, WHOLE]
    assert world.status.previous is not None
    assert world.status.decisions[-1].verdict == "Promote"
    assert world.condition("Ready") == ("True", "Serving")
    world.pass_time(90)
    assert world.status.previous is None
    assert [entry.name for entry in world.status.revisions] == [candidate]


def test_every_weight_is_judged_before_the_next_rise() -> None:
    world = serving()
    candidate = world.apply(spec_of("2"))
    held: dict[int, int] = {}
    for _ in world.run(300):
        weight = world.weight_of(candidate)
        held[weight] = held.get(weight, 0) + 1
        if world.status.stable == candidate:
            break
    assert all(held[weight] >= 10 for weight in (50_000, 250_000, 500_000))


def test_s06_failing_candidate_is_taken_back_with_its_numbers() -> None:
    world = serving()
    stable = world.status.stable
    candidate = world.apply(spec_of("2"))
    world.traffic.bad[candidate] = 0.3
    world.run_until(rolled_back)
    decision = world.status.decisions[-1]
    assert (decision.verdict, decision.reason) == ("Rollback", "Harm")
    assert "candidate 3" in decision.message
    assert "evidence of harm" in decision.message
    assert world.status.rejected[-1].revision == candidate
    assert world.status.stable == stable
    assert world.weights_written[-1] == {"a": WHOLE, "b": 0}
    assert world.weights_written[-2] == {"a": WHOLE - 1, "b": 1}


def test_s04_candidate_that_cannot_load_is_taken_back_with_the_containers_words() -> None:
    world = serving()
    candidate = world.apply(spec_of("2"))
    world.ready_limit[candidate] = 0
    world.pass_time(5)
    world.pods[candidate] = (failing_pod(candidate, words="unable to find 'model.onnx'"),)
    world.run_until(rolled_back)
    rejection = world.status.rejected[-1]
    assert rejection.reason == "LoadFailed"
    assert "unable to find 'model.onnx'" in rejection.message
    assert "code 1" in rejection.message
    assert max(weights["b"] for weights in world.weights_written) == 0


def test_s14_rejected_revision_stays_rejected_until_retry() -> None:
    world = serving()
    good = world.spec
    candidate = world.apply(spec_of("2"))
    world.traffic.bad[candidate] = 0.3
    world.run_until(rolled_back)
    world.apply(good)
    world.pass_time(5)
    world.apply(spec_of("2"))
    world.pass_time(60)
    assert world.status.rollout is None
    assert world.condition("Stalled") == ("True", "RolledBack")
    world.traffic.bad.clear()
    world.annotate("retry", f"{candidate}/1")
    world.run_until(promoted(candidate))


def test_s09_no_traffic_holds_for_ever_and_goes_on_by_itself() -> None:
    world = serving()
    candidate = world.apply(spec_of("2"))
    world.traffic.rate = 0.0
    world.pass_time(1800)
    assert world.weight_of(candidate) == 1
    assert world.status.rollout is not None
    assert world.status.rollout.hold is not None
    assert world.status.rollout.hold.reason == "NoTraffic"
    assert world.status.rollout.judged_milliseconds == 0
    world.traffic.rate = 50.0
    world.run_until(promoted(candidate))


def test_s20_metrics_unavailable_hold_with_the_reason() -> None:
    world = serving()
    candidate = world.apply(spec_of("2"))
    world.run_until(lambda world: world.weight_of(candidate) == 250_000)
    world.metrics_trouble = Uncountable("MetricsUnavailable", "Refused: no answer")
    world.pass_time(600)
    assert world.weight_of(candidate) == 250_000
    assert world.status.rollout is not None
    assert world.status.rollout.hold is not None
    assert world.status.rollout.hold.reason == "MetricsUnavailable"
    assert world.condition("MetricsAvailable") == ("False", "MetricsUnavailable")
    world.metrics_trouble = None
    world.run_until(promoted(candidate))
    assert world.condition("Ready")[0] == "True"


def test_a_pod_scraped_twice_is_counted_once_and_told() -> None:
    world = serving()
    candidate = world.apply(spec_of("2"))
    twice = "2 scrape targets show this pod; counted once"
    world.problems = (Problem(ProblemKind.DuplicateSeries, "gateways/envoy-1", twice),)
    world.run_until(lambda world: world.condition("MetricsAvailable") == ("True", "Measured"))
    told = next(entry.message for entry in world.status.conditions if entry.type == "MetricsAvailable")
    assert f"DuplicateSeries: gateways/envoy-1: {twice}" in told
    world.run_until(promoted(candidate))


def test_failing_user_query_takes_a_healthy_candidate_back() -> None:
    world = serving()
    query = {"name": "accuracy", "query": "avg(a)", "min": "0.9", "failures": 2}
    world.apply(spec_of("2", analysis={"queries": [query]}))
    asked = UserQuery("accuracy", "0.9", None, 2)
    world.queries = (QueryResult(asked, Outcome.Fail, "0.5 is under min 0.9"),)
    world.run_until(rolled_back)
    assert world.status.rejected[-1].reason == "QueryFailed"
    assert "0.5 is under min 0.9" in world.status.rejected[-1].message


def test_s11_newer_spec_drains_the_candidate_before_the_next_one_starts() -> None:
    world = serving()
    second = world.apply(spec_of("2"))
    world.run_until(lambda world: world.weight_of(second) == 250_000)
    third = world.apply(spec_of("3"))
    for _ in world.run(300):
        if world.status.candidate == third:
            break
        assert world.weight_of(third) == 0
    assert world.status.candidate == third
    assert world.status.rejected == []
    assert second not in [entry.name for entry in world.status.revisions]
    world.run_until(promoted(third))


def test_s12_back_to_stable_takes_traffic_away_and_is_ready_without_loading() -> None:
    world = serving()
    first = world.spec
    second = world.apply(spec_of("2"))
    world.run_until(lambda world: world.weight_of(second) == 250_000)
    world.apply(first)
    world.settle()
    assert world.weight_of(second) == 1
    world.run_until(lambda world: world.condition("Ready")[0] == "True")
    assert world.status.stable == world.revision(first)


def test_s13_spec_change_while_promoting_promotes_the_judged_revision_only() -> None:
    world = serving()
    second = world.apply(spec_of("2"))
    world.run_until(lambda world: world.status.rollout is not None and world.status.rollout.phase == "Promoting")
    third = world.apply(spec_of("3"))
    world.run_until(promoted(second))
    assert world.weight_of(third) == 0
    world.run_until(promoted(third))


def test_s16_pause_waits_for_a_person_and_each_request_is_obeyed_once() -> None:
    world = serving()
    steps = [{"weight": {"percent": 5, "seconds": 10}}, {"pause": {}}, {"weight": {"percent": 50, "seconds": 10}}]
    candidate = world.apply(spec_of("2", steps=steps))
    world.run_until(lambda world: world.condition("Reconciling") == ("True", "Paused"))
    world.pass_time(600)
    assert world.weight_of(candidate) == 50_000
    world.annotate("resume", "other-revision/1")
    world.settle()
    assert world.reasons()[-1] == "RequestRefused"
    assert world.condition("Reconciling") == ("True", "Paused")
    world.annotate("resume", f"{candidate}/2")
    world.run_until(promoted(candidate))


@pytest.mark.parametrize("verb", ["promote", "abort"])
def test_s16_promote_and_abort(verb: str) -> None:
    world = serving()
    candidate = world.apply(spec_of("2", steps=[{"pause": {}}]))
    world.run_until(lambda world: world.condition("Reconciling") == ("True", "Paused"))
    world.annotate(verb, f"{candidate}/1")
    if verb == "promote":
        world.run_until(promoted(candidate))
        assert world.status.decisions[-1].reason == "Requested"
    else:
        world.run_until(rolled_back)
        assert world.status.rejected[-1].reason == "Aborted"


def test_s16_abort_beats_promote() -> None:
    world = serving()
    candidate = world.apply(spec_of("2", steps=[{"pause": {}}]))
    world.run_until(lambda world: world.condition("Reconciling") == ("True", "Paused"))
    world.annotate("promote", f"{candidate}/1")
    world.annotate("abort", f"{candidate}/1")
    world.run_until(rolled_back)
    assert "RequestRefused" in world.reasons()


def test_requests_present_at_creation_are_acknowledged_not_obeyed() -> None:
    world = World()
    world.annotate("abort", f"{world.revision()}/1")
    world.run_until(lambda world: world.condition("Ready")[0] == "True")
    assert world.status.requests.abort == f"{world.revision()}/1"
    assert "RequestRefused" not in world.reasons()


@pytest.mark.parametrize(
    ("policy", "expected"), [("Pause", "Paused"), ("Promote", "promoted"), ("Rollback", "RolledBack")]
)
def test_inconclusive(policy: str, expected: str) -> None:
    world = serving()
    world.traffic.rate = 2.0
    analysis = {"maxSeconds": 60, "bakeSeconds": 10, "onInconclusive": policy}
    candidate = world.apply(spec_of("2", analysis=analysis))
    if expected == "promoted":
        world.run_until(promoted(candidate))
        assert world.status.decisions[-1].reason == "Inconclusive"
    elif expected == "RolledBack":
        world.run_until(rolled_back)
    else:
        world.run_until(lambda world: world.condition("Reconciling") == ("True", "Paused"))
        world.annotate("promote", f"{candidate}/1")
        world.run_until(promoted(candidate))


def test_s15_back_to_previous_is_a_pointer_flip() -> None:
    world = serving()
    first = world.spec
    second = world.apply(spec_of("2"))
    world.run_until(promoted(second))
    world.apply(first)
    seconds = world.run_until(promoted(world.revision(first)))
    assert seconds < 10
    assert "RolloutStarted" not in world.reasons()[world.reasons().index("Promoted") :]


def test_s25_weight_never_exceeds_the_candidates_share_of_ready_pods() -> None:
    world = serving()
    candidate = world.apply(spec_of("2"))
    world.run_until(lambda world: world.weight_of(candidate) == 500_000)
    world.ready_limit[candidate] = 1
    world.settle()
    assert world.weight_of(candidate) == 333_333
    world.ready_limit[candidate] = 0
    world.settle()
    assert world.weight_of(candidate) <= 1
    assert world.status.rollout is not None
    del world.ready_limit[candidate]
    world.run_until(promoted(candidate))


def test_s25_without_a_ready_stable_pod_weights_stay_as_written() -> None:
    world = serving()
    candidate = world.apply(spec_of("2"))
    world.run_until(lambda world: world.weight_of(candidate) == 250_000)
    stable = world.status.stable
    assert stable is not None
    world.ready_limit[stable] = 0
    world.traffic.bad[candidate] = 0.3
    world.pass_time(120)
    assert world.weight_of(candidate) == 250_000
    assert world.condition("Stalled") == ("True", "StableNotReady")
    del world.ready_limit[stable]
    world.run_until(rolled_back)


def test_s30_route_not_accepted_stops_the_clock() -> None:
    world = serving()
    candidate = world.apply(spec_of("2"))
    world.run_until(lambda world: world.weight_of(candidate) == 50_000)
    world.gateway_accepts = False
    world.pass_time(300)
    assert world.weight_of(candidate) == 50_000
    assert world.condition("RouteReady") == ("False", "RouteNotAccepted")
    world.gateway_accepts = True
    world.run_until(promoted(candidate))


def test_capacity_timeout_ends_the_rollout_unrejected_and_waits_for_retry() -> None:
    world = serving()
    candidate = world.apply(spec_of("2", capacity={"waitSeconds": 60}))
    world.ready_limit[candidate] = 0
    pending = Pod(name="p", revision=candidate, unschedulable="0/1 nodes: 1 Insufficient nvidia.com/gpu.")
    world.pods[candidate] = (pending,)
    world.pass_time(10)
    assert world.condition("CapacityAvailable") == ("False", "InsufficientCapacity")
    world.run_until(lambda world: world.condition("Stalled") == ("True", "CapacityTimeout"))
    assert world.status.rejected == []
    assert world.status.candidate is None
    world.pass_time(60)
    assert world.status.candidate is None
    world.pods.clear()
    world.ready_limit.clear()
    world.annotate("retry", f"{candidate}/1")
    world.run_until(promoted(candidate))


def test_s32a_name_taken_by_somebody_else() -> None:
    world = World(names_taken=("Service filetype",))
    world.pass_time(5)
    assert world.condition("Stalled") == ("True", "NameTaken")
    assert world.status.candidate is None


def test_s31_pods_of_an_earlier_model_deployment_of_the_name_do_not_serve_for_a_new_one() -> None:
    world = World()
    revision, start = world.revision(), world.seen()
    for leaving in (False, True):
        seen = replace(start, pods=(Pod(name="old", revision=revision, ready=True, terminating=leaving),))
        planned = plan(world.resource, seen, None, world.now)
        assert planned.status.candidate == (revision if leaving else None)
        assert [event.reason for event in planned.events] == (["Starting"] if leaving else [])
        ready = planned.status.conditions[0]
        assert ("an earlier ModelDeployment" in ready.message) is not leaving


def test_reconciling_twice_changes_nothing() -> None:
    world = serving()
    candidate = world.apply(spec_of("2"))
    for _ in world.run(200):
        before = world.status
        world.reconcile()
        assert world.status == before
        if world.status.stable == candidate:
            return
    pytest.fail("never promoted")
