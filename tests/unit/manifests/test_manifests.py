"""Children of a ModelDeployment as plain objects."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate.api.names import revision_name
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.api.status import ModelDeploymentStatus, RevisionStatus, Slot, Slots
from tidegate.manifests.children import children, new_revisions, surplus_revisions
from tidegate.manifests.metadata import MANIFEST_HASH, Owner

OWNER = Owner("demo", "filetype", "uid-1")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOURCES = {
    "image": ({"image": {"reference": "m:1", "path": "/sub"}}, {"image": {"reference": "m:1"}}, "sub"),
    "claim": (
        {"persistentVolumeClaim": {"claimName": "models", "path": "filetype/3"}},
        {"persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
        "filetype/3",
    ),
}


def spec_of(source: dict[str, Any] | None = None, **more: Any) -> ModelDeploymentSpec:
    return ModelDeploymentSpec.model_validate(
        {
            "model": {"source": source or {"image": {"reference": "m:1"}}},
            "runtime": {"triton": {"args": ["--log-verbose=1"]}},
            "traffic": {"parentRefs": [{"name": "inference", "namespace": "gateways"}], "hostnames": ["f.example.com"]},
            "resources": {"limits": {"nvidia.com/gpu": 1}},
            **more,
        }
    )


def status_of(*names: str) -> ModelDeploymentStatus:
    entries = [RevisionStatus(name=name, created_at=NOW, replicas=2, role="Stable") for name in names]
    return ModelDeploymentStatus(
        stable=names[0], revisions=entries, slots=Slots(a=Slot(revision=names[0], weight=1_000_000))
    )


def revision(spec: ModelDeploymentSpec, config_map: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    name = revision_name(OWNER.name, spec)
    return new_revisions(
        OWNER, spec, status_of(name), {}, desired=name, default_image="triton:1", config_map=config_map
    )


def container_of(spec: ModelDeploymentSpec) -> dict[str, Any]:
    template = revision(spec)[0]["data"]["template"]
    container: dict[str, Any] = template["spec"]["containers"][0]
    return container


@pytest.mark.parametrize("kind", SOURCES)
def test_source_is_mounted_read_only_under_the_models_name(kind: str) -> None:
    source, volume, sub_path = SOURCES[kind]
    spec = spec_of(source)
    template = revision(spec)[0]["data"]["template"]
    assert {"name": "model", **volume} in template["spec"]["volumes"]
    mount = next(mount for mount in container_of(spec)["volumeMounts"] if mount["name"] == "model")
    assert mount == {"name": "model", "mountPath": "/models/filetype", "readOnly": True, "subPath": sub_path}


def test_config_map_is_copied_into_an_immutable_one_of_the_revision() -> None:
    source = {"configMap": {"name": "files", "items": [{"key": "model.py", "path": "1/model.py"}]}}
    spec = spec_of(source)
    copy, controller_revision = revision(spec, {"data": {"model.py": "x = 1"}, "metadata": {"name": "files"}})
    assert copy["immutable"] is True
    assert copy["data"] == {"model.py": "x = 1"}
    assert copy["metadata"]["name"] == controller_revision["metadata"]["name"]
    volume = controller_revision["data"]["template"]["spec"]["volumes"][0]
    assert volume["configMap"]["name"] == copy["metadata"]["name"]


def test_server_answers_probes_for_this_very_model_and_drains_before_it_stops() -> None:
    spec = spec_of(model={"name": "magika", "source": {"image": {"reference": "m:1"}}})
    container = container_of(spec)
    assert container["startupProbe"]["httpGet"]["path"] == "/v2/models/magika/ready"
    assert container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] == 1200
    assert container["readinessProbe"]["httpGet"]["path"] == "/v2/models/magika/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"
    assert container["args"][-1] == "--log-verbose=1"
    template = revision(spec)[0]["data"]["template"]
    stop = container["lifecycle"]["preStop"]["sleep"]["seconds"] + spec.traffic.timeout_seconds
    assert template["spec"]["terminationGracePeriodSeconds"] >= stop


def test_pod_meets_the_restricted_standard() -> None:
    template = revision(spec_of())[0]["data"]["template"]["spec"]
    assert template["securityContext"]["runAsNonRoot"] is True
    assert template["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    security = template["containers"][0]["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert template["automountServiceAccountToken"] is False


def test_an_existing_revision_is_never_rendered_again() -> None:
    spec = spec_of()
    name = revision_name(OWNER.name, spec)
    stored = {"metadata": {"name": name}, "revision": 1, "data": {"artifact": "", "template": {"from": "older"}}}
    none = new_revisions(
        OWNER, spec, status_of(name), {name: stored}, desired=name, default_image="triton:2", config_map=None
    )
    assert none == []
    deployment = children(OWNER, spec, status_of(name), {name: stored})[0]
    assert deployment["spec"]["template"] == {"from": "older"}


def test_route_has_both_slots_in_order_and_tells_who_answers() -> None:
    spec = spec_of()
    name = revision_name(OWNER.name, spec)
    stored = {"metadata": {"name": name}, "data": {"template": {}}}
    route = children(OWNER, spec, status_of(name), {name: stored})[-1]
    assert route["kind"] == "HTTPRoute"
    first, second = route["spec"]["rules"][0]["backendRefs"]
    assert (first["name"], first["weight"]) == ("filetype-a", 1_000_000)
    assert (second["name"], second["weight"]) == ("filetype-b", 0)
    for backend, value in ((first, name), (second, "none")):
        kinds = {filter_["type"] for filter_ in backend["filters"]}
        assert kinds == {"RequestHeaderModifier", "ResponseHeaderModifier"}
        for filter_ in backend["filters"]:
            modifier = filter_.get("requestHeaderModifier") or filter_["responseHeaderModifier"]
            assert modifier["set"] == [{"name": "x-model-revision", "value": value}]
    assert "filters" not in route["spec"]["rules"][0]


def test_a_path_prefix_is_rewritten_since_triton_has_no_base_path() -> None:
    traffic = {"parentRefs": [{"name": "inference"}], "pathPrefix": "/models/filetype"}
    spec = spec_of(traffic=traffic)
    name = revision_name(OWNER.name, spec)
    route = children(OWNER, spec, status_of(name), {})[-1]
    rule = route["spec"]["rules"][0]
    assert rule["matches"][0]["path"]["value"] == "/models/filetype"
    assert rule["filters"][0]["urlRewrite"]["path"]["replacePrefixMatch"] == "/"


def test_before_anything_is_stable_there_is_neither_route_nor_pointer() -> None:
    spec = spec_of()
    name = revision_name(OWNER.name, spec)
    entry = RevisionStatus(name=name, created_at=NOW, replicas=1, role="Candidate")
    status = ModelDeploymentStatus(candidate=name, revisions=[entry], slots=Slots(a=Slot(revision=name)))
    names = [(item["kind"], item["metadata"]["name"]) for item in children(OWNER, spec, status, {})]
    assert names == [("Service", "filetype-a"), ("Service", "filetype-b")]


def test_children_are_owned_without_blocking_deletion_and_carry_their_hash() -> None:
    spec = spec_of()
    name = revision_name(OWNER.name, spec)
    for child in children(OWNER, spec, status_of(name), {}):
        (reference,) = child["metadata"]["ownerReferences"]
        assert reference["uid"] == OWNER.uid
        assert reference["controller"] is True
        assert reference["blockOwnerDeletion"] is False
        assert MANIFEST_HASH in child["metadata"]["annotations"]


def test_ten_newest_unused_revisions_are_kept() -> None:
    known = {f"filetype-{number}": {"revision": number} for number in range(1, 15)}
    assert surplus_revisions(status_of("filetype-1"), known) == ["filetype-4", "filetype-3", "filetype-2"]
