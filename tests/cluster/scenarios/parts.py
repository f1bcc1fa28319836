"""What stands around a ModelDeployment in the lab, and how a test breaks it: operator, Prometheus, Gateway, node."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from kubernetes import client

from lab.builds import kubernetes_programs
from lab.control_plane import NODE_NAME
from lab.deploy import NAMESPACE, RELEASE, upgrade
from lab.images import TRITON_IMAGE
from lab.instance import Instance
from lab.load import Failure, Summary
from lab.node import GPU_COUNT, GPU_RESOURCE
from lab.progress import Reporter
from lab.trial import NAME, Served
from tidegate.api.names import API_GROUP, LABEL_MODELDEPLOYMENT, LABEL_REVISION, PLURAL, VERSION, revision_name
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.api.status import RolloutStatus

MILLION_PER_PERCENT = 10_000
DASHBOARD = Path(__file__).parents[3] / "charts" / "tidegate" / "files" / "dashboard.json"


def held_at(percent: int) -> list[dict[str, Any]]:
    """Steps of one weight that is held for ten minutes of judged time: longer than any test."""
    return [{"weight": {"percent": percent, "seconds": 600}}]


def revision_of(document: dict[str, Any]) -> str:
    """Name of the revision a document asks for."""
    return revision_name(NAME, ModelDeploymentSpec.model_validate(document["spec"]))


def bring_to(served: Served, model: str, percent: int, **options: Any) -> str:
    """Bring `model` in up to a weight that it then holds; returns its revision. Does nothing where it is there.

    Somebody has to send requests meanwhile: without any, a candidate stays at the weight by which it entered.
    """
    document = served.document(model, **{"steps": held_at(percent), **options})
    served.apply_document(document)
    revision, wanted = revision_of(document), percent * MILLION_PER_PERCENT
    served.wait(lambda served: served.weight_of(revision) == wanted, f"{revision} at {percent} %", within=120)
    return revision


@dataclass(frozen=True)
class Child:
    """One child of the ModelDeployment: which object it is, whose, and what it says."""

    uid: str
    owner: str
    spec: dict[str, Any]


def panels_without_data(served: Served, *, seconds: int) -> list[str]:
    """Titles of the dashboard's panels of which a query has no answer from the last so many seconds."""
    dashboard = json.loads(DASHBOARD.read_text())
    values = {"$namespace": served.namespace, "$name": NAME, "$__range": f"{seconds}s", "$__rate_interval": "30s"}
    empty = []
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"]
            for name, value in values.items():
                query = query.replace(name, value)
            empty += [] if _answers(served, query, seconds) else [f"{panel['title']}: {query}"]
    return empty


def _answers(served: Served, query: str, seconds: int) -> list[Any]:
    now = time.time()
    asked = urlencode({"query": query, "start": now - seconds, "end": now, "step": 5})
    path = f"/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query_range?{asked}"
    found: list[Any] = json.loads(served.cluster.kubectl("get", "--raw", path))["data"]["result"]
    return found


def children(served: Served) -> dict[str, Child]:
    """Everything the operator made for the ModelDeployment, by kind and name."""
    kinds = "httproutes,services,deployments,controllerrevisions"
    found = served.cluster.kubectl.get(kinds, f"--namespace={served.namespace}", f"--selector={LABEL_MODELDEPLOYMENT}")
    return {f"{item['kind'].lower()}/{item['metadata']['name']}": _child(item) for item in found["items"]}


def _child(item: dict[str, Any]) -> Child:
    kept = {
        key: item["spec"][key] for key in ("selector", "template", "rules", "hostnames") if key in item.get("spec", {})
    }
    owner = item["metadata"]["ownerReferences"][0]["uid"]
    return Child(item["metadata"]["uid"], owner, {**kept, "data": item.get("data")})


def deployments(served: Served) -> set[str]:
    """Names of the ModelDeployment's Deployments: the revisions that have pods."""
    return {item.metadata.name for item in served.apps.list_namespaced_deployment(served.namespace).items}


def ready_pods(served: Served, revision: str) -> set[str]:
    """UIDs of a revision's pods that are ready and not on their way out."""
    pods = served.core.list_namespaced_pod(served.namespace, label_selector=f"{LABEL_REVISION}={revision}").items
    return {pod.metadata.uid for pod in pods if pod.metadata.deletion_timestamp is None and _is_ready(pod)}


def _is_ready(pod: Any) -> bool:
    return any(entry.type == "Ready" and entry.status == "True" for entry in pod.status.conditions or [])


def delete_pods(served: Served, revision: str, *, grace_seconds: int | None = None) -> None:
    """Delete a revision's pods, within their own grace period by default."""
    selector = f"{LABEL_REVISION}={revision}"
    options = {} if grace_seconds is None else {"grace_period_seconds": grace_seconds}
    served.core.delete_collection_namespaced_pod(served.namespace, label_selector=selector, **options)


def delete_model_deployment(served: Served) -> None:
    """Delete the ModelDeployment as `kubectl delete` does."""
    objects = client.CustomObjectsApi(served.cluster.api)
    objects.delete_namespaced_custom_object(API_GROUP, VERSION, served.namespace, PLURAL, NAME)


def edit_weights(served: Served, first: int, second: int) -> None:
    """Change the weights in the route as `kubectl edit` does."""
    paths = [f"/spec/rules/0/backendRefs/{number}/weight" for number in (0, 1)]
    operations = [
        {"op": "replace", "path": path, "value": value} for path, value in zip(paths, (first, second), strict=True)
    ]
    target = ("httproute", NAME, f"--namespace={served.namespace}", "--type=json")
    served.cluster.kubectl("patch", *target, f"--patch={json.dumps(operations)}")


def lose_status(served: Served) -> None:
    """Take the status away, as a restored backup without it does."""
    target = (f"{PLURAL}.{API_GROUP}", NAME, f"--namespace={served.namespace}", "--subresource=status")
    served.cluster.kubectl("patch", *target, "--type=json", '--patch=[{"op": "remove", "path": "/status"}]')


def failures(summary: Summary) -> dict[str, int]:
    """Failed requests by kind, without those the client did not send for want of time on a busy machine."""
    return {kind: count for kind, count in summary.failures.items() if kind != Failure.NOT_SENT}


def rollout_of(served: Served) -> RolloutStatus:
    """The rollout under way."""
    rollout = served.status.rollout
    assert rollout is not None, f"no rollout is under way: {served.condition('Ready')}"
    return rollout


def wait_observed(served: Served, generation: int) -> None:
    """Wait until the operator has seen that generation of the spec."""
    served.wait(
        lambda served: served.status.observed_generation == generation, f"generation {generation} observed", within=30
    )


def wait_judged(served: Served, *, more_than: int = 0, within: float = 60) -> None:
    """Wait until more than so many milliseconds of the rollout under way are judged."""
    served.wait(lambda served: rollout_of(served).judged_milliseconds > more_than, "judged time", within=within)


class Operator:
    """The lab's operator, as its chart installed it."""

    def __init__(self, served: Served) -> None:
        self._served = served

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """No operator while the context is open."""
        apps = self._served.apps
        replicas = apps.read_namespaced_deployment_scale(RELEASE, NAMESPACE).spec.replicas
        self._scale(0)
        try:
            self._served.wait(lambda _: self._pods() == [], "the operator gone", within=30)
            yield
        finally:
            self._scale(replicas)
            self._wait_rolled_out()

    def upgrade(self, version: str, *, default_image: str = TRITON_IMAGE) -> None:
        """Upgrade the release to pods of another version, with another default for the servers' image."""
        programs = kubernetes_programs(Reporter(quiet=True))
        values = {"podAnnotations": {"example.com/version": version}, "runtimes": {"triton": {"image": default_image}}}
        upgrade(Instance("full", "full"), programs, values, "--reuse-values")

    def failed_reconciles(self) -> float:
        """Reconciles that ended with an error since the present process started."""
        return self._counted("tidegate_reconcile_total", without='result="success"')

    def failed_queries(self) -> float:
        """Queries to Prometheus that got no answer since the present process started."""
        return self._counted("tidegate_prometheus_queries_total", without='result="ok"')

    def _counted(self, name: str, *, without: str) -> float:
        total = 0.0
        for pod in self._pods():
            arguments = (f"{pod}:8080", NAMESPACE, "metrics")
            text = self._served.core.connect_get_namespaced_pod_proxy_with_path(*arguments)
            found = re.findall(rf"^{name}\{{([^}}]*)\}} (\S+)$", text, re.MULTILINE)
            total += sum(float(value) for labels, value in found if without not in labels)
        return total

    def _pods(self) -> list[str]:
        selector = "app.kubernetes.io/name=tidegate"
        found = self._served.core.list_namespaced_pod(NAMESPACE, label_selector=selector).items
        return [pod.metadata.name for pod in found if not pod.metadata.deletion_timestamp]

    def _scale(self, replicas: int) -> None:
        self._served.apps.patch_namespaced_deployment_scale(RELEASE, NAMESPACE, {"spec": {"replicas": replicas}})

    def _wait_rolled_out(self) -> None:
        target = ("status", f"deployment/{RELEASE}", f"--namespace={NAMESPACE}", "--timeout=60s")
        self._served.cluster.kubectl("rollout", *target, timeout_seconds=70)


class PrometheusDeployment:
    """The lab's Prometheus."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def scale(self, replicas: int) -> None:
        body = {"spec": {"replicas": replicas}}
        self._served.apps.patch_namespaced_deployment_scale("prometheus", "monitoring", body)

    def start(self) -> None:
        self.scale(1)

    @property
    def pods(self) -> int:
        found = self._served.core.list_namespaced_pod("monitoring").items
        return len([pod for pod in found if pod.metadata.name.startswith("prometheus-")])


@contextmanager
def stopped_prometheus(served: Served) -> Iterator[PrometheusDeployment]:
    """Prometheus gone; it is there again afterwards whatever happens."""
    prometheus = PrometheusDeployment(served)
    prometheus.scale(0)
    try:
        served.wait(lambda _: prometheus.pods == 0, "Prometheus gone", within=60)
        yield prometheus
    finally:
        prometheus.start()
        served.wait(lambda _: prometheus.pods == 1, "Prometheus back", within=60)


@contextmanager
def closed_listener(served: Served) -> Iterator[None]:
    """The Gateway's listener takes no route from other namespaces while the context is open."""
    _admit(served, "Same")
    try:
        yield
    finally:
        _admit(served, "All")


def _admit(served: Served, namespaces: str) -> None:
    path = "/spec/listeners/0/allowedRoutes/namespaces/from"
    patch = json.dumps([{"op": "replace", "path": path, "value": namespaces}])
    target = ("gateways.gateway.networking.k8s.io", "inference", "--namespace=gateways")
    served.cluster.kubectl("patch", *target, "--type=json", f"--patch={patch}")


@contextmanager
def gpus(served: Served, count: int) -> Iterator[None]:
    """The node has only so many GPUs while the context is open; pods that run go on."""
    _set_gpus(served, count)
    try:
        yield
    finally:
        _set_gpus(served, GPU_COUNT)


def _set_gpus(served: Served, count: int) -> None:
    amounts = {GPU_RESOURCE: str(count)}
    served.core.patch_node_status(NODE_NAME, {"status": {"capacity": amounts, "allocatable": amounts}})
