"""The ModelDeployment of a trial in the cluster."""

import asyncio
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kubernetes import client, config

from lab.demo.resource import Query, host_name, model_deployment
from lab.kubectl import Kubectl
from tidegate.api.names import API_GROUP, PLURAL, VERSION, revision_name
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.api.status import ModelDeploymentStatus

READ_SECONDS = 5.0
LABEL = "tidegate.dev/trial"


class TrialObject:
    """Reads and writes one ModelDeployment, in a namespace of its own."""

    def __init__(self, kubeconfig: Path, kubectl: Kubectl, name: str) -> None:
        self.api = client.CustomObjectsApi(config.new_client_from_config(str(kubeconfig)))  # type: ignore[no-untyped-call]
        self.kubectl = kubectl
        self.name = name
        # A new one each time: the proxies' counters of an earlier trial are part of a route's history.
        self.namespace = f"trial-{secrets.token_hex(2)}"
        self.host = host_name(self.namespace, name)

    def create_namespace(self) -> None:
        """Make the namespace, and let go of those of earlier trials."""
        self.remove_namespaces()
        metadata = {"name": self.namespace, "labels": {LABEL: "true"}}
        self.kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))

    def remove_namespaces(self) -> None:
        """Let go of the namespaces of all trials."""
        self.kubectl("delete", "namespace", f"--selector={LABEL}", "--ignore-not-found", "--wait=false")

    def apply(self, reference: str, queries: Sequence[Query] = ()) -> str:
        """Apply the ModelDeployment with the model image `reference`; return the name of the revision it asks for."""
        document = model_deployment(self.namespace, self.name, reference, queries)
        self.kubectl.apply(json.dumps(document))
        return revision_name(self.name, ModelDeploymentSpec.model_validate(document["spec"]))

    async def status(self) -> ModelDeploymentStatus:
        """Return the object's status as it is now."""
        found = await asyncio.to_thread(self.read)
        return ModelDeploymentStatus.model_validate(found.get("status") or {})

    def read(self) -> dict[str, Any]:
        """Return the object."""
        place = (API_GROUP, VERSION, self.namespace, PLURAL)
        found: Any = self.api.get_namespaced_custom_object(*place, self.name, _request_timeout=READ_SECONDS)
        return dict(found)
