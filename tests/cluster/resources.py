"""ModelDeployments of one namespace, through the API server."""

from typing import Any

from kubernetes import client

from tidegate.api.names import API_GROUP, PLURAL, VERSION


class Resources:
    """ModelDeployments in one namespace, strictly validated."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self._objects: Any = client.CustomObjectsApi(api)
        self._where = {"group": API_GROUP, "version": VERSION, "namespace": namespace, "plural": PLURAL}

    def create(self, document: dict[str, Any]) -> dict[str, Any]:
        created: dict[str, Any] = self._objects.create_namespaced_custom_object(
            **self._where, body=document, field_validation="Strict"
        )
        return created

    def apply(self, document: dict[str, Any]) -> dict[str, Any]:
        """Server-side apply, as `kubectl apply --server-side` and GitOps tools do."""
        self._objects.patch_namespaced_custom_object(
            **self._where,
            name=document["metadata"]["name"],
            body=document,
            field_manager="test",
            force=True,
            field_validation="Strict",
            _content_type="application/apply-patch+yaml",
        )
        return self.get(document["metadata"]["name"])

    def replace(self, document: dict[str, Any]) -> dict[str, Any]:
        replaced: dict[str, Any] = self._objects.replace_namespaced_custom_object(
            **self._where, name=document["metadata"]["name"], body=document, field_validation="Strict"
        )
        return replaced

    def replace_status(self, document: dict[str, Any]) -> dict[str, Any]:
        replaced: dict[str, Any] = self._objects.replace_namespaced_custom_object_status(
            **self._where, name=document["metadata"]["name"], body=document, field_validation="Strict"
        )
        return replaced

    def get(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._objects.get_namespaced_custom_object(**self._where, name=name)
        return found

    def scale(self, name: str, replicas: int) -> dict[str, Any]:
        scaled: dict[str, Any] = self._objects.patch_namespaced_custom_object_scale(
            **self._where,
            name=name,
            body={"spec": {"replicas": replicas}},
            _content_type="application/merge-patch+json",
        )
        return scaled
