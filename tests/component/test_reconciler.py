"""The real reconciler, observer and actor against doubles of the API server and of what stands behind it."""

from typing import cast

import pytest

from tests.component.cluster_double import NAMESPACE
from tests.component.reconciling import FILES, IMAGE, NAME, Bench, image
from tidegate.api.names import KIND
from tidegate.clients.errors import ApiUnavailable, Cause, Conflict, Forbidden, Invalid, KindMissing
from tidegate.clients.kube import Kube
from tidegate.controller.act import Actor


async def test_s05_a_whole_rollout_through_the_real_reconciler() -> None:
    bench = Bench()
    candidate = await bench.candidate_at(250_000)
    assert await bench.run(300, lambda: bench.status["stable"] == candidate)
    deployments = [name for kind, name in bench.kube.objects if kind == "Deployment"]
    assert len(deployments) == 2
    await bench.run(90)
    assert [name for kind, name in bench.kube.objects if kind == "Deployment"] == [candidate]
    assert bench.condition("Ready")[0] == "True"


async def test_evidence_is_exposed_while_it_is_gathered_and_harm_once_the_rollout_has_ended() -> None:
    bench = Bench()
    candidate = await bench.candidate_at(50_000)
    bench.cluster.bad[candidate] = 0.3
    about = {"modeldeployment_namespace": NAMESPACE, "modeldeployment": NAME, "metric": "all", "evidence": "harm"}

    def ratio() -> float | None:
        return bench.told.registry.get_sample_value("tidegate_evidence_ratio", about)

    assert await bench.run(60, lambda: ratio() is not None)
    assert bench.told.registry.get_sample_value("tidegate_harmed_requests_total", {"metric": "errors"}) is None
    assert await bench.run(300, lambda: bench.condition("Stalled")[1] == "RolledBack" and "rollout" not in bench.status)
    assert ratio() is None
    harmed = bench.told.registry.get_sample_value("tidegate_harmed_requests_total", {"metric": "errors"})
    assert harmed is not None
    assert harmed > 0


async def test_evidence_of_a_deleted_modeldeployment_is_exposed_no_longer() -> None:
    bench = Bench()
    await bench.candidate_at(50_000)
    assert await bench.run(60, lambda: bool(next(iter(bench.told.evidence_ratio.collect())).samples))
    del bench.kube.objects[KIND, NAME]
    await bench.reconciler.reconcile(NAMESPACE, NAME)
    assert next(iter(bench.told.evidence_ratio.collect())).samples == []


async def test_s29_nothing_is_written_twice() -> None:
    bench = Bench()
    await bench.candidate_at(50_000)
    await bench.settle()
    before = list(bench.kube.writes)
    await bench.once()
    bench.restart()
    await bench.once()
    assert bench.kube.writes == before


async def test_s29_a_difference_of_notation_is_written_once() -> None:
    bench = Bench()
    await bench.serving()
    service = bench.kube.objects["Service", NAME]
    bench.kube.put({**service, "spec": {**service["spec"], "ports": [*service["spec"]["ports"], {"port": 1}]}})
    before = len(bench.kube.writes)
    await bench.settle()
    assert bench.kube.writes[before:] == [("apply", "Service", NAME)]


async def test_s27_weights_edited_by_hand_are_put_back_in_one_fenced_write() -> None:
    bench = Bench()
    await bench.candidate_at(250_000)
    await bench.run(3)
    route = bench.kube.objects["HTTPRoute", NAME]
    edited = {**route, "spec": {**route["spec"], "rules": [{**route["spec"]["rules"][0]}]}}
    refs = edited["spec"]["rules"][0]["backendRefs"]
    edited["spec"]["rules"][0]["backendRefs"] = [{**refs[0], "weight": 400_000}, {**refs[1], "weight": 600_000}]
    bench.kube.put(edited)
    before = len(bench.kube.writes)
    await bench.once()
    assert bench.cluster.weights() == [750_000, 250_000]
    assert bench.kube.writes[before:] == [("status", KIND, NAME), ("apply", "HTTPRoute", NAME)]
    assert [reason for reason, _ in bench.kube.events].count("RouteRestored") == 1


@pytest.mark.parametrize("between", ["changed", "deleted"])
async def test_a_route_that_moved_on_since_it_was_read_is_not_written(between: str) -> None:
    bench = Bench()
    candidate = await bench.candidate_at(250_000)
    bench.cluster.ready[candidate] = 0
    bench.cluster.catch_up()
    key = ("HTTPRoute", NAME)

    def somebody_else(kind: str, name: str) -> None:
        if kind != "HTTPRoute" or key not in bench.kube.objects:
            return
        route = bench.kube.objects[key]
        if between == "deleted":
            del bench.kube.objects[key]
        else:
            bench.kube.put({**route, "metadata": {**route["metadata"], "labels": {"a": "b"}}})

    bench.kube.before_write = somebody_else
    with pytest.raises(Conflict):
        await bench.once()
    bench.kube.before_write = None
    await bench.settle()
    assert bench.cluster.weights() == [999_999, 1]


@pytest.mark.parametrize("kind", ["HTTPRoute", "Service", "Deployment"])
async def test_s27_deleted_children_are_made_again_as_recorded(kind: str) -> None:
    bench = Bench()
    candidate = await bench.candidate_at(250_000)
    await bench.settle()
    before = {key: item.get("spec") for key, item in bench.kube.objects.items() if key[0] == kind}
    for key in before:
        del bench.kube.objects[key]
    await bench.run(5)
    after = {key: item.get("spec") for key, item in bench.kube.objects.items() if key[0] == kind}
    assert after == before
    assert bench.status["candidate"] == candidate


async def test_an_existing_revision_is_never_rendered_again() -> None:
    bench = Bench()
    await bench.serving()
    template = next(item for key, item in bench.kube.objects.items() if key[0] == "Deployment")["spec"]["template"]
    bench.restart()
    bench.reconciler._actor = Actor(cast(Kube, bench.kube), default_image="triton:2")
    await bench.run(3)
    revision = next(item for key, item in bench.kube.objects.items() if key[0] == "ControllerRevision")
    assert revision["data"]["template"] == template
    assert template["spec"]["containers"][0]["image"] == "triton:1"


async def test_s27_a_pod_template_changed_by_hand_is_put_back_with_its_replicas_as_scaled() -> None:
    bench = Bench()
    await bench.serving()
    key = ("Deployment", bench.status["stable"])
    before = bench.kube.objects[key]
    template = {**before["spec"]["template"], "spec": {**before["spec"]["template"]["spec"], "volumes": []}}
    bench.kube.put({**before, "spec": {**before["spec"], "template": template}})
    writes = len(bench.kube.writes)
    await bench.settle()
    assert bench.kube.objects[key]["spec"] == before["spec"]
    assert bench.kube.writes[writes:] == [("apply", *key)]


async def test_a_deployment_that_moved_on_since_it_was_read_is_neither_scaled_nor_deleted() -> None:
    bench = Bench()
    candidate = await bench.candidate_at(50_000)
    key = ("Deployment", candidate)

    def somebody_else(kind: str, name: str) -> None:
        if kind == "Deployment":
            bench.kube.put({**bench.kube.objects[key], "status": {"changed": len(bench.kube.writes)}})

    bench.edit(image("1"), replicas=6)
    bench.kube.before_write = somebody_else
    with pytest.raises(Conflict):
        await bench.run(60)
    assert key in bench.kube.objects
    bench.kube.before_write = None
    assert await bench.run(60, lambda: key not in bench.kube.objects)


async def test_s42_an_object_that_cannot_be_read_says_so_and_keeps_what_it_has() -> None:
    bench = Bench()
    await bench.serving()
    spec = bench.resource["spec"]
    bench.kube.put({**bench.resource, "spec": {**spec, "replicas": "many"}})
    before = bench.status
    assert await bench.once() == pytest.approx(30.0)
    assert bench.condition("Ready")[:2] == ("False", "Unreadable")
    status, reason, message = bench.condition("Stalled")
    assert (status, reason) == ("True", "Unreadable")
    assert "at replicas" in message
    assert {**bench.status, "conditions": [], "observedGeneration": 0} == {
        **before,
        "conditions": [],
        "observedGeneration": 0,
    }
    writes = len(bench.kube.writes)
    await bench.once()
    assert len(bench.kube.writes) == writes
    bench.kube.put({**bench.resource, "spec": spec})
    await bench.once()
    assert bench.condition("Ready")[0] == "True"


@pytest.mark.parametrize("kind", ["Service", "HTTPRoute", "ControllerRevision", "Deployment", "ConfigMap"])
async def test_s32a_an_object_of_somebody_else_is_left_untouched(kind: str) -> None:
    bench = Bench(FILES)
    bench.kube.put({"kind": "ConfigMap", "metadata": {"name": "files"}, "data": {"model.py": "x"}})
    await bench.serving()
    stable = bench.status["stable"]
    name = NAME
    if kind in ("ControllerRevision", "Deployment", "ConfigMap"):
        bench.edit(FILES, resources={"limits": {"nvidia.com/gpu": 2}})
        name = bench.desired
    bench.kube.objects.pop((kind, name), None)
    bench.kube.put({"kind": kind, "metadata": {"name": name}, "spec": {"mine": True}})
    await bench.run(3)
    assert bench.kube.objects[kind, name]["spec"] == {"mine": True}
    assert "ownerReferences" not in bench.kube.objects[kind, name]["metadata"]
    assert bench.condition("Stalled")[:2] == ("True", "NameTaken")
    assert f"{kind} {name}" in bench.condition("Stalled")[2]
    assert bench.status["stable"] == stable
    del bench.kube.objects[kind, name]
    assert await bench.run(60, lambda: bench.condition("Stalled")[0] == "False")


async def test_s32a_a_taken_name_does_not_keep_a_weight_from_being_lowered() -> None:
    bench = Bench()
    candidate = await bench.candidate_at(250_000)
    bench.edit(image("3"))
    bench.kube.put({"kind": "Deployment", "metadata": {"name": bench.desired}, "spec": {}})
    await bench.run(5)
    assert bench.cluster.weights() == [1_000_000, 0]
    assert bench.status["rollout"]["revision"] == candidate


async def test_s31_a_namespace_on_its_way_out_is_left_alone() -> None:
    bench = Bench()
    ending = Forbidden("namespace demo is being terminated", code=403, causes=(Cause("NamespaceTerminating", "", ""),))
    bench.kube.refuses = {f"Service {NAME}-a": ending}
    assert await bench.reconciler.reconcile(NAMESPACE, NAME) is None


async def test_a_resource_that_is_gone_or_going_is_left_alone() -> None:
    bench = Bench()
    bench.kube.put({**bench.resource, "metadata": {**bench.resource["metadata"], "deletionTimestamp": "now"}})
    assert await bench.once() is None
    del bench.kube.objects[KIND, NAME]
    assert await bench.once() is None
    assert bench.kube.writes == []


# ---- ConfigMap source ------------------------------------------------------------------------------------------------


async def test_a_source_configmap_is_copied_once() -> None:
    bench = Bench(FILES)
    bench.kube.put({"kind": "ConfigMap", "metadata": {"name": "files"}, "data": {"model.py": "one"}})
    await bench.serving()
    bench.kube.put({"kind": "ConfigMap", "metadata": {"name": "files"}, "data": {"model.py": "two"}})
    await bench.run(3)
    copies = [item for (kind, name), item in bench.kube.objects.items() if kind == "ConfigMap" and name != "files"]
    assert [copy["data"] for copy in copies] == [{"model.py": "one"}]
    assert copies[0]["metadata"]["name"] == bench.status["stable"]


async def test_a_missing_source_configmap_is_told_and_waited_for() -> None:
    bench = Bench(FILES)
    await bench.run(3)
    assert bench.condition("Reconciling")[:2] == ("True", "ConfigMapNotFound")
    assert [key for key in bench.kube.objects if key[0] != KIND] == []
    bench.kube.put({"kind": "ConfigMap", "metadata": {"name": "files"}, "data": {"model.py": "one"}})
    await bench.serving()


@pytest.mark.parametrize("lost", ["ConfigMap", "ControllerRevision", "Deployment"])
async def test_killed_between_two_writes_the_copy_of_the_files_is_there_in_the_end(lost: str) -> None:
    bench = Bench(FILES)
    bench.kube.put({"kind": "ConfigMap", "metadata": {"name": "files"}, "data": {"model.py": "one"}})

    def die(kind: str, _: str) -> None:
        if kind == lost:
            raise ApiUnavailable("killed")

    bench.kube.before_write = die
    with pytest.raises(ApiUnavailable):
        await bench.run(3)
    bench.kube.before_write = None
    bench.restart()
    await bench.serving()
    assert ("ConfigMap", bench.status["stable"]) in bench.kube.objects


# ---- writes that are refused -----------------------------------------------------------------------------------------

REFUSALS = [
    Invalid("apply deployments: HTTP 422: spec.template.spec.affinity: Invalid value: bad operator", code=422),
    Forbidden("apply deployments: HTTP 403: exceeded quota: gpus", code=403),
    KindMissing("apply deployments: HTTP 404: 404 page not found", code=404),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
async def test_what_the_api_server_refuses_is_told_in_its_own_words(error: Invalid) -> None:
    bench = Bench()
    await bench.serving()
    stable = bench.status["stable"]
    bench.edit(image("2"))
    desired = bench.desired
    bench.kube.refuses = {f"Deployment {desired}": error}
    await bench.run(3)
    status, reason, message = bench.condition("Stalled")
    assert (status, reason) == ("True", "WriteRefused")
    assert str(error) in message
    assert bench.status["stable"] == stable
    before = len(bench.kube.writes)
    assert await bench.once() == pytest.approx(30.0)
    assert len(bench.kube.writes) == before
    bench.kube.refuses = {}
    assert await bench.run(40, lambda: bench.condition("Stalled")[0] == "False")
    assert await bench.run(300, lambda: bench.status["stable"] == desired)


async def test_a_refused_write_is_over_once_the_spec_no_longer_asks_for_it() -> None:
    bench = Bench()
    await bench.serving()
    bench.edit(image("2"))
    bench.kube.refuses = {f"Deployment {bench.desired}": REFUSALS[0]}
    await bench.run(3)
    bench.edit(IMAGE)
    assert await bench.run(60, lambda: bench.condition("Ready")[0] == "True")


async def test_a_refused_write_does_not_keep_a_weight_from_being_lowered() -> None:
    bench = Bench()
    candidate = await bench.candidate_at(250_000)
    bench.kube.refuses = {f"{kind} {name}": REFUSALS[1] for kind, name in bench.kube.objects if kind != "HTTPRoute"}
    bench.kube.refuses.pop(f"{KIND} {NAME}")
    del bench.kube.objects["Deployment", candidate]
    bench.cluster.catch_up()
    await bench.once()
    assert bench.cluster.weights() == [999_999, 1]


async def test_where_the_route_exists_it_is_written_before_anything_else() -> None:
    bench = Bench()
    candidate = await bench.candidate_at(250_000)
    bench.cluster.ready[candidate] = 0
    del bench.kube.objects["Service", NAME]
    bench.cluster.catch_up()
    before = len(bench.kube.writes)
    await bench.once()
    kinds = [kind for verb, kind, _ in bench.kube.writes[before:] if verb == "apply"]
    assert kinds == ["HTTPRoute", "Service"]
