"""Stand-in for kubelet and workload controllers: Deployments get pods, pods become ready, Services get endpoints."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp

from tests.chaos.api import MERGE, Api, Key, Mirror, Object, Refused
from tidegate.api.names import LABEL_MODELDEPLOYMENT
from tidegate.clients.kinds import KINDS

LOAD_SECONDS = 0.5
AGAIN_SECONDS = 0.2
RUNNING: Object = {
    "phase": "Running",
    "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
}


class Workloads:
    """Runs what Deployments ask for, level-triggered: looks at everything of an owner whenever any of it changes.

    Parameters
    ----------
    load_seconds
        Seconds from a pod's creation until it is ready.
    """

    def __init__(self, api: Api, *, load_seconds: float = LOAD_SECONDS) -> None:
        self._api = api
        self._load_seconds = load_seconds
        self._mirrors: Mapping[str, Mirror] = {}
        self._dirty: set[Key] = set()
        self._changed = asyncio.Event()
        self._slices: dict[Key, Object] = {}
        self._due: dict[str, float] = {}
        self._addresses: dict[str, str] = {}

    def attach(self, mirrors: Mapping[str, Mirror]) -> None:
        """Use these mirrors of Deployment, Pod and Service."""
        self._mirrors = mirrors

    def see(self, kind: str, item: Object, gone: bool) -> None:
        """Take notice of a change of a Deployment, Pod or Service."""
        metadata = item["metadata"]
        self._touch((metadata["namespace"], metadata["labels"][LABEL_MODELDEPLOYMENT]))
        if kind == "Service" and gone:
            self._slices.pop((metadata["namespace"], metadata["name"]), None)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._dirty:
                key = self._dirty.pop()
                try:
                    await self._reconcile(*key)
                except (Refused, aiohttp.ClientError):
                    # Such as a service account that is not there yet, or a namespace that goes.
                    asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._touch, key)

    def _touch(self, key: Key) -> None:
        self._dirty.add(key)
        self._changed.set()

    def _of(self, kind: str, namespace: str, owner: str) -> list[Object]:
        return [
            item
            for (where, _), item in self._mirrors[kind].objects.items()
            if where == namespace and item["metadata"]["labels"].get(LABEL_MODELDEPLOYMENT) == owner
        ]

    async def _reconcile(self, namespace: str, owner: str) -> None:
        deployments, pods = self._of("Deployment", namespace, owner), self._of("Pod", namespace, owner)
        wanted = {name: deployment for deployment in deployments for name in _pod_names(deployment)}
        present = {pod["metadata"]["name"]: pod for pod in pods}
        for name in present.keys() - wanted.keys():
            await self._delete(namespace, name)
        for name in wanted.keys() - present.keys():
            await self._create(wanted[name], name)
        for name in present.keys() & wanted.keys():
            await self._make_ready((namespace, owner), present[name])
        running = [present[name] for name in present.keys() & wanted.keys() if is_ready(present[name])]
        for service in self._of("Service", namespace, owner):
            await self._publish(service, running)

    async def _create(self, deployment: Object, name: str) -> None:
        metadata, template = deployment["metadata"], deployment["spec"]["template"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "labels": template["metadata"]["labels"],
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": template["spec"],
        }
        try:
            await self._api.send("POST", KINDS["Pod"].path(metadata["namespace"]), pod)
        except Refused as error:
            if error.code != 409:
                raise

    async def _delete(self, namespace: str, name: str) -> None:
        try:
            await self._api.send("DELETE", f"{KINDS['Pod'].path(namespace, name)}?gracePeriodSeconds=0")
        except Refused as error:
            if error.code != 404:
                raise

    async def _make_ready(self, key: Key, pod: Object) -> None:
        if is_ready(pod):
            return
        uid, loop = pod["metadata"]["uid"], asyncio.get_running_loop()
        due = self._due.setdefault(uid, loop.time() + self._load_seconds)
        if due > loop.time():
            loop.call_at(due, self._touch, key)
            return
        path = KINDS["Pod"].path(key[0], pod["metadata"]["name"], "status")
        await self._api.send("PATCH", path, {"status": RUNNING}, MERGE)

    async def _publish(self, service: Object, running: Iterable[Object]) -> None:
        metadata, selector = service["metadata"], service["spec"]["selector"]
        matching = [pod for pod in running if selector.items() <= pod["metadata"]["labels"].items()]
        item = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{metadata['name']}-x",
                "namespace": metadata["namespace"],
                "labels": {**metadata["labels"], "kubernetes.io/service-name": metadata["name"]},
                "ownerReferences": [owner_reference(service)],
            },
            "addressType": "IPv4",
            "endpoints": [
                {"addresses": [self._address(pod)], "conditions": {"ready": True}}
                for pod in sorted(matching, key=lambda pod: str(pod["metadata"]["name"]))
            ],
            "ports": [{"name": "http", "port": 8000, "protocol": "TCP"}],
        }
        key = metadata["namespace"], metadata["name"]
        if self._slices.get(key) != item:
            await self._api.apply(item)
            self._slices[key] = item

    def _address(self, pod: Object) -> str:
        number = len(self._addresses)
        return self._addresses.setdefault(
            pod["metadata"]["uid"], f"10.{200 + number // 62500}.{number // 250 % 250}.{1 + number % 250}"
        )


def owner_reference(owner: Object) -> dict[str, Any]:
    """Reference by which the garbage collector takes a dependent away with its owner."""
    metadata = owner["metadata"]
    names = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return {**names, "controller": True}


def is_ready(pod: Object) -> bool:
    """Whether the pod's condition Ready is True."""
    conditions = pod.get("status", {}).get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _pod_names(deployment: Object) -> list[str]:
    return [f"{deployment['metadata']['name']}-{number}" for number in range(deployment["spec"]["replicas"])]
