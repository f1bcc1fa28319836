"""Names, above all the hash that must never move by itself."""

import copy
from typing import Any

import pytest

from tidegate.api.names import REQUEST_VERBS, annotation, revision_hash, revision_name, slot_service
from tidegate.api.spec import ModelDeploymentSpec

SMALL: dict[str, Any] = {
    "model": {"source": {"image": {"reference": "registry.example.com/filetype:3.3"}}},
    "runtime": {"triton": {}},
    "traffic": {"parentRefs": [{"name": "inference"}]},
}
FULL: dict[str, Any] = {
    "model": {
        "name": "filetype",
        "source": {"configMap": {"name": "filetype", "items": [{"key": "model.py", "path": "1/model.py"}]}},
    },
    "runtime": {
        "triton": {
            "image": "registry.example.com/triton:1",
            "args": ["--log-verbose=1"],
            "env": [
                {"name": "A", "value": ""},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            ],
            "sharedMemoryBytes": 1_073_741_824,
        }
    },
    "resources": {"limits": {"nvidia.com/gpu": 1, "memory": "8Gi"}, "requests": {"cpu": "500m"}},
    "placement": {
        "nodeSelector": {"pool": ""},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {}}]}},
        "runtimeClassName": "nvidia",
    },
    "pod": {"labels": {"team": "files"}, "imagePullSecrets": [{"name": "registry"}]},
    "traffic": {"parentRefs": [{"name": "inference"}]},
}


def hash_of(document: dict[str, Any], **changes: Any) -> str:
    """Hash of a copy of `document` with dotted paths (``__`` for the dot) set."""
    changed = copy.deepcopy(document)
    for path, value in changes.items():
        *parents, name = path.split("__")
        place = changed
        for key in parents:
            place = place.setdefault(key, {})
        place[name] = value
    return revision_hash(ModelDeploymentSpec.model_validate(changed))


def test_the_hash_never_moves_between_releases() -> None:
    # These values are stored in every cluster: if one moves, every upgrade starts a rollout of everything.
    assert hash_of(SMALL) == "0cc591c7b1"
    assert hash_of(FULL) == "ab575513f8"


@pytest.mark.parametrize(
    "changes",
    [
        {"model__source__image__path": "/"},
        {"runtime__triton": {"args": [], "env": [], "sharedMemoryBytes": 268_435_456}},
        {"resources": {"limits": {}, "requests": {}}},
        {"placement": {"affinity": {}, "nodeSelector": {}, "schedulerName": ""}},
        {"pod": {"labels": {}, "serviceAccountName": ""}},
        {"replicas": 7},
        {"model__name": "another"},
        {"traffic": {"parentRefs": [{"name": "other"}], "timeoutSeconds": 5}},
        {"rollout": {"loadSeconds": 60, "steps": [{"pause": {}}]}},
        {"someFieldOfANewerOperator": 1},
    ],
)
def test_defaults_written_out_and_what_is_not_in_it_leave_the_hash(changes: dict[str, Any]) -> None:
    assert hash_of(SMALL, **changes) == hash_of(SMALL)


@pytest.mark.parametrize(
    "changes",
    [
        {"model__source__image__reference": "registry.example.com/filetype:3.4"},
        {"model__source__image__pullPolicy": "Always"},
        {"runtime__triton__args": ["--log-verbose=1"]},
        {"runtime__triton__env": [{"name": "A", "value": ""}]},
        {"resources": {"limits": {"nvidia.com/gpu": 1}}},
        {"placement": {"nodeSelector": {"pool": ""}}},
        {"placement": {"affinity": {"podAffinity": {"x": {}}}}},
        {"pod": {"labels": {"a": ""}}},
    ],
)
def test_what_reaches_the_pods_moves_the_hash(changes: dict[str, Any]) -> None:
    assert hash_of(SMALL, **changes) != hash_of(SMALL)


def test_an_empty_selector_in_a_free_object_is_not_dropped() -> None:
    terms = "requiredDuringSchedulingIgnoredDuringExecution"
    without: dict[str, Any] = {"podAntiAffinity": {terms: [{}]}}
    assert hash_of(FULL, placement__affinity=without) != hash_of(FULL)


def test_key_order_and_the_spelling_of_a_whole_quantity_leave_the_hash() -> None:
    turned = {key: FULL[key] for key in reversed(FULL)}
    assert hash_of(turned) == hash_of(FULL)
    assert hash_of(FULL, resources__limits={"memory": "8Gi", "nvidia.com/gpu": "1"}) == hash_of(FULL)


def test_names_fit_their_places() -> None:
    longest = "a" * 50
    spec = ModelDeploymentSpec.model_validate(SMALL)
    assert revision_name("filetype", spec) == f"filetype-{hash_of(SMALL)}"
    assert len(revision_name(longest, spec)) <= 63
    assert slot_service("filetype", "b") == "filetype-b"


def test_requests_have_an_annotation_each() -> None:
    assert [annotation(verb) for verb in REQUEST_VERBS] == [
        "tidegate.dev/promote",
        "tidegate.dev/abort",
        "tidegate.dev/retry",
        "tidegate.dev/pause",
        "tidegate.dev/resume",
        "tidegate.dev/undo",
    ]
