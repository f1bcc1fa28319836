"""Identical models at the edge of the limit, judged for long."""

import time

import pytest

from lab.trial import Served
from tests.cluster.scenarios.parts import rollout_of

SECONDS = 1200
LEAST_REQUESTS = 30_000


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 300)
def test_s08_an_identical_candidate_at_the_edge_of_the_limit_is_not_taken_back(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    served.apply("echo-edge1")
    served.wait_ready()
    with served.requests(rate=40, seconds=SECONDS + 300) as requests:
        steps = [{"weight": {"percent": 50, "seconds": 5}}, {"pause": {}}]
        served.apply("echo-edge2", steps=steps, analysis={"errors": {"maxSharePercent": "1"}, "maxSeconds": 7200})
        candidate = served.wait_candidate()
        deadline = time.monotonic() + SECONDS
        served.wait(lambda _: time.monotonic() >= deadline, "the end of the soak", within=SECONDS + 60)
    evidence = rollout_of(served).evidence["metrics"]["errors"]["total"]
    with capsys.disabled():
        print(f"judged {evidence}, client {requests.summary.revisions}")
    assert served.status.candidate == candidate
    assert [entry.reason for entry in served.status.decisions if entry.verdict == "Rollback"] == []
    assert requests.summary.requests >= LEAST_REQUESTS
