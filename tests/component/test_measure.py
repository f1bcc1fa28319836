"""The real reconciler and measurer against a metrics source that lies."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.component.reconciling import Bench, Object
from tidegate.clients.errors import MetricsUnavailable
from tidegate.judge.samples import Series


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
