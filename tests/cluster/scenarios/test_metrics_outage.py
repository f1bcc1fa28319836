"""Prometheus goes away in the middle of a rollout and comes back, without what it knew."""

import time

from lab.trial import Served
from tests.cluster.scenarios.parts import Operator, bring_to, rollout_of, stopped_prometheus, wait_judged

FAILED_QUERIES = 6
"""Queries that get no answer while Prometheus is away, five seconds apart: half a minute stands for hours."""


def test_s20_s21_prometheus_away_for_a_while_changes_no_weight_and_counts_nothing(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    operator = Operator(served)
    with served.requests(rate=80), served.watched_weights() as weights:
        candidate = bring_to(served, "echo-2", 30, steps=[{"weight": {"percent": 30, "seconds": 20}}])
        wait_judged(served)
        with stopped_prometheus(served) as prometheus:
            served.wait(lambda served: served.condition("MetricsAvailable")[0] == "False", "no metrics", within=60)
            away, asked, held = time.monotonic(), operator.failed_queries(), rollout_of(served)
            assert served.condition("MetricsAvailable")[1] == "MetricsUnavailable"
            served.wait(lambda _: operator.failed_queries() >= asked + FAILED_QUERIES, "failed queries", within=90)
            still = rollout_of(served)
            assert still.model_copy(update={"hold": held.hold, "message": held.message}) == held
            assert served.weight_of(candidate) == 300_000
            assert served.status.rejected == []
            prometheus.start()
            wait_judged(served, more_than=held.judged_milliseconds, within=90)
            grown = rollout_of(served).judged_milliseconds - held.judged_milliseconds
            assert grown < 1000 * (time.monotonic() - away) / 2, "the outage was judged"
        served.wait(lambda served: served.status.stable == candidate, "promotion", within=120)
    assert [pair for pair in weights.seen if 1 < pair[1] < 300_000] == []
    assert served.status.decisions[-1].reason == "NonInferior"
