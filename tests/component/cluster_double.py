"""As much of an API server, of the controllers behind it and of a gateway's proxy as one reconcile needs; in memory."""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.gateway_answers import accepted
from tidegate.api.names import LABEL_MODELDEPLOYMENT, LABEL_REVISION, LETTERS
from tidegate.clients.errors import ApiError, Conflict, NotFound
from tidegate.gateways import ENVOY_GATEWAY
from tidegate.gateways.template import fill_in
from tidegate.judge.samples import Series

Object = dict[str, Any]
Key = tuple[str, int, str]
"""Name of a series, number of its backend, value of the label that tells it from others of that name."""
NAMESPACE = "demo"
CLUSTER = "envoy_cluster_upstream_"
PRESENCE: Key = ("envoy_server_live", -1, "")


@dataclass
class KubeDouble:
    """Objects with uid, resourceVersion and generation, server-side apply with one field manager, and refusals.

    Attributes
    ----------
    writes
        Verb, kind and name of every write that was let through, Events aside.
    refuses
        ``Kind name`` to the error its writes end in.
    before_write
        Called with kind and name before each write: where others get in between.
    on_change
        Told kind, name and the object (None: it is gone) of every change, whoever made it.
    """

    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    writes: list[tuple[str, str, str]] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    refuses: dict[str, ApiError] = field(default_factory=dict)
    before_write: Any = None
    on_change: Callable[[str, str, Object | None], None] = lambda kind, name, item: None
    _applied: dict[tuple[str, str], Object] = field(default_factory=dict)
    _version: int = 100

    # ---- what the operator calls -----------------------------------------------------------------------------------

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        return copy.deepcopy(self.objects.get((kind, name)))

    async def list(self, kind: str, namespace: str | None, label_selector: str = "") -> list[Object]:
        key, _, value = label_selector.partition("=")
        return [
            copy.deepcopy(item)
            for (one, _), item in self.objects.items()
            if one == kind and item["metadata"].get("labels", {}).get(key) == value
        ]

    async def apply(self, obj: Mapping[str, Any], force: bool = True) -> Object:
        kind, name = obj["kind"], obj["metadata"]["name"]
        self._admit("apply", kind, name)
        present = self.objects.get((kind, name))
        self._check_fence(obj, present)
        wanted = copy.deepcopy(dict(obj))
        for fence in ("resourceVersion", "uid"):
            wanted["metadata"].pop(fence, None)
        before = self._applied.get((kind, name), {})
        self._applied[kind, name] = copy.deepcopy(wanted)
        return copy.deepcopy(self.put(_merged(present or {}, wanted, before)))

    async def replace_status(self, obj: Mapping[str, Any]) -> Object:
        kind, name = obj["kind"], obj["metadata"]["name"]
        self._admit("status", kind, name)
        present = self.objects[kind, name]
        self._check_fence(obj, present)
        return copy.deepcopy(self.put({**present, "status": copy.deepcopy(obj["status"])}))

    async def scale(self, kind: str, namespace: str, name: str, replicas: int, *, version: str) -> None:
        self._admit("scale", kind, name)
        if (kind, name) not in self.objects:
            raise NotFound(f"{kind} {name}: HTTP 404", code=404)
        self._check_fence(
            {"kind": kind, "metadata": {"name": name, "resourceVersion": version}}, self.objects[kind, name]
        )
        item = copy.deepcopy(self.objects[kind, name])
        item["spec"]["replicas"] = replicas
        self.put(item)

    async def delete(
        self, kind: str, namespace: str, name: str, *, uid: str, version: str, grace_seconds: int | None = None
    ) -> None:
        self._admit("delete", kind, name)
        present = self.objects.get((kind, name))
        if present is not None:
            self._check_fence(
                {"kind": kind, "metadata": {"name": name, "resourceVersion": version, "uid": uid}}, present
            )
            del self.objects[kind, name]
            self.on_change(kind, name, None)

    async def create_event(self, regarding: Mapping[str, Any], *, type: str, reason: str, message: str) -> None:
        self.events.append((reason, message))

    # ---- what a test does ------------------------------------------------------------------------------------------

    def put(self, item: Object) -> Object:
        """Store an object as somebody else would; unchanged content keeps its resourceVersion."""
        key = item["kind"], item["metadata"]["name"]
        present = self.objects.get(key)
        meta = {
            "uid": f"uid-{self._version}",
            "generation": 0,
            **(present or {}).get("metadata", {}),
            **item["metadata"],
        }
        stored = {**item, "metadata": {"namespace": NAMESPACE, **meta}}
        if present is not None and stored == present:
            return present
        self._version += 1
        stored["metadata"]["resourceVersion"] = str(self._version)
        if present is None or stored.get("spec") != present.get("spec"):
            stored["metadata"]["generation"] += 1
        self.objects[key] = stored
        self.on_change(*key, stored)
        return stored

    def _admit(self, verb: str, kind: str, name: str) -> None:
        if self.before_write is not None:
            self.before_write(kind, name)
        if error := self.refuses.get(f"{kind} {name}"):
            raise error
        self.writes.append((verb, kind, name))

    def _check_fence(self, obj: Mapping[str, Any], present: Object | None) -> None:
        for fence in ("resourceVersion", "uid"):
            wanted = obj["metadata"].get(fence)
            if wanted is not None and (present is None or present["metadata"][fence] != wanted):
                raise Conflict(f"{obj['kind']} {obj['metadata']['name']}: the object has been modified", code=409)


def _merged(present: Any, wanted: Any, before: Any) -> Any:
    """Server-side apply: maps are merged, what was applied before and is no longer wanted goes, lists are replaced."""
    if not isinstance(wanted, dict) or not isinstance(present, dict):
        return wanted
    owned = before if isinstance(before, dict) else {}
    kept = {key: value for key, value in present.items() if key in wanted or key not in owned}
    return kept | {key: _merged(kept.get(key), value, owned.get(key)) for key, value in wanted.items()}


@dataclass
class ClusterDouble:
    """Deployments get their pods at once, the gateway takes up a route at once, a proxy counts requests.

    Attributes
    ----------
    ready
        Revision to the number of ready pods, where that is not what its Deployment asks for.
    rate
        Requests a second on the route.
    bad, slow, refused
        Revision to the share of its requests that end in an error, that take over 250 ms, or that it answers 400.
    accepts
        Whether any gateway answers for the route.
    controller, controllers
        Name of what runs the gateways, and by name of a gateway where that is another.
    backend
        What the proxy calls the backends, as a template.
    """

    name: str
    kube: KubeDouble = field(default_factory=KubeDouble)
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    ready: dict[str, int] = field(default_factory=dict)
    rate: float = 50.0
    bad: dict[str, float] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    refused: dict[str, float] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    accepts: bool = True
    controller: str = ENVOY_GATEWAY.controller_name
    controllers: dict[str, str] = field(default_factory=dict)
    backend: str = ENVOY_GATEWAY.backend_value
    _counters: dict[Key, float] = field(default_factory=dict)
    _samples: dict[Key, list[tuple[float, float]]] = field(default_factory=dict)
    _ready_since: dict[str, list[datetime]] = field(default_factory=dict)

    def weights(self) -> list[int]:
        route = self.kube.objects.get(("HTTPRoute", self.name))
        rules = route["spec"].get("rules") if route else None
        return [ref["weight"] for ref in rules[0]["backendRefs"]] if rules else []

    def pass_second(self) -> None:
        """Let a second pass: requests are counted, and scraped every five."""
        self.now += timedelta(seconds=1)
        for index, weight in enumerate(self.weights()):
            self._serve(index, self.rate * weight / 1_000_000)
        if self.now.second % 5 == 0:
            moment = self.now.timestamp()
            self._samples.setdefault(PRESENCE, []).append((moment, 1.0))
            for key, value in self._counters.items():
                self._samples.setdefault(key, []).append((moment, float(int(value))))

    def _serve(self, index: int, requests: float) -> None:
        revision = self.selected("ab"[index])
        slow = self.slow.get(revision, 0.0)
        counted: dict[Key, float] = {
            (f"{CLUSTER}rq_completed", index, ""): requests,
            (f"{CLUSTER}rq_time_count", index, ""): requests,
            **{(f"{CLUSTER}rq_time_bucket", index, edge): requests * (1.0 - slow) for edge in ("100", "250")},
            **{(f"{CLUSTER}rq_time_bucket", index, edge): requests for edge in ("1000", "+Inf")},
            (f"{CLUSTER}rq_active", index, ""): 0.0,
        }
        answered = {"4": self.refused.get(revision, 0.0), "5": self.bad.get(revision, 0.0)}
        counted |= {(f"{CLUSTER}rq_xx", index, kind): requests * share for kind, share in answered.items() if share}
        for key, more in counted.items():
            self._counters[key] = self._counters.get(key, 0.0) + more

    def catch_up(self) -> None:
        """What the other controllers do: endpoints follow Services, the gateway answers for the route."""
        self._make_pods()
        for letter in ("a", "b"):
            service = self.kube.objects.get(("Service", f"{self.name}-{letter}"))
            if service is not None:
                self.kube.put(self._slice(service))
        route = self.kube.objects.get(("HTTPRoute", self.name))
        if route is not None:
            self.kube.put({**route, "status": {"parents": self._parents(route)}})

    def selected(self, letter: str) -> str:
        """Revision behind a slot; empty for none."""
        service = self.kube.objects.get(("Service", f"{self.name}-{letter}"))
        return str(service["spec"]["selector"][LABEL_REVISION]) if service is not None else ""

    def _count(self, revision: str) -> int:
        deployment = self.kube.objects.get(("Deployment", revision))
        wanted = deployment["spec"].get("replicas", 0) if deployment else 0
        return min(self.ready.get(revision, wanted), wanted)

    def _make_pods(self) -> None:
        revisions = {name for kind, name in self.kube.objects if kind == "Deployment"} | self._ready_since.keys()
        for revision in revisions:
            count, since = self._count(revision), self._ready_since.setdefault(revision, [])
            for number in range(count, len(since)):
                self.kube.objects.pop(("Pod", f"{revision}-{number}"), None)
            since[:] = since[:count] + [self.now] * (count - len(since))
            for number, moment in enumerate(since):
                self.kube.put(self._pod(revision, number, moment))

    def _pod(self, revision: str, number: int, ready_since: datetime) -> Object:
        labels = {LABEL_MODELDEPLOYMENT: self.name, LABEL_REVISION: revision}
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": f"{ready_since:%Y-%m-%dT%H:%M:%SZ}"}
        return {
            "kind": "Pod",
            "metadata": {"name": f"{revision}-{number}", "labels": labels},
            "spec": {},
            "status": {"conditions": [ready]},
        }

    def _slice(self, service: Object) -> Object:
        count = self._count(service["spec"]["selector"][LABEL_REVISION])
        name = service["metadata"]["name"]
        return {
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{name}-x",
                "labels": {**service["metadata"]["labels"], "kubernetes.io/service-name": name},
            },
            "endpoints": [
                {"addresses": [f"10.0.{len(name)}.{index}"], "conditions": {"ready": True}} for index in range(count)
            ],
        }

    def _parents(self, route: Object) -> list[Object]:
        generation = route["metadata"]["generation"]
        return [
            accepted(ref, self.controllers.get(ref["name"], self.controller), generation)
            for ref in route["spec"].get("parentRefs", [])
            if self.accepts
        ]

    # ---- metrics ---------------------------------------------------------------------------------------------------

    async def range_samples(self, query: str, time: float) -> list[Series]:
        self.queries.append(query)
        seconds = float(query.rpartition("[")[2].removesuffix("s]"))
        return [
            Series(self._labels(key), [sample for sample in samples if time - seconds <= sample[0] <= time])
            for key, samples in self._samples.items()
            if _matches(query, self._labels(key))
        ]

    async def instant(self, query: str, time: float) -> Object:
        return {"status": "success", "data": {"resultType": "vector", "result": []}}

    def _labels(self, key: Key) -> dict[str, str]:
        name, index, value = key
        target = {"__name__": name, "namespace": "gateways", "pod": "envoy-0", "instance": "10.0.0.9:19001"}
        if key == PRESENCE:
            return target
        more = {"envoy_cluster_name": fill_in(self.backend, NAMESPACE, self.name, LETTERS[index])}
        if value:
            more["le" if name.endswith("_bucket") else "envoy_response_code_class"] = value
        return {**target, **more}


def _matches(query: str, labels: Mapping[str, str]) -> bool:
    """Whether a series is asked for, by the regular expressions of the selector."""
    matchers = re.findall(r'(\w+)=~"([^"]*)"', query)
    return all(re.fullmatch(pattern, labels.get(label, "")) for label, pattern in matchers)
