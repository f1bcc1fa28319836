"""Deleted in the middle of a rollout: all of it goes, nothing of it is mixed up with what comes after."""

import time

from kubernetes.client.exceptions import ApiException

from lab.trial import Served
from tests.cluster.scenarios.parts import (
    Operator,
    bring_to,
    children,
    delete_model_deployment,
    failures,
    ready_pods,
    stopped_prometheus,
)

GONE_SECONDS = 20
FEW_ERRORS = 3
"""A reconcile may meet an object that goes at that moment; each such error is one, and no storm."""


def test_s31_deleted_mid_rollout_without_prometheus_and_made_anew_at_once(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    stable = served.status.stable
    assert stable is not None
    with served.requests(rate=20):
        candidate = bring_to(served, "echo-2", 30)
    uid, operator = served.body()["metadata"]["uid"], Operator(served)
    old = pods_of(served, stable, candidate)
    with stopped_prometheus(served):
        errors = operator.failed_reconciles()
        delete_model_deployment(served)
        served.apply("echo-1")
        began = time.monotonic()
        served.wait(lambda served: all(child.owner != uid for child in children(served).values()), "old ones gone")
        gone = time.monotonic() - began
        assert gone < GONE_SECONDS
        # The pods of the one before are not ours, though they serve the same revision and have not ended yet.
        served.wait(lambda served: served.status.stable is not None, "the new one serving", within=60)
        assert ready_pods(served, stable) - old != set()
        served.wait_ready()
        with served.requests(rate=20) as requests:
            served.wait(lambda _: requests.summary.requests > 100, "100 requests")
            served.wait(lambda served: pods_of(served, stable, candidate) & old == set(), "old pods gone")
        print(f"S31: children gone after {gone:.1f} s, pods after {time.monotonic() - began:.1f} s")
        assert failures(requests.summary) == {}
    fresh = served.body()["metadata"]["uid"]
    assert fresh != uid
    assert {child.owner for child in children(served).values()} == {fresh}
    assert (served.status.stable, served.status.candidate) == (stable, None)
    assert operator.failed_reconciles() - errors <= FEW_ERRORS


def pods_of(served: Served, *revisions: str) -> set[str]:
    return {uid for revision in revisions for uid in served.pod_uids(revision)}


def test_s31_deleted_without_an_operator_leaves_nothing_stuck(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    with Operator(served).stopped():
        delete_model_deployment(served)
        began = time.monotonic()
        served.wait(lambda served: children(served) == {}, "children gone", within=GONE_SECONDS)
        print(f"S31: without an operator, children gone after {time.monotonic() - began:.1f} s")


def test_s31_namespace_deleted_mid_rollout_causes_no_storm_of_errors(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    with served.requests(rate=20):
        bring_to(served, "echo-2", 30)
    operator = Operator(served)
    errors = operator.failed_reconciles()
    served.core.delete_namespace(served.namespace)
    began = time.monotonic()
    served.wait(namespace_gone, "the namespace gone", within=90)
    print(
        f"S31: namespace gone after {time.monotonic() - began:.1f} s, {operator.failed_reconciles() - errors:g} errors"
    )
    assert operator.failed_reconciles() - errors <= FEW_ERRORS


def namespace_gone(served: Served) -> bool:
    try:
        served.core.read_namespace(served.namespace)
    except ApiException as error:
        return error.status == 404
    return False
