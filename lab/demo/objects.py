"""The demo's ModelDeployment in the cluster."""

import asyncio
import json
from pathlib import Path
from typing import Any

from kubernetes import client, config

from lab.demo.resource import NAME, NAMESPACE
from lab.kubectl import Kubectl
from tidegate.api.names import API_GROUP, LABEL_MODELDEPLOYMENT, PLURAL, VERSION
from tidegate.api.status import ModelDeploymentStatus

READ_SECONDS = 5.0
CHILDREN = "deployments,services,httproutes,controllerrevisions"


class DemoObject:
    """Reads and writes the one object of the demo."""

    def __init__(self, kubeconfig: Path, kubectl: Kubectl) -> None:
        self.api = client.CustomObjectsApi(config.new_client_from_config(str(kubeconfig)))  # type: ignore[no-untyped-call]
        self.kubectl = kubectl

    def reset(self) -> None:
        """Make the namespace, and remove what an earlier demo left in it."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        self.kubectl.apply(json.dumps(namespace))
        here = f"--namespace={NAMESPACE}"
        self.kubectl("delete", here, PLURAL, NAME, "--ignore-not-found", "--timeout=60s", timeout_seconds=70)
        self.kubectl.wait("delete", here, CHILDREN, f"--selector={LABEL_MODELDEPLOYMENT}={NAME}")

    def apply(self, document: dict[str, Any]) -> None:
        """Apply the ModelDeployment."""
        self.kubectl.apply(json.dumps(document))

    async def status(self) -> ModelDeploymentStatus:
        """Return the object's status as it is now."""
        found = await asyncio.to_thread(self.read)
        return ModelDeploymentStatus.model_validate(found.get("status") or {})

    def read(self) -> dict[str, Any]:
        """Return the object."""
        place = (API_GROUP, VERSION, NAMESPACE, PLURAL)
        found: Any = self.api.get_namespaced_custom_object(*place, NAME, _request_timeout=READ_SECONDS)
        return dict(found)
