"""The full lab with the operator installed by its chart, and a namespace for each test."""

import uuid
from collections.abc import Iterator

import pytest
from kubernetes import client, config

from lab.builds import kubernetes_programs
from lab.deploy import install_operator
from lab.images import import_model
from lab.instance import Instance
from lab.lifecycle import up
from lab.models import build, reference
from lab.namespaces import Namespaces
from lab.progress import Reporter
from tests.cluster.scenarios.served import Cluster, Served

MODELS = {
    "echo-1": ("echo", {}),
    "echo-2": ("echo", {}),
    "echo-slow": ("echo", {"load_milliseconds": "25000"}),
    "echo-failing": ("echo", {"error_share": "0.3"}),
    "echo-dead": ("echo", {"error_share": "1"}),
    "echo-hanging": ("echo", {"hang_share": "0.3"}),
    "broken-1": ("broken", {}),
    "layout-wrong": ("wrong-layout", {}),
}
"""Image tag to the recipe of lab/models.py and its parameters."""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A lab with Envoy Gateway, Prometheus, this tree's operator and the test models."""
    reporter = Reporter(quiet=True)
    instance = Instance("full", "full")
    lab = up("full", reporter=reporter)
    assert lab.gateway_address is not None
    programs = kubernetes_programs(reporter)
    directory = tmp_path_factory.mktemp("models")
    for name, (recipe, parameters) in MODELS.items():
        # A file of its own makes each image differ, so that each is a revision of its own.
        model = build(recipe, directory / name, parameters={"image": name, **parameters})
        import_model(Namespaces(instance), programs, model, reference(name))
    install_operator(instance, programs, reporter)
    return Cluster(config.new_client_from_config(str(lab.kubeconfig)), lab.gateway_address, lab.kubeconfig)


@pytest.fixture
def served(cluster: Cluster) -> Iterator[Served]:
    """A ModelDeployment `echo` in a namespace of its own; nothing is applied yet."""
    namespace = f"test-{uuid.uuid4().hex[:8]}"
    core = client.CoreV1Api(cluster.api)
    core.create_namespace({"metadata": {"name": namespace}})
    try:
        yield Served(cluster, namespace)
    finally:
        core.delete_namespace(namespace)
