"""What people do to a rollout on real parts: pause it, suspend it, undo it; and what a promoted revision does later."""

from lab.trial import WHOLE, Served

LONG_STEP = [{"weight": {"percent": 25, "seconds": 20}}]


def promoted(served: Served, **rollout: object) -> tuple[str, str]:
    """Serve echo-1, promote echo-2 beside load; returns both revisions."""
    served.apply("echo-1", **rollout)
    served.wait_ready()
    first = served.status.stable
    assert first is not None
    with served.requests(rate=50):
        served.apply("echo-2", **rollout)
        second = served.wait_candidate()
        served.wait_ready(within=180)
    assert served.status.stable == second
    return first, second


def test_s15_undo_flips_back_to_warm_pods_and_rejects_what_was_undone(served: Served) -> None:
    first, second = promoted(served, keepPreviousSeconds=300)
    pods = served.pod_uids(first)
    assert len(pods) == 1
    with served.requests(rate=50) as requests:
        served.annotate("undo", f"{second}/wrong-labels")
        served.wait(lambda served: served.status.stable == first, "the first revision stable again", within=30)
        message = served.wait_stalled("RolledBack", within=30)
        served.wait(lambda served: served.status.previous is None, "the undone revision drained and gone", within=90)
    assert "undone by request" in message
    assert served.pod_uids(first) == pods
    assert served.status.rejected[-1].revision == second
    assert requests.summary.failed == 0, requests.summary


def test_s16_pause_and_suspend_keep_a_rollout_where_it_is(served: Served) -> None:
    served.apply("echo-1", steps=LONG_STEP)
    served.wait_ready()
    with served.requests(rate=50) as requests:
        served.apply("echo-2", steps=LONG_STEP)
        candidate = served.wait_candidate()
        served.wait(lambda served: served.weight_of(candidate) == 250_000, "the first weight", within=60)
        served.annotate("pause", f"{candidate}/1")
        served.wait(lambda served: served.condition("Ready")[1] == "Paused", "Paused", within=20)
        document = served.document("echo-2", steps=LONG_STEP)
        document["spec"]["suspend"] = True
        served.apply_document(document)
        served.wait(lambda served: served.condition("Ready")[1] == "Suspended", "Suspended", within=20)
        served.annotate("resume", f"{candidate}/2")
        served.wait(lambda served: served.status.requests.resume is not None, "resume acknowledged", within=20)
        rollout = served.status.rollout
        assert rollout is not None
        evidence, judged = rollout.judged_until, rollout.judged_milliseconds
        served.wait(
            lambda served: served.status.rollout is not None and served.status.rollout.judged_until != evidence,
            "evidence to be gathered all the same",
            within=30,
        )
        rollout = served.status.rollout
        assert rollout is not None
        assert rollout.judged_milliseconds == judged
        assert served.weight_of(candidate) == 250_000
        served.apply("echo-2", steps=LONG_STEP)
        served.wait(lambda served: served.status.stable == candidate, "promotion", within=180)
    assert requests.summary.failed == 0, requests.summary


def test_a_revision_that_fails_after_its_promotion_is_undone(served: Served) -> None:
    unjudged = {"steps": [{"pause": {"seconds": 1}}], "keepPreviousSeconds": 300}
    served.apply("echo-1", **unjudged)
    served.wait_ready()
    first = served.status.stable
    with served.requests(rate=40) as requests:
        served.apply("echo-failing", **unjudged)
        second = served.wait_candidate()
        served.wait(lambda served: served.status.stable == second, "promotion without live evidence", within=60)
        served.wait(lambda served: served.status.stable == first, "the first revision stable again", within=90)
        message = served.wait_stalled("RolledBack", within=60)
    assert "over the limit" in message
    assert served.status.rejected[-1].reason == "AboveLimit"
    assert served.weight_of(first) == WHOLE
    assert requests.summary.failed == requests.summary.failed_by(second), requests.summary
