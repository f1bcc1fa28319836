"""The status is lost, as where a backup without it is restored: what runs is adopted, and nothing starts by itself."""

from lab.trial import WHOLE, Served, entries_and_exits
from tests.cluster.scenarios.parts import Operator, bring_to, deployments, failures, held_at, lose_status, ready_pods


def lose_status_unseen(served: Served) -> None:
    """Take the status away while no operator looks; one looks again afterwards."""
    with Operator(served).stopped():
        lose_status(served)
        assert served.status.stable is None
    served.wait(lambda served: served.status.stable is not None, "a status again", within=30)


def test_s32_status_lost_idle_in_the_middle_and_with_a_rejected_spec(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    stable = served.status.stable
    assert stable is not None
    pods, before = served.pod_uids(stable), served.resource_versions()
    with served.requests(rate=10) as requests, served.watched_weights() as weights:
        # Idle: adopted as it is.
        lose_status_unseen(served)
        served.wait_ready()
        assert served.status.stable == stable
        assert {**served.resource_versions(), "self": ""} == {**before, "self": ""}

        # In the middle of a rollout: the candidate, whose evidence is lost, leaves traffic as ever.
        candidate = bring_to(served, "echo-2", 30)
        lose_status_unseen(served)
        served.wait_stalled("Adopted", within=60)
        assert (served.status.stable, served.status.candidate, served.status.rollout) == (stable, None, None)
        assert served.weight_of(stable) == WHOLE
        assert served.status.rejected == []

        # With a rejected spec, which nobody remembers: it is not tried again by itself.
        served.annotate("retry", f"{candidate}/1")
        served.wait_candidate()
        served.annotate("abort", f"{candidate}/1")
        served.wait_stalled("RolledBack")
        served.wait_ended()
        lose_status_unseen(served)
        served.wait_stalled("Adopted", within=30)
        assert (served.status.stable, served.status.candidate, served.status.rollout) == (stable, None, None)
        served.wait(lambda served: deployments(served) == {stable}, "no other Deployment", within=10)

        # A new generation is a new will.
        served.apply("echo-2", steps=held_at(20))
        assert served.wait_candidate() == candidate
    assert ready_pods(served, stable) == pods
    assert entries_and_exits(weights.seen) == []
    assert failures(requests.summary) == {}
