"""S43: what the schema refuses, and the words the API server answers with. The table is refusals.yaml."""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client.exceptions import ApiException

from tests.cluster.resources import Resources
from tidegate.api.cel import VALIDATIONS
from tidegate.api.definition import root_schema
from tidegate.api.spec import ModelDeploymentSpec

TABLE = yaml.safe_load(Path(__file__).with_name("refusals.yaml").read_text())
CASES, UPDATES, UNKNOWN = TABLE["cases"], TABLE["updates"], TABLE["unknown"]
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
# What the API server adds where the schema already refused a value: CEL rules were not evaluated then.
RULES_SKIPPED = "some validation rules were not checked"


def edited(document: Mapping[str, Any], case: Mapping[str, Any], key: str = "set") -> dict[str, Any]:
    """Return a copy of `document` with the case's dotted paths set and removed."""
    changed = copy.deepcopy(dict(document))
    for path, value in case.get(key, {}).items():
        parent, name = _parent(changed, path)
        parent[name] = value
    if key == "set":
        for path in case.get("remove", []):
            parent, name = _parent(changed, path)
            del parent[name]
    return changed


def _parent(document: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *parents, name = path.split(".")
    for key in parents:
        document = document[key]
    return document, name


def refusal(error: ApiException) -> list[tuple[str, str]]:
    """Return what the API server blames, as (field, message)."""
    assert error.status == 422, error.body
    causes = json.loads(str(error.body))["details"]["causes"]
    return [(cause["field"], cause["message"]) for cause in causes if RULES_SKIPPED not in cause["message"]]


def check(error: ApiException, case: Mapping[str, Any]) -> None:
    """Check that the one thing blamed is the case's field, with the case's words."""
    found = refusal(error)
    assert len(found) == 1, found
    field, message = found[0]
    assert (field, message[-len(case["says"]) :]) == (case["field"], case["says"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"].replace(" ", "-"))
def test_s43_a_bad_document_is_refused_with_words(resources: Resources, case: Mapping[str, Any]) -> None:
    with pytest.raises(ApiException) as caught:
        resources.create(edited(TABLE["base"], case))
    check(caught.value, case)


@pytest.mark.parametrize("case", UPDATES, ids=lambda case: case["case"].replace(" ", "-"))
def test_s43_a_bad_change_is_refused_with_words(resources: Resources, case: Mapping[str, Any]) -> None:
    stored = resources.create(edited(TABLE["base"], case, "before"))
    with pytest.raises(ApiException) as caught:
        resources.replace(edited(stored, case))
    check(caught.value, case)


@pytest.mark.parametrize("case", UNKNOWN, ids=lambda case: case["says"].split('"')[1])
def test_s43_unknown_fields_are_refused(resources: Resources, case: Mapping[str, Any]) -> None:
    with pytest.raises(ApiException) as caught:
        resources.create(edited(TABLE["base"], case))
    assert caught.value.status == 400
    assert case["says"] in json.loads(str(caught.value.body))["message"]


def test_the_base_of_all_cases_is_accepted_with_every_default_shown(resources: Resources) -> None:
    stored = resources.create(TABLE["base"])
    defaults = ModelDeploymentSpec.model_validate(TABLE["base"]["spec"])
    assert stored["spec"] == defaults.model_dump(mode="json", by_alias=True, exclude_none=True)


def test_naming_the_model_as_it_is_named_anyway_is_no_change(resources: Resources) -> None:
    stored = resources.create(TABLE["base"])
    named = resources.replace(edited(stored, {"set": {"spec.model.name": stored["metadata"]["name"]}}))
    assert named["spec"]["model"]["name"] == "filetype"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_pass_strict_validation(resources: Resources, example: Path) -> None:
    documents = [one for one in yaml.safe_load_all(example.read_text()) if one and one["kind"] == "ModelDeployment"]
    assert documents, f"{example.name} holds no ModelDeployment"
    for document in documents:
        document["metadata"].pop("namespace", None)
        assert resources.create(document)["metadata"]["generation"] == 1


def rules_of(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Yield (path, message) of every CEL rule below `schema`."""
    for entry in schema.get(VALIDATIONS, []):
        yield path, entry["message"]
    for name, child in schema.get("properties", {}).items():
        yield from rules_of(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from rules_of(schema[key], path)


def test_s43_every_rule_has_a_refused_example() -> None:
    told = [case["says"] for case in [*CASES, *UPDATES]]
    missing = [(path, rule) for path, rule in rules_of(root_schema(), "") if not any(rule in words for words in told)]
    assert missing == []
