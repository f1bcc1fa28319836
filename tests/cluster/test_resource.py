"""The resource on a real API server: its status can always be written, and its subresources and columns work."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cluster.resources import Resources
from tidegate.api.conditions import CONDITION_TYPES
from tidegate.api.names import API_GROUP, PLURAL, VERSION
from tidegate.api.spec import Rollout
from tidegate.api.status import (
    DECISIONS_KEPT,
    REJECTIONS_KEPT,
    Decision,
    ModelDeploymentStatus,
    Rejection,
    RevisionStatus,
    RolloutStatus,
    Slot,
    Slots,
)
from tidegate.api.status_types import MESSAGE_LENGTH, Condition

NOW = datetime(2026, 11, 23, 20, 0, 0, 123_456, tzinfo=UTC)
LONG = "ü" * MESSAGE_LENGTH * 2
DOCUMENT: dict[str, Any] = {
    "apiVersion": f"{API_GROUP}/{VERSION}",
    "kind": "ModelDeployment",
    "metadata": {"name": "filetype"},
    "spec": {
        "model": {"source": {"persistentVolumeClaim": {"claimName": "models"}}},
        "runtime": {"triton": {}},
        "traffic": {"parentRefs": [{"name": "inference"}]},
    },
}


def largest_status() -> ModelDeploymentStatus:
    """Every list full, every message longer than what is stored."""
    decision = Decision(at=NOW, step=1, weight=250_000, verdict="Hold", reason="Why", message=LONG, revision="r")
    rollout = RolloutStatus(
        id="r.7",
        started_at=NOW,
        revision="r",
        plan=Rollout(),
        phase="Stepping",
        phase_since=NOW,
        step_since=NOW,
        judged_until=NOW,
        cell_milliseconds=10_000,
        evidence={"logWealth": ["-0.5"], "nested": {"list": [1, 2.5, None, {}]}},
        message=LONG,
        weight="25%",
        step_name="2/3 weight 25%",
    )
    return ModelDeploymentStatus(
        observed_generation=7,
        conditions=[
            Condition(type=name, status="True", reason="Why", message=LONG, last_transition_time=NOW)
            for name in CONDITION_TYPES
        ],
        replicas=2,
        selector="a=b",
        stable="s",
        candidate="r",
        slots=Slots(a=Slot(revision="s", weight=750_000, in_force_since=NOW), b=Slot(revision="r", weight=250_000)),
        revisions=[RevisionStatus(name=name, created_at=NOW, replicas=2, role="Stable") for name in ("s", "r", "p")],
        rollout=rollout,
        decisions=[decision] * DECISIONS_KEPT,
        rejected=[Rejection(revision="x", at=NOW, reason="Why", message=LONG)] * REJECTIONS_KEPT,
    )


@pytest.fixture
def stored(resources: Resources) -> dict[str, Any]:
    """The object with the largest status there can be."""
    created = resources.create(DOCUMENT)
    status = largest_status().model_dump(mode="json", by_alias=True, exclude_none=True)
    return resources.replace_status({**created, "status": status})


def test_the_largest_status_is_stored_and_reads_back_equal(stored: dict[str, Any]) -> None:
    assert ModelDeploymentStatus.model_validate(stored["status"]) == largest_status()


def test_writing_the_same_status_again_changes_nothing(resources: Resources, stored: dict[str, Any]) -> None:
    again = ModelDeploymentStatus.model_validate(stored["status"]).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    written = resources.replace_status({**stored, "status": again})
    assert written["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]


def test_status_is_not_written_with_the_object_nor_the_spec_with_status(
    resources: Resources, stored: dict[str, Any]
) -> None:
    replaced = resources.replace({**stored, "status": {}})
    assert replaced["status"] == stored["status"]
    changed = resources.replace_status({**replaced, "spec": {**replaced["spec"], "replicas": 9}})
    assert changed["spec"]["replicas"] == 1


def test_the_scale_subresource_sets_replicas_and_tells_the_ready_ones(
    resources: Resources, stored: dict[str, Any]
) -> None:
    scaled = resources.scale(stored["metadata"]["name"], 3)
    assert scaled["status"] == {"replicas": 2, "selector": "a=b"}
    assert resources.get(stored["metadata"]["name"])["spec"]["replicas"] == 3


@pytest.mark.parametrize("runtime", [{}, {"args": ["--log-verbose=1"]}])
def test_s29_the_same_document_can_be_applied_again_and_again(resources: Resources, runtime: dict[str, Any]) -> None:
    document = {**DOCUMENT, "spec": {**DOCUMENT["spec"], "runtime": {"triton": runtime}}}
    first = resources.apply(document)
    again = resources.apply(document)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    changed = resources.apply({**document, "spec": {**document["spec"], "replicas": 2}})
    assert changed["spec"] == {**first["spec"], "replicas": 2}


def test_the_columns_show_ready_stable_candidate_weight_and_step(api: Any, stored: dict[str, Any]) -> None:
    path = f"/apis/{API_GROUP}/{VERSION}/namespaces/{stored['metadata']['namespace']}/{PLURAL}"
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    answer = api.call_api(*api.param_serialize("GET", path, header_params=accept, auth_settings=["BearerToken"]))
    table = json.loads(answer.read())
    shown = dict(zip([column["name"] for column in table["columnDefinitions"]], table["rows"][0]["cells"], strict=True))
    assert {name: shown[name] for name in ("Ready", "Stable", "Candidate", "Weight", "Step")} == {
        "Ready": "True",
        "Stable": "s",
        "Candidate": "r",
        "Weight": "25%",
        "Step": "2/3 weight 25%",
    }
