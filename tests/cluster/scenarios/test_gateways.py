"""A Gateway that some other controller runs: refused by name, and left for one that is known.

Nobody runs such a controller here. The test answers for the route in its name, as it would write the status.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client

from lab.trial import NAME, Served
from tests.cluster.scenarios.parts import rollout_of
from tests.gateway_answers import accepted
from tidegate.gateways import ENVOY_GATEWAY

GROUP, VERSION = "gateway.networking.k8s.io", "v1"
CONTROLLER = "example.com/gateway-controller"
GATEWAY = "elsewhere"
ELSEWHERE = [{"name": GATEWAY}]


@pytest.fixture
def elsewhere(served: Served) -> Iterator[Served]:
    """The namespace with a Gateway of a class of its own."""
    objects: Any = client.CustomObjectsApi(served.cluster.api)
    name = f"other-{served.namespace}"
    gateway_class = {"metadata": {"name": name}, "spec": {"controllerName": CONTROLLER}}
    listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
    gateway = {"metadata": {"name": GATEWAY}, "spec": {"gatewayClassName": name, "listeners": listeners}}
    head = {"apiVersion": f"{GROUP}/{VERSION}"}
    objects.create_cluster_custom_object(
        GROUP, VERSION, "gatewayclasses", {**head, "kind": "GatewayClass", **gateway_class}
    )
    try:
        objects.create_namespaced_custom_object(
            GROUP, VERSION, served.namespace, "gateways", {**head, "kind": "Gateway", **gateway}
        )
        yield served
    finally:
        objects.delete_cluster_custom_object(GROUP, VERSION, "gatewayclasses", name)


def answer(served: Served) -> None:
    """Accept the newest generation of the route in the other controller's name."""
    generation = served.route()["metadata"]["generation"]
    parent = accepted(ELSEWHERE[0], CONTROLLER, generation)
    target = ("httproute", NAME, f"--namespace={served.namespace}", "--subresource=status", "--type=merge")
    served.cluster.kubectl("patch", *target, f"--patch={json.dumps({'status': {'parents': [parent]}})}")


def weights(served: Served) -> list[int]:
    return [ref["weight"] for ref in served.route()["spec"]["rules"][0]["backendRefs"]]


def refused(served: Served) -> bool:
    return served.condition("Stalled")[:2] == ("True", "GatewayNotSupported")


def test_s30a_a_gateway_of_another_controller_is_refused_by_name_and_goes_on_behind_a_known_one(
    elsewhere: Served,
) -> None:
    served = elsewhere
    document = served.document("echo-1")
    known_parents = document["spec"]["traffic"]["parentRefs"]
    document["spec"]["traffic"]["parentRefs"] = ELSEWHERE
    served.apply_document(document)
    served.wait(
        lambda served: served.condition("RouteReady")[1] == "RouteNotAccepted", "a route nobody answers", within=90
    )
    assert served.condition("MetricsAvailable")[:2] == ("Unknown", "NotMeasured")
    answer(served)
    served.wait(refused, "GatewayNotSupported", within=30)
    message = served.condition("Stalled")[2]
    assert f"the route is run by {CONTROLLER}, and no profile of it is known" in message
    assert f"only of {ENVOY_GATEWAY.controller_name}; " in message
    assert served.condition("Available")[0] == "True"
    stable = served.status.stable

    document = served.document("echo-2")
    document["spec"]["traffic"]["parentRefs"] = ELSEWHERE
    served.apply_document(document)
    candidate = served.wait_candidate()
    served.wait(lambda served: rollout_of(served).phase == "Stepping", "the candidate loaded", within=90)
    answer(served)
    served.wait(refused, "GatewayNotSupported", within=30)
    hold = rollout_of(served).hold
    assert hold is not None
    assert hold.reason == "GatewayNotSupported"
    assert sorted(weights(served)) == [0, 1_000_000]
    assert (served.status.stable, served.weight_of(candidate), served.status.rejected) == (stable, 0, [])

    document["spec"]["traffic"]["parentRefs"] = known_parents
    with served.requests(rate=50):
        served.apply_document(document)
        served.wait(lambda served: served.status.stable == candidate, "promotion behind a known gateway", within=240)
    served.wait_ready()
