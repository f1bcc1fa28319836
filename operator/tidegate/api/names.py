"""Names: the group, labels, annotations, and how children of a ModelDeployment are called."""

import hashlib
import json
from typing import Any, Literal, get_args

from tidegate.api.spec import ModelDeploymentSpec

API_GROUP = "tidegate.dev"
VERSION = "v1alpha1"
KIND = "ModelDeployment"
PLURAL = "modeldeployments"
SINGULAR = "modeldeployment"

LABEL_MODELDEPLOYMENT = f"{API_GROUP}/modeldeployment"
LABEL_REVISION = f"{API_GROUP}/revision"
FIELD_MANAGER = "tidegate"

Verb = Literal["promote", "abort", "retry", "pause", "resume", "undo"]
REQUEST_VERBS: tuple[Verb, ...] = get_args(Verb)

Letter = Literal["a", "b"]
LETTERS: tuple[Letter, Letter] = ("a", "b")
"""The slots of a route, in the order of its backends."""

HASH_FORMAT = 1
HASH_LENGTH = 10


def annotation(verb: Verb) -> str:
    """Annotation by which a person asks for `verb`."""
    return f"{API_GROUP}/{verb}"


def slot_service(name: str, slot: Letter) -> str:
    """Name of the Service behind one slot of ModelDeployment `name`."""
    return f"{name}-{slot}"


def revision_name(name: str, spec: ModelDeploymentSpec) -> str:
    """Name of the revision of ModelDeployment `name` that `spec` asks for."""
    return f"{name}-{revision_hash(spec)}"


def revision_hash(spec: ModelDeploymentSpec) -> str:
    """Hash of what the user set of artifact, runtime, resources, placement and pod: ten hexadecimal digits.

    Key order and values equal to the default do not move it; replicas, traffic and rollout are not in it.
    The default of a field in it must never change: every stored object would start a rollout.
    """
    options: dict[str, Any] = {"mode": "json", "by_alias": True, "exclude_defaults": True}
    content = {
        "format": HASH_FORMAT,
        "source": spec.model.source.model_dump(**options),
        "runtime": spec.runtime.model_dump(**options),
        "resources": spec.resources.model_dump(**options),
        "placement": spec.placement.model_dump(**options),
        "pod": spec.pod.model_dump(**options),
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:HASH_LENGTH]
