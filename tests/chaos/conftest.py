"""A control plane of these tests' own, with the kinds that operator and gateway need and no workload controllers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from lab import down, up
from lab.builds import kubernetes_programs
from lab.external import is_external
from lab.progress import Reporter
from lab.waiting import wait_until
from tests.chaos.stage import Stage
from tidegate.api.definition import custom_resource_definition

LAB = "chaos"
GATEWAY_CRDS = "charts/gateway-helm/charts/crds/crds/gatewayapi-crds.yaml"
SERVED_SECONDS = 30.0


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    """Kubeconfig of that control plane; it goes with the session."""
    if is_external():
        pytest.skip("these tests play kubelet and gateway: they need a control plane without either")
    found = up("control-plane", name=LAB).kubeconfig
    try:
        api: Any = config.new_client_from_config(str(found))  # type: ignore[no-untyped-call]
        for definition in (custom_resource_definition(), http_route_definition()):
            install(api, definition)
        yield found
    finally:
        down([LAB])


@pytest.fixture
async def stage(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    """Stand-ins for kubelet, gateway and Prometheus around that API server."""
    async with Stage.open(kubeconfig, tmp_path) as one:
        yield one


def http_route_definition() -> dict[str, Any]:
    """The CustomResourceDefinition of HTTPRoute that the lab's gateway brings."""
    text = (kubernetes_programs(Reporter(quiet=True)) / GATEWAY_CRDS).read_text()
    documents = [document for document in yaml.safe_load_all(text) if document]
    return next(one for one in documents if one["metadata"]["name"] == "httproutes.gateway.networking.k8s.io")


def install(api: Any, definition: dict[str, Any]) -> None:
    """Apply a CustomResourceDefinition and wait until its kind is served."""
    name = definition["metadata"]["name"]
    extensions: Any = client.ApiextensionsV1Api(api)
    definition = {key: value for key, value in definition.items() if key != "status"}
    extensions.patch_custom_resource_definition(
        name, definition, field_manager="tests", force=True, _content_type="application/apply-patch+yaml"
    )

    def missing() -> str | None:
        conditions = extensions.read_custom_resource_definition(name).status.conditions or []
        served = any(condition.type == "Established" and condition.status == "True" for condition in conditions)
        return None if served else f"{name} is not established"

    wait_until(f"the kind of {name}", missing, seconds=SERVED_SECONDS)
