"""Pods, endpoints and the route, reduced to what is decided on."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate.api.spec import ModelDeploymentSpec
from tidegate.api.status import ModelDeploymentStatus
from tidegate.controller.observe import controlled_by, pod_of, route_of
from tidegate.manifests.metadata import Owner
from tidegate.rollout import Resource
from tidegate.rollout.observation import Pod

GENERATION = 3
Object = dict[str, Any]


def resource_of(*parents: Object) -> Resource:
    spec = ModelDeploymentSpec.model_validate(
        {
            "model": {"source": {"image": {"reference": "m:1"}}},
            "runtime": {"triton": {}},
            "traffic": {"parentRefs": list(parents) or [{"name": "inference"}]},
        }
    )
    return Resource(Owner("demo", "filetype", "uid-1"), 1, {}, spec, ModelDeploymentStatus())


def condition(kind: str, status: str = "True", generation: int | None = GENERATION, message: str = "") -> Object:
    seen = {} if generation is None else {"observedGeneration": generation}
    return {"type": kind, "status": status, "reason": "BackendNotFound", "message": message, **seen}


ACCEPTED = condition("Accepted")
RESOLVED = condition("ResolvedRefs")


def parent(*conditions: Object, by: str = "example.com/one", **ref: Any) -> Object:
    return {"parentRef": {"name": "inference", **ref}, "controllerName": by, "conditions": list(conditions)}


def route(*parents: Object, rules: list[Object] | None = None) -> Object:
    refs = [{"name": "filetype-a", "weight": 999_999}, {"name": "filetype-b", "weight": 1}]
    return {
        "metadata": {"name": "filetype", "generation": GENERATION},
        "spec": {"rules": [{"backendRefs": refs}] if rules is None else rules},
        "status": {"parents": list(parents)},
    }


FINE = parent(ACCEPTED, RESOLVED)


def waiting_for(reason: str) -> Object:
    return {"containerStatuses": [{"name": "server", "restartCount": 0, "state": {"waiting": {"reason": reason}}}]}


@pytest.mark.parametrize(
    ("wanted", "parents", "reason"),
    [
        ([], [FINE], ""),
        ([], [parent(ACCEPTED, RESOLVED, namespace="demo")], ""),
        ([], [], "RouteNotAccepted"),
        ([], [parent(ACCEPTED, RESOLVED, namespace="elsewhere")], "RouteNotAccepted"),
        ([], [parent(ACCEPTED, RESOLVED, sectionName="http")], "RouteNotAccepted"),
        ([], [parent()], "RouteNotYetAccepted"),
        ([], [parent(ACCEPTED)], "RouteNotYetAccepted"),
        ([], [parent(RESOLVED)], "RouteNotYetAccepted"),
        ([], [parent(condition("Accepted", generation=GENERATION - 1), RESOLVED)], "RouteNotYetAccepted"),
        ([], [parent(ACCEPTED, condition("ResolvedRefs", generation=GENERATION - 1))], "RouteNotYetAccepted"),
        ([], [parent(condition("Accepted", generation=None), RESOLVED)], "RouteNotYetAccepted"),
        ([], [parent(condition("Accepted", "False"), RESOLVED)], "RouteNotAccepted"),
        ([], [parent(ACCEPTED, condition("ResolvedRefs", "False"))], "RouteNotAccepted"),
        ([], [parent(condition("Accepted", "Unknown"), RESOLVED)], "RouteNotAccepted"),
        ([{"name": "inference", "sectionName": "http"}], [FINE], "RouteNotAccepted"),
        ([{"name": "inference", "sectionName": "http"}], [parent(ACCEPTED, RESOLVED, sectionName="http")], ""),
        ([{"name": "inference"}, {"name": "other"}], [FINE], "RouteNotAccepted"),
        ([{"name": "inference"}, {"name": "other"}], [FINE, parent(ACCEPTED, RESOLVED, name="other")], ""),
        ([{"name": "inference"}], [FINE, parent(condition("Accepted", "False"), RESOLVED)], "RouteNotAccepted"),
    ],
)
def test_s30_route_is_accepted_only_by_every_parent_at_this_generation(
    wanted: list[Object], parents: list[Object], reason: str
) -> None:
    seen = route_of(resource_of(*wanted), route(*parents))
    assert (seen.accepted, seen.reason) == (reason == "", reason)
    assert seen.weights == {"a": 999_999, "b": 1}


def test_s30_the_gateways_words_are_told() -> None:
    refused = condition("ResolvedRefs", "False", message="Service filetype-b not found")
    seen = route_of(resource_of(), route(parent(ACCEPTED, refused)))
    assert seen.message == "gateway demo/inference: BackendNotFound: Service filetype-b not found"


@pytest.mark.parametrize(
    ("wanted", "parents", "controllers"),
    [
        ([], [], ()),
        ([], [FINE], ("example.com/one",)),
        ([], [parent()], ("example.com/one",)),
        ([], [FINE, parent(by="example.com/two")], ("example.com/one", "example.com/two")),
        ([], [FINE, parent(by="example.com/two", name="other")], ("example.com/one",)),
        (
            [{"name": "inference"}, {"name": "other"}],
            [parent(by="example.com/two"), FINE | {"parentRef": {"name": "other"}}],
            ("example.com/one", "example.com/two"),
        ),
        ([{"name": "inference"}, {"name": "other"}], [FINE, parent(name="other")], ("example.com/one",)),
    ],
)
def test_s30a_who_answers_for_the_gateways_asked_for_is_known(
    wanted: list[Object], parents: list[Object], controllers: tuple[str, ...]
) -> None:
    assert route_of(resource_of(*wanted), route(*parents)).controllers == controllers


def test_without_a_route_there_are_no_weights() -> None:
    seen = route_of(resource_of(), None)
    assert (seen.weights, seen.accepted, seen.reason) == (None, False, "NoRoute")


@pytest.mark.parametrize("rules", [[], [{}], [{"backendRefs": []}], [{"backendRefs": [{"name": "foreign"}]}]])
def test_s27_a_route_whose_backends_were_taken_away_is_seen_as_without_weight(rules: list[Object]) -> None:
    assert route_of(resource_of(), route(FINE, rules=rules)).weights == {"a": 0, "b": 0}


def pod(status: Object, **metadata: Any) -> Object:
    return {"metadata": {"name": "p", "labels": {"tidegate.dev/revision": "r"}, **metadata}, "status": status}


def server(**status: Any) -> Object:
    return {"containerStatuses": [{"name": "sidecar", "restartCount": 9}, {"name": "server", **status}]}


OOM = {"exitCode": 137, "reason": "OOMKilled", "message": "killed"}
ERROR = {"exitCode": 1, "reason": "Error", "message": "no such file"}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (pod({}), Pod(name="p", revision="r")),
        ({"metadata": {"name": "p"}}, Pod(name="p", revision="")),
        (pod({"conditions": [{"type": "Ready", "status": "True"}]}), Pod(name="p", revision="r", ready=True)),
        (pod({"conditions": [{"type": "Ready", "status": "False"}]}), Pod(name="p", revision="r")),
        (pod({}, deletionTimestamp="2026-01-01T00:00:00Z"), Pod(name="p", revision="r", terminating=True)),
        (
            pod({"conditions": [{"type": "PodScheduled", "status": "False", "message": "1 Insufficient cpu."}]}),
            Pod(name="p", revision="r", unschedulable="1 Insufficient cpu."),
        ),
        (
            pod({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}),
            Pod(name="p", revision="r", unschedulable="Unschedulable"),
        ),
        (pod({"conditions": [{"type": "PodScheduled", "status": "True"}]}), Pod(name="p", revision="r")),
        (
            pod(server(restartCount=0, state={"waiting": {"reason": "ErrImagePull", "message": "no such image"}})),
            Pod(name="p", revision="r", waiting_reason="ErrImagePull", waiting_message="no such image"),
        ),
        (
            pod(server(restartCount=2, state={"running": {}}, lastState={"terminated": OOM})),
            Pod(name="p", revision="r", restarts=2, exit_code=137, exit_reason="OOMKilled", last_words="killed"),
        ),
        (
            pod(server(restartCount=2, state={"terminated": ERROR}, lastState={"terminated": OOM})),
            Pod(name="p", revision="r", restarts=2, exit_code=1, exit_reason="Error", last_words="no such file"),
        ),
    ],
)
def test_pod(item: Object, expected: Pod) -> None:
    assert pod_of(item) == expected


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        (None, False),
        ([], False),
        ([{"uid": "uid-1", "controller": True}], True),
        ([{"uid": "uid-1"}], False),
        ([{"uid": "uid-2", "controller": True}], False),
        ([{"uid": "uid-2", "controller": True}, {"uid": "uid-1", "controller": True}], True),
    ],
)
def test_s31_only_what_this_very_owner_controls_is_ours(references: list[Object] | None, expected: bool) -> None:
    metadata = {"name": "x"} if references is None else {"name": "x", "ownerReferences": references}
    assert controlled_by({"metadata": metadata}, "uid-1") is expected


def test_s28_whoever_else_wrote_the_rules_is_named() -> None:
    rules = {"f:spec": {"f:rules": {}}}
    seen = route(FINE)
    seen["metadata"]["managedFields"] = [
        {"manager": "tidegate", "fieldsV1": rules},
        {"manager": "kubectl-edit", "fieldsV1": rules},
        {"manager": "envoy-gateway", "subresource": "status", "fieldsV1": {"f:status": {}}},
    ]
    assert route_of(resource_of(), seen).writers == ("kubectl-edit",)


@pytest.mark.parametrize(
    ("status", "terminating", "creating"),
    [
        ({"phase": "Running"}, False, False),
        ({"phase": "Failed", "reason": "Evicted"}, True, False),
        (waiting_for("ContainerCreating"), False, True),
        (waiting_for("ImagePullBackOff"), False, False),
    ],
)
def test_pods_that_ended_and_pods_in_the_making(status: Object, terminating: bool, creating: bool) -> None:
    found = pod_of({"metadata": {"name": "p"}, "status": status})
    assert (found.terminating, found.creating) == (terminating, creating)


@pytest.mark.parametrize(("status", "since"), [("True", datetime(2026, 1, 1, 12, tzinfo=UTC)), ("False", None)])
def test_a_pod_is_ready_since_its_condition_says_so(status: str, since: datetime | None) -> None:
    ready = {"type": "Ready", "status": status, "lastTransitionTime": "2026-01-01T12:00:00Z"}
    assert pod_of({"metadata": {"name": "p"}, "status": {"conditions": [ready]}}).ready_since == since
