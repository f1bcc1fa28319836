"""A real API server that knows ModelDeployment, and a namespace of each test's own."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from lab import control_plane_kubeconfig
from lab.waiting import wait_until
from tests.cluster.resources import Resources
from tidegate.api.definition import custom_resource_definition
from tidegate.api.names import API_GROUP, KIND, VERSION

PUBLISHED_SECONDS = 30.0


@pytest.fixture(scope="session")
def control_plane() -> Path:
    """Kubeconfig of an API server without nodes."""
    return control_plane_kubeconfig()


@pytest.fixture(scope="session")
def api(control_plane: Path) -> Any:
    """ApiClient of that API server, which knows ModelDeployment as this tree describes it."""
    connection: Any = config.new_client_from_config(str(control_plane))  # type: ignore[no-untyped-call]
    definition = custom_resource_definition()
    client.ApiextensionsV1Api(connection).patch_custom_resource_definition(
        definition["metadata"]["name"],
        definition,
        field_manager="tests",
        force=True,
        _content_type="application/apply-patch+yaml",
    )
    wanted = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    wait_until(
        f"the API server's schema of {KIND}",
        lambda: None if published_schema(connection) == wanted else "it publishes none or an older one",
        seconds=PUBLISHED_SECONDS,
    )
    return connection


def published_schema(connection: Any) -> dict[str, Any] | None:
    """Schema of spec as the API server publishes it, None while it publishes none."""
    path = f"/openapi/v3/apis/{API_GROUP}/{VERSION}"
    answer = connection.call_api(*connection.param_serialize("GET", path, auth_settings=["BearerToken"]))
    content = answer.read()
    if answer.status == 404:
        return None
    document = json.loads(content)
    name = ".".join([*reversed(API_GROUP.split(".")), VERSION, KIND])
    schema = document["components"]["schemas"].get(name, {})
    properties: dict[str, Any] = schema.get("properties", {})
    return properties.get("spec")


@pytest.fixture
def namespace(api: Any) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    core: Any = client.CoreV1Api(api)
    core.create_namespace({"metadata": {"name": name}})
    yield name
    core.delete_namespace(name)


@pytest.fixture
def resources(api: Any, namespace: str) -> Resources:
    """ModelDeployments of that namespace."""
    return Resources(api, namespace)
