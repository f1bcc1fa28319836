"""Pods that vanish, are not ready or find no room: no candidate pod ever carries more than a stable one."""

import statistics

from lab.trial import Served
from tests.cluster.scenarios.observer import Observer
from tests.cluster.scenarios.parts import (
    bring_to,
    delete_pods,
    gpus,
    revision_of,
    rollout_of,
    wait_judged,
)

ROUNDS = 3


def test_s25_s50_candidate_whose_pods_vanish_is_out_of_traffic_within_a_second(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    with served.requests(rate=50) as requests, Observer(served) as observer:
        candidate = bring_to(served, "echo-2", 50)
        before = rollout_of(served)
        for number in range(ROUNDS):
            # In good order, where it serves on for a while, and as if its node had died.
            delete_pods(served, candidate, grace_seconds=None if number < ROUNDS - 1 else 0)
            served.wait(lambda served: served.weight_of(candidate) == 1, "out of traffic", within=30)
            served.wait(lambda served: served.weight_of(candidate) == 500_000, "back at 50 %", within=90)
        assert rollout_of(served).id == before.id
    seconds = observer.out_of_traffic()
    print(f"S50: out of traffic after {', '.join(f'{one:.3f}' for one in seconds)} s; {requests.summary.failures}")
    assert len(seconds) == ROUNDS
    assert statistics.median(seconds) < 1
    assert observer.above_share() == []
    assert served.status.rejected == []


def test_s25_weight_is_the_share_of_ready_pods_and_stands_still_without_a_pod_of_stable(served: Served) -> None:
    steps = [{"weight": {"percent": 25, "seconds": 5}}, {"weight": {"percent": 50, "seconds": 600}}]
    served.wait(lambda served: served.cluster.namespaces_stay(), "the GPUs of tests before free", within=180)
    with gpus(served, 3):
        served.apply("echo-1", replicas=2)
        served.wait_ready()
        stable = served.status.stable
        assert stable is not None
        with Observer(served) as observer:
            with served.requests(rate=50):
                # One GPU is left: of the two pods that 50 % needs one is ready.
                served.apply("echo-2", replicas=2, steps=steps)
                candidate = revision_of(served.document("echo-2"))
                served.wait(lambda served: served.weight_of(candidate) == 333_333, "a third of it", within=120)
                assert served.condition("CapacityAvailable")[:2] == ("False", "InsufficientCapacity")
                wait_judged(served, more_than=rollout_of(served).judged_milliseconds)
                assert max(weight for _, weight in observer.pairs()) == 333_333
                with gpus(served, 8):
                    served.wait(lambda served: served.weight_of(candidate) == 500_000, "half of it", within=60)
            # Nobody sends requests meanwhile: those that stable lost would count against it, and hold the rollout.
            with gpus(served, 0):
                written = observer.pairs()
                delete_pods(served, stable)
                message = served.wait_stalled("StableNotReady", within=30)
                assert stable in message
                held = rollout_of(served)
                assert served.weight_of(candidate) == 500_000
            served.wait(lambda served: served.condition("Stalled")[0] == "False", "stable back", within=90)
            with served.requests(rate=50):
                wait_judged(served, more_than=held.judged_milliseconds, within=90)
            assert observer.pairs() == written
            assert observer.above_share() == []
        assert rollout_of(served).id == held.id
        assert served.status.stable == stable
