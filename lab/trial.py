"""One ModelDeployment on trial in the real lab: what tests and benchmarks do with it, and what they see."""

import itertools
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from kubernetes import client, config, watch
from kubernetes.client.exceptions import NotFoundException
from urllib3.exceptions import ProtocolError

from lab.builds import kubernetes_programs
from lab.deploy import install_operator
from lab.errors import LabError
from lab.images import import_model
from lab.instance import Instance
from lab.kubectl import Kubectl
from lab.lifecycle import up
from lab.load import Load, Requests
from lab.models import build, echo_request, reference
from lab.namespaces import Namespaces
from lab.progress import Reporter
from tidegate.api.names import API_GROUP, PLURAL, VERSION, annotation
from tidegate.api.status import ModelDeploymentStatus

NAME = "echo"
POLL_SECONDS = 0.25
WHOLE = 1_000_000


@dataclass(frozen=True)
class Cluster:
    """A cluster with a gateway at `gateway_address`, port 80."""

    api: client.ApiClient
    gateway_address: str
    kubectl: Kubectl

    def operator_requests(self) -> dict[str, float]:
        """Requests all replicas have made of the API server so far, by their own count; watches and Lease aside."""
        core: Any = client.CoreV1Api(self.api)
        pods = core.list_pod_for_all_namespaces(label_selector="app.kubernetes.io/name=tidegate").items
        total: Counter[str] = Counter()
        for pod in pods:
            if pod.status.phase != "Running" or pod.metadata.deletion_timestamp:
                continue
            text = core.connect_get_namespaced_pod_proxy_with_path(
                f"{pod.metadata.name}:8080", pod.metadata.namespace, "metrics"
            )
            lines = re.findall(r"^tidegate_api_requests_total\{([^}]*)\} (\S+)$", text, re.MULTILINE)
            total.update({labels: float(value) for labels, value in lines if 'kind="Lease"' not in labels})
        return dict(total)

    def served_requests(self, group: str) -> dict[str, float]:
        """Requests about an API group the API server has answered so far, by its own count; watches are not in it."""
        text = self.kubectl("get", "--raw", "/metrics")
        lines = re.findall(rf'^apiserver_request_total\{{([^}}]*group="{group}"[^}}]*)\}} (\S+)$', text, re.MULTILINE)
        return {labels: float(value) for labels, value in lines if 'verb="WATCH"' not in labels}

    def namespaces_stay(self) -> bool:
        """No namespace is on its way out: the pods of trials before are gone, and with them their GPUs."""
        core: Any = client.CoreV1Api(self.api)
        return all(namespace.status.phase == "Active" for namespace in core.list_namespace().items)

    def quiet_operator_requests(self, *, within: float = 240) -> dict[str, float]:
        """The same once nothing was added for five seconds and no namespace is on its way out.

        The system's own controllers ask for ModelDeployments while they empty one.
        """
        deadline, seen = time.monotonic() + within, self.operator_requests()
        while time.monotonic() < deadline:
            time.sleep(5)
            before, seen = seen, self.operator_requests()
            if before == seen and self.namespaces_stay():
                return seen
        raise AssertionError(f"the operator did not come to rest within {within:g} s")


Models = Mapping[str, tuple[str, Mapping[str, str]]]

MODELS: Models = {
    "echo-1": ("echo", {}),
    "echo-2": ("echo", {}),
    "echo-3": ("echo", {}),
    "echo-slow": ("echo", {"load_milliseconds": "25000"}),
    "echo-failing": ("echo", {"error_share": "0.3"}),
    "echo-dead": ("echo", {"error_share": "1"}),
    "echo-hanging": ("echo", {"hang_share": "0.3"}),
    "echo-late": ("echo", {"delay_milliseconds": "400"}),
    "echo-late2": ("echo", {"delay_milliseconds": "400"}),
    "echo-refusing": ("echo", {"error_share": "0.3", "error_code": "INVALID_ARG"}),
    "echo-edge1": ("echo", {"error_share": "0.009", "error_spread": "random"}),
    "echo-edge2": ("echo", {"error_share": "0.009", "error_spread": "random"}),
    "filetype-1.0": ("filetype-1.0", {}),
    "filetype-3.2": ("filetype-3.2", {}),
    "broken-1": ("broken", {}),
    "layout-wrong": ("wrong-layout", {}),
}
"""Name of an image (see `lab.models.reference`) to the recipe of lab/models.py and its parameters."""


def prepare_cluster(directory: Path, reporter: Reporter, models: Models = MODELS) -> Cluster:
    """Bring up the full lab with this tree's operator and the trial's models in it.

    Parameters
    ----------
    directory
        Where the model directories are made.
    models
        As `MODELS`.
    """
    instance = Instance("full", "full")
    lab = up("full", reporter=reporter)
    if lab.gateway_address is None:
        raise LabError("the lab came up without a gateway address; `python -m lab status` tells how it is")
    programs = kubernetes_programs(reporter)
    with reporter.step("trial models"):
        for name, (recipe, parameters) in models.items():
            # A parameter of its own makes each image differ, so that each is a revision of its own.
            model = build(recipe, directory / name, parameters={"image": name, **parameters})
            import_model(Namespaces(instance), programs, model, reference(name))
    install_operator(instance, programs, reporter)
    api = config.new_client_from_config(str(lab.kubeconfig))  # type: ignore[no-untyped-call]
    return Cluster(api, lab.gateway_address, Kubectl(instance, programs))


@dataclass
class Weights:
    """Every pair of weights the route was seen with, in order: (a, b) in parts per million."""

    seen: list[tuple[int, int]] = field(default_factory=list)


class Served:
    """The ModelDeployment `echo` in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.host = f"{NAME}.{namespace}.example.com"
        # The generated client's types say None of everything.
        self._objects: Any = client.CustomObjectsApi(cluster.api)
        self.core: Any = client.CoreV1Api(cluster.api)
        self.apps: Any = client.AppsV1Api(cluster.api)

    @classmethod
    @contextmanager
    def in_new_namespace(cls, cluster: Cluster) -> Iterator[Self]:
        """A namespace of its own for as long as the context is open; nothing is applied yet."""
        namespace = f"trial-{uuid.uuid4().hex[:8]}"
        core = client.CoreV1Api(cluster.api)
        core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
        try:
            yield cls(cluster, namespace)
        finally:
            with suppress(NotFoundException):
                core.delete_namespace(namespace)

    # ---- writing -----------------------------------------------------------------------------------------------------

    def document(self, model: str, *, replicas: int = 1, **rollout: Any) -> dict[str, Any]:
        """The ModelDeployment for image tag `model`, with steps quick enough for a test."""
        # A budget that lets the first step's weight be the first one: a test does not wait for the pace.
        statistics = {"harmBudgetRequests": 1000}
        analysis = {"intervalSeconds": 5, "bakeSeconds": 5, "statistics": statistics, **rollout.pop("analysis", {})}
        steps = [{"weight": {"percent": percent, "seconds": 5}} for percent in (5, 25, 50)]
        return {
            "apiVersion": f"{API_GROUP}/{VERSION}",
            "kind": "ModelDeployment",
            "metadata": {"name": NAME, "namespace": self.namespace},
            "spec": {
                "model": {"source": {"image": {"reference": reference(model)}}},
                "runtime": {"triton": {}},
                "replicas": replicas,
                # Without a request for CPU a busy machine gives its pods none, and their requests time out.
                "resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "100m"}},
                "traffic": {
                    "parentRefs": [{"name": "inference", "namespace": "gateways"}],
                    "hostnames": [self.host],
                    "timeoutSeconds": 5,
                },
                "rollout": {
                    "steps": steps,
                    "loadSeconds": 120,
                    "keepPreviousSeconds": 5,
                    **rollout,
                    "analysis": analysis,
                },
            },
        }

    def apply(self, model: str, **options: Any) -> int:
        """Apply the ModelDeployment as `kubectl apply --server-side` does; returns its generation."""
        return self.apply_document(self.document(model, **options))

    def apply_document(self, document: dict[str, Any]) -> int:
        """Apply any document of this ModelDeployment."""
        self._objects.patch_namespaced_custom_object(
            API_GROUP,
            VERSION,
            self.namespace,
            PLURAL,
            NAME,
            document,
            field_manager="test",
            force=True,
            _content_type="application/apply-patch+yaml",
        )
        return int(self.body()["metadata"]["generation"])

    def annotate(self, verb: str, value: str) -> None:
        """Ask for something as a person does."""
        body = {"metadata": {"annotations": {annotation(verb): value}}}  # type: ignore[arg-type]
        self._objects.patch_namespaced_custom_object(
            API_GROUP, VERSION, self.namespace, PLURAL, NAME, body, _content_type="application/merge-patch+json"
        )

    # ---- reading -----------------------------------------------------------------------------------------------------

    def body(self) -> dict[str, Any]:
        """The object as stored."""
        found: dict[str, Any] = self._objects.get_namespaced_custom_object(
            API_GROUP, VERSION, self.namespace, PLURAL, NAME
        )
        return found

    @property
    def status(self) -> ModelDeploymentStatus:
        """Its status; empty while the operator has written none."""
        return ModelDeploymentStatus.model_validate(self.body().get("status") or {})

    def condition(self, kind: str) -> tuple[str, str, str]:
        """(status, reason, message) of a condition; empty strings while there is none."""
        found = [entry for entry in self.status.conditions if entry.type == kind]
        return (found[0].status, found[0].reason, found[0].message) if found else ("", "", "")

    def weight_of(self, revision: str | None) -> int:
        """Recorded weight of a revision, parts per million."""
        slots = self.status.slots
        return next((slot.weight for slot in (slots.a, slots.b) if revision and slot.revision == revision), 0)

    def route(self) -> dict[str, Any]:
        """The HTTPRoute."""
        found: dict[str, Any] = self._objects.get_namespaced_custom_object(
            "gateway.networking.k8s.io", "v1", self.namespace, "httproutes", NAME
        )
        return found

    def pod_uids(self, revision: str) -> set[str]:
        """UIDs of a revision's pods."""
        pods = self.core.list_namespaced_pod(self.namespace, label_selector=f"{API_GROUP}/revision={revision}")
        return {pod.metadata.uid for pod in pods.items}

    def events(self) -> list[tuple[str, str]]:
        """(reason, message) of the Events about the ModelDeployment."""
        found = self.core.list_namespaced_event(self.namespace)
        mine = [event for event in found.items if event.involved_object.kind == "ModelDeployment"]
        return [(event.reason, event.message) for event in mine]

    def resource_versions(self) -> dict[str, str]:
        """resourceVersion of the ModelDeployment and every child, without what the system writes by itself."""
        selector = f"{API_GROUP}/modeldeployment={NAME}"
        children = {
            "controllerrevision": self.apps.list_namespaced_controller_revision,
            "service": self.core.list_namespaced_service,
            "configmap": self.core.list_namespaced_config_map,
        }
        found = {
            f"{kind}/{item.metadata.name}": item.metadata.resource_version
            for kind, listing in children.items()
            for item in listing(self.namespace, label_selector=selector).items
        }
        deployments = self.apps.list_namespaced_deployment(self.namespace, label_selector=selector)
        generations = {f"deployment/{item.metadata.name}": str(item.metadata.generation) for item in deployments.items}
        route = {"httproute": str(self.route()["metadata"]["generation"])}
        return {**found, **generations, **route, "self": self.body()["metadata"]["resourceVersion"]}

    # ---- waiting -----------------------------------------------------------------------------------------------------

    def wait(self, reached: Callable[["Served"], bool], what: str, *, within: float = 120) -> float:
        """Poll until `reached(self)`; returns the seconds it took, or fails with the status as it is."""
        start = time.monotonic()
        while not reached(self):
            if time.monotonic() - start > within:
                ready = self.condition("Ready")
                raise AssertionError(f"not within {within:g} s: {what}. Ready: {ready}. Status: {self.status}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - start

    def wait_ready(self, *, within: float = 120) -> None:
        """Wait for the present generation to be Ready as pipelines do: by `kubectl wait`."""
        self._kubectl_wait("Ready", within)

    def wait_stalled(self, reason: str, *, within: float = 120) -> str:
        """Wait until Stalled is True, which must be for `reason`; returns the message."""
        self._kubectl_wait("Stalled", within)
        _, found, message = self.condition("Stalled")
        assert found == reason, f"Stalled for {found}, expected {reason}: {message}"
        return message

    def _kubectl_wait(self, condition: str, within: float) -> None:
        target = (f"{PLURAL}.{API_GROUP}/{NAME}", f"--namespace={self.namespace}")
        options = (f"--for=condition={condition}", f"--timeout={within:g}s")
        try:
            self.cluster.kubectl("wait", *options, *target, timeout_seconds=within + 10)
        except LabError as error:
            raise AssertionError(f"not {condition} within {within:g} s: {error}. Status: {self.status}") from error

    def wait_ended(self, *, within: float = 120) -> None:
        """Wait until no rollout is under way."""
        self.wait(lambda served: served.status.rollout is None, "no rollout under way", within=within)

    def wait_candidate(self, *, within: float = 30) -> str:
        """Wait until there is a candidate; returns its name."""
        self.wait(lambda served: served.status.candidate is not None, "a candidate", within=within)
        candidate = self.status.candidate
        assert candidate is not None
        return candidate

    # ---- traffic -----------------------------------------------------------------------------------------------------

    def requests(self, rate: float = 50, *, timeout_seconds: float = 6, seconds: float = 600) -> Requests:
        """Load on the model through the gateway while the context is open."""
        headers, body = echo_request([1, 2, 3])
        return Requests(
            Load(
                f"http://{self.cluster.gateway_address}/v2/models/{NAME}/infer",
                host=self.host,
                body=body,
                headers=headers,
                rate=rate,
                timeout_seconds=timeout_seconds,
                max_seconds=seconds,
            )
        )

    @contextmanager
    def watched_weights(self) -> Iterator[Weights]:
        """Record every pair of weights the route has while the context is open."""
        weights = Weights()
        watcher: Any = watch.Watch()  # type: ignore[no-untyped-call]
        version = self.route()["metadata"]["resourceVersion"]

        def follow() -> None:
            stream = watcher.stream(
                client.CustomObjectsApi(self.cluster.api).list_namespaced_custom_object,
                "gateway.networking.k8s.io",
                "v1",
                self.namespace,
                "httproutes",
                resource_version=version,
                timeout_seconds=600,
            )
            # The watch ends with the namespace, in the middle of its answer.
            with suppress(ProtocolError):
                for event in stream:
                    pair = route_weights(event["object"])
                    if not weights.seen or weights.seen[-1] != pair:
                        weights.seen.append(pair)

        thread = threading.Thread(target=follow, name="weights", daemon=True)
        thread.start()
        try:
            yield weights
        finally:
            watcher.stop()


def route_weights(route: dict[str, Any]) -> tuple[int, int]:
    """Weights of slots a and b as written in the route, parts per million."""
    first, second = route["spec"]["rules"][0]["backendRefs"]
    return first["weight"], second["weight"]


def entries_and_exits(pairs: Sequence[tuple[int, int]]) -> list[str]:
    """What is wrong with a sequence of weights: sums, and slots that came or went other than through one part."""
    wrong = [f"{pair} does not sum to {WHOLE}" for pair in pairs if sum(pair) != WHOLE]
    for before, after in itertools.pairwise(pairs):
        for was, now in zip(before, after, strict=True):
            if (was == 0) != (now == 0) and max(was, now) != 1:
                wrong.append(f"{before} -> {after}")
    return wrong
