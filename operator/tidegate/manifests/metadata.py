"""Names, labels and ownership every child shares."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from tidegate.api.names import API_GROUP, KIND, LABEL_MODELDEPLOYMENT, LABEL_REVISION, VERSION

MANIFEST_HASH = f"{API_GROUP}/manifest"


@dataclass(frozen=True)
class Owner:
    """The ModelDeployment that owns the children."""

    namespace: str
    name: str
    uid: str


def selector_labels(owner: Owner, revision: str) -> dict[str, str]:
    """Labels that pick the pods of one revision and nothing else."""
    return {LABEL_MODELDEPLOYMENT: owner.name, LABEL_REVISION: revision}


def metadata(owner: Owner, name: str, *, revision: str | None = None) -> dict[str, Any]:
    """Metadata of a child: labels, and an owner reference that never blocks the owner's deletion."""
    labels = {
        "app.kubernetes.io/managed-by": "tidegate",
        "app.kubernetes.io/instance": owner.name,
        LABEL_MODELDEPLOYMENT: owner.name,
    }
    if revision is not None:
        labels[LABEL_REVISION] = revision
    return {
        "name": name,
        "namespace": owner.namespace,
        "labels": labels,
        "ownerReferences": [
            {
                "apiVersion": f"{API_GROUP}/{VERSION}",
                "kind": KIND,
                "name": owner.name,
                "uid": owner.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return `manifest` with a hash of itself among its annotations.

    A child whose recorded hash is not the wanted one was written for another intent, even where every wanted field is
    there already: without it a field we no longer want would stay for ever.
    """
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]
    body = manifest["metadata"]
    return {
        **manifest,
        "metadata": {**body, "annotations": {**body.get("annotations", {}), MANIFEST_HASH: digest}},
    }
