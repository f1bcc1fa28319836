"""Services: the durable pointer to stable, and the two slots of the route."""

from typing import Any

from tidegate.api.names import Letter, slot_service
from tidegate.manifests.metadata import Owner, metadata, selector_labels
from tidegate.runtimes.base import GRPC_PORT, HTTP_PORT

# A Service without a selector keeps whatever endpoints it had; one that selects nothing has none.
NO_REVISION = "none"


def stable_service(owner: Owner, revision: str) -> dict[str, Any]:
    """Service NAME selects stable: if status is lost, this says what stable is."""
    return _service(owner, owner.name, revision)


def slot(owner: Owner, letter: Letter, revision: str | None) -> dict[str, Any]:
    """Service NAME-a or NAME-b: one fixed backend of the route."""
    return _service(owner, slot_service(owner.name, letter), revision or NO_REVISION)


def _service(owner: Owner, name: str, revision: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(owner, name),
        "spec": {
            "type": "ClusterIP",
            "selector": selector_labels(owner, revision),
            "ports": [
                {"name": "http", "port": HTTP_PORT, "targetPort": "http", "protocol": "TCP"},
                {"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc", "protocol": "TCP"},
            ],
        },
    }
