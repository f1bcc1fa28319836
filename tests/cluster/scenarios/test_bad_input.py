"""Mistakes people make: each ends in a condition that says so, and whoever serves goes on serving."""

from typing import Any

import pytest

from lab.trial import NAME, Served
from tests.cluster.scenarios.parts import held_at

CLAIM = {"persistentVolumeClaim": {"claimName": "nowhere", "path": "filetype"}}
MISSING_IMAGE = {"image": {"reference": "localhost/tidegate/models/nowhere:1", "pullPolicy": "IfNotPresent"}}


@pytest.mark.parametrize(
    ("source", "reason", "words"),
    [
        pytest.param(MISSING_IMAGE, "ImagePullBackOff", "nowhere:1", id="image"),
        pytest.param(CLAIM, "Unschedulable", 'persistentvolumeclaim "nowhere" not found', id="claim"),
    ],
)
def test_s32b_missing_model_waits_unrejected_while_stable_serves(
    served: Served, source: dict[str, Any], reason: str, words: str
) -> None:
    served.apply("echo-1")
    served.wait_ready()
    stable = served.status.stable
    with served.requests(rate=20) as requests:
        document = served.document("echo-1")
        document["spec"]["model"]["source"] = source
        served.apply_document(document)
        served.wait(lambda served: served.condition("Ready")[1] == reason, f"Ready False {reason}", within=60)
        status, _, message = served.condition("Ready")
        assert status == "False"
        assert words in message
        assert served.status.rejected == []
        served.apply("echo-1")
        served.wait_ready()
    assert served.status.stable == stable
    assert requests.summary.failed == 0


def test_s32b_missing_secret_waits_unrejected_and_goes_on_once_it_is_there(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    document = served.document("echo-2", steps=held_at(50))
    reference = {"secretKeyRef": {"name": "license", "key": "token"}}
    document["spec"]["runtime"]["triton"]["env"] = [{"name": "LICENSE", "valueFrom": reference}]
    served.apply_document(document)
    candidate = served.wait_candidate()
    served.wait(
        lambda served: served.condition("Ready")[1] == "CreateContainerConfigError", "the missing Secret", within=60
    )
    status, _, message = served.condition("Ready")
    assert status == "False"
    assert 'secret "license" not found' in message
    assert served.weight_of(candidate) == 0
    served.core.create_namespaced_secret(
        served.namespace, {"metadata": {"name": "license"}, "stringData": {"token": "x"}}
    )
    with served.requests(rate=20):
        served.wait(lambda served: served.weight_of(candidate) == 500_000, "half of the traffic", within=90)
    assert served.status.rejected == []


def test_missing_config_map_is_named(served: Served) -> None:
    document = served.document("echo-1")
    source = {"configMap": {"name": "nowhere", "items": [{"key": "model.py", "path": "1/model.py"}]}}
    document["spec"]["model"]["source"] = source
    served.apply_document(document)
    served.wait(lambda served: served.condition("Ready")[1] == "ConfigMapNotFound", "ConfigMapNotFound", within=30)
    assert "nowhere" in served.condition("Ready")[2]


def test_s30_gateway_that_does_not_exist_is_named(served: Served) -> None:
    document = served.document("echo-1")
    document["spec"]["traffic"]["parentRefs"] = [{"name": "nowhere", "namespace": "gateways"}]
    served.apply_document(document)
    served.wait(lambda served: served.condition("RouteReady")[1] == "RouteNotAccepted", "RouteNotAccepted", within=60)
    assert "gateways/nowhere" in served.condition("RouteReady")[2]
    assert served.condition("Ready")[0] == "False"


def test_s32a_a_name_somebody_else_uses_is_left_alone(served: Served) -> None:
    theirs = {"metadata": {"name": NAME}, "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80}]}}
    created = served.core.create_namespaced_service(served.namespace, theirs)
    served.apply("echo-1")
    message = served.wait_stalled("NameTaken", within=30)
    assert f"Service {NAME}" in message
    untouched = served.core.read_namespaced_service(NAME, served.namespace)
    assert untouched.metadata.resource_version == created.metadata.resource_version
    served.core.delete_namespaced_service(NAME, served.namespace)
    served.apply("echo-1", replicas=2)
    served.wait_ready()
