"""The full lab with the operator installed by its chart, and a namespace for each test."""

from collections.abc import Iterator

import pytest

from lab.progress import Reporter
from lab.trial import Cluster, Served, prepare_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A lab with Envoy Gateway, Prometheus, this tree's operator and the trial's models."""
    return prepare_cluster(tmp_path_factory.mktemp("models"), Reporter(quiet=True))


@pytest.fixture
def served(cluster: Cluster) -> Iterator[Served]:
    """A ModelDeployment `echo` in a namespace of its own; nothing is applied yet."""
    with Served.in_new_namespace(cluster) as found:
        yield found
