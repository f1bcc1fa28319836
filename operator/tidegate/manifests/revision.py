"""The ControllerRevision: one immutable description of what runs, with its pod template as rendered once."""

from typing import Any

from tidegate.api.spec import ModelDeploymentSpec
from tidegate.manifests.metadata import Owner, metadata, selector_labels
from tidegate.runtimes import ServerRequest, server_of
from tidegate.runtimes.triton import MODEL_REPOSITORY
from tidegate.sources import artifact_of

FORMAT = 1


def controller_revision(
    owner: Owner, spec: ModelDeploymentSpec, name: str, *, number: int, default_image: str
) -> dict[str, Any]:
    """Render revision `name` of `spec` as a ControllerRevision; `number` orders the history."""
    artifact = artifact_of(spec.model.source, name)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata(owner, name, revision=name),
        "revision": number,
        "data": {
            "format": FORMAT,
            "artifact": artifact.description,
            "template": pod_template(owner, spec, name, default_image=default_image),
        },
    }


def pod_template(owner: Owner, spec: ModelDeploymentSpec, revision: str, *, default_image: str) -> dict[str, Any]:
    """Render the pod template under the restricted pod security standard."""
    model_name = spec.model.name or owner.name
    artifact = artifact_of(spec.model.source, revision)
    server = server_of(
        spec.runtime,
        ServerRequest(
            model_name=model_name,
            default_image=default_image,
            load_seconds=spec.rollout.load_seconds,
            drain_seconds=spec.traffic.timeout_seconds,
        ),
    )
    mount: dict[str, Any] = {"name": "model", "mountPath": f"{MODEL_REPOSITORY}/{model_name}", "readOnly": True}
    if artifact.sub_path:
        mount["subPath"] = artifact.sub_path
    container = {
        **server.container,
        "resources": spec.resources.model_dump(by_alias=True, exclude_defaults=True),
        "volumeMounts": [mount, *server.container["volumeMounts"]],
    }
    return {
        "metadata": {
            "labels": {
                **spec.pod.labels,
                "app.kubernetes.io/name": "model-server",
                "app.kubernetes.io/instance": owner.name,
                "app.kubernetes.io/managed-by": "tidegate",
                **selector_labels(owner, revision),
            },
            "annotations": dict(spec.pod.annotations),
        },
        "spec": {
            "containers": [container],
            "volumes": [{"name": "model", **artifact.volume}, *server.volumes],
            "terminationGracePeriodSeconds": server.grace_seconds,
            "enableServiceLinks": False,
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "runAsGroup": 1000,
                "fsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **_pod_settings(spec),
        },
    }


def _pod_settings(spec: ModelDeploymentSpec) -> dict[str, Any]:
    settings = spec.placement.model_dump(by_alias=True, exclude_defaults=True)
    if spec.pod.service_account_name:
        settings["serviceAccountName"] = spec.pod.service_account_name
        settings["automountServiceAccountToken"] = True
    if spec.pod.image_pull_secrets:
        settings["imagePullSecrets"] = [{"name": secret.name} for secret in spec.pod.image_pull_secrets]
    return settings


def deployment(owner: Owner, revision: dict[str, Any], *, replicas: int) -> dict[str, Any]:
    """Build the revision's Deployment from its ControllerRevision; `replicas` counts at creation only."""
    name = revision["metadata"]["name"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(owner, name, revision=name),
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": selector_labels(owner, name)},
            "template": revision["data"]["template"],
        },
    }


def config_map_copy(owner: Owner, revision: str, original: dict[str, Any]) -> dict[str, Any]:
    """Copy the user's ConfigMap into an immutable one of the revision's own."""
    copied = {key: original[key] for key in ("data", "binaryData") if original.get(key)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(owner, revision, revision=revision),
        "immutable": True,
        **copied,
    }
