"""The real reconciler behind gateways of several kinds: each is read by its own profile, or refused."""

from dataclasses import replace

import pytest

from tests.component.reconciling import Bench, Object, image, spec_of
from tidegate.gateways import ENVOY_GATEWAY
from tidegate.judge.samples import Series

OTHER = replace(
    ENVOY_GATEWAY, controller_name="example.com/other", backend_value="outbound|8000||{service}.{namespace}.local"
)
REFUSED = ("True", "GatewayNotSupported")


def behind(controller: str, *, configured: bool) -> Bench:
    """A bench whose gateway is run by `controller` and names backends as the profile `OTHER` has it."""
    bench = Bench()
    bench.cluster.controller, bench.cluster.backend = controller, OTHER.backend_value
    bench.gateways = (replace(OTHER, controller_name=controller),) if configured else ()
    bench.restart()
    return bench


async def told(bench: Bench) -> str:
    assert await bench.run(60, lambda: "conditions" in bench.status and bench.condition("Stalled")[:2] == REFUSED)
    return bench.condition("Stalled")[2]


@pytest.mark.parametrize("controller", ["example.com/other", ENVOY_GATEWAY.controller_name])
async def test_s30a_a_gateway_that_is_configured_is_judged_by_its_own_series(controller: str) -> None:
    bench = behind(controller, configured=True)
    await bench.serving()
    await bench.run(60)
    bench.edit(image("2"))
    candidate = bench.desired
    assert await bench.run(600, lambda: bench.status["stable"] == candidate)
    assert bench.status["decisions"][-1]["reason"] == "NonInferior"
    assert all("outbound[|]8000[|][|]filetype-a[.]demo[.]local" in query for query in bench.cluster.queries)


async def test_s30a_a_bad_candidate_behind_it_is_taken_back_and_drained_by_its_counters() -> None:
    bench = behind("example.com/other", configured=True)
    await bench.serving()
    await bench.run(60)
    bench.edit(image("2"))
    bench.cluster.bad[bench.desired] = 0.5
    assert await bench.run(600, lambda: bool(bench.status.get("rejected")))
    assert bench.status["rejected"][0]["reason"] == "Harm"
    assert await bench.run(40, lambda: bench.status.get("rollout") is None)


async def test_s30a_a_gateway_nothing_is_known_of_is_refused_and_serves() -> None:
    bench = behind("example.com/other", configured=False)
    message = await told(bench)
    assert "run by example.com/other, and no profile of it is known" in message
    assert f"only of {ENVOY_GATEWAY.controller_name}; " in message
    assert "`gateways` in the operator's configuration" in message
    assert bench.condition("Available")[0] == "True"
    stable = bench.status["stable"]
    bench.edit(image("2"))
    await bench.run(600)
    assert (bench.status["stable"], bench.cluster.weights()) == (stable, [1_000_000, 0])
    assert bench.condition("Stalled")[:2] == REFUSED
    assert bench.cluster.queries == []
    assert bench.status.get("rejected", []) == []


async def test_s30a_at_rest_it_writes_nothing() -> None:
    bench = behind("example.com/other", configured=False)
    await told(bench)
    bench.edit(image("2"))
    await bench.run(60)
    before = len(bench.kube.writes)
    await bench.run(1800)
    assert len(bench.kube.writes) == before


async def test_s30a_once_it_is_configured_the_rollout_goes_on() -> None:
    bench = behind("example.com/other", configured=False)
    await told(bench)
    bench.edit(image("2"))
    candidate = bench.desired
    await bench.run(120)
    bench.gateways = (OTHER,)
    bench.restart()
    await bench.settle()
    assert await bench.run(600, lambda: bench.status["stable"] == candidate)
    assert await bench.run(120, lambda: bench.condition("Ready")[0] == "True")


async def test_s30a_a_person_promotes_behind_a_gateway_nothing_is_known_of() -> None:
    bench = behind("example.com/other", configured=False)
    await told(bench)
    stable = bench.status["stable"]
    bench.edit(image("2"))
    candidate = bench.desired
    await bench.run(60)
    resource = bench.resource
    annotations = {"tidegate.dev/promote": f"{candidate}/looked-at-it"}
    bench.kube.put({**resource, "metadata": {**resource["metadata"], "annotations": annotations}})
    assert await bench.run(300, lambda: bench.status["stable"] == candidate)
    assert bench.cluster.weights() in ([0, 1_000_000], [1_000_000, 0])
    # Without counters, time alone says that the slot is drained.
    assert await bench.run(300, lambda: ("Deployment", stable) not in bench.kube.objects)
    assert bench.cluster.queries == []


async def test_s30a_a_second_gateway_that_is_counted_otherwise_stops_a_rollout_where_it_is() -> None:
    bench = Bench()
    bench.gateways = (OTHER,)
    bench.restart()
    bench.cluster.controllers["elsewhere"] = OTHER.controller_name
    await bench.candidate_at(250_000)
    traffic = bench.resource["spec"]["traffic"]
    both = [{"name": "inference"}, {"name": "elsewhere"}]
    bench.edit(image("2"), traffic={**traffic, "parentRefs": both})
    message = await told(bench)
    assert (
        f"the route is run by example.com/other and {ENVOY_GATEWAY.controller_name}, whose requests are not" in message
    )
    await bench.run(300)
    assert bench.cluster.weights() == [750_000, 250_000]
    bench.edit(image("2"), traffic=traffic)
    assert await bench.run(600, lambda: bench.status["stable"] == bench.desired)


class Answering:
    """A metrics source that answers every instant query with one value."""

    def __init__(self, bench: Bench, value: str) -> None:
        self._truth, self._value = bench.cluster, value

    async def range_samples(self, query: str, time: float) -> list[Series]:
        return await self._truth.range_samples(query, time)

    async def instant(self, query: str, time: float) -> Object:
        result = [{"metric": {}, "value": [time, self._value]}]
        return {"status": "success", "data": {"resultType": "vector", "result": result}}


async def test_s30a_a_query_of_the_users_own_is_asked_whatever_runs_the_gateway() -> None:
    bench = Bench()
    await bench.serving()
    query = {"name": "accuracy", "query": "accuracy", "min": "0.9", "failures": 2}
    rollout = spec_of()["rollout"]
    analysis = {**rollout["analysis"], "queries": [query]}
    bench.metrics = Answering(bench, "0.95")
    bench.edit(image("2"), rollout={**rollout, "analysis": analysis})
    assert await bench.run(120, lambda: bench.cluster.weights()[1:] == [250_000])
    bench.cluster.controller = "example.com/other"
    await told(bench)
    await bench.run(120)
    assert bench.cluster.weights() == [750_000, 250_000]
    bench.metrics = Answering(bench, "0.5")
    assert await bench.run(120, lambda: bool(bench.status.get("rejected")))
    assert bench.status["rejected"][0]["reason"] == "QueryFailed"


async def test_s30a_until_a_gateway_has_answered_nothing_is_said_of_its_kind() -> None:
    bench = Bench()
    bench.cluster.accepts = False
    assert await bench.run(
        60, lambda: "conditions" in bench.status and bench.condition("Ready")[1] == "RouteNotAccepted"
    )
    assert bench.condition("MetricsAvailable")[:2] == ("Unknown", "NotMeasured")
