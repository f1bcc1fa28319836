"""Every example says what it shows and how to apply it, and is a ModelDeployment of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.api.spec import ModelDeploymentSpec

REPOSITORY = Path(__file__).parents[3]
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.yaml"))


def model_deployments() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in EXAMPLES:
        for document in yaml.safe_load_all(file.read_text()):
            if document["kind"] == "ModelDeployment":
                yield file.name, document


def test_there_is_one_model_deployment_in_each_example() -> None:
    expected = ["configmap.yaml", "image.yaml", "minimal.yaml", "pvc.yaml", "queries.yaml", "steps.yaml"]
    assert [name for name, _ in model_deployments()] == expected


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_the_head_of_an_example_tells_how_to_apply_it(file: Path) -> None:
    head = file.read_text().partition("apiVersion")[0]
    assert all(line.startswith("#") for line in head.splitlines())
    assert f"kubectl apply -f examples/{file.name}" in head


@pytest.mark.parametrize(("name", "document"), list(model_deployments()), ids=lambda value: str(value)[:20])
def test_an_example_parses_without_a_field_lost(name: str, document: dict[str, Any]) -> None:
    spec = ModelDeploymentSpec.model_validate(document["spec"])
    written = spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
    assert written == as_strings(document["spec"]), name


def test_examples_can_be_applied_side_by_side() -> None:
    names = [document["metadata"]["name"] for _, document in model_deployments()]
    hosts = [host for _, document in model_deployments() for host in document["spec"]["traffic"]["hostnames"]]
    assert len(set(names)) == len(names)
    assert len(set(hosts)) == len(hosts)


def as_strings(spec: dict[str, Any]) -> dict[str, Any]:
    """Quantities may be written as numbers and are read as strings."""
    resources = {
        kind: {name: str(quantity) for name, quantity in quantities.items()}
        for kind, quantities in spec.get("resources", {}).items()
    }
    return {**spec, **({"resources": resources} if resources else {})}
