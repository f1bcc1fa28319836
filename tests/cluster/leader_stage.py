"""A ModelDeployment on an API server without nodes, and stand-ins for the controllers, kubelet and gateway it needs."""

import asyncio
import copy
from typing import Any

from tests.gateway_answers import accepted
from tidegate.api.names import API_GROUP, KIND, LABEL_MODELDEPLOYMENT, VERSION
from tidegate.clients.errors import Conflict, NotFound
from tidegate.clients.kube import Kube
from tidegate.gateways import ENVOY_GATEWAY

Document = dict[str, Any]

NAME = "filetype"
PARENT = {"name": "inference"}
BEAT_SECONDS = 0.1


def resource(namespace: str, hostname: str) -> Document:
    """A ModelDeployment; changing its hostname makes the operator write status and route, and starts no rollout."""
    return {
        "apiVersion": f"{API_GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "model": {"source": {"image": {"reference": "registry.example.com/filetype:1"}}},
            "runtime": {"triton": {}},
            "traffic": {"parentRefs": [PARENT], "hostnames": [hostname]},
        },
    }


class Stage:
    """One namespace in which a ModelDeployment can be served."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.kube = kube
        self.namespace = namespace

    async def edit(self, hostname: str) -> None:
        """Write the ModelDeployment as its user does."""
        await self.kube.apply(resource(self.namespace, hostname))

    async def serving(self, hostname: str) -> None:
        """Wait until it is served under that name."""
        async with asyncio.timeout(30):
            while not (await self._ready() and await self.hostnames() == [hostname]):  # noqa: ASYNC110
                await asyncio.sleep(BEAT_SECONDS)

    async def hostnames(self) -> list[str]:
        """Those in the route."""
        route = await self.kube.get("HTTPRoute", self.namespace, NAME)
        return list(route["spec"]["hostnames"]) if route else []

    async def _ready(self) -> bool:
        body = await self.kube.get(KIND, self.namespace, NAME) or {}
        conditions = (body.get("status") or {}).get("conditions") or []
        return any(
            one["type"] == "Ready"
            and one["status"] == "True"
            and one.get("observedGeneration") == body["metadata"]["generation"]
            for one in conditions
        )

    async def play(self) -> None:
        """Play the others' parts until cancelled: pods of Deployments, endpoints of Services, the gateway's answer."""
        while True:
            try:
                for deployment in await self._ours("Deployment"):
                    await self._pod(deployment)
                for service in await self._ours("Service"):
                    await self._endpoints(service)
                for route in await self._ours("HTTPRoute"):
                    await self._accept(route)
            except (Conflict, NotFound):
                # Changed or gone while it was looked at; the next beat sees it as it is then.
                pass
            await asyncio.sleep(BEAT_SECONDS)

    async def _ours(self, kind: str) -> list[Document]:
        return await self.kube.list(kind, self.namespace, LABEL_MODELDEPLOYMENT)

    async def _pod(self, deployment: Document) -> None:
        name = deployment["metadata"]["name"]
        pod = await self.kube.get("Pod", self.namespace, name)
        if pod is None:
            pod = await self.kube.apply(
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {
                        "name": name,
                        "namespace": self.namespace,
                        "labels": deployment["spec"]["template"]["metadata"]["labels"],
                    },
                    "spec": {"containers": [{"name": "server", "image": "x"}]},
                }
            )
        if not (pod.get("status") or {}).get("conditions"):
            await self.kube.replace_status({**pod, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})

    async def _endpoints(self, service: Document) -> None:
        selector = service["spec"]["selector"]
        pods = [
            pod
            for pod in await self._ours("Pod")
            if selector.items() <= pod["metadata"]["labels"].items() and (pod.get("status") or {}).get("conditions")
        ]
        name = service["metadata"]["name"]
        labels = {**service["metadata"]["labels"], "kubernetes.io/service-name": name}
        await self.kube.apply(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": name, "namespace": self.namespace, "labels": labels},
                "addressType": "IPv4",
                "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}} for _ in pods[:1]],
            }
        )

    async def _accept(self, route: Document) -> None:
        generation = route["metadata"]["generation"]
        parents = [accepted(PARENT, ENVOY_GATEWAY.controller_name, generation)]
        present = ((route.get("status") or {}).get("parents") or [{}])[0].get("conditions") or [{}]
        if present[0].get("observedGeneration") != generation:
            await self.kube.replace_status({**copy.deepcopy(route), "status": {"parents": parents}})
