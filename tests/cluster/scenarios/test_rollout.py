"""Rollouts on real parts: API server, scheduler, kubelet, Envoy Gateway, Prometheus, Triton."""

import time

from lab.trial import Served, entries_and_exits

WHOLE = 1_000_000
IDLE_SECONDS = 40
IDLE_WINDOWS = 3


def test_s01_first_revision_gets_all_traffic_once_the_model_answers(served: Served) -> None:
    generation = served.apply("echo-1")
    served.wait_ready()
    status = served.status
    assert status.observed_generation == generation
    assert status.decisions == []
    assert served.weight_of(status.stable) == WHOLE
    with served.requests(rate=20) as requests:
        served.wait(lambda _: requests.summary.requests >= 20, "20 requests answered")
    assert requests.summary.failed == 0
    assert set(requests.summary.revisions) == {status.stable}
    assert [reason for reason, _ in served.events()].count("Serving") == 1


def test_s02_s05_healthy_candidate_is_promoted_with_the_same_pods_and_no_request_lost(served: Served) -> None:
    served.apply("echo-1", replicas=2)
    served.wait_ready()
    stable = served.status.stable
    assert stable is not None
    stable_pods = served.pod_uids(stable)
    with served.requests(rate=50) as requests, served.watched_weights() as weights:
        served.apply("echo-2", replicas=2)
        candidate = served.wait_candidate()
        served.wait(lambda served: len(served.pod_uids(candidate)) > 0, "a candidate pod")
        assert served.weight_of(candidate) == 0
        served.wait(lambda served: served.weight_of(candidate) == 500_000, "the last weight")
        assert served.pod_uids(stable) == stable_pods
        candidate_pods = served.pod_uids(candidate)
        served.wait_ready(within=180)
    assert served.status.stable == candidate
    assert candidate_pods <= served.pod_uids(candidate)
    assert requests.summary.failed == 0, requests.summary
    written = [pair[1] for pair in weights.seen]
    planned = [1, 50_000, 200_000, 250_000, 500_000, 999_999, WHOLE]
    assert [w for w in written if w in planned] == planned
    assert entries_and_exits(weights.seen) == []
    promotion = served.status.decisions[-1]
    assert promotion.verdict == "Promote"
    assert promotion.reason == "NonInferior"
    served.wait(lambda served: served.status.previous is None, "previous removed")
    served.wait(lambda served: served.pod_uids(stable) == set(), "the pods of previous gone")


def test_s03_slow_loading_candidate_waits_at_weight_zero_without_a_restart(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    served.apply("echo-slow")
    candidate = served.wait_candidate()
    served.wait(lambda served: len(served.pod_uids(candidate)) > 0, "a candidate pod")
    served.wait(lambda served: served.weight_of(candidate) > 0, "the model loaded", within=90)
    pods = served.core.list_namespaced_pod(served.namespace, label_selector=f"tidegate.dev/revision={candidate}")
    assert [status.restart_count for pod in pods.items for status in pod.status.container_statuses] == [0]


def test_s04_candidate_that_cannot_load_is_taken_back_with_the_servers_words(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    stable = served.status.stable
    with served.requests(rate=20) as requests:
        for model in ("broken-1", "layout-wrong"):
            served.apply(model)
            message = served.wait_stalled("RolledBack")
            served.wait_ended()
            assert "exited with code 1" in message
            assert served.status.rejected[-1].reason == "LoadFailed"
            assert len(served.status.rejected[-1].message) > 150
            rejected = served.status.rejected[-1].revision
            served.wait(lambda served, gone=rejected: served.pod_uids(gone) == set(), "the candidate's GPUs free")
    assert served.status.stable == stable
    assert served.weight_of(stable) == WHOLE
    assert requests.summary.failed == 0


def test_s06_candidate_failing_30_percent_is_taken_back_and_stays_so(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    stable = served.status.stable
    with served.requests(rate=40) as requests, served.watched_weights() as weights:
        served.apply("echo-failing")
        candidate = served.wait_candidate()
        message = served.wait_stalled("RolledBack", within=180)
        served.wait_ended()
    assert "evidence of harm" in message
    assert "candidate" in message
    assert "stable" in message
    assert served.weight_of(stable) == WHOLE
    assert requests.summary.failed == requests.summary.failed_by(candidate), requests.summary
    assert requests.summary.failed > 0
    assert entries_and_exits(weights.seen) == []
    assert weights.seen[-2:] == [(WHOLE - 1, 1), (WHOLE, 0)]
    assert served.condition("Available")[0] == "True"
    served.annotate("resume", f"{candidate}/1")
    served.wait(lambda served: served.status.requests.resume is not None, "the request acknowledged")
    assert served.status.candidate is None


def test_failing_user_query_takes_a_healthy_candidate_back_without_losing_a_request(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    query = {"name": "always-low", "query": "vector(0.5)", "min": "0.9", "failures": 2}
    with served.requests(rate=50) as requests:
        served.apply("echo-2", analysis={"queries": [query]})
        message = served.wait_stalled("RolledBack", within=180)
        served.wait_ended()
    assert "always-low" in message
    assert "0.5 is under min 0.9" in message
    assert requests.summary.failed == 0, requests.summary


def test_s08a_hanging_candidate_whose_clients_give_up_is_taken_back(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    with served.requests(rate=40, timeout_seconds=1):
        served.apply("echo-hanging")
        message = served.wait_stalled("RolledBack", within=180)
    assert "evidence of harm" in message


def test_s09_without_traffic_it_holds_and_goes_on_by_itself(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    served.apply("echo-2")
    candidate = served.wait_candidate()
    served.wait(
        lambda served: (
            served.status.rollout is not None
            and served.status.rollout.hold is not None
            and served.status.rollout.hold.reason == "NoTraffic"
        ),
        "Hold NoTraffic",
    )
    assert served.weight_of(candidate) == 1
    assert served.status.rollout is not None
    assert served.status.rollout.judged_milliseconds == 0
    with served.requests(rate=50):
        served.wait(lambda served: served.status.stable == candidate, "promotion", within=180)


def test_s10_two_of_two_failed_requests_hold_the_weight(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    with served.requests(rate=20) as requests:
        served.apply("echo-dead")
        candidate = served.wait_candidate()
        served.wait(lambda served: served.weight_of(candidate) == 50_000, "the first weight", within=90)
        served.wait(lambda _: requests.summary.failed_by(candidate) >= 2, "two failed requests", within=60)
    served.wait(lambda served: served.status.decisions != [], "a decision", within=30)
    assert served.weight_of(candidate) <= 50_000
    assert served.status.stable != candidate


def test_first_revision_that_cannot_load_says_so_and_is_replaced_by_a_better_one(served: Served) -> None:
    served.apply("broken-1")
    message = served.wait_stalled("LoadFailed")
    assert "exited with code 1" in message
    assert served.status.rejected == []
    served.apply("echo-1")
    served.wait_ready()


def test_idle_model_deployment_causes_no_request_between_resyncs(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    served.cluster.quiet_operator_requests()
    # Resyncs are ten minutes apart, and the garbage collector may still ask after an owner that is gone: of a few
    # windows one after the other, one at least is silent. Anything that came again and again would be in each.
    assert any(silent_for(IDLE_SECONDS, served) for _ in range(IDLE_WINDOWS))


def silent_for(seconds: float, served: Served) -> bool:
    """Neither the operator nor the API server counted a request about ModelDeployments in that time."""
    before = served.cluster.operator_requests(), served.cluster.served_requests("tidegate.dev")
    time.sleep(seconds)
    return before == (served.cluster.operator_requests(), served.cluster.served_requests("tidegate.dev"))


def test_reconciling_twice_writes_nothing(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    served.wait(lambda served: served.status.slots.a.in_force_since is not None, "the route in force")
    before = served.resource_versions()
    # Any change of a child makes the operator look again: here a label of somebody else's, which it must leave alone.
    patched = served.core.patch_namespaced_service(
        f"echo-{'b'}", served.namespace, {"metadata": {"labels": {"looked": "at"}}}
    )
    served.wait(lambda served: served.core.read_namespaced_service("echo-b", served.namespace) is not None, "a read")
    after = served.resource_versions()
    assert after.pop("service/echo-b") == patched.metadata.resource_version
    before.pop("service/echo-b")
    assert after == before
