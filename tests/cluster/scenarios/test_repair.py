"""Somebody else's hands in the middle of a rollout: children changed and deleted, the Gateway closed, an upgrade."""

import time
from collections.abc import Callable, Iterator

import pytest

from lab.trial import NAME, Cluster, Served
from tests.cluster.scenarios.parts import (
    Operator,
    bring_to,
    children,
    closed_listener,
    edit_weights,
    failures,
    ready_pods,
    rollout_of,
    wait_judged,
)

MIDDLE = 300_000
ANOTHER_IMAGE = "localhost/tidegate/triton:of-another-operator"


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> Iterator[Served]:
    """A stable revision for all tests of this file that only need a rollout in its middle."""
    with Served.in_new_namespace(cluster) as found:
        found.apply("echo-1")
        found.wait_ready()
        yield found


@pytest.fixture
def middle(shared: Served) -> Served:
    """Its candidate at 30 %, where it stays; brought there unless a test before has."""
    with shared.requests(rate=20):
        bring_to(shared, "echo-2", 30)
    return shared


def stable_and_candidate(served: Served) -> tuple[str, str]:
    stable, candidate = served.status.stable, served.status.candidate
    assert stable is not None
    assert candidate is not None
    return stable, candidate


def test_s27_weights_edited_by_hand_are_put_back_and_told_once(middle: Served) -> None:
    _, candidate = stable_and_candidate(middle)
    before, told = rollout_of(middle), middle.events()
    with middle.watched_weights() as weights:
        edited = time.monotonic()
        edit_weights(middle, 400_000, 600_000)
        middle.wait(lambda _: weights.seen[-1:] == [(1_000_000 - MIDDLE, MIDDLE)], "the weights put back", within=30)
        print(f"S27: weights put back after {time.monotonic() - edited:.2f} s")
    assert weights.seen == [(400_000, 600_000), (1_000_000 - MIDDLE, MIDDLE)]
    with middle.requests(rate=20):
        wait_judged(middle, more_than=rollout_of(middle).judged_milliseconds)
    after = rollout_of(middle)
    assert (after.id, after.step, after.step_since) == (before.id, before.step, before.step_since)
    assert middle.weight_of(candidate) == MIDDLE
    restored = [message for reason, message in middle.events()[len(told) :] if reason == "RouteRestored"]
    assert len(restored) == 1
    assert "a=400000, b=600000" in restored[0]


def test_s27_deleted_children_are_made_anew_for_the_same_revisions(middle: Served) -> None:
    stable, candidate = stable_and_candidate(middle)
    before, there = rollout_of(middle), children(middle)
    pods = middle.pod_uids(stable) | middle.pod_uids(candidate)
    with middle.requests(rate=20):
        for kind, name in (
            ("httproute", NAME),
            ("service", f"{NAME}-a"),
            ("service", f"{NAME}-b"),
            ("service", NAME),
            ("deployment", candidate),
            ("deployment", stable),
        ):
            key = f"{kind}/{name}"
            middle.cluster.kubectl("delete", kind, name, f"--namespace={middle.namespace}", "--wait=false")
            middle.wait(made_anew(key, there[key].uid), f"another {key}", within=30)
            assert children(middle)[key].spec == there[key].spec
        for revision in (stable, candidate):
            middle.wait(
                lambda served, revision=revision: ready_pods(served, revision) - pods != set(),
                f"another pod of {revision}",
                within=60,
            )
        middle.wait(lambda served: served.weight_of(candidate) == MIDDLE, "the weight as before", within=60)
        wait_judged(middle, more_than=rollout_of(middle).judged_milliseconds)
    assert (middle.status.stable, middle.status.candidate) == (stable, candidate)
    assert (rollout_of(middle).id, rollout_of(middle).step) == (before.id, before.step)
    assert middle.condition("Available")[0] == "True"


def made_anew(key: str, uid: str) -> Callable[[Served], bool]:
    def reached(served: Served) -> bool:
        found = children(served).get(key)
        return found is not None and found.uid != uid

    return reached


def test_s30_a_gateway_that_refuses_the_route_stops_the_clock(middle: Served) -> None:
    _, candidate = stable_and_candidate(middle)
    with middle.requests(rate=20) as requests:
        wait_judged(middle, more_than=rollout_of(middle).judged_milliseconds)
        with closed_listener(middle):
            middle.wait(lambda served: served.condition("RouteReady")[0] == "False", "RouteReady False", within=30)
            _, reason, message = middle.condition("RouteReady")
            assert reason == "RouteNotAccepted"
            assert "gateways/inference: NotAllowedByListeners" in message
            held, sent = rollout_of(middle), requests.summary.requests
            # Two intervals' worth of users find no route: they are no evidence against anybody.
            middle.wait(lambda _: requests.summary.requests > sent + 400, "400 requests", within=60)
            assert rollout_of(middle).model_copy(update={"message": held.message}) == held
            assert middle.weight_of(candidate) == MIDDLE
        middle.wait(lambda served: served.condition("RouteReady")[0] == "True", "RouteReady True", within=30)
        wait_judged(middle, more_than=held.judged_milliseconds)
    assert rollout_of(middle).hold is None
    assert middle.status.rejected == []


def test_s33_another_operator_goes_on_from_the_status_and_leaves_the_idle_alone(middle: Served, served: Served) -> None:
    operator = Operator(served)
    served.apply("echo-1")
    served.wait_ready()
    served.cluster.quiet_operator_requests()
    idle, before = served.resource_versions(), rollout_of(middle)
    pods = [middle.pod_uids(revision) for revision in stable_and_candidate(middle)]
    with middle.requests(rate=20) as requests, middle.watched_weights() as weights:
        try:
            operator.upgrade("next", default_image=ANOTHER_IMAGE)
            wait_judged(middle, more_than=before.judged_milliseconds)
        finally:
            operator.upgrade("this")
        wait_judged(middle, more_than=rollout_of(middle).judged_milliseconds)
    assert weights.seen == []
    assert rollout_of(middle).id == before.id
    assert [middle.pod_uids(revision) for revision in stable_and_candidate(middle)] == pods
    assert failures(requests.summary) == {}
    assert served.resource_versions() == idle
