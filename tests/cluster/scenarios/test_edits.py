"""What people edit in the middle of a rollout: each edit ends with a judged revision serving and no request lost."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.trial import WHOLE, Served
from tests.cluster.scenarios.observer import Observer
from tests.cluster.scenarios.parts import (
    bring_to,
    deployments,
    failures,
    held_at,
    ready_pods,
    revision_of,
    rollout_of,
    wait_judged,
    wait_observed,
)


def test_s11_s12_s32c_edits_at_a_middle_weight(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    stable = served.status.stable
    assert stable is not None
    pods = served.pod_uids(stable)
    with served.requests(rate=50) as requests, Observer(served) as observer:
        second = bring_to(served, "echo-2", 30)

        # S12: an edit of the rollout alone leaves the one under way as it is.
        running = rollout_of(served)
        wait_observed(served, served.apply("echo-2", steps=held_at(20)))
        edited = rollout_of(served)
        assert (edited.id, edited.plan, edited.phase) == (running.id, running.plan, "Stepping")
        assert served.weight_of(second) == 300_000

        # S11: a newer revision; it goes by the edited plan, and is judged beside the first.
        third = revision_of(served.document("echo-3"))
        served.apply("echo-3", steps=held_at(20))
        served.wait(lambda served: served.status.candidate == third, "the third revision as candidate", within=60)
        assert observer.pairs()[-1] == (WHOLE, 0)
        served.wait(lambda served: served.weight_of(third) == 200_000, "the third revision at 20 %", within=60)
        alone = time.time()
        wait_judged(served)
        answered = requests.since(alone).revisions
        assert set(answered) == {stable, third}
        assert answered[third].requests > 10
        assert second not in deployments(served)

        # S12: back to the first, which serves all the time: nothing is loaded for it.
        reverted = time.monotonic()
        served.apply("echo-1")
        served.wait(lambda served: served.weight_of(stable) >= WHOLE - 1, "all traffic back", within=10)
        print(f"S12: all traffic back after {time.monotonic() - reverted:.2f} s")
        served.wait_ready()
    assert served.pod_uids(stable) == pods
    # The status says so first, then it is done.
    served.wait(lambda served: deployments(served) == {stable}, "the Deployments of the others gone", within=10)
    assert served.status.rejected == []
    assert observer.selected("echo")[-1:] == observer.selected("echo")[:1]
    assert observer.faults() == []
    assert failures(requests.summary) == {}


def test_s13_s15_only_the_judged_revision_is_promoted_and_previous_goes_before_the_next(served: Served) -> None:
    served.apply("echo-1", replicas=2)
    served.wait_ready()
    stable = served.status.stable
    with served.requests(rate=80) as requests, Observer(served) as observer:
        plan = {"replicas": 2, "keepPreviousSeconds": 600}
        served.apply("echo-2", steps=[{"weight": {"percent": 20, "seconds": 5}}], **plan)
        second = served.wait_candidate()
        served.wait(lambda served: rollout_of(served).phase == "Promoting", "the promotion under way", within=120)

        # S13: what the spec asks for now waits; only what was judged is promoted.
        generation = served.apply("echo-3", steps=held_at(20), **plan)
        wait_observed(served, generation)
        status = served.status
        assert status.stable == stable
        assert status.rollout is not None
        assert (status.rollout.revision, status.rollout.phase) == (second, "Promoting")
        served.wait(lambda served: served.status.stable == second, "the promotion", within=60)

        # S15: previous, which would be kept for ten minutes, makes room for the next candidate.
        assert served.status.previous == stable
        third = revision_of(served.document("echo-3"))
        served.wait(lambda served: served.status.candidate is not None, "the next candidate", within=60)
        assert (served.status.candidate, served.status.previous) == (third, None)
        served.wait(lambda served: served.weight_of(third) == 200_000, "the next candidate at 20 %", within=60)
        assert served.status.stable == second
        assert deployments(served) == {second, third}
    promotions = [entry.revision for entry in served.status.decisions if entry.verdict == "Promote"]
    assert promotions == [second]
    assert served.status.decisions[-1].reason != "Requested"
    assert observer.faults() == []
    assert failures(requests.summary) == {}


def test_s14_s15_rejected_stays_rejected_until_retry_and_the_way_back_loads_nothing(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    stable = served.status.stable
    assert stable is not None
    plan = {"steps": held_at(50), "keepPreviousSeconds": 600}
    with served.requests(rate=20) as requests, Observer(served) as observer:
        # S14: the very spec that was taken back, again.
        served.apply("echo-2", **plan)
        second = served.wait_candidate()
        served.annotate("abort", f"{second}/1")
        served.wait_stalled("RolledBack")
        served.wait_ended()
        served.apply("echo-1", **plan)
        served.wait_ready()
        served.apply("echo-2", **plan)
        served.wait_stalled("RolledBack", within=30)
        assert (served.status.candidate, served.status.rollout) == (None, None)
        served.annotate("retry", f"{second}/1")
        served.wait(lambda served: served.status.candidate == second, "another try", within=30)
        assert served.status.rejected == []

        # S15: inside the keep window the spec goes back to previous.
        served.wait(lambda served: served.weight_of(second) == 500_000, "the second at 50 %", within=60)
        served.annotate("promote", f"{second}/1")
        served.wait(lambda served: served.status.stable == second, "the second promoted", within=30)
        served.wait_ready()
        pods = {revision: ready_pods(served, revision) for revision in (stable, second)}
        began = time.monotonic()
        served.apply("echo-1", **plan)
        served.wait(lambda served: served.status.stable == stable, "the first promoted again", within=30)
        print(f"S15: back to previous after {time.monotonic() - began:.2f} s")
        served.wait_ready(within=30)
        assert {revision: ready_pods(served, revision) for revision in (stable, second)} == pods
        assert served.status.previous == second
        assert served.status.rejected == []

        # S15: the same at a person's word, who does not want to see the first one again.
        served.annotate("undo", f"{stable}/1")
        message = served.wait_stalled("RolledBack", within=30)
        assert f"{stable}: Undone" in message
        assert (served.status.stable, served.status.previous) == (second, stable)
        assert [entry.revision for entry in served.status.rejected] == [stable]
        assert {revision: ready_pods(served, revision) for revision in (stable, second)} == pods
    assert observer.faults() == []
    assert failures(requests.summary) == {}


@contextmanager
def applied_every_second(served: Served, model: str, steps: list[dict[str, Any]]) -> Iterator[list[int]]:
    """Somebody's tool applies the same document again and again, every other time with a mark of its own."""
    generations: list[int] = []
    done = threading.Event()

    def apply() -> None:
        while not done.wait(timeout=1):
            document = served.document(model, steps=steps)
            document["metadata"]["annotations"] = {"example.com/synced": str(len(generations) // 2)}
            generations.append(served.apply_document(document))

    thread = threading.Thread(target=apply, name="apply", daemon=True)
    thread.start()
    try:
        yield generations
    finally:
        done.set()
        thread.join(timeout=30)


def test_s29_the_same_document_applied_every_second_changes_nothing(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    stable = served.status.stable
    assert stable is not None
    with served.requests(rate=80) as requests, Observer(served) as observer:
        steps = [{"weight": {"percent": percent, "seconds": 5}} for percent in (10, 50)]
        generation = served.apply("echo-2", steps=steps)
        candidate = served.wait_candidate()
        with applied_every_second(served, "echo-2", steps) as generations:
            served.wait(lambda served: served.weight_of(candidate) == 100_000, "the first weight", within=60)
            pods = served.pod_uids(stable) | served.pod_uids(candidate)
            before = served.resource_versions()
            served.wait(lambda served: served.weight_of(candidate) == 500_000, "the last weight", within=90)
            after = served.resource_versions()
            served.wait(lambda served: served.status.stable == candidate, "promotion", within=120)
    assert set(generations) == {generation}
    assert len(generations) > 10
    # Only the route, which carries the weights, and the ModelDeployment itself are written in the middle of a rollout.
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    assert changed == {"httproute", "self"}
    assert pods <= served.pod_uids(stable) | served.pod_uids(candidate)
    assert [pair[1] for pair in observer.pairs()] == [0, 1, 100_000, 400_000, 500_000, WHOLE - 1, WHOLE]
    assert failures(requests.summary) == {}
