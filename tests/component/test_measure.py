"""The real reconciler and measurer against a metrics source that lies."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from tests.component.reconciling import PLENTY, Bench, Object, image
from tidegate.clients.errors import MetricsUnavailable
from tidegate.judge.samples import Series
from tidegate.rollout.measuring import RISE_LEAD_SECONDS


class Lies:
    """A metrics source that answers with what `twist` makes of the truth."""

    def __init__(self, bench: Bench, twist: Callable[[list[Series], float], list[Series]]) -> None:
        self._truth, self._twist = bench.cluster, twist

    async def range_samples(self, query: str, time: float) -> list[Series]:
        return self._twist(await self._truth.range_samples(query, time), time)

    async def instant(self, query: str, time: float) -> Object:
        return await self._truth.instant(query, time)


def unavailable(reason: str) -> Callable[[list[Series], float], list[Series]]:
    def twist(series: list[Series], time: float) -> list[Series]:
        raise MetricsUnavailable(reason, f"prometheus: {reason}")

    return twist


def values(change: Callable[[float, float], tuple[float, float]]) -> Callable[[list[Series], float], list[Series]]:
    def twist(series: list[Series], time: float) -> list[Series]:
        return [Series(one.labels, [change(*sample) for sample in one.samples]) for one in series]

    return twist


def only(samples: Callable[[Sequence[tuple[float, float]], float], list[tuple[float, float]]]) -> Any:
    return lambda series, time: [Series(one.labels, samples(one.samples, time)) for one in series]


LIES: dict[str, Any] = {
    **{reason: unavailable(reason) for reason in ("Refused", "HttpStatus", "Timeout", "NotJson", "ClockSkew")},
    "nothing": lambda series, time: [],
    "no presence": lambda series, time: [one for one in series if "envoy_cluster_name" in one.labels],
    "no pod": lambda series, time: [Series({**one.labels, "pod": ""}, one.samples) for one in series],
    "NaN": values(lambda moment, value: (moment, math.nan)),
    "Inf": values(lambda moment, value: (moment, math.inf)),
    "negative": values(lambda moment, value: (moment, -1.0 - value)),
    "stale": only(lambda samples, time: [sample for sample in samples if sample[0] < time - 120]),
    "one sample": only(lambda samples, time: list(samples)[-1:]),
    "old clock": values(lambda moment, value: (moment - 300.0, value)),
}


@pytest.mark.parametrize("lie", LIES)
async def test_s20_metrics_that_lie_neither_promote_nor_roll_back(lie: str) -> None:
    bench = Bench()
    candidate = await bench.candidate_at(50_000)
    bench.metrics = Lies(bench, LIES[lie])
    await bench.run(90)
    assert bench.cluster.weights() == [950_000, 50_000]
    assert bench.status["rollout"]["step"] == 0
    assert bench.status["rollout"]["hold"]["reason"] in ("MetricsUnavailable", "NoMetrics")
    assert bench.condition("MetricsAvailable")[0] == "False"
    assert [entry["verdict"] for entry in bench.status.get("decisions", [])] == ["Hold"]
    bench.metrics = bench.cluster
    assert await bench.run(400, lambda: bench.status["stable"] == candidate)


def judged_by_latency(**latency: int) -> Object:
    """Rollout settings under which latency is judged at one weight, at equal conditions."""
    bound = {"boundMilliseconds": 250, **latency}
    statistics = {"warmupSeconds": 20, **PLENTY}
    analysis = {"latency": bound, "statistics": statistics, "bakeSeconds": 10, "maxSeconds": 600}
    return {"steps": [{"weight": {"percent": 50, "seconds": 10}}], "keepPreviousSeconds": 60, "analysis": analysis}


async def rollout_of(rollout: Object, **cluster: dict[str, float]) -> tuple[Bench, str]:
    """A second revision at half of the traffic; `cluster` says what share of its requests is slow, or refused."""
    bench = Bench()
    await bench.serving()
    await bench.run(60)
    bench.edit(image("2"), rollout=rollout)
    candidate = bench.desired
    for name, share in cluster.items():
        getattr(bench.cluster, name).update({candidate: share["candidate"], bench.status["stable"]: share["stable"]})
    return bench, candidate


def last_decision(bench: Bench) -> tuple[str, str, str]:
    entry = bench.status["decisions"][-1]
    return entry["verdict"], entry["reason"], entry["message"]


async def test_s07_a_slow_candidate_is_taken_back_by_the_proxys_histogram() -> None:
    bench, candidate = await rollout_of(judged_by_latency(), slow={"candidate": 0.1, "stable": 0.005})
    assert await bench.run(400, lambda: bool(bench.status.get("rejected")))
    verdict, reason, message = last_decision(bench)
    assert (verdict, reason) == ("Rollback", "Harm")
    assert message.startswith("latency over 250 ms: candidate ")
    assert bench.status["rejected"][0]["revision"] == candidate


async def test_s07_a_candidate_as_fast_as_stable_is_promoted() -> None:
    bench, candidate = await rollout_of(judged_by_latency(), slow={"candidate": 0.005, "stable": 0.005})
    assert await bench.run(1800, lambda: bench.status["stable"] == candidate)
    assert "latency over 250 ms: candidate 0." in bench.status["decisions"][-1]["message"]


async def test_s08b_400s_of_the_candidate_alone_are_taken_back() -> None:
    bench, _ = await rollout_of(judged_by_latency(), refused={"candidate": 0.2, "stable": 0.01})
    assert await bench.run(400, lambda: bool(bench.status.get("rejected")))
    assert last_decision(bench)[2].startswith("4xx answers: candidate ")


async def test_where_the_histogram_has_no_edge_at_the_bound_the_next_one_above_counts_and_is_named() -> None:
    bench, _ = await rollout_of(judged_by_latency(boundMilliseconds=200), slow={"candidate": 0.1, "stable": 0.005})
    assert await bench.run(400, lambda: bool(bench.status.get("rejected")))
    assert "latency over 250 ms (the histogram's next edge over 200 ms): candidate " in last_decision(bench)[2]
    recorded = [query for query in bench.cluster.queries if "le=~" in query]
    assert recorded
    assert all('le=~"(250([.]0+)?)?"' in query for query in recorded)


async def test_a_bound_over_every_edge_is_told_and_promotes_nothing() -> None:
    bench, candidate = await rollout_of(judged_by_latency(boundMilliseconds=5000))
    await bench.run(600)
    assert bench.status["stable"] != candidate
    assert "no histogram of response times with an edge at the bound or above it" in bench.condition("Ready")[2]
    assert "UnmatchedHistogram" in bench.status["rollout"]["metricsProblem"]


async def test_latency_that_is_not_judged_is_not_asked_for() -> None:
    bench = Bench()
    await bench.candidate_at(250_000)
    assert [query for query in bench.cluster.queries if "rq_time_" in query] == []


async def test_killed_at_every_interval_the_evidence_is_the_same_to_the_last_digit() -> None:
    async def evidence(*, kill: bool) -> Object:
        bench, _ = await rollout_of(judged_by_latency(), slow={"candidate": 0.02, "stable": 0.02})
        for _ in range(12):
            await bench.run(10)
            if kill:
                bench.restart()
        found: Object = bench.status["rollout"]["evidence"]
        return found

    assert await evidence(kill=True) == await evidence(kill=False)


async def test_intervals_begin_just_after_a_scrape_and_a_weight_rises_just_before_one() -> None:
    bench = Bench()
    await bench.candidate_at(50_000)

    def begins_after() -> float:
        in_force = datetime.fromisoformat(bench.status["slots"]["a"].get("inForceSince", "9999-01-01T00:00:00+00:00"))
        return float(bench.status["rollout"].get("cellsFromMilliseconds", 0) / 1000 - in_force.timestamp())

    assert await bench.run(30, lambda: 0.0 < begins_after() < 5.2)
    assert bench.status["rollout"]["cellsFromMilliseconds"] % 5000 == 100
    assert await bench.run(120, lambda: bench.cluster.weights()[1] > 50_000)
    assert (bench.cluster.now.timestamp() + RISE_LEAD_SECONDS) % 5 < 1.0


async def test_intervals_are_as_long_as_the_first_measurement_asks_for_whatever_failed_before_it() -> None:
    bench = Bench()
    rare = only(lambda samples, time: [sample for sample in samples if sample[0] % 15 == 0])
    bench.metrics = Lies(bench, unavailable("Refused"))
    await bench.serving()
    await bench.run(600)
    bench.edit(image("2"))
    candidate = bench.desired
    assert await bench.run(300, lambda: bench.condition("MetricsAvailable")[0] == "False")
    bench.metrics = Lies(bench, rare)
    assert await bench.run(600, lambda: bench.cluster.weights()[1] == 50_000)
    rollout = bench.status["rollout"]
    assert rollout["cellMilliseconds"] == 30_000
    assert float(rollout["pace"]["seconds"]) > 500
    assert await bench.run(1800, lambda: bench.status["stable"] == candidate)
