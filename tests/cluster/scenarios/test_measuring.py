"""The gateway profile, Prometheus and the judge's counting against what the client itself counted."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from kubernetes import client

from lab.load import Load, Summary
from lab.models import echo_request
from lab.trial import NAME, Served
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.api.status import ModelDeploymentStatus, RolloutStatus, Slot, Slots
from tidegate.clients.prometheus import Prometheus
from tidegate.controller.measure import Measurer
from tidegate.gateways import ENVOY_GATEWAY, Gateways
from tidegate.judge import Stratum
from tidegate.judge.counts import CellCounts
from tidegate.judge.strata import EMPTY, pooled
from tidegate.manifests.metadata import Owner
from tidegate.manifests.routes import http_route
from tidegate.manifests.services import slot
from tidegate.rollout import Resource
from tidegate.rollout.observation import Observation, Route

ROUTE = "manual"
HALF = 500_000
SCRAPE_SECONDS = 5
CLOSED_PORT = 9


class Manual:
    """A route of our own manifests beside the ModelDeployment's: its pod in slot a, a dead backend in slot b."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.owner = Owner(served.namespace, ROUTE, "none")
        self.host = f"{ROUTE}.{served.namespace}.example.com"
        self.stable = served.status.stable or ""
        document = served.document("echo-1")
        document["spec"]["traffic"]["hostnames"] = [self.host]
        self.spec = ModelDeploymentSpec.model_validate(document["spec"])
        self.since = datetime.now(UTC)
        self.answered = 0

    def create(self, *, endpoint: bool) -> None:
        """Create it; with `endpoint` the dead backend has one that refuses connections, else it has none."""
        stable, dead = slot(self.owner, "a", self.stable), slot(self.owner, "b", "nothing")
        stable["spec"]["selector"]["tidegate.dev/modeldeployment"] = NAME
        if endpoint:
            del dead["spec"]["selector"]
            self._create_refusing_endpoint(dead["metadata"]["name"])
        for service in (stable, dead):
            self.served.core.create_namespaced_service(self.served.namespace, _unowned(service))
        weights, revisions = {"a": HALF, "b": HALF}, {"a": self.stable, "b": "nothing"}
        route = _unowned(http_route(self.owner, self.spec.traffic, weights, revisions))  # type: ignore[arg-type]
        objects = client.CustomObjectsApi(self.served.cluster.api)
        arguments = ("gateway.networking.k8s.io", "v1", self.served.namespace, "httproutes")
        objects.create_namespaced_custom_object(*arguments, route)
        self.served.wait(
            lambda _: (
                len(objects.get_namespaced_custom_object(*arguments, ROUTE).get("status", {}).get("parents", [])) == 1
            ),
            "the route answered by the gateway",
        )
        self.since = datetime.now(UTC)
        # Requests before the first scrape at this weight are not counted, by design.
        self.served.wait(lambda _: asyncio.run(self._scraped_since()), "a scrape of the proxy", within=30)

    def _create_refusing_endpoint(self, service: str) -> None:
        pods = self.served.core.list_namespaced_pod(self.served.namespace).items
        slice_ = {
            "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [pods[0].status.pod_ip], "conditions": {"ready": True}}],
            "ports": [{"name": "http", "port": CLOSED_PORT, "protocol": "TCP"}],
        }
        discovery: Any = client.DiscoveryV1Api(self.served.cluster.api)
        discovery.create_namespaced_endpoint_slice(self.served.namespace, slice_)

    def _prometheus(self) -> Prometheus:
        address = self.served.core.read_namespaced_service("prometheus", "monitoring").spec.cluster_ip
        return Prometheus(f"http://{address}:9090")

    async def _scraped_since(self) -> bool:
        async with self._prometheus() as prometheus:
            series = await prometheus.range_samples(f"{ENVOY_GATEWAY.presence}[60s]", time.time())
        return any(moment > self.since.timestamp() for found in series for moment, _ in found.samples)

    def send(self, count: int) -> Summary:
        """Send about `count` requests, in order of their arrival; returns the client's counts."""

        async def run() -> Summary:
            headers, body = echo_request([1])
            url = f"http://{self.served.cluster.gateway_address}/v2/models/{NAME}/infer"
            load = Load(url, host=self.host, body=body, headers=headers, rate=50, max_seconds=count / 50)
            async with load:
                await load.wait()
            return load.summary()

        summary = asyncio.run(run())
        self.answered += sum(summary.statuses.values())
        return summary

    def counted(self, requests: int) -> Stratum:
        """Totals of all cells, once the metrics show `requests` or enough scrapes have passed."""
        deadline = time.monotonic() + 8 * SCRAPE_SECONDS
        total = EMPTY
        while time.monotonic() < deadline and total.finished < requests:
            time.sleep(1)
            total = asyncio.run(self._counted())
        return total

    async def _counted(self) -> Stratum:
        now = datetime.now(UTC)
        async with self._prometheus() as prometheus:
            measured = await Measurer(prometheus, Gateways()).measure(self._resource(), self._seen(), now)
        strata = [
            stratum
            for _, counts in (measured.cells if measured else ())
            if isinstance(counts, CellCounts)
            for stratum in counts.strata
        ]
        return pooled(strata)

    def _resource(self) -> Resource:
        rollout = RolloutStatus(
            id="r",
            started_at=self.since,
            revision="nothing",
            plan=self.spec.rollout,
            phase="Stepping",
            phase_since=self.since,
            step_since=self.since,
        )
        half: dict[str, Any] = {"weight": HALF, "in_force_since": self.since}
        slots = Slots(a=Slot(revision=self.stable, **half), b=Slot(revision="nothing", **half))
        status = ModelDeploymentStatus(stable=self.stable, candidate="nothing", slots=slots, rollout=rollout)
        return Resource(self.owner, 1, {}, self.spec, status)

    def _seen(self) -> Observation:
        controllers = (ENVOY_GATEWAY.controller_name,)
        return Observation(route=Route(weights={"a": HALF, "b": HALF}, accepted=True, controllers=controllers))


def _unowned(manifest: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "ownerReferences"}
    return {**manifest, "metadata": metadata}


@pytest.fixture
def manual(served: Served) -> Manual:
    """The route, with the ModelDeployment's pod serving in slot a."""
    served.apply("echo-1")
    served.wait_ready()
    return Manual(served)


def test_s23_backend_that_refuses_connections_counts_as_bad_and_every_request_counts_once(manual: Manual) -> None:
    manual.create(endpoint=True)
    sent = manual.send(400)
    counted = manual.counted(sent.requests)
    assert counted.finished == sent.requests
    assert counted.candidate.bad == counted.candidate.finished == sent.failed
    assert counted.candidate.finished > 0.3 * sent.requests
    assert counted.stable.bad == 0


def test_s23_backend_without_endpoints_is_not_counted_as_good(manual: Manual) -> None:
    manual.create(endpoint=False)
    sent = manual.send(200)
    answered = sent.requests - sent.failed
    counted = manual.counted(answered)
    assert sent.failed > 0.3 * sent.requests
    assert counted.stable.finished == answered
    assert counted.candidate.finished == 0


def test_s22_replaced_proxy_loses_no_count_up_to_its_last_scrape(manual: Manual) -> None:
    manual.create(endpoint=True)
    first = manual.send(200)
    assert manual.counted(first.requests).finished == first.requests
    proxies = "gateway.envoyproxy.io/owning-gateway-name=inference"
    core = manual.served.core
    old = {pod.metadata.name for pod in core.list_pod_for_all_namespaces(label_selector=proxies).items}
    for pod in core.list_pod_for_all_namespaces(label_selector=proxies).items:
        core.delete_namespaced_pod(pod.metadata.name, pod.metadata.namespace, grace_period_seconds=1)

    def replaced(_: Served) -> bool:
        pods = core.list_pod_for_all_namespaces(label_selector=proxies).items
        return all(
            pod.metadata.name not in old
            and any(entry.type == "Ready" and entry.status == "True" for entry in pod.status.conditions or [])
            for pod in pods
        ) and bool(pods)

    manual.served.wait(replaced, "another proxy ready", within=60)
    manual.served.wait(lambda _: manual.send(1).statuses.get(200, 0) > 0, "the other proxy to answer", within=30)
    manual.send(200)
    assert manual.counted(manual.answered).finished == manual.answered
