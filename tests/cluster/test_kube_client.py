"""The API server's client and the watch, against a real API server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from kubernetes.aio.client.configuration import Configuration

from tidegate.api.names import API_GROUP, KIND, LABEL_MODELDEPLOYMENT, VERSION
from tidegate.clients.errors import AlreadyExists, Conflict, Forbidden, Invalid, KindMissing, NotFound
from tidegate.clients.kube import Kube
from tidegate.clients.login import load_configuration
from tidegate.clients.transport import Transport
from tidegate.controller.metrics import Metrics
from tidegate.controller.watch import Watcher

Document = dict[str, Any]


@pytest.fixture
async def kube(control_plane: Path, api: Any) -> AsyncIterator[Kube]:
    """A client of the tests' API server, which knows ModelDeployment."""
    async with Kube(Transport(await login(control_plane), reload=lambda: login(control_plane))) as one:
        yield one


async def login(kubeconfig: Path) -> Configuration:
    return await load_configuration(environ={"KUBECONFIG": str(kubeconfig)})


def service(namespace: str, port: int = 80, **metadata: Any) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "filetype-a", "namespace": namespace, "labels": {LABEL_MODELDEPLOYMENT: "filetype"}}
        | metadata,
        "spec": {"ports": [{"port": port, "protocol": "TCP"}]},
    }


def deployment(namespace: str) -> Document:
    labels = {"app": "x"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "server", "image": "x"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "filetype-1", "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": pod},
    }


def resource(namespace: str, name: str = "filetype") -> Document:
    return {
        "apiVersion": f"{API_GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "model": {"source": {"image": {"reference": "registry.example.com/filetype:1"}}},
            "runtime": {"triton": {}},
            "traffic": {"parentRefs": [{"name": "inference"}], "hostnames": ["filetype.example.com"]},
        },
    }


async def test_applying_twice_writes_once(kube: Kube, namespace: str) -> None:
    first = await kube.apply(service(namespace))
    second = await kube.apply(service(namespace))
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert await kube.get("Service", namespace, "filetype-a") == second


async def test_a_late_leader_is_refused(kube: Kube, namespace: str) -> None:
    read = (await kube.apply(service(namespace)))["metadata"]["resourceVersion"]
    await kube.apply(service(namespace, 81, resourceVersion=read))
    with pytest.raises(Conflict):
        await kube.apply(service(namespace, 82, resourceVersion=read))
    current = await kube.get("Service", namespace, "filetype-a")
    assert current is not None
    assert [port["port"] for port in current["spec"]["ports"]] == [81]


async def test_a_late_leader_does_not_revive_what_was_deleted(kube: Kube, namespace: str) -> None:
    read = (await kube.apply(service(namespace)))["metadata"]
    await kube.delete("Service", namespace, "filetype-a")
    with pytest.raises(Conflict):
        await kube.apply(service(namespace, resourceVersion=read["resourceVersion"], uid=read["uid"]))
    assert await kube.get("Service", namespace, "filetype-a") is None


async def test_s28_another_manager_is_named_where_nothing_is_forced(kube: Kube, namespace: str, api: Any) -> None:
    await kube.apply(deployment(namespace))
    apps: Any = client.AppsV1Api(api)
    apps.patch_namespaced_deployment(
        "filetype-1",
        namespace,
        {"spec": {"replicas": 4}},
        field_manager="somebody",
        _content_type="application/merge-patch+json",
    )
    wanted = deployment(namespace)
    wanted["spec"]["replicas"] = 2
    with pytest.raises(Conflict) as caught:
        await kube.apply(wanted, force=False)
    assert caught.value.has_cause("FieldManagerConflict")
    assert "somebody" in caught.value.causes[0].message
    assert caught.value.causes[0].field == ".spec.replicas"
    assert (await kube.apply(wanted))["spec"]["replicas"] == 2


async def test_scale_leaves_the_rest_alone(kube: Kube, namespace: str) -> None:
    before = await kube.apply(deployment(namespace))
    version = before["metadata"]["resourceVersion"]
    await kube.scale("Deployment", namespace, "filetype-1", 0, version=version)
    after = await kube.get("Deployment", namespace, "filetype-1")
    assert after is not None
    assert after["spec"] == {**before["spec"], "replicas": 0}
    assert (await kube.apply(deployment(namespace)))["spec"]["replicas"] == 0
    with pytest.raises(NotFound):
        await kube.scale("Deployment", namespace, "absent", 1, version="1")
    with pytest.raises(Conflict):
        await kube.scale("Deployment", namespace, "filetype-1", 1, version=version)


async def test_status_is_fenced_and_keeps_to_status(kube: Kube, namespace: str) -> None:
    read = await kube.apply(resource(namespace))
    written = await kube.replace_status({**read, "status": {"stable": "filetype-1"}, "spec": {}})
    assert written["status"]["stable"] == "filetype-1"
    assert written["spec"] == read["spec"]
    with pytest.raises(Conflict):
        await kube.replace_status({**read, "status": {"stable": "filetype-2"}})
    again = await kube.replace_status({**written})
    assert again["metadata"]["resourceVersion"] == written["metadata"]["resourceVersion"]


def lease(namespace: str, holder: str, **metadata: Any) -> Document:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "tidegate", "namespace": namespace} | metadata,
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 10},
    }


async def test_a_lease_is_made_by_an_update_and_then_fenced(kube: Kube, namespace: str) -> None:
    made = await kube.replace(lease(namespace, "one"))
    with pytest.raises(AlreadyExists):
        await kube.replace(lease(namespace, "two"))
    renewed = await kube.replace({**made, "spec": {**made["spec"], "holderIdentity": ""}})
    assert renewed["spec"]["holderIdentity"] == ""
    with pytest.raises(Conflict):
        await kube.replace(made)
    await kube.delete("Lease", namespace, "tidegate")
    with pytest.raises(Conflict):
        await kube.replace(renewed)
    assert await kube.get("Lease", namespace, "tidegate") is None
    with pytest.raises(Invalid, match="leaseDurationSeconds") as caught:
        await kube.replace({**made, "metadata": lease(namespace, "")["metadata"], "spec": {"leaseDurationSeconds": 0}})
    assert type(caught.value) is Invalid


async def test_of_many_who_make_a_lease_one_does(kube: Kube, namespace: str) -> None:
    made = await asyncio.gather(
        *(kube.replace(lease(namespace, str(number))) for number in range(8)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in made) == ["AlreadyExists"] * 7 + ["dict"]


async def test_only_the_object_meant_is_deleted(kube: Kube, namespace: str) -> None:
    uid = (await kube.apply(service(namespace)))["metadata"]["uid"]
    with pytest.raises(Conflict):
        await kube.delete("Service", namespace, "filetype-a", uid="00000000-0000-0000-0000-000000000000")
    with pytest.raises(Conflict):
        await kube.delete("Service", namespace, "filetype-a", uid=uid, version="1")
    await kube.delete("Service", namespace, "filetype-a", uid=uid)
    await kube.delete("Service", namespace, "filetype-a", uid=uid)
    assert await kube.get("Service", namespace, "filetype-a") is None


async def test_lists_are_by_label_and_may_be_metadata_only(kube: Kube, namespace: str) -> None:
    await kube.apply(service(namespace))
    await kube.apply(resource(namespace))
    assert await kube.list("Service", namespace, f"{LABEL_MODELDEPLOYMENT}=other") == []
    (found,) = await kube.list("Service", namespace, LABEL_MODELDEPLOYMENT)
    assert (found["apiVersion"], found["kind"], found["spec"]["ports"][0]["port"]) == ("v1", "Service", 80)
    for where in (namespace, None):
        listed = await kube.list(KIND, where, metadata_only=True)
        mine = [item for item in listed if item["metadata"]["namespace"] == namespace]
        assert [set(item) & {"spec", "status"} for item in mine] == [set()]


async def test_what_the_server_refuses_is_told_in_its_words(kube: Kube, namespace: str) -> None:
    with pytest.raises(Invalid, match=r"spec\.ports\[0\]\.port"):
        await kube.apply(service(namespace, 99999))
    with pytest.raises(NotFound, match="absent") as caught:
        await kube.apply(service("absent"))
    assert type(caught.value) is NotFound


async def test_an_event_arrives(kube: Kube, namespace: str) -> None:
    stored = await kube.apply(resource(namespace))
    await kube.create_event(stored, type="Normal", reason="Promoted", message="filetype-2 is stable")
    (event,) = await kube.list("Event", namespace)
    assert (event["reason"], event["note"]) == ("Promoted", "filetype-2 is stable")
    assert event["regarding"]["uid"] == stored["metadata"]["uid"]


async def test_kinds_that_are_installed_are_known(kube: Kube) -> None:
    assert await kube.serves(KIND)
    assert await kube.serves("EndpointSlice")


async def test_a_kind_that_is_not_installed_is_told_apart(kube: Kube, namespace: str) -> None:
    if await kube.serves("HTTPRoute"):
        pytest.skip("this cluster has the Gateway API")
    assert await kube.list("HTTPRoute", namespace) == []
    assert await kube.get("HTTPRoute", namespace, "filetype") is None
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "filetype", "namespace": namespace},
    }
    with pytest.raises(KindMissing):
        await kube.apply(route)


async def test_s31_a_namespace_on_its_way_out_takes_nothing_new(kube: Kube, namespace: str, api: Any) -> None:
    held = service(namespace, finalizers=["example.com/held"])
    stored = await kube.apply(held)
    core: Any = client.CoreV1Api(api)
    core.delete_namespace(namespace)
    with pytest.raises(Forbidden) as caught:
        await kube.apply(deployment(namespace))
    assert caught.value.has_cause("NamespaceTerminating")
    core.patch_namespaced_service(stored["metadata"]["name"], namespace, {"metadata": {"finalizers": None}})


async def test_changes_of_a_resource_and_of_its_children_are_seen(
    kube: Kube, control_plane: Path, namespace: str
) -> None:
    keys: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    watcher = Watcher(kube, keys.put_nowait, lambda: login(control_plane), Metrics(), namespaces=[namespace])
    task = asyncio.create_task(watcher.run())

    async def seen(name: str) -> None:
        async with asyncio.timeout(15):
            while await keys.get() != (namespace, name):
                pass

    try:
        await kube.apply(resource(namespace))
        await seen("filetype")
        await kube.apply(service(namespace, labels={LABEL_MODELDEPLOYMENT: "by-label"}))
        await seen("by-label")
        await kube.delete(KIND, namespace, "filetype")
        await seen("filetype")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
